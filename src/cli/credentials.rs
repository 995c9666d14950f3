//! Who calls which server: what `dunder login` keeps, and what a command
//! makes of it, its flags and the environment.

use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::CliError;
use super::args::Common;
use super::endpoint::{DEFAULT_SERVER, Endpoint};
use crate::domain::UserName;

/// A larger file is not one of ours.
const MAX_FILE: u64 = 64 * 1024;

/// Whom to call, and as whom.
#[derive(Clone)]
pub(super) struct Access {
    /// The server.
    pub server: Endpoint,
    /// The bearer token, when there is one for this server.
    pub token: Option<String>,
    /// Further authorities to trust.
    pub cacert: Option<PathBuf>,
    /// Where the token came from, for `whoami` and for errors.
    pub source: TokenSource,
}

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenSource {
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
pub(super) struct Credentials {
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
        let said = std::env::var("DUNDER_TOKEN")
            .ok()
            .filter(|token| !token.is_empty());
        let cacert = common
            .cacert
            .clone()
            .or_else(|| stored.as_ref().and_then(|login| login.cacert.clone()));
        let (token, source) = match (said, stored) {
            (Some(token), _) => (Some(token.trim().to_owned()), TokenSource::Environment),
            (None, Some(login)) => (Some(login.token), TokenSource::Login),
            (None, None) => match local_user().filter(|_| server.is_loopback()) {
                Some(user) => (Some(name_token(&user)), TokenSource::LocalUser),
                None => (None, TokenSource::None),
            },
        };
        Ok(Access {
            server,
            token,
            cacert,
            source,
        })
    }
}

/// The server of someone who has not named one.
pub(super) fn default_server() -> Endpoint {
    match DEFAULT_SERVER.parse() {
        Ok(server) => server,
        Err(_) => unreachable!("the default address is one"),
    }
}

/// The token of a user in mode `name`.
pub(super) fn name_token(user: &UserName) -> String {
    STANDARD.encode(user.as_str())
}

/// The user of this machine, if their name can be one of dunder's.
pub(super) fn local_user() -> Option<UserName> {
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
        let text = match std::fs::metadata(&path) {
            Ok(file) if file.len() > MAX_FILE => return Err(refused("it is too large")),
            Ok(_) => std::fs::read_to_string(&path).map_err(|error| refused(&error.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(&error.to_string())),
        };
        // What serde says could quote the token.
        let login: Credentials =
            serde_json::from_str(&text).map_err(|_| refused("it is not what dunder wrote"))?;
        Ok(Some(login))
    }

    fn endpoint(&self) -> Result<Endpoint, CliError> {
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
        write_private(&path, (json + "\n").as_bytes()).map_err(|error| {
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

/// Writes a file that only its owner can read, through a temporary file
/// beside it, so that it is there whole or not at all.
pub(super) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    private_directory(directory)?;
    let temporary = directory.join(format!(".{}.{}", std::process::id(), random_name()));
    let written = (|| {
        let mut file = private_file(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // The error that matters is the one before.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates a directory that only its owner can enter; one that is there
/// stays as it is.
pub(super) fn private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// 128 random bits in hexadecimal: a name nobody else has.
pub(super) fn random_name() -> String {
    let mut bits = [0u8; 16];
    if getrandom::fill(&mut bits).is_err() {
        // Without randomness, the clock and the process are as good as it gets.
        let nanos = chrono::Utc::now().timestamp_nanos_opt().unwrap_or(0);
        bits[..8].copy_from_slice(&nanos.to_be_bytes());
        bits[8..12].copy_from_slice(&std::process::id().to_be_bytes());
    }
    bits.iter().map(|byte| format!("{byte:02x}")).collect()
}
