//! Opening the store that a command's settings name.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::app::admin::AdminError;
use crate::app::supervise::Supervisor;
use crate::app::{archive, log, store};
use crate::config::{LogLevel, Settings, StoreArgs, StoreConfig};
use crate::domain::Store;

/// A store for one command, with its jobs.
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    _jobs: Supervisor,
}

impl Opened {
    fn new(store: Arc<dyn Store>) -> Opened {
        let mut jobs = Supervisor::new();
        store.jobs().into_iter().for_each(|job| jobs.run(job));
        Opened { store, _jobs: jobs }
    }

    /// The same with the archive that the settings name, for a command that
    /// reads messages or takes them away.
    pub(super) async fn with_archive(self, args: &StoreArgs) -> Result<Opened, AdminError> {
        let opened = with_archive(&self.store, args).await?;
        Ok(Opened {
            store: opened.store,
            ..self
        })
    }
}

/// Opens the store, making it where there is none.
pub(super) async fn open(args: &StoreArgs) -> Result<Opened, AdminError> {
    Ok(Opened::new(store::open(&settled(args)?).await?))
}

/// Opens a store that is there: a mistyped path must not become one.
pub(super) async fn open_existing(args: &StoreArgs) -> Result<Opened, AdminError> {
    Ok(Opened::new(store::open_existing(&settled(args)?).await?))
}

/// Opens a store that is there, for a command that changes nothing in it.
pub(super) async fn open_for_reading(args: &StoreArgs) -> Result<Opened, AdminError> {
    read_only(&settled(args)?).await
}

/// The same of settings of which everything was said.
pub(super) async fn read_only(config: &StoreConfig) -> Result<Opened, AdminError> {
    Ok(Opened::new(store::open_for_reading(config).await?))
}

/// Opens the store of settings that were read before, for a command that
/// changes nothing in it, if so wished.
pub(super) async fn open_with(
    config: StoreConfig,
    settings: &Settings,
    is_read_only: bool,
) -> Result<Opened, AdminError> {
    let config = said(config, settings)?;
    Ok(Opened::new(match is_read_only {
        true => store::open_for_reading(&config).await?,
        false => store::open_existing(&config).await?,
    }))
}

/// A store with the archive that the settings name.
pub(super) async fn with_archive(
    store: &Arc<dyn Store>,
    args: &StoreArgs,
) -> Result<archive::Opened, AdminError> {
    /// Nobody waits for an answer.
    const PATIENCE: Duration = Duration::from_secs(10 * 60);
    let config = args.archive()?;
    Ok(archive::open(Arc::clone(store), config.as_ref(), PATIENCE).await?)
}

/// The store that the settings name; what is doubtful about them is said, and
/// the log runs.
pub(super) fn settled(args: &StoreArgs) -> Result<StoreConfig, AdminError> {
    let (config, settings) = args.load()?;
    said(config, &settings)
}

fn said(config: StoreConfig, settings: &Settings) -> Result<StoreConfig, AdminError> {
    for warning in settings.warnings() {
        // There is nobody to tell that telling failed.
        let _ = writeln!(io::stderr(), "dunder: warning: {warning}");
    }
    let debug = matches!(&config, StoreConfig::Cockroach(cockroach) if cockroach.debug);
    log::start(if debug {
        LogLevel::Debug
    } else if io::stderr().is_terminal() {
        LogLevel::Warn
    } else {
        // What fails in the end is said as an error; a log of attempts, in
        // JSON at that, only helps who watches.
        LogLevel::Error
    })
    .map_err(AdminError::io("cannot start the log"))?;
    Ok(config)
}
