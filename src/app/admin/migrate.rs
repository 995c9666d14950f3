//! `dunder migrate`: the store knows how; a command of its own lets one
//! machine do it before the others are started.

use std::io;

use clap::Args;

use crate::app::admin::AdminError;
use crate::app::admin::open::settled;
use crate::app::admin::streams::say;
use crate::app::store;
use crate::config::StoreArgs;

/// Arguments of `dunder migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl MigrateArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        store::migrate(&settled(&self.store)?).await?;
        let line = if self.json {
            r#"{"data":{"state":"up to date"}}"#
        } else {
            "the store is up to date"
        };
        say(&mut io::stdout(), line)
    }
}
