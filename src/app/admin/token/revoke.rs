//! `dunder token revoke`: tokens that no server takes any more.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::{Shown, second};
use crate::app::admin::AdminError;
use crate::app::admin::open::open_existing;
use crate::app::admin::streams::say;
use crate::config::StoreArgs;
use crate::domain::{Secret, Store, TokenId, UserName, shown};
use crate::output::sanitize_line;

/// Arguments of `dunder token revoke`.
#[derive(Debug, Default, Args)]
pub struct RevokeArgs {
    /// Ids, as listed; a leaked secret itself does too
    #[arg(value_name = "ID", required_unless_present = "user")]
    pub ids: Vec<String>,
    /// All tokens of this user
    #[arg(long, value_name = "NAME", conflicts_with = "ids")]
    pub user: Option<UserName>,
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl RevokeArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let opened = open_existing(&self.store).await?;
        let store = &opened.store;
        let done = revoke(store.as_ref(), self, Utc::now(), &mut io::stdout()).await;
        store.close().await;
        done.map(|()| 0)
    }
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
    let mut revoked = Vec::new();
    for id in ids {
        let Some(token) = store.revoke_token(id, now).await? else {
            return Err(AdminError::Refused(format!(
                "there is no token {id}; see `dunder token list`"
            )));
        };
        if args.json {
            revoked.push(json!(Shown::new(&token, now)));
            continue;
        }
        let user = sanitize_line(token.user.as_str());
        let line = match token.revoked_at {
            Some(at) if at.timestamp_millis() < now.timestamp_millis() => {
                format!("token {id} of {user} was revoked before, at {}", second(at))
            }
            Some(_) | None => format!("token {id} of {user} is revoked"),
        };
        say(out, &line)?;
    }
    if args.json {
        say(out, &json!({ "data": { "tokens": revoked } }).to_string())?;
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
