//! `dunder admin vacuum`: the embedded store's file with nothing in it but the
//! store.

use std::io;

use clap::Args;
use serde_json::json;

use crate::app::admin::AdminError;
use crate::app::admin::open::settled;
use crate::app::admin::streams::say;
use crate::app::store::{blocking, is_there};
use crate::config::{StoreArgs, StoreConfig};
use crate::store::sqlite;

/// Arguments of `dunder admin vacuum`.
#[derive(Debug, Args)]
pub struct VacuumArgs {
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl VacuumArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let StoreConfig::Sqlite { path, .. } = settled(&self.store)? else {
            return Err(AdminError::Usage(
                "a database is cleaned with its own tools: VACUUM in PostgreSQL; CockroachDB removes old versions after gc.ttlseconds".to_owned(),
            ));
        };
        is_there(&path)?;
        let file = path.clone();
        if !blocking(move || sqlite::vacuum(&file)).await? {
            return Err(AdminError::Refused(format!(
                "{} is written anew, but another program still reads from its log (-wal), where the old pages are; give the command again once that has ended",
                path.display()
            )));
        }
        let path = path.display().to_string();
        let said = match self.json {
            true => json!({ "data": { "file": path } }).to_string(),
            false => format!("{path} is written anew"),
        };
        say(&mut io::stdout(), &said)
    }
}
