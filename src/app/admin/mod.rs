//! Commands of the one who runs dunder: they open the store themselves and
//! need no server. One file a command; what they do is a function over
//! `Arc<dyn Store>`, a reader and a writer, so that tests need no process.
//!
//! Results go to standard output, everything else to standard error. A
//! command ends with 0 (done), 1 (refused or failed) or 2 (wrong usage,
//! wrong settings).

mod acknowledged;
mod archive;
mod backup;
mod check;
mod delete;
mod error;
mod export;
mod import;
mod migrate;
mod open;
mod retention;
mod streams;
mod tls;
mod token;
mod vacuum;

use clap::Subcommand;

pub use crate::app::transfer::export::export;
pub use crate::app::transfer::import::{Input, Summary, import};
pub use crate::app::transfer::progress::Progress;
pub use crate::app::transfer::refusals::{Refusal, Refusals};
pub use archive::ArchiveArgs;
pub use backup::{BackupArgs, RestoreArgs};
pub use delete::{DeleteArgs, OperatorCommand, delete};
pub use error::AdminError;
pub use export::ExportArgs;
pub use import::ImportArgs;
pub use migrate::MigrateArgs;
pub use retention::{RetentionArgs, retain};
pub(crate) use streams::written;
pub use tls::{GenerateArgs, TlsCommand, generate};
pub use token::{CreateArgs, ListArgs, RevokeArgs, TokenCommand, create, list, revoke};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Store messages from newline-delimited JSON
    Import(ImportArgs),
    /// Write all messages as newline-delimited JSON, oldest first
    Export(ExportArgs),
    /// Move old messages into the archive
    Archive(ArchiveArgs),
    /// Copy the embedded store into a file, while it is served
    Backup(BackupArgs),
    /// Make the embedded store from a backup
    Restore(RestoreArgs),
    /// Bring the store's schema up to date
    Migrate(MigrateArgs),
    /// Evict messages that are older than the settings keep them
    Retention(RetentionArgs),
    /// Make, list and revoke the tokens of auth.mode: token
    #[command(subcommand)]
    Token(TokenCommand),
    /// Delete messages, whoever wrote them; check and clean the store
    #[command(subcommand)]
    Admin(OperatorCommand),
    /// Certificates for development
    #[command(subcommand)]
    Tls(TlsCommand),
}

/// Runs a command with this process's streams and environment, and gives its
/// exit code.
///
/// # Errors
/// [`AdminError`]. A command that did part of its work says so itself and
/// gives 1.
pub async fn run(command: AdminCommand) -> Result<u8, AdminError> {
    match command {
        AdminCommand::Import(args) => args.run().await,
        AdminCommand::Export(args) => args.run().await,
        AdminCommand::Archive(args) => args.run().await,
        AdminCommand::Backup(args) => args.run().await,
        AdminCommand::Restore(args) => args.run().await,
        AdminCommand::Migrate(args) => args.run().await,
        AdminCommand::Retention(args) => args.run().await,
        AdminCommand::Token(command) => command.run().await,
        AdminCommand::Admin(command) => command.run().await,
        AdminCommand::Tls(command) => command.run(),
    }
}
