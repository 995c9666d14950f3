//! `dunder token list`: tokens, never their secrets.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::Args;

use super::{Shown, state};
use crate::app::admin::AdminError;
use crate::app::admin::open::open_for_reading;
use crate::app::admin::streams::{is_terminal, written};
use crate::cli;
use crate::cli::zone;
use crate::config::StoreArgs;
use crate::domain::{Store, Token};
use crate::output::Clock;
use crate::output::format::{Format, Listing, Options, write_all};
use crate::output::row::{Column, Kind, Record, Role, Value};

/// Tokens.
pub static TOKENS: Kind = Kind {
    plural: "tokens",
    columns: &[
        Column::new("id", "id", "ID", Role::Fixed),
        Column::new("user_name", "user", "USER", Role::Side),
        Column::new("state", "state", "STATE", Role::Fixed),
        Column::new("created_at", "created", "MADE", Role::Fixed),
        Column::new("expires_at", "expires", "EXPIRES", Role::Fixed),
        Column::new("note", "note", "NOTE", Role::Main),
        Column::new("revoked_at", "revoked", "REVOKED", Role::Fixed),
    ],
    table: &["id", "user", "state", "created", "expires", "note"],
    beside: "TOKEN",
};

/// Arguments of `dunder token list`.
#[derive(Debug, Default, Args)]
pub struct ListArgs {
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// How to print [default: table on a terminal, else lines]
    #[arg(short, long, value_name = "FORMAT", value_parser = cli::list_format(),
        conflicts_with = "json")]
    pub output: Option<&'static Format>,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl ListArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let name = match self.output {
            Some(format) => format.name,
            None if self.json => "json",
            None if is_terminal() => "table",
            None => "lines",
        };
        // All of these are forms.
        let format = Format::named(name).unwrap_or(Format::JSON);
        let clock = Clock {
            now: Utc::now(),
            zone: zone::here().clone(),
        };
        let options = Options::new(cli::look(), clock);
        let opened = open_for_reading(&self.store).await?;
        let store = &opened.store;
        let done = list(store.as_ref(), format, options, &mut io::stdout()).await;
        store.close().await;
        done.map(|()| 0)
    }
}

/// Lists tokens in a form, in which they are as good as they are at the
/// present of `options`.
///
/// # Errors
/// The store or the output.
pub async fn list(
    store: &dyn Store,
    format: &'static Format,
    options: Options,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let tokens = store.tokens().await?;
    let now = options.clock.now;
    let rows: Vec<Row> = tokens.iter().map(|token| Row { token, now }).collect();
    let mut text = write_all(format.open(Listing::of(&TOKENS), options), &rows);
    if format.name == "json" {
        text.push(b'\n');
    }
    written(out.write_all(&text).and_then(|()| out.flush()))
}

/// A token at a time.
struct Row<'a> {
    token: &'a Token,
    now: DateTime<Utc>,
}

impl Record for Row<'_> {
    fn values(&self) -> Vec<Value<'_>> {
        let token = self.token;
        vec![
            Value::Word(token.id.to_string().into()),
            Value::Name(token.user.as_str().into()),
            Value::State(state(token, self.now).into()),
            Value::Second(token.id.created_at()),
            match token.expires_at {
                Some(end) => Value::Second(end),
                None => Value::Word("never".into()),
            },
            Value::Text(token.note.as_str().into()),
            token.revoked_at.map_or(Value::Empty, Value::Second),
        ]
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        let shown = Shown::new(self.token, self.now);
        // Texts always encode; an empty object is still JSON.
        out.extend(serde_json::to_vec(&shown).unwrap_or_else(|_| b"{}".to_vec()));
    }
}
