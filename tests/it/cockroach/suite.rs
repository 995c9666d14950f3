//! The contract suite on the distributed store: on PostgreSQL, and on a
//! CockroachDB cluster where one is named or can be started.

use std::sync::Arc;

use async_trait::async_trait;
use dunder::domain::Store;
use dunder::domain::prelude::*;
use dunder::store::cockroach::{CockroachOptions, CockroachStore};

use super::{databases, open};
use crate::contract::{Fixture, contract_suite};

struct Distributed {
    options: CockroachOptions,
    store: Arc<CockroachStore>,
}

#[async_trait]
impl Fixture for Distributed {
    async fn fresh() -> Vec<Self> {
        let mut fixtures = Vec::new();
        for options in databases() {
            let store = open(&options).await;
            fixtures.push(Distributed { options, store });
        }
        fixtures
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::<CockroachStore>::clone(&self.store)
    }

    async fn reopen(&mut self) {
        self.store.close().await;
        self.store = open(&self.options).await;
    }
}

contract_suite!(Distributed);
