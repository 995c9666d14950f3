//! Commands of the one who runs dunder: they open the store themselves and
//! need no server. One file a command, each over `Arc<dyn Store>`, a reader
//! and a writer, so that tests need no process.
//!
//! Results go to standard output, everything else to standard error. A
//! command ends with 0 (done), 1 (refused or failed) or 2 (wrong usage,
//! wrong settings).

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;

use crate::app::log;
use crate::app::store;
use crate::config::LogLevel;
use crate::config::{ConfigError, Settings, StoreArgs, StoreConfig};
use crate::domain::{Store, StoreError};
use crate::store::OpenError;

pub use super::migrate::MigrateArgs;
pub use super::tls::{GenerateArgs, TlsCommand, generate};
pub use super::token::{CreateArgs, ListArgs, RevokeArgs, TokenCommand, create, list, revoke};
pub use super::transfer::export::{ExportArgs, export};
pub use super::transfer::import::{ImportArgs, Input, Refusal, Summary, import};
pub use super::transfer::progress::Progress;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Store messages from newline-delimited JSON
    Import(ImportArgs),
    /// Write all messages as newline-delimited JSON, oldest first
    Export(ExportArgs),
    /// Bring the store's schema up to date
    Migrate(MigrateArgs),
    /// Make, list and revoke the tokens of auth.mode: token
    #[command(subcommand)]
    Token(TokenCommand),
    /// Certificates for development
    #[command(subcommand)]
    Tls(TlsCommand),
}

/// Why a command failed, for the person who gave it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// What was asked for cannot be done as things are.
    #[error("{0}")]
    Refused(String),
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Input or output.
    #[error("{what}: {error}")]
    Io {
        /// The file or stream, and what was done to it.
        what: String,
        /// What the system says.
        error: io::Error,
    },
}

impl AdminError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> AdminError {
        let what = what.into();
        move |error| AdminError::Io { what, error }
    }

    pub(crate) fn file(verb: &str, path: &std::path::Path) -> impl FnOnce(io::Error) -> AdminError {
        AdminError::io(format!("cannot {verb} {}", path.display()))
    }

    /// The process's exit code: 2 for wrong usage and settings, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            AdminError::Config(_)
            | AdminError::Usage(_)
            | AdminError::Open(OpenError::Settings(_)) => 2,
            AdminError::Refused(_)
            | AdminError::Open(_)
            | AdminError::Store(_)
            | AdminError::Io { .. } => 1,
        }
    }
}

/// Runs a command with this process's streams and environment, and gives its
/// exit code.
///
/// # Errors
/// [`AdminError`]. A command that did part of its work says so itself and
/// gives 1.
pub async fn run(command: AdminCommand) -> Result<u8, AdminError> {
    let out = &mut io::stdout();
    match command {
        AdminCommand::Import(args) => {
            let input = args.input()?;
            let store = open(&args.store).await?;
            let progress = Progress::on_terminal(input.bytes);
            let err = &mut io::stderr();
            let done = import(Arc::clone(&store), input, err, &progress).await;
            store.close().await;
            done?.print(args.json, out)
        }
        AdminCommand::Export(args) => {
            let store = store::open_for_reading(&settled(&args.store)?).await?;
            let done = args.write(store.as_ref()).await;
            store.close().await;
            done.map(|()| 0)
        }
        AdminCommand::Migrate(args) => {
            store::migrate(&settled(&args.store)?).await?;
            say(out, "the store is up to date")
        }
        AdminCommand::Token(command) => {
            let store = match &command {
                TokenCommand::Create(args) => open(&args.store).await?,
                TokenCommand::List(args) => store::open_for_reading(&settled(&args.store)?).await?,
                TokenCommand::Revoke(args) => store::open_existing(&settled(&args.store)?).await?,
            };
            let done = command.run(store.as_ref(), out, &mut io::stderr()).await;
            store.close().await;
            done
        }
        AdminCommand::Tls(TlsCommand::Generate(args)) => generate(&args, out).map(|()| 0),
    }
}

async fn open(args: &StoreArgs) -> Result<Arc<dyn Store>, AdminError> {
    Ok(store::open(&settled(args)?).await?)
}

/// The store that the settings name; what is doubtful about them is said, and
/// the log runs.
pub(crate) fn settled(args: &StoreArgs) -> Result<StoreConfig, AdminError> {
    let (config, settings) = args.load()?;
    warn(&settings);
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

fn warn(settings: &Settings) {
    for warning in settings.warnings() {
        eprintln!("dunder: warning: {warning}");
    }
}

pub(crate) fn say(out: &mut dyn Write, line: &str) -> Result<u8, AdminError> {
    written(writeln!(out, "{line}").and_then(|()| out.flush())).map(|()| 0)
}

/// Output that nobody reads any more (`| head`) is not an error.
pub(crate) fn written(result: io::Result<()>) -> Result<(), AdminError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(AdminError::io("cannot write the output")),
    }
}

/// A text of unknown origin as a terminal may have it: control and format
/// characters as escapes.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// Whether standard output is a person's.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// `-` for standard streams.
pub(crate) fn is_dash(path: &std::path::Path) -> bool {
    *path == *PathBuf::from("-")
}
