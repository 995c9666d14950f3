//! `dunder token`: the secrets of `auth.mode: token`. A secret is printed
//! once, when it is made; the store keeps its hash.

mod create;
mod list;
mod revoke;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use serde::Serialize;

use crate::app::admin::AdminError;
use crate::domain::Token;

pub use create::{CreateArgs, create};
pub use list::{ListArgs, list};
pub use revoke::{RevokeArgs, revoke};

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

impl TokenCommand {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        match self {
            TokenCommand::Create(args) => args.run().await,
            TokenCommand::List(args) => args.run().await,
            TokenCommand::Revoke(args) => args.run().await,
        }
    }
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
        Shown {
            id: token.id.to_string(),
            user_name: token.user.as_str(),
            note: &token.note,
            state: state(token, now),
            created_at: second(token.id.created_at()),
            expires_at: token.expires_at.map(second),
            revoked_at: token.revoked_at.map(second),
            secret: None,
        }
    }
}

fn state(token: &Token, now: DateTime<Utc>) -> &'static str {
    match (token.revoked_at, token.is_valid_at(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "valid",
        (None, false) => "expired",
    }
}

fn second(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
