//! `dunder backup` and `dunder restore`: copies of the embedded store, made
//! while it is served. A database has its own tools for that.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::app::admin::AdminError;
use crate::app::admin::open::settled;
use crate::app::admin::streams::say;
use crate::app::store::{blocking, is_there};
use crate::app::transfer::progress::Progress;
use crate::config::{StoreArgs, StoreConfig};
use crate::store::OpenError;
use crate::store::sqlite;

/// Arguments of `dunder backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to make; it appears when it is complete
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Arguments of `dunder restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A file that `dunder backup` made
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are to be kept; there must be no store yet.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl BackupArgs {
    pub(super) async fn run(self) -> Result<u8, AdminError> {
        let store = embedded(&self.store)?;
        is_there(&store)?;
        let said = done(&store, &self.file, self.json);
        copy(move |progress| sqlite::back_up(&store, &self.file, progress)).await?;
        say(&mut io::stdout(), &said)
    }
}

impl RestoreArgs {
    pub(super) async fn run(self) -> Result<u8, AdminError> {
        let store = embedded(&self.store)?;
        is_there(&self.file)?;
        let said = done(&self.file, &store, self.json);
        copy(move |progress| sqlite::restore(&self.file, &store, progress)).await?;
        say(&mut io::stdout(), &said)
    }
}

fn done(from: &Path, to: &Path, json: bool) -> String {
    // Not every path is text.
    let (from, to) = (from.display().to_string(), to.display().to_string());
    match json {
        true => json!({ "data": { "from": from, "to": to } }).to_string(),
        false => format!("{to} has all of {from}"),
    }
}

fn embedded(args: &StoreArgs) -> Result<PathBuf, AdminError> {
    match settled(args)? {
        StoreConfig::Sqlite { path, .. } => Ok(path),
        StoreConfig::Cockroach(_) => Err(AdminError::Usage(
            "a database is copied with its own tools: BACKUP in CockroachDB, pg_dump for PostgreSQL; 'dunder export' writes the messages of any store".to_owned(),
        )),
    }
}

async fn copy(
    copy: impl FnOnce(&mut dyn FnMut(u64, u64)) -> Result<(), OpenError> + Send + 'static,
) -> Result<(), OpenError> {
    blocking(move || {
        let bar = Progress::on_terminal(Some(0));
        let done = copy(&mut |done, all| bar.reach(done, all));
        bar.finish();
        done
    })
    .await
}
