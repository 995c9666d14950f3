//! The contract suite on the distributed store: on a CockroachDB cluster where
//! one is named or can be started, else on PostgreSQL.

use std::sync::Arc;

use async_trait::async_trait;
use dunder::domain::Store;
use dunder::store::cockroach::{CockroachOptions, CockroachStore};

use super::{databases, open};
use crate::contract::{Fixture, contract_suite};

struct Distributed {
    options: CockroachOptions,
    store: Arc<CockroachStore>,
}

#[async_trait]
impl Fixture for Distributed {
    async fn fresh() -> Self {
        let mut databases = databases();
        // The last one is the cluster's, where there is a cluster.
        let options = databases.pop().unwrap();
        let store = open(&options).await;
        Distributed { options, store }
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
