//! `dunder token create`: a secret, printed once.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::{Shown, second};
use crate::app::admin::AdminError;
use crate::app::admin::open::open;
use crate::app::admin::streams::say;
use crate::cli::zone;
use crate::config::StoreArgs;
use crate::domain::{MessageId, Secret, Store, Token, UserName, parse_date, parse_duration, shown};
use crate::output::sanitize_line;

/// The longest note, in characters.
const MAX_NOTE_CHARS: usize = 200;

/// Arguments of `dunder token create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The user who posts with it
    pub name: UserName,
    /// Until when: a time from now (90d) or a date (2027-01-01); for ever without
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// Print one JSON document, {"data": ...}, the secret included
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl CreateArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let opened = open(&self.store).await?;
        let store = &opened.store;
        let (out, err) = (&mut io::stdout(), &mut io::stderr());
        let done = create(store.as_ref(), self, Utc::now(), out, err).await;
        store.close().await;
        done.map(|()| 0)
    }
}

/// Makes a token. Standard output has the secret and nothing else, so that it
/// can go straight to where it is needed.
///
/// # Errors
/// A name, an end or a note that cannot be; the store.
pub async fn create(
    store: &dyn Store,
    args: &CreateArgs,
    now: DateTime<Utc>,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let chars = args.note.chars().count();
    if chars > MAX_NOTE_CHARS || args.note.contains('\0') {
        return Err(AdminError::Usage(format!(
            "--note has {chars} characters; at most {MAX_NOTE_CHARS} are allowed, without U+0000"
        )));
    }
    let expires_at = args
        .expires
        .as_deref()
        .map(|text| end(text, now))
        .transpose()?;
    let secret = Secret::from_random(random()?);
    let low = u128::from_le_bytes(random()?);
    let token = Token {
        id: MessageId::from_parts(now.timestamp_millis(), low),
        user: args.name.clone(),
        note: args.note.clone(),
        expires_at,
        revoked_at: None,
    };
    store.create_token(token.clone(), secret.hash()).await?;
    if args.json {
        let shown = Shown {
            secret: Some(secret.reveal()),
            ..Shown::new(&token, now)
        };
        say(out, &json!({ "data": { "token": shown } }).to_string())?;
    } else {
        say(out, secret.reveal())?;
    }
    let until = expires_at.map_or("until it is revoked".to_owned(), |end| {
        format!("until {}", second(end))
    });
    // The token is made and its secret written: nothing that fails now is
    // the command's failure.
    let _ = writeln!(
        err,
        "token {} for {} is valid {until}; its secret is not shown again",
        token.id,
        sanitize_line(token.user.as_str())
    );
    Ok(())
}

fn usage(error: impl ToString) -> AdminError {
    AdminError::Usage(error.to_string())
}

fn random<const N: usize>() -> Result<[u8; N], AdminError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        AdminError::Refused(format!("the system gives no random bytes: {error}"))
    })?;
    Ok(bytes)
}

/// `90d` is ahead, not ago as in filters; else a date, in the person's zone.
fn end(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, AdminError> {
    let end = match parse_duration(text) {
        Ok(ahead) => chrono::Duration::from_std(ahead)
            .ok()
            .and_then(|ahead| now.checked_add_signed(ahead))
            // Ids and stores hold no time beyond this one.
            .filter(|end| *end < MessageId::MAX.created_at())
            .ok_or_else(|| {
                usage(format!(
                    "--expires {} is too far ahead; leave it out for a token without an end",
                    shown(text)
                ))
            })?,
        Err(_) => parse_date(text, now, zone::here()).map_err(|_| {
            usage(format!(
                "--expires {} is neither a time such as 90d nor a date such as 2027-01-01",
                shown(text)
            ))
        })?,
    };
    if end <= now {
        return Err(usage(format!(
            "--expires {} is not in the future",
            shown(text)
        )));
    }
    Ok(end)
}
