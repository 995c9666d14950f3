//! `dunder token`: the secrets of `auth.mode: token`. A secret is printed
//! once, when it is made; the store keeps its hash.

use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use crate::app::admin::{AdminError, is_terminal, say, visible, written};
use crate::cli::zone;
use crate::config::StoreArgs;
use crate::domain::{
    MessageId, Secret, Store, Token, TokenId, UserName, parse_date, parse_duration, shown,
};

/// The longest note, in characters.
const MAX_NOTE_CHARS: usize = 200;

/// The commands on tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token for a user and print its secret, once
    Create(CreateArgs),
    /// List tokens, never their secrets
    List(ListArgs),
    /// Make tokens useless, within seconds on every server
    Revoke(RevokeArgs),
}

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
    /// Print the token as JSON, its secret included
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Arguments of `dunder token list`.
#[derive(Debug, Default, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Arguments of `dunder token revoke`.
#[derive(Debug, Default, Args)]
pub struct RevokeArgs {
    /// Ids, as listed; a leaked secret itself does too
    #[arg(value_name = "ID", required_unless_present = "user")]
    pub ids: Vec<String>,
    /// All tokens of this user
    #[arg(long, value_name = "NAME", conflicts_with = "ids")]
    pub user: Option<UserName>,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// A token as JSON has it.
#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    user_name: &'a str,
    note: &'a str,
    state: &'static str,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn new(token: &'a Token, now: DateTime<Utc>) -> Shown<'a> {
        let state = match (token.revoked_at, token.is_valid_at(now)) {
            (Some(_), _) => "revoked",
            (None, true) => "valid",
            (None, false) => "expired",
        };
        Shown {
            id: token.id.to_string(),
            user_name: token.user.as_str(),
            note: &token.note,
            state,
            created_at: second(token.id.created_at()),
            expires_at: token.expires_at.map(second),
            revoked_at: token.revoked_at.map(second),
            secret: None,
        }
    }
}

fn second(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl TokenCommand {
    pub(crate) async fn run(
        &self,
        store: &dyn Store,
        out: &mut (dyn Write + Send),
        err: &mut (dyn Write + Send),
    ) -> Result<u8, AdminError> {
        let now = Utc::now();
        match self {
            TokenCommand::Create(args) => create(store, args, now, out, err).await.map(|()| 0),
            TokenCommand::List(args) => list(store, args.json, is_terminal(), now, out)
                .await
                .map(|()| 0),
            TokenCommand::Revoke(args) => revoke(store, args, now, out).await.map(|()| 0),
        }
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
        say(out, &serde_json::to_string(&shown).unwrap_or_default())?;
    } else {
        say(out, secret.reveal())?;
    }
    let until = expires_at.map_or("until it is revoked".to_owned(), |end| {
        format!("until {}", second(end))
    });
    say(
        err,
        &format!(
            "token {} for {} is valid {until}; its secret is not shown again",
            token.id,
            visible(token.user.as_str())
        ),
    )?;
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
        return say(out, &serde_json::to_string(&shown).unwrap_or_default()).map(|_| ());
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

/// Revokes tokens by id or secret, or all of a user.
///
/// # Errors
/// One of them does not exist (those before it are revoked); the store.
pub async fn revoke(
    store: &dyn Store,
    args: &RevokeArgs,
    now: DateTime<Utc>,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let ids = match &args.user {
        Some(user) => valid_tokens_of(store, user, now).await?,
        None => {
            let mut ids = Vec::new();
            for text in &args.ids {
                ids.push(id_of(store, text).await?);
            }
            ids
        }
    };
    for id in ids {
        let Some(token) = store.revoke_token(id, now).await? else {
            return Err(AdminError::Refused(format!(
                "there is no token {id}; see `dunder token list`"
            )));
        };
        let user = visible(token.user.as_str());
        let line = match token.revoked_at {
            Some(at) if at.timestamp_millis() < now.timestamp_millis() => {
                format!("token {id} of {user} was revoked before, at {}", second(at))
            }
            Some(_) | None => format!("token {id} of {user} is revoked"),
        };
        say(out, &line)?;
    }
    Ok(())
}

async fn id_of(store: &dyn Store, text: &str) -> Result<TokenId, AdminError> {
    if let Ok(secret) = text.parse::<Secret>() {
        let token = store.token(secret.hash()).await?;
        // The sentence must not repeat the secret.
        return token.map(|token| token.id).ok_or_else(|| {
            AdminError::Refused(
                "there is no token with this secret; see `dunder token list`".to_owned(),
            )
        });
    }
    text.parse().map_err(|_| {
        AdminError::Usage(format!(
            "{} is not the id of a token; see `dunder token list`, or use --user NAME",
            shown(text)
        ))
    })
}

async fn valid_tokens_of(
    store: &dyn Store,
    user: &UserName,
    now: DateTime<Utc>,
) -> Result<Vec<TokenId>, AdminError> {
    let tokens = store.tokens().await?;
    let of_user = tokens
        .iter()
        .filter(|token| token.user == *user && token.is_valid_at(now));
    let ids: Vec<TokenId> = of_user.map(|token| token.id).collect();
    if ids.is_empty() {
        return Err(AdminError::Refused(format!(
            "{} has no valid token; see `dunder token list`",
            shown(user.as_str())
        )));
    }
    Ok(ids)
}
