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
    /// Print the statements that a database would be given, and run none
    #[arg(long)]
    pub print: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl MigrateArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        if self.print {
            return self.print().await;
        }
        store::migrate(&settled(&self.store)?).await?;
        let line = if self.json {
            r#"{"data":{"state":"up to date"}}"#
        } else {
            "the store is up to date"
        };
        say(&mut io::stdout(), line)
    }

    async fn print(&self) -> Result<u8, AdminError> {
        let statements = store::pending_statements(&settled(&self.store)?).await?;
        let Some(statements) = statements else {
            let why = "--print is for a database: an embedded file is brought up to date \
                       whenever it is opened";
            return Err(AdminError::Usage(why.to_owned()));
        };
        let text = if self.json {
            serde_json::json!({"data": {"statements": statements}}).to_string()
        } else if statements.is_empty() {
            "-- nothing: the store is up to date".to_owned()
        } else {
            statements.join(";\n\n") + ";"
        };
        say(&mut io::stdout(), &text)
    }
}
