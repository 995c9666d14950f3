//! From settings to an open store.

use std::path::Path;
use std::sync::Arc;

use crate::config::{CockroachConfig, SslMode, StoreConfig, Survive};
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
    open_to_serve(config, false).await
}

/// The same for a server, of which it may be asked how long posts wait.
///
/// # Errors
/// As [`open`].
pub async fn open_to_serve(
    config: &StoreConfig,
    is_measured: bool,
) -> Result<Arc<dyn Store>, OpenError> {
    match config {
        StoreConfig::Sqlite {
            path,
            writer_queue,
            query_timeout,
            ..
        } => {
            let options = SqliteOptions {
                queue: *writer_queue,
                // The server gives up on both together.
                read_wait: *query_timeout,
                read_time: *query_timeout,
                is_measured,
                ..SqliteOptions::default()
            };
            let path = path.clone();
            let open = move || SqliteStore::open(&path, &options);
            Ok(Arc::new(blocking(open).await?))
        }
        StoreConfig::Cockroach(config) => {
            let mut options = options(config)?;
            options.is_measured = is_measured;
            Ok(Arc::new(CockroachStore::open(options).await?))
        }
    }
}

/// The same for commands that have nothing to do in a new store: a mistyped
/// path must not become one.
///
/// # Errors
/// It is not there, or cannot be used; see [`OpenError`].
pub async fn open_existing(config: &StoreConfig) -> Result<Arc<dyn Store>, OpenError> {
    if let StoreConfig::Sqlite { path, .. } = config {
        is_there(path)?;
    }
    open(config).await
}

/// The same for commands that only read: an embedded file is not opened for
/// writing, so that nothing in it or beside it changes.
///
/// # Errors
/// As [`open_existing`], and when the schema is old.
pub async fn open_for_reading(config: &StoreConfig) -> Result<Arc<dyn Store>, OpenError> {
    let StoreConfig::Sqlite { path, .. } = config else {
        return open(config).await;
    };
    is_there(path)?;
    let path = path.clone();
    let options = SqliteOptions {
        readers: 1,
        ..SqliteOptions::default()
    };
    let open = move || SqliteStore::open_for_reading(&path, &options);
    Ok(Arc::new(blocking(open).await?))
}

/// Opening and copying wait for other programs' locks, without yielding.
pub(crate) async fn blocking<T: Send + 'static>(
    open: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    let opening = tokio::task::spawn_blocking(open);
    opening.await.map_err(|error| OpenError::Database {
        place: "the store".to_owned(),
        reason: error.to_string(),
    })?
}

/// Whether there is a store, or something else that opening refuses.
pub(crate) fn is_there(path: &Path) -> Result<(), OpenError> {
    match std::fs::metadata(path).is_ok_and(|file| !file.is_file() || file.len() > 0) {
        true => Ok(()),
        false => Err(OpenError::Missing {
            path: path.to_owned(),
        }),
    }
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

/// What [`migrate`] would have a database run; `None` for the embedded file,
/// which is brought up to date whenever it is opened.
///
/// # Errors
/// It cannot be asked what it has; see [`OpenError`].
pub async fn pending_statements(config: &StoreConfig) -> Result<Option<Vec<String>>, OpenError> {
    match config {
        StoreConfig::Sqlite { .. } => Ok(None),
        StoreConfig::Cockroach(config) => {
            let statements = cockroach::pending_statements(options(config)?).await?;
            Ok(Some(statements))
        }
    }
}

/// What the settings say, over what the URL says, over the defaults.
pub(crate) fn options(config: &CockroachConfig) -> Result<CockroachOptions, OpenError> {
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
    options.regions.clone_from(&config.regions);
    options.survive = config.survive.map(|survive| match survive {
        Survive::Zone => cockroach::Survive::Zone,
        Survive::Region => cockroach::Survive::Region,
    });
    options.region.clone_from(&config.region);
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
