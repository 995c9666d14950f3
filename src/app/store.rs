//! From settings to an open store.

use std::sync::Arc;

use crate::config::{CockroachConfig, SslMode, StoreConfig};
use crate::domain::Store;
use crate::store::OpenError;
use crate::store::cockroach;
use crate::store::cockroach::{CockroachOptions, CockroachStore};
use crate::store::sqlite::{SqliteOptions, SqliteStore};

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
            // Opening waits for other programs' locks, without yielding.
            let path = path.clone();
            let opening = tokio::task::spawn_blocking(move || SqliteStore::open(&path, &options));
            let store = opening.await.map_err(|error| OpenError::Database {
                place: "the store".to_owned(),
                reason: error.to_string(),
            })?;
            Ok(Arc::new(store?))
        }
        StoreConfig::Cockroach(config) => {
            Ok(Arc::new(CockroachStore::open(options(config)?).await?))
        }
    }
}

/// The same for commands that have nothing to do in a new store: a mistyped
/// path must not become one.
///
/// # Errors
/// It is not there, or cannot be used; see [`OpenError`].
pub async fn open_existing(config: &StoreConfig) -> Result<Arc<dyn Store>, OpenError> {
    if let StoreConfig::Sqlite { path, .. } = config
        && std::fs::metadata(path).map_or(true, |file| file.is_file() && file.len() == 0)
    {
        return Err(OpenError::Missing { path: path.clone() });
    }
    open(config).await
}

/// Brings the store's schema up to date. The embedded file always is once it
/// was opened.
///
/// # Errors
/// It cannot be used; see [`OpenError`].
pub async fn migrate(config: &StoreConfig) -> Result<(), OpenError> {
    match config {
        StoreConfig::Sqlite { .. } => open(config).await?.close().await,
        StoreConfig::Cockroach(config) => {
            cockroach::migrate(options(config)?).await?;
        }
    }
    Ok(())
}

/// What the settings say, over what the URL says, over the defaults.
fn options(config: &CockroachConfig) -> Result<CockroachOptions, OpenError> {
    let mut options = CockroachOptions::default();
    if let Some(url) = &config.url {
        let applied = options.apply_url(url.reveal());
        applied.map_err(|error| OpenError::Settings(format!("cockroach.url: {error}")))?;
    }
    let password = config.password();
    if let Some(password) = password.map_err(|error| OpenError::Settings(error.to_string()))? {
        options.password = Some(password.reveal().to_owned());
    }
    let default_port = config.port.unwrap_or(cockroach::DEFAULT_PORT);
    if let Some(hosts) = &config.hosts {
        let with_port = hosts
            .iter()
            .map(|(host, port)| (host.clone(), port.unwrap_or(default_port)));
        options.hosts = with_port.collect();
    } else if let Some(port) = config.port {
        options.hosts.iter_mut().for_each(|host| host.1 = port);
    }
    if let Some(user) = &config.user {
        options.user.clone_from(user);
    }
    if let Some(database) = &config.database {
        options.database.clone_from(database);
    }
    options.sslmode = config.sslmode.map(sslmode).or(options.sslmode);
    options.ca = config.ca.clone().or(options.ca);
    options.cert = config.cert.clone().or(options.cert);
    options.key = config.key.clone().or(options.key);
    options.queue = config.writer_queue;
    options.should_migrate = config.should_migrate;
    options.debug = config.debug;
    options.follower_reads = config.follower_reads;
    Ok(options)
}

fn sslmode(mode: SslMode) -> cockroach::SslMode {
    match mode {
        SslMode::Disable => cockroach::SslMode::Disable,
        SslMode::Require => cockroach::SslMode::Require,
        SslMode::VerifyCa => cockroach::SslMode::VerifyCa,
        SslMode::VerifyFull => cockroach::SslMode::VerifyFull,
    }
}
