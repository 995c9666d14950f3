//! Every setting of the server: its key, flag, variable and default, and how
//! they become one checked value.
//!
//! `keys` is the one list of them (`key` is one); `flags`, `file` and `sources` read it from the
//! command line, the YAML file and the `environment` (flags beat variables beat
//! the file beats defaults); `value` reads texts; this file and `store` give
//! them types. A wrong, unknown or contradictory setting stops the program
//! with a sentence: nothing falls back silently. [`Config::load`] touches
//! neither the process nor the disk.

mod admin;
mod archive;
mod environment;
mod file;
mod flags;
mod key;
mod keys;
mod level;
mod network;
mod retention;
mod server;
mod sources;
mod store;
mod traces;
mod value;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::domain::shown;

pub use admin::AdminConfig;
pub use archive::{ArchiveConfig, ArchiveUrl};
pub use environment::Environment;
pub use file::ConfigFile;
pub use flags::{Flags, RetentionArgs, ServeArgs, StoreArgs};
pub use key::{Fallback, Key, Kind};
pub use keys::{CLIENT_VARIABLES, FILE_ONLY, KEYS, MESSAGE_VARIABLES};
pub use level::{LogLevel, LogLevelError};
pub use network::{Network, NetworkError};
pub use retention::RetentionConfig;
pub use server::{AuthMode, Limits, ReadAccess, ServerConfig, TlsFiles};
pub use sources::{Origin, Settings, Shown};
pub use store::{CockroachConfig, SslMode, StoreConfig, Survive};
pub use traces::{CollectorTls, TlsFile, TracesConfig};
pub use value::{Redacted, is_loopback};

/// All that `dunder serve` needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// A name or an address, without brackets.
    pub host: String,
    /// 0 for any free port.
    pub port: u16,
    /// What is logged.
    pub log_level: LogLevel,
    /// What the server itself needs: TLS, who may do what, limits.
    pub server: ServerConfig,
    /// The listener for those who run the server, if there is to be one.
    pub admin: Option<AdminConfig>,
    /// Where messages are kept.
    pub store: StoreConfig,
    /// For how long.
    pub retention: RetentionConfig,
    /// Where traces go, if anywhere.
    pub traces: Option<TracesConfig>,
    /// Where old ones are kept.
    pub archive: Option<ArchiveConfig>,
    /// Every value as written, with its origin, and warnings.
    pub settings: Settings,
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

    /// The archive that they name, if they name one.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn archive(&self) -> Result<Option<ArchiveConfig>, ConfigError> {
        let (_, settings) = self.load()?;
        ArchiveConfig::from_settings(&settings)
    }
}

impl RetentionArgs {
    /// The store that flags, environment and file of this process name, and
    /// for how long it keeps messages.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(&self) -> Result<(StoreConfig, RetentionConfig, Settings), ConfigError> {
        let environment = Environment::of_process()?;
        let file = read_file(&self.0, &environment)?;
        let (store, settings) = StoreConfig::load(&self.0, &environment, file.as_ref())?;
        let retention = RetentionConfig::from_settings(&settings)?;
        Ok((store, retention, settings))
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
        let (auth_mode, read) = auth(&settings, &host, is_private)?;
        let is_guessable = auth_mode == AuthMode::Name && value::is_loopback(&host);
        let hosts = settings
            .written_list("hosts", value::host_name)?
            // A page in a browser reaches a loopback address too, past a proxy.
            .or(is_guessable.then(Vec::new));
        if auth_mode == AuthMode::Name && !is_private {
            settings.warn(
                "auth.mode is name: anyone who reaches the server can post as anyone".to_owned(),
            );
        }
        let admin = AdminConfig::from_settings(&mut settings)?;
        Ok(Config {
            admin,
            port: settings.value("port", value::port)?,
            log_level: settings.value("log_level", log_level)?,
            server: ServerConfig {
                tls: tls(&settings)?,
                auth_mode,
                read,
                hosts,
                trusted_proxies,
                limits: limits(&settings, is_private)?,
            },
            store: StoreConfig::from_settings(&settings, environment)?,
            retention: RetentionConfig::from_settings(&settings)?,
            traces: TracesConfig::load(&settings, environment)?,
            archive: ArchiveConfig::from_settings(&settings)?,
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
    name.parse()
        .map_err(|_| "write error, warn, info, debug or trace".to_owned())
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
            certificate: settings.value("tls.crt", path)?,
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
    let rate = |name, public| -> Result<Option<u32>, ConfigError> {
        let written = settings.written(name, value::rate)?;
        let rate = written.unwrap_or(if is_private { 0 } else { public });
        Ok((rate > 0).then_some(rate))
    };
    Ok(Limits {
        body_size: settings.value("limits.body_size", value::size)?,
        header_size: settings.value("limits.header_size", value::header_size)?,
        query_length: settings.value("limits.query_length", value::size)?,
        drawn_lines: settings.value("limits.drawn_lines", value::count)?,
        drawn_size: settings.value("limits.drawn_size", value::size)?,
        header_timeout: settings.value("limits.header_timeout", value::time)?,
        body_timeout: settings.value("limits.body_timeout", value::time)?,
        idle_timeout: settings.value("limits.idle_timeout", value::time)?,
        connections: settings.value("limits.connections", value::count)?,
        requests: settings.value("limits.requests", value::count)?,
        followers: settings.value("limits.followers", value::count)?,
        heartbeat: settings.value("limits.heartbeat", value::time)?,
        bodies: settings.value("limits.bodies", value::count)?,
        query_timeout: settings.value("limits.query_timeout", value::time)?,
        write_timeout: settings.value("limits.write_timeout", value::time)?,
        answer_memory: settings.value("limits.answer_memory", value::size)?,
        posts_per_minute: rate("limits.posts_per_minute", 600)?,
        unauthenticated_per_minute: rate("limits.unauthenticated_per_minute", 300)?,
        shutdown_timeout: settings.value("limits.shutdown_timeout", value::time)?,
        shutdown_idle: settings.value("limits.shutdown_idle", value::time)?,
    })
}
