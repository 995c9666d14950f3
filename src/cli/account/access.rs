//! Whom a command calls and as whom, made of its flags, the environment, the
//! client's file and the logins.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::cli::CliError;
use crate::cli::account::endpoint::{DEFAULT_SERVER, Endpoint};
use crate::cli::account::logins::{Login, Logins};
use crate::cli::args::Common;
use crate::cli::settings::{Origin, Settings};
use crate::cli::ui::said;
use crate::domain::UserName;

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

impl Access {
    /// From flags, environment, file and logins, in this order. A login's
    /// token is for its own server alone.
    ///
    /// # Errors
    /// Logins that cannot be read, or a server that is none.
    pub fn of(common: &Common, settings: &Settings) -> Result<Access, CliError> {
        let logins = Logins::load()?;
        let (server, _) = server(common, settings, &logins)?;
        let cacert = settings.cacert(common).map(|said| said.value);
        Ok(Access::to(server, cacert, &logins))
    }

    /// To a server that is known.
    pub fn to(server: Endpoint, cacert: Option<PathBuf>, logins: &Logins) -> Access {
        let login = logins.of(&server);
        let cacert = cacert.or_else(|| login.and_then(|login| login.cacert.clone()));
        let (token, source, user) = match (token_said(), login) {
            (Some(token), _) => (Some(token), TokenSource::Environment, None),
            (None, Some(Login { token, user, .. })) => {
                (Some(token.clone()), TokenSource::Login, Some(user.clone()))
            }
            (None, None) => match local_user().filter(|_| server.is_loopback()) {
                Some(user) => (
                    Some(name_token(&user)),
                    TokenSource::LocalUser,
                    Some(user.to_string()),
                ),
                None => (None, TokenSource::None, None),
            },
        };
        Access {
            server,
            token,
            cacert,
            source,
            user,
        }
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
            TokenSource::None => Err(CliError::Failed(self.is_unknown())),
        }
    }

    /// What to say when the server does not know who calls. It never says
    /// whether a token is wrong, expired or revoked.
    pub fn is_unknown(&self) -> String {
        let server = &self.server;
        let login = format!("'dunder login --server {server}'");
        match self.source {
            TokenSource::Environment => format!(
                "{server} does not know the token in DUNDER_TOKEN; it may be mistyped, expired, revoked, or another server's"
            ),
            TokenSource::Login => {
                let user = self.user.as_deref().unwrap_or_default();
                format!(
                    "{server} does not know the token of your login as {user} any more; it may have expired or been revoked: get a new one and run {login}"
                )
            }
            TokenSource::LocalUser => {
                format!(
                    "{server} takes tokens, not names; get one from who runs it and run {login}"
                )
            }
            TokenSource::None => format!("you are not logged in to {server}; run {login}"),
        }
    }
}

/// The server that is meant, and what says so.
///
/// # Errors
/// It is neither an address nor the name of a login.
pub(crate) fn server(
    common: &Common,
    settings: &Settings,
    logins: &Logins,
) -> Result<(Endpoint, Origin), CliError> {
    if let Some(said) = settings.server(common) {
        let server = logins.server(&said.value);
        let server = server.map_err(|error| match said.origin {
            // The person has just written it.
            Origin::Flag(_) => error,
            _ => error.with(&format!("it is from {}", said.origin)),
        });
        return Ok((server?, said.origin));
    }
    match logins.current() {
        Some(login) => Ok((login.endpoint()?, Origin::Login)),
        None => Ok((default_server(), Origin::Default)),
    }
}

/// The token in `DUNDER_TOKEN`.
pub(crate) fn token_said() -> Option<String> {
    let token = said("DUNDER_TOKEN")?;
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

/// The user of this machine, if their name can be one of dunder's: as the
/// environment says, else as the system knows the process's user.
pub(crate) fn local_user() -> Option<UserName> {
    let named = ["USER", "LOGNAME", "USERNAME"].into_iter();
    let named = named.filter_map(said).find_map(|name| name.parse().ok());
    named.or_else(|| system_user()?.parse().ok())
}

/// The name of the process's user. A crate that asks the system's own
/// function brings more than one call of a program that POSIX has.
fn system_user() -> Option<String> {
    let asked = std::process::Command::new("id").arg("-un").output().ok()?;
    let name = String::from_utf8(asked.stdout).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
