//! Who calls which server: what `dunder login` keeps, and what a command
//! makes of it, its flags and the environment.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::cli::CliError;
use crate::cli::account::endpoint::{DEFAULT_SERVER, Endpoint};
use crate::cli::args::Common;
use crate::cli::private;
use crate::domain::UserName;

/// A larger file is not one of ours.
const MAX_FILE: u64 = 64 * 1024;

/// Whom to call, and as whom.
#[derive(Clone)]
pub(crate) struct Access {
    /// The server.
    pub server: Endpoint,
    /// The bearer token, when there is one for this server.
    pub token: Option<String>,
    /// Further authorities to trust.
    pub cacert: Option<PathBuf>,
    /// Where the token came from, for `whoami` and for errors.
    pub source: TokenSource,
    /// Whom the token names, when this side knows.
    pub user: Option<String>,
}

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// `DUNDER_TOKEN`.
    Environment,
    /// `dunder login`.
    Login,
    /// The name of this machine's user, for a local server.
    LocalUser,
    /// There is none.
    None,
}

/// What `dunder login` keeps.
#[derive(Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// The server's address.
    pub server: String,
    /// The bearer token.
    pub token: String,
    /// Whom it names, as the server said.
    pub user: String,
    /// A file of further authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cacert: Option<PathBuf>,
}

impl Access {
    /// From flags, environment and the stored login, in this order. The
    /// stored token is for the stored server alone.
    ///
    /// # Errors
    /// A stored login that cannot be read.
    pub fn of(common: &Common) -> Result<Access, CliError> {
        let stored = Credentials::load()?;
        let stored_server = stored.as_ref().map(Credentials::endpoint).transpose()?;
        let server = match (&common.server, &stored_server) {
            (Some(server), _) => server.clone(),
            (None, Some(server)) => server.clone(),
            (None, None) => default_server(),
        };
        let stored = stored.filter(|_| stored_server.as_ref() == Some(&server));
        let said = token_said();
        let cacert = common
            .cacert
            .clone()
            .or_else(|| stored.as_ref().and_then(|login| login.cacert.clone()));
        let (token, source, user) = match (said, stored) {
            (Some(token), _) => (Some(token), TokenSource::Environment, None),
            (None, Some(login)) => (Some(login.token), TokenSource::Login, Some(login.user)),
            (None, None) => match local_user().filter(|_| server.is_loopback()) {
                Some(user) => (
                    Some(name_token(&user)),
                    TokenSource::LocalUser,
                    Some(user.to_string()),
                ),
                None => (None, TokenSource::None, None),
            },
        };
        Ok(Access {
            server,
            token,
            cacert,
            source,
            user,
        })
    }

    /// The same for a server that is named on a line which nobody has sent
    /// off yet: only the login that is kept for it goes there.
    pub fn before_enter(self) -> Access {
        match self.source {
            TokenSource::Login => self,
            TokenSource::Environment | TokenSource::LocalUser | TokenSource::None => Access {
                token: None,
                source: TokenSource::None,
                user: None,
                ..self
            },
        }
    }

    /// For what needs a token.
    ///
    /// # Errors
    /// There is none for this server.
    pub fn check_login(&self) -> Result<(), CliError> {
        match self.source {
            TokenSource::Environment | TokenSource::Login | TokenSource::LocalUser => Ok(()),
            TokenSource::None => Err(CliError::Failed(format!(
                "you are not logged in to {0}; run 'dunder login --server {0}'",
                self.server
            ))),
        }
    }
}

/// The token in `DUNDER_TOKEN`.
pub(crate) fn token_said() -> Option<String> {
    let token = std::env::var("DUNDER_TOKEN").ok()?;
    Some(token.trim().to_owned()).filter(|token| !token.is_empty())
}

/// The server of someone who has not named one.
pub(crate) fn default_server() -> Endpoint {
    match DEFAULT_SERVER.parse() {
        Ok(server) => server,
        Err(_) => unreachable!("the default address is one"),
    }
}

/// The token of a user in mode `name`.
pub(crate) fn name_token(user: &UserName) -> String {
    STANDARD.encode(user.as_str())
}

/// The user of this machine, if their name can be one of dunder's.
pub(crate) fn local_user() -> Option<UserName> {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok()?.parse().ok())
}

impl Credentials {
    /// Where they are kept.
    ///
    /// # Errors
    /// The system names no configuration directory.
    pub fn path() -> Result<PathBuf, CliError> {
        let base = dirs::config_dir().ok_or_else(|| {
            CliError::Failed(
                "no configuration directory is known; set HOME or XDG_CONFIG_HOME".to_owned(),
            )
        })?;
        Ok(base.join("dunder").join("credentials.json"))
    }

    /// The stored login, if there is one.
    ///
    /// # Errors
    /// A file that cannot be read or is not a login.
    pub fn load() -> Result<Option<Credentials>, CliError> {
        // Without a configuration directory nobody can have logged in.
        let Ok(path) = Credentials::path() else {
            return Ok(None);
        };
        let refused = |why: &str| {
            CliError::Failed(format!(
                "cannot use the stored login {}: {why}; run 'dunder logout' and log in again",
                path.display()
            ))
        };
        let json = match private::read(&path, MAX_FILE) {
            Ok(json) => json,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(&error.to_string())),
        };
        // What serde says could quote the token.
        let login: Credentials =
            serde_json::from_slice(&json).map_err(|_| refused("it is not what dunder wrote"))?;
        Ok(Some(login))
    }

    /// The server of this login.
    ///
    /// # Errors
    /// It is no address.
    pub fn endpoint(&self) -> Result<Endpoint, CliError> {
        self.server.parse().map_err(|error| {
            CliError::Failed(format!(
                "the stored login: {error}; run 'dunder logout' and log in again"
            ))
        })
    }

    /// Keeps the login: the whole file or none of it, for its owner only.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn store(&self) -> Result<PathBuf, CliError> {
        let path = Credentials::path()?;
        let json = serde_json::to_string_pretty(self)
            .map_err(|error| CliError::Failed(format!("cannot write the login: {error}")))?;
        private::write(&path, (json + "\n").as_bytes()).map_err(|error| {
            CliError::Failed(format!(
                "cannot keep the login in {}: {error}",
                path.display()
            ))
        })?;
        Ok(path)
    }

    /// Forgets the login; whether there was one.
    ///
    /// # Errors
    /// The file is there and cannot be removed.
    pub fn remove() -> Result<bool, CliError> {
        let path = Credentials::path()?;
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(CliError::Failed(format!(
                "cannot remove {}: {error}",
                path.display()
            ))),
        }
    }
}
