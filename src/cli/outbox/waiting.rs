//! One message that waits: what it says, for which server, and as whom it was
//! written. It holds no token: whose it is decides which token it may go with
//! later, and a token that was taken back is not kept here.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::api::PostBody;
use crate::cli::CliError;
use crate::cli::account::{Access, Endpoint, Logins, TokenSource, name_token, token_said};
use crate::cli::private::random_name;
use crate::domain::UserName;

/// A message as its file holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    /// The only server it may go to.
    pub server: String,
    /// Further authorities to trust there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cacert: Option<PathBuf>,
    /// Whose message it is.
    pub author: Author,
    /// Makes every attempt the same message.
    pub idempotency_key: String,
    /// When it was written; the server's time will be that of its arrival.
    #[serde(with = "crate::api::time::millis")]
    pub written_at: DateTime<Utc>,
    /// What to post.
    pub message: PostBody,
    /// Set when the server said no: it is not tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Whose message it is, as far as this side knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Author {
    /// This machine's user, on a local server.
    LocalUser(String),
    /// Who was logged in to the server.
    Login(String),
    /// Whoever `DUNDER_TOKEN` named: the token's SHA-256.
    Token(String),
}

impl Author {
    /// Whose a message is that is written with this access; `None` without
    /// a token.
    pub fn of(access: &Access) -> Option<Author> {
        let user = access.user.clone();
        match access.source {
            TokenSource::LocalUser => user.map(Author::LocalUser),
            TokenSource::Login => user.map(Author::Login),
            TokenSource::Environment => access.token.as_deref().map(Author::of_token),
            TokenSource::None => None,
        }
    }

    fn of_token(token: &str) -> Author {
        let hash = Sha256::digest(token.as_bytes());
        Author::Token(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Who, for a list.
    pub fn name(&self) -> &str {
        match self {
            Author::LocalUser(user) | Author::Login(user) => user,
            Author::Token(_) => "(DUNDER_TOKEN)",
        }
    }
}

impl Waiting {
    /// A message written now with this access; `None` without a token.
    pub fn new(access: &Access, message: &PostBody) -> Option<Waiting> {
        let cacert = access.cacert.as_ref();
        Some(Waiting {
            server: access.server.to_string(),
            cacert: cacert.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            author: Author::of(access)?,
            idempotency_key: random_name(),
            written_at: Utc::now(),
            message: message.clone(),
            refused: None,
        })
    }

    /// Its server.
    ///
    /// # Errors
    /// The file was changed.
    pub fn endpoint(&self) -> Result<Endpoint, CliError> {
        self.server
            .parse()
            .map_err(|error| CliError::Failed(format!("a message that waits: {error}")))
    }

    /// How it can be sent now, as its author; `None` while nothing here
    /// proves to be them.
    ///
    /// # Errors
    /// A stored login that cannot be read, or a file that was changed.
    pub fn access(&self) -> Result<Option<Access>, CliError> {
        let server = self.endpoint()?;
        let mut cacert = self.cacert.clone();
        let (token, source) = match &self.author {
            Author::LocalUser(user) if server.is_loopback() => (
                Some(name_token(&UserName::from_stored(user))),
                TokenSource::LocalUser,
            ),
            Author::LocalUser(_) => (None, TokenSource::None),
            Author::Login(user) => {
                let logins = Logins::load()?;
                let login = logins.of(&server).filter(|login| login.user == *user);
                let known = login.and_then(|login| login.cacert.clone());
                cacert = cacert.or(known);
                let token = login.map(|login| login.token.clone());
                (token, TokenSource::Login)
            }
            Author::Token(_) => (
                token_said().filter(|token| Author::of_token(token) == self.author),
                TokenSource::Environment,
            ),
        };
        Ok(token.map(|token| Access {
            server,
            token: Some(token),
            cacert,
            source,
            user: None,
        }))
    }

    /// What it waits for, or why it was refused.
    pub fn state(&self) -> String {
        if let Some(reason) = &self.refused {
            return format!("refused: {reason}");
        }
        match (self.access(), &self.author) {
            (Ok(Some(_)), _) => "waits for the server".to_owned(),
            (Ok(None), Author::Login(user)) => format!("waits for a login as {user}"),
            (Ok(None), Author::Token(_)) => "waits for its DUNDER_TOKEN".to_owned(),
            (Ok(None), Author::LocalUser(_)) => "its server is not this machine".to_owned(),
            (Err(error), _) => error.to_string(),
        }
    }
}
