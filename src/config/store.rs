//! Where messages are kept: the embedded file, or CockroachDB as soon as
//! anything says how to reach it.

use std::path::PathBuf;
use std::time::Duration;

use super::sources::Settings;
use super::value::{self, Redacted};
use super::{ConfigError, ConfigFile, Environment, Flags};

/// The store that the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreConfig {
    /// The embedded store.
    Sqlite {
        /// Its file.
        path: PathBuf,
        /// Nobody chose the path: its directory is made when missing.
        is_default: bool,
        /// Posts that may wait to be stored.
        writer_queue: usize,
        /// How long a read may wait, and run.
        query_timeout: Duration,
    },
    /// CockroachDB or PostgreSQL.
    Cockroach(Box<CockroachConfig>),
}

/// How to reach the database. `None` where nothing was written: then the URL
/// decides, then the default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CockroachConfig {
    /// A connection URL; every other field wins over its part of it.
    pub url: Option<Redacted>,
    /// Hosts, tried in turn, with their port where one was written.
    pub hosts: Option<Vec<(String, Option<u16>)>>,
    /// The port of hosts without one.
    pub port: Option<u16>,
    /// Database user.
    pub user: Option<String>,
    /// The password itself.
    pub password: Option<Redacted>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// Database.
    pub database: Option<String>,
    /// How much the connection is protected.
    pub sslmode: Option<SslMode>,
    /// Authority, PEM.
    pub ca: Option<PathBuf>,
    /// Client certificate, PEM.
    pub cert: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// Posts that may wait to be stored.
    pub writer_queue: usize,
    /// Whether opening the store brings the schema up to date.
    pub should_migrate: bool,
    /// Whether every statement is logged.
    pub debug: bool,
    /// Whether trends may come slightly stale from the nearest replica.
    pub follower_reads: bool,
    /// Regions of the database, the primary one first; none: as it is.
    pub regions: Vec<String>,
    /// What the database survives.
    pub survive: Option<Survive>,
    /// The region of this server.
    pub region: Option<String>,
}

/// What a database of several regions survives the loss of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survive {
    /// A zone.
    Zone,
    /// A region.
    Region,
}

fn survive(text: &str) -> Result<Survive, String> {
    match text {
        "zone" => Ok(Survive::Zone),
        "region" => Ok(Survive::Region),
        _ => Err("write zone or region".to_owned()),
    }
}

fn region(text: &str) -> Result<String, String> {
    let is_of_it = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !text.is_empty() && text.len() <= 63 && text.chars().all(is_of_it) {
        true => Ok(text.to_owned()),
        false => Err("write a region as nodes name theirs, such as eu-west1".to_owned()),
    }
}

/// Regions of an id, at most.
const MOST_REGIONS: usize = 16;

fn regions(settings: &Settings) -> Result<Vec<String>, ConfigError> {
    let regions = settings.written_list("cockroach.regions", region)?;
    let regions = regions.unwrap_or_default();
    let wrong = |key: &str, what: String| {
        let origin = settings.origin(key);
        Err(ConfigError::Combination(format!("{key} ({origin}) {what}")))
    };
    let twice = regions
        .iter()
        .enumerate()
        .find(|(at, region)| regions[..*at].contains(region));
    if let Some((_, region)) = twice {
        return wrong(
            "cockroach.regions",
            format!("names {region} twice; keep one"),
        );
    }
    if regions.len() > MOST_REGIONS {
        let number = regions.len();
        let what = format!("names {number} regions; there can be {MOST_REGIONS}");
        return wrong("cockroach.regions", what);
    }
    for key in ["cockroach.survive", "cockroach.region"] {
        if settings.is_written(key) && regions.is_empty() {
            return wrong(key, "needs cockroach.regions beside it".to_owned());
        }
    }
    let own = settings.written("cockroach.region", region)?;
    if let Some(own) = own.filter(|own| !regions.contains(own)) {
        let known = regions.join(", ");
        let what = format!("is {own}, which is none of cockroach.regions: {known}");
        return wrong("cockroach.region", what);
    }
    let of_a_region = settings.written("cockroach.survive", survive)? == Some(Survive::Region);
    if of_a_region && regions.len() < 3 {
        let number = regions.len();
        let what = format!("is region, for which it takes three regions, not {number}");
        return wrong("cockroach.survive", what);
    }
    Ok(regions)
}

/// How much a connection to the database is protected; names as in libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Plain text.
    Disable,
    /// Encrypted, whoever answers.
    Require,
    /// By a server with a certificate of the authority.
    VerifyCa,
    /// And for the host's name.
    VerifyFull,
}

impl SslMode {
    /// The name in settings and URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            SslMode::Disable => "disable",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        }
    }
}

fn sslmode(text: &str) -> Result<SslMode, String> {
    let modes = [
        SslMode::Disable,
        SslMode::Require,
        SslMode::VerifyCa,
        SslMode::VerifyFull,
    ];
    modes
        .into_iter()
        .find(|mode| mode.as_str() == text)
        .ok_or_else(|| "write disable, require, verify-ca or verify-full".to_owned())
}

fn url(text: &str) -> Result<Redacted, String> {
    if ["postgresql://", "postgres://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        Ok(Redacted::new(text))
    } else {
        Err("write postgresql://USER:PASSWORD@HOST:PORT/DATABASE".to_owned())
    }
}

fn secret(text: &str) -> Result<Redacted, String> {
    Ok(Redacted::new(text))
}

fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

impl StoreConfig {
    /// Reads the store's settings alone, for commands that serve nothing. The
    /// whole file is checked all the same.
    ///
    /// # Errors
    /// [`ConfigError`] says which setting is wrong, where it was written, and
    /// what to write.
    pub fn load(
        flags: &Flags,
        environment: &Environment,
        file: Option<&ConfigFile>,
    ) -> Result<(StoreConfig, Settings), ConfigError> {
        let settings = Settings::gather(flags, environment, file)?;
        let store = StoreConfig::from_settings(&settings, environment)?;
        Ok((store, settings))
    }

    pub(super) fn from_settings(
        settings: &Settings,
        environment: &Environment,
    ) -> Result<StoreConfig, ConfigError> {
        let writer_queue = settings.value("limits.writer_queue", value::count)?;
        let query_timeout = settings.value("limits.query_timeout", value::time)?;
        let connection = settings.first_written(|key| key.is_connection());
        let file = settings.written("sqlite.path", path)?;
        match (connection, file) {
            (Some((key, origin)), Some(_)) => Err(ConfigError::Combination(format!(
                "sqlite.path ({}) and {key} ({origin}) name two stores; keep one",
                settings.origin("sqlite.path")
            ))),
            (Some(_), None) => cockroach(settings).map(|c| StoreConfig::Cockroach(Box::new(c))),
            (None, Some(path)) => Ok(StoreConfig::Sqlite {
                path,
                is_default: false,
                writer_queue,
                query_timeout,
            }),
            (None, None) => {
                if let Some((key, origin)) =
                    settings.first_written(|key| key.section() == Some("cockroach"))
                {
                    return Err(ConfigError::Combination(format!(
                        "{key} ({origin}) needs to know which database; set cockroach.host or cockroach.url too"
                    )));
                }
                let data = environment.data_dir.as_ref().ok_or_else(|| {
                    ConfigError::Combination(
                        "there is no home directory to keep messages in; set sqlite.path"
                            .to_owned(),
                    )
                })?;
                let path = data.join("dunder").join("dunder.sqlite");
                Ok(StoreConfig::Sqlite {
                    path,
                    is_default: true,
                    writer_queue,
                    query_timeout,
                })
            }
        }
    }
}

fn cockroach(settings: &Settings) -> Result<CockroachConfig, ConfigError> {
    let both_or_none = |one: &str, other: &str| {
        if settings.is_written(one) && !settings.is_written(other) {
            let origin = settings.origin(one);
            return Err(ConfigError::Combination(format!(
                "{one} ({origin}) needs {other} beside it"
            )));
        }
        Ok(())
    };
    both_or_none("cockroach.cert", "cockroach.key")?;
    both_or_none("cockroach.key", "cockroach.cert")?;
    if settings.is_written("cockroach.password") && settings.is_written("cockroach.password_file") {
        return Err(ConfigError::Combination(format!(
            "cockroach.password ({}) and cockroach.password_file ({}) name two passwords; keep one",
            settings.origin("cockroach.password"),
            settings.origin("cockroach.password_file")
        )));
    }
    Ok(CockroachConfig {
        url: settings.written("cockroach.url", url)?,
        hosts: settings.written_list("cockroach.host", value::database_host)?,
        port: settings.written("cockroach.port", value::target_port)?,
        user: settings.written("cockroach.user", value::any)?,
        password: settings.written("cockroach.password", secret)?,
        password_file: settings.written("cockroach.password_file", path)?,
        database: settings.written("cockroach.database", value::any)?,
        sslmode: settings.written("cockroach.sslmode", sslmode)?,
        ca: settings.written("cockroach.ca", path)?,
        cert: settings.written("cockroach.cert", path)?,
        key: settings.written("cockroach.key", path)?,
        writer_queue: settings.value("limits.writer_queue", value::count)?,
        should_migrate: settings.value("cockroach.should_migrate", value::boolean)?,
        debug: settings.value("cockroach.debug", value::boolean)?,
        follower_reads: settings.value("cockroach.follower_reads", value::boolean)?,
        regions: regions(settings)?,
        survive: settings.written("cockroach.survive", survive)?,
        region: settings.written("cockroach.region", region)?,
    })
}

impl CockroachConfig {
    /// The password, read from its file where one is named. A line end after
    /// it is not part of it.
    ///
    /// # Errors
    /// The file cannot be read; the sentence names it.
    pub fn password(&self) -> Result<Option<Redacted>, ConfigError> {
        let Some(file) = &self.password_file else {
            return Ok(self.password.clone());
        };
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError::Unreadable {
            key: "cockroach.password_file",
            path: file.clone(),
            error: error.to_string(),
        })?;
        Ok(Some(Redacted::new(text.trim_end_matches(['\r', '\n']))))
    }
}
