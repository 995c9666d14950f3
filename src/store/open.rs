//! From settings to an open store.

use std::sync::Arc;

use super::OpenError;
use super::sqlite::{SqliteOptions, SqliteStore};
use crate::config::StoreConfig;
use crate::domain::Store;

/// Opens the store that the settings name.
///
/// # Errors
/// It cannot be used; see [`OpenError`].
pub async fn open(config: &StoreConfig) -> Result<Arc<dyn Store>, OpenError> {
    match config {
        StoreConfig::Sqlite {
            path, writer_queue, ..
        } => {
            let options = SqliteOptions {
                queue: *writer_queue,
                ..SqliteOptions::default()
            };
            Ok(Arc::new(SqliteStore::open(path, &options)?))
        }
        StoreConfig::Cockroach(_) => Err(OpenError::Database {
            place: "the cluster".to_owned(),
            reason: "this build has no CockroachDB".to_owned(),
        }),
    }
}
