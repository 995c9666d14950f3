//! `dunder token list`: tokens, never their secrets.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::json;

use super::Shown;
use crate::app::admin::AdminError;
use crate::app::admin::open::open_for_reading;
use crate::app::admin::streams::{is_terminal, say, visible, written};
use crate::config::StoreArgs;
use crate::domain::Store;

/// Arguments of `dunder token list`.
#[derive(Debug, Default, Args)]
pub struct ListArgs {
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl ListArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let opened = open_for_reading(&self.store).await?;
        let store = &opened.store;
        let out = &mut io::stdout();
        let done = list(store.as_ref(), self.json, is_terminal(), Utc::now(), out).await;
        store.close().await;
        done.map(|()| 0)
    }
}

/// Lists tokens: a table for a person, tab-separated lines without a heading
/// otherwise (id, user, state, made, end, note), or JSON.
///
/// # Errors
/// The store or the output.
pub async fn list(
    store: &dyn Store,
    json: bool,
    is_terminal: bool,
    now: DateTime<Utc>,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let tokens = store.tokens().await?;
    let shown: Vec<Shown> = tokens.iter().map(|token| Shown::new(token, now)).collect();
    if json {
        let document = json!({ "data": { "tokens": shown } });
        return say(out, &document.to_string()).map(|_| ());
    }
    let rows = shown.iter().map(|token| {
        [
            token.id.clone(),
            visible(token.user_name),
            token.state.to_owned(),
            token.created_at.clone(),
            token
                .expires_at
                .clone()
                .unwrap_or_else(|| "never".to_owned()),
            visible(token.note),
        ]
    });
    if !is_terminal {
        for row in rows {
            written(writeln!(out, "{}", row.join("\t")))?;
        }
        return written(out.flush());
    }
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["ID", "USER", "STATE", "MADE", "EXPIRES", "NOTE"]);
    table.add_rows(rows);
    say(out, &table.trim_fmt()).map(|_| ())
}
