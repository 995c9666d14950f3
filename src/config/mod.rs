//! Every setting of the server: its key, flag, variable and default, and how
//! they become one checked value.
//!
//! `keys` is the one list; `flags`, `file` and `sources` read it from the
//! command line, the YAML file and the environment (flags beat variables beat
//! the file beats defaults); `value` reads texts; this file and `store` give
//! them types. A wrong, unknown or contradictory setting stops the program
//! with a sentence: nothing falls back silently. [`Config::load`] touches
//! neither the process nor the disk.

mod file;
mod flags;
mod keys;
mod sources;
mod store;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::shown;

pub use file::ConfigFile;
pub use flags::{Flags, ServeArgs, StoreArgs};
pub use keys::{CLIENT_VARIABLES, FILE_ONLY, Fallback, KEYS, Key, Kind};
pub use sources::{Environment, Origin, Settings, Shown};
pub use store::{CockroachConfig, SslMode, StoreConfig};
pub use value::Redacted;

/// All that `dunder serve` needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// A name or an address, without brackets.
    pub host: String,
    /// 0 for any free port.
    pub port: u16,
    /// What is logged.
    pub log_level: LogLevel,
    /// `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Who is posting.
    pub auth_mode: AuthMode,
    /// Who may read.
    pub auth_read: ReadAccess,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where messages are kept.
    pub store: StoreConfig,
    /// What a client may use up.
    pub limits: Limits,
    /// Every value as written, with its origin, and warnings.
    pub settings: Settings,
}

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain.
    pub crt: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what looks wrong.
    Warn,
    /// And every request.
    Info,
    /// And what dunder does about it.
    Debug,
    /// And what the libraries do.
    Trace,
}

impl LogLevel {
    const ALL: [LogLevel; 5] = [
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ];

    /// The name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who is posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// The token is the base64 of the name: anyone can be anyone.
    Name,
    /// The token is a secret that `dunder token create` made.
    Token,
}

/// Who may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadAccess {
    /// Anyone.
    Open,
    /// Who has a token.
    Token,
}

/// What a client may use up. Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Request body.
    pub body_size: usize,
    /// Request line and headers.
    pub header_size: usize,
    /// Query string.
    pub query_length: usize,
    /// Wait for a request's head.
    pub header_timeout: Duration,
    /// Wait for a request's body.
    pub body_timeout: Duration,
    /// Idle connection.
    pub idle_timeout: Duration,
    /// Connections at once.
    pub connections: usize,
    /// Requests in flight.
    pub requests: usize,
    /// Posts waiting to be stored.
    pub writer_queue: usize,
    /// Posts of one user a minute; `None`: no limit.
    pub posts_per_minute: Option<NonZeroU32>,
    /// Requests of one address a minute without the token they need; `None`:
    /// no limit.
    pub unauthenticated_per_minute: Option<NonZeroU32>,
    /// For requests in flight to finish at a stop.
    pub shutdown_timeout: Duration,
}

/// Why settings cannot be used: one sentence for the person who wrote them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that its key does not take.
    #[error("{key} is {value} ({origin}): {reason}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value, quoted; `…` for a secret.
        value: String,
        /// Where it was written.
        origin: Origin,
        /// What to write.
        reason: String,
    },
    /// A value that is there but empty.
    #[error("{key} is empty ({origin}); give it a value or leave it out")]
    Empty {
        /// The key.
        key: &'static str,
        /// Where it was written.
        origin: Origin,
    },
    /// The configuration file.
    #[error("{place}: {reason}")]
    File {
        /// The file's name, and the line if there is one.
        place: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A file that a key names.
    #[error("{key}: {} cannot be read: {error}", .path.display())]
    Unreadable {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: String,
    },
    /// Settings that do not go together, or one that is missing.
    #[error("{0}")]
    Combination(String),
}

impl ConfigError {
    fn value(key: &'static str, value: String, origin: &Origin, reason: String) -> ConfigError {
        ConfigError::Value {
            key,
            value,
            origin: origin.clone(),
            reason,
        }
    }
}

/// The configuration file that flags or environment name.
///
/// # Errors
/// It is named, and cannot be read.
pub fn read_file(
    flags: &Flags,
    environment: &Environment,
) -> Result<Option<ConfigFile>, ConfigError> {
    let settings = Settings::gather(flags, environment, None)?;
    let Some(name) = settings.written("config_file", value::any)? else {
        return Ok(None);
    };
    match std::fs::read_to_string(&name) {
        Ok(text) => Ok(Some(ConfigFile { name, text })),
        Err(error) => Err(ConfigError::Unreadable {
            key: "config_file",
            path: name.into(),
            error: error.to_string(),
        }),
    }
}

impl StoreArgs {
    /// The store that flags, environment and file of this process name.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(&self) -> Result<(StoreConfig, Settings), ConfigError> {
        let environment = Environment::of_process()?;
        let file = read_file(&self.0, &environment)?;
        StoreConfig::load(&self.0, &environment, file.as_ref())
    }
}

impl ServeArgs {
    /// What flags, environment and file of this process say.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(&self) -> Result<Config, ConfigError> {
        let environment = Environment::of_process()?;
        let file = read_file(&self.0, &environment)?;
        Config::load(&self.0, &environment, file.as_ref())
    }
}

impl Config {
    /// Puts flags, environment and file together and checks everything.
    ///
    /// # Errors
    /// [`ConfigError`] says which setting is wrong, where it was written, and
    /// what to write.
    pub fn load(
        flags: &Flags,
        environment: &Environment,
        file: Option<&ConfigFile>,
    ) -> Result<Config, ConfigError> {
        let mut settings = Settings::gather(flags, environment, file)?;
        let host = settings.value("host", value::host)?;
        let trusted_proxies = settings
            .written_list("trusted_proxies", value::network)?
            .unwrap_or_default();
        // Behind a proxy, others reach what listens on a loopback address.
        let is_private = value::is_loopback(&host) && trusted_proxies.is_empty();
        let (auth_mode, auth_read) = auth(&settings, &host, is_private)?;
        if auth_mode == AuthMode::Name && !is_private {
            settings.warn(
                "auth.mode is name: anyone who reaches the server can post as anyone".to_owned(),
            );
        }
        Ok(Config {
            port: settings.value("port", value::port)?,
            log_level: settings.value("log_level", log_level)?,
            tls: tls(&settings)?,
            auth_mode,
            auth_read,
            trusted_proxies,
            store: StoreConfig::from_settings(&settings, environment)?,
            limits: limits(&settings, is_private)?,
            host,
            settings,
        })
    }

    /// What should be said at start though it stops nothing.
    pub fn warnings(&self) -> &[String] {
        self.settings.warnings()
    }
}

fn log_level(text: &str) -> Result<LogLevel, String> {
    let name = text.to_ascii_lowercase();
    let name = if name == "warning" { "warn" } else { &name };
    LogLevel::ALL
        .into_iter()
        .find(|level| level.as_str() == name)
        .ok_or_else(|| "write error, warn, info, debug or trace".to_owned())
}

fn auth(
    settings: &Settings,
    host: &str,
    is_private: bool,
) -> Result<(AuthMode, ReadAccess), ConfigError> {
    let mode = settings.written("auth.mode", |text| match text {
        "name" => Ok(AuthMode::Name),
        "token" => Ok(AuthMode::Token),
        _ => Err("write name or token".to_owned()),
    })?;
    let read = settings.value("auth.read", |text| match text {
        "open" => Ok(ReadAccess::Open),
        "token" => Ok(ReadAccess::Token),
        _ => Err("write open or token".to_owned()),
    })?;
    let mode = match mode {
        Some(mode) => mode,
        None if is_private => AuthMode::Name,
        None => {
            let reached = if value::is_loopback(host) {
                format!(
                    "others reach the server through trusted_proxies ({})",
                    settings.origin("trusted_proxies")
                )
            } else {
                format!(
                    "the server would listen on {host} ({}), where others reach it",
                    settings.origin("host")
                )
            };
            return Err(ConfigError::Combination(format!(
                "{reached}, and auth.mode is not written down; write auth.mode: token (secrets made by \
                 `dunder token create`), or auth.mode: name if anyone may post as anyone"
            )));
        }
    };
    if read == ReadAccess::Token && mode == AuthMode::Name {
        return Err(ConfigError::Combination(format!(
            "auth.read is token ({}), but with auth.mode: name anyone can make a token; write auth.mode: token",
            settings.origin("auth.read")
        )));
    }
    Ok((mode, read))
}

fn tls(settings: &Settings) -> Result<Option<TlsFiles>, ConfigError> {
    let wanted = settings.written("use_tls", value::boolean)?;
    let path = |text: &str| Ok(PathBuf::from(text));
    match wanted {
        Some(true) => Ok(Some(TlsFiles {
            crt: settings.value("tls.crt", path)?,
            key: settings.value("tls.key", path)?,
        })),
        Some(false) => Ok(None),
        None => match settings.first_written(|key| key.section() == Some("tls")) {
            // Someone who names a certificate expects it to be used.
            Some((key, origin)) => Err(ConfigError::Combination(format!(
                "{key} is written ({origin}) but use_tls is not; write use_tls: true, or use_tls: false to serve plain HTTP"
            ))),
            None => Ok(None),
        },
    }
}

fn limits(settings: &Settings, is_private: bool) -> Result<Limits, ConfigError> {
    let rate = |name, public| -> Result<Option<NonZeroU32>, ConfigError> {
        let written = settings.written(name, value::rate)?;
        Ok(NonZeroU32::new(written.unwrap_or(if is_private {
            0
        } else {
            public
        })))
    };
    Ok(Limits {
        body_size: settings.value("limits.body_size", value::size)?,
        header_size: settings.value("limits.header_size", value::size)?,
        query_length: settings.value("limits.query_length", value::size)?,
        header_timeout: settings.value("limits.header_timeout", value::time)?,
        body_timeout: settings.value("limits.body_timeout", value::time)?,
        idle_timeout: settings.value("limits.idle_timeout", value::time)?,
        connections: settings.value("limits.connections", value::count)?,
        requests: settings.value("limits.requests", value::count)?,
        writer_queue: settings.value("limits.writer_queue", value::count)?,
        posts_per_minute: rate("limits.posts_per_minute", 600)?,
        unauthenticated_per_minute: rate("limits.unauthenticated_per_minute", 300)?,
        shutdown_timeout: settings.value("limits.shutdown_timeout", value::time)?,
    })
}
