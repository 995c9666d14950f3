//! Where the database is and how it is used. Configuration fills these
//! options; a connection URL can fill most of them at once.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::regions::Survive;

/// The port CockroachDB listens on.
pub const DEFAULT_PORT: u16 = 26257;

/// How much of TLS is asked for. Names and meanings are libpq's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Plain text.
    Disable,
    /// Encrypted, to whoever answers. With a CA it verifies like `verify-ca`.
    Require,
    /// The server's certificate comes from a trusted authority.
    VerifyCa,
    /// And it is for the host that was asked for.
    VerifyFull,
}

impl FromStr for SslMode {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        match text {
            "disable" => Ok(SslMode::Disable),
            "require" => Ok(SslMode::Require),
            "verify-ca" => Ok(SslMode::VerifyCa),
            "verify-full" => Ok(SslMode::VerifyFull),
            other => Err(OptionsError::SslMode(other.to_owned())),
        }
    }
}

/// Why a connection URL or one of its parts cannot be used. Never shows the
/// URL itself: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Not a URL of this kind.
    #[error(
        "the database URL does not start with postgresql:// or postgres://; write postgresql://USER@HOST:26257/dunder"
    )]
    Scheme,
    /// The port is no number from 1 to 65535.
    #[error("the port {0:?} in the database URL is not a number from 1 to 65535")]
    Port(String),
    /// No host between the slashes.
    #[error("the database URL names no host; write postgresql://USER@HOST:26257/dunder")]
    NoHost,
    /// Percent-encoding that does not decode to UTF-8.
    #[error("the {0} in the database URL is not percent-encoded UTF-8")]
    Encoding(&'static str),
    /// An `sslmode` that dunder does not know.
    #[error("the sslmode {0:?} is unknown; write disable, require, verify-ca or verify-full")]
    SslMode(String),
    /// A parameter that would otherwise be ignored silently.
    #[error(
        "the parameter {0:?} in the database URL is not known; known are sslmode, sslrootcert, sslcert, sslkey, options and application_name"
    )]
    Parameter(String),
}

/// Everything that [`CockroachStore`](super::CockroachStore) needs to know.
#[derive(Clone)]
pub struct CockroachOptions {
    /// Tried in turn until one answers.
    pub hosts: Vec<(String, u16)>,
    /// Who logs in.
    pub user: String,
    /// Not needed with a client certificate.
    pub password: Option<String>,
    /// The database; made by a migration where the user may.
    pub database: String,
    /// `None`: [`SslMode::VerifyFull`], or plain text when every host is a
    /// loopback address and no certificate is named.
    pub sslmode: Option<SslMode>,
    /// Authorities to trust instead of the system's, PEM.
    pub ca: Option<PathBuf>,
    /// The client's certificate, PEM; needs `key`.
    pub cert: Option<PathBuf>,
    /// The client's key, PEM; needs `cert`.
    pub key: Option<PathBuf>,
    /// Start-up options for the server, as libpq's `options`: some hosted
    /// clusters are named there.
    pub startup_options: Option<String>,
    /// Bring an old or empty database up to date when opening it.
    pub should_migrate: bool,
    /// Log each statement with its time, never its parameters.
    pub debug: bool,
    /// Read trends slightly stale (about five seconds) from the nearest
    /// replica, where the server is a CockroachDB that can.
    pub follower_reads: bool,
    /// Regions of the database, the primary one first, at most
    /// [`MOST_REGIONS`](super::MOST_REGIONS); none: it is left as it is.
    pub regions: Vec<String>,
    /// What the database survives, where it has regions.
    pub survive: Option<Survive>,
    /// The region of this server; `None`: that of the node it is connected to.
    pub region: Option<String>,
    /// Whether somebody may ask how long posts wait.
    pub is_measured: bool,
    /// Connections for reading, each used by several requests at once.
    pub readers: usize,
    /// Batches in flight, each on a connection of its own.
    pub writers: usize,
    /// The most messages in one batch.
    pub batch_messages: usize,
    /// Posts that may wait for a batch; more are turned away.
    pub queue: usize,
    /// How long a new connection may take.
    pub connect_timeout: Duration,
    /// How long opening goes on trying a database that does not answer.
    pub open_patience: Duration,
    /// How long a read may take in all, retries included.
    pub read_limit: Duration,
    /// How long one attempt of a read may take: longer than a cluster needs
    /// to go on without a node, about nine seconds.
    pub read_attempt: Duration,
    /// How long a write may take in all, retries included. A cluster that
    /// loses a node may need more than ten seconds.
    pub write_limit: Duration,
    /// How long one attempt of a write may take before its connection is
    /// given up and another one tried; longer than a cluster's recovery too.
    pub write_attempt: Duration,
    /// After this long, give or take a fifth, a connection is replaced.
    pub max_lifetime: Duration,
    /// How long a slot stays its writer's without a sign of life while nobody
    /// follows.
    pub slot_lease: Duration,
    /// And while somebody follows, as each server measures by itself: what is
    /// posted elsewhere waits for a silent writer no longer.
    pub slot_silence: Duration,
    /// How long a migrating server may be silent before another takes over.
    pub lock_lease: Duration,
    /// How long after a start it is first looked whether there are counters of
    /// past months to put together.
    pub compact_after: Duration,
    /// How long a migration waits for an index that an earlier one, broken
    /// off, had the server begin.
    pub index_patience: Duration,
}

impl Default for CockroachOptions {
    fn default() -> Self {
        CockroachOptions {
            hosts: vec![("localhost".to_owned(), DEFAULT_PORT)],
            user: "root".to_owned(),
            password: None,
            database: "dunder".to_owned(),
            sslmode: None,
            ca: None,
            cert: None,
            key: None,
            startup_options: None,
            should_migrate: false,
            debug: false,
            follower_reads: false,
            regions: Vec::new(),
            survive: None,
            region: None,
            is_measured: false,
            // Three readers and two writers never have more than five
            // transactions open, which some clusters do not exceed.
            readers: 3,
            writers: 2,
            batch_messages: 1000,
            queue: 4096,
            connect_timeout: Duration::from_secs(5),
            open_patience: Duration::from_secs(15),
            read_limit: Duration::from_secs(25),
            read_attempt: Duration::from_secs(12),
            write_limit: Duration::from_secs(30),
            write_attempt: Duration::from_secs(14),
            max_lifetime: Duration::from_secs(30 * 60),
            slot_lease: Duration::from_secs(60),
            slot_silence: Duration::from_secs(5),
            lock_lease: Duration::from_secs(10),
            compact_after: Duration::from_secs(60),
            index_patience: Duration::from_secs(3600),
        }
    }
}

impl CockroachOptions {
    /// Takes over what a URL says: user, password, hosts, database and the
    /// parameters that [`OptionsError::Parameter`] lists.
    ///
    /// # Errors
    /// The first part that cannot be meant.
    pub fn apply_url(&mut self, url: &str) -> Result<(), OptionsError> {
        let rest = ["postgresql://", "postgres://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme))
            .ok_or(OptionsError::Scheme)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        if !login.is_empty() {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            self.user = decode(user, "user")?;
            if !password.is_empty() {
                self.password = Some(decode(password, "password")?);
            }
        }
        self.hosts = hosts
            .split(',')
            .map(parse_host)
            .collect::<Result<Vec<_>, _>>()?;
        if !path.is_empty() {
            self.database = decode(path, "database")?;
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.apply_parameter(name, decode(value, "parameter")?)?;
        }
        Ok(())
    }

    fn apply_parameter(&mut self, name: &str, value: String) -> Result<(), OptionsError> {
        match name {
            "sslmode" => self.sslmode = Some(value.parse()?),
            "sslrootcert" => self.ca = Some(value.into()),
            "sslcert" => self.cert = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "options" => self.startup_options = Some(value),
            // Every connection of dunder's says dunder.
            "application_name" => {}
            other => return Err(OptionsError::Parameter(other.to_owned())),
        }
        Ok(())
    }

    /// The mode asked for, or the one that fits the hosts. Whoever names a
    /// certificate expects it to be used.
    pub fn effective_sslmode(&self) -> SslMode {
        self.sslmode.unwrap_or_else(|| {
            let is_local = self.hosts.iter().all(|(host, _)| is_loopback(host));
            if is_local && self.tls_file().is_none() {
                SslMode::Disable
            } else {
                SslMode::VerifyFull
            }
        })
    }

    /// A file that only TLS has a use for.
    pub(super) fn tls_file(&self) -> Option<&PathBuf> {
        self.ca
            .as_ref()
            .or(self.cert.as_ref())
            .or(self.key.as_ref())
    }
}

impl fmt::Debug for CockroachOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CockroachOptions")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("sslmode", &self.effective_sslmode())
            .finish_non_exhaustive()
    }
}

fn decode(text: &str, part: &'static str) -> Result<String, OptionsError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| OptionsError::Encoding(part))
}

fn parse_host(text: &str) -> Result<(String, u16), OptionsError> {
    // An IPv6 address stands in brackets: its colons are not the port's.
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(OptionsError::NoHost);
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => port
            .parse()
            .ok()
            .filter(|&port| port != 0)
            .ok_or_else(|| OptionsError::Port(port.to_owned()))?,
    };
    Ok((decode(host, "host")?, port))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<CockroachOptions, OptionsError> {
        let mut options = CockroachOptions::default();
        options.apply_url(url).map(|()| options)
    }

    #[test]
    fn a_url_fills_user_password_hosts_database_and_certificates() {
        let options = parsed(
            "postgresql://jo%40x:p%3Aw@a:1,b,[::1]:3/d%20b?sslmode=verify-ca&sslrootcert=%2Fca.crt&sslcert=c&sslkey=k",
        )
        .unwrap();
        assert_eq!(options.user, "jo@x");
        assert_eq!(options.password.as_deref(), Some("p:w"));
        let hosts = [("a", 1), ("b", 26257), ("::1", 3)].map(|(h, p)| (h.to_owned(), p));
        assert_eq!(options.hosts, hosts);
        assert_eq!(options.database, "d b");
        assert_eq!(options.sslmode, Some(SslMode::VerifyCa));
        assert_eq!(options.ca, Some("/ca.crt".into()));
        assert_eq!(
            (options.cert, options.key),
            (Some("c".into()), Some("k".into()))
        );
    }

    #[test]
    fn a_wrong_part_is_named_and_the_password_never_shown() {
        for (url, fault) in [
            ("mysql://root:secret@h/d", "does not start with"),
            ("postgres://root:secret@h:x/d", "\"x\""),
            ("postgres://root:secret@:1/d", "names no host"),
            ("postgres://root:secret@h/d?sslmode=prefer", "\"prefer\""),
            ("postgres://root:secret@h/d?sslmod=require", "\"sslmod\""),
            ("postgres://root:secret%ff@h/d", "the password"),
        ] {
            let error = parsed(url).unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let options = parsed("postgres://root:secret@h/d").unwrap();
        assert!(!format!("{options:?}").contains("secret"));
    }

    #[test]
    fn plain_text_is_the_default_only_where_every_host_is_this_machine() {
        for (hosts, mode) in [
            ("localhost", SslMode::Disable),
            ("127.0.0.1:1,[::1]:2", SslMode::Disable),
            ("localhost,db.example", SslMode::VerifyFull),
            ("10.0.0.1", SslMode::VerifyFull),
        ] {
            let options = parsed(&format!("postgres://{hosts}/d")).unwrap();
            assert_eq!(options.effective_sslmode(), mode, "{hosts}");
        }
        let named = parsed("postgres://localhost/d?sslrootcert=ca.pem").unwrap();
        assert_eq!(named.effective_sslmode(), SslMode::VerifyFull);
    }
}
