//! The embedded store: the contract, and what is special about a file.

mod backup;
mod clock;
mod eviction;
mod following;
mod log;
mod memtable;
mod opening;
mod reading;
mod refold;
mod removal;
mod removed;
mod trouble;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use dunder::domain::Store;
use dunder::domain::prelude::*;
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::contract::{Fixture, contract_suite};

/// A store in a directory of its own.
struct File {
    dir: TempDir,
    options: SqliteOptions,
    store: Arc<SqliteStore>,
}

impl File {
    fn path(&self) -> PathBuf {
        self.dir.path().join("dunder.sqlite")
    }

    fn new() -> File {
        File::with(&SqliteOptions::default())
    }

    fn with(options: &SqliteOptions) -> File {
        let dir = TempDir::new().unwrap();
        let store = SqliteStore::open(&dir.path().join("dunder.sqlite"), options).unwrap();
        File {
            dir,
            options: options.clone(),
            store: Arc::new(store),
        }
    }
}

#[async_trait]
impl Fixture for File {
    async fn fresh() -> Vec<File> {
        // Index rows and counters are written with every batch, every few
        // messages, or for no test of the suite.
        let unflushed = [0, 3, 10_000];
        let files = unflushed.map(|unflushed| {
            File::with(&SqliteOptions {
                unflushed,
                ..SqliteOptions::default()
            })
        });
        files.into()
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn reopen(&mut self) {
        self.store.close().await;
        let store = SqliteStore::open(&self.path(), &self.options).unwrap();
        self.store = Arc::new(store);
    }
}

contract_suite!(File);
