//! Connecting to whichever host answers, and knowing whether any does.

use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio_postgres::config::SslMode as Negotiation;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

use crate::domain::StoreError;

use super::conn::{Conn, column, drive, locked, within};
use super::options::CockroachOptions;
use super::retry::{Failure, Kind, Retries};
use super::server::Server;
use super::sql;
use super::tls::{Tls, TlsError};
use super::trouble::{Trouble, Unconnected};

/// The database counts as away, and work is turned away at once, when no host
/// took a connection for this long.
const AWAY: Duration = Duration::from_secs(2);

/// Makes connections, and knows whether the database was last seen alive.
pub(super) struct Connector {
    pub(super) options: CockroachOptions,
    tls: Option<Tls>,
    server: Arc<OnceLock<Server>>,
    away: Mutex<Option<(Instant, String)>>,
    /// What became of reading and of storing.
    pub(super) reads: Trouble,
    pub(super) writes: Trouble,
    /// Which writers have no connection.
    pub(super) unconnected: Unconnected,
    /// Work that was tried again.
    pub(super) retries: Retries,
}

/// Where somebody who keeps a connection looks for a host first. Each starts
/// at another host, so that not all lose theirs at once, and moves on from
/// one that went bad.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicUsize);

impl Turn {
    /// The turn of the `n`th of many.
    pub(super) fn of(n: usize) -> Turn {
        Turn(AtomicUsize::new(n))
    }

    /// Whose turn it is among so many hosts.
    pub(super) fn host(&self, hosts: usize) -> usize {
        self.0.load(Ordering::Relaxed) % hosts.max(1)
    }

    /// Leaves a host whose connection went bad, where there is another.
    pub(super) fn move_on(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Connector {
    pub(super) fn new(options: CockroachOptions) -> Result<Connector, TlsError> {
        Ok(Connector {
            tls: Tls::new(&options)?,
            options,
            server: Arc::default(),
            away: Mutex::new(None),
            reads: Trouble::default(),
            writes: Trouble::default(),
            retries: Retries::default(),
            unconnected: Unconnected::default(),
        })
    }

    /// What the database said it is; PostgreSQL until it was asked.
    pub(super) fn server(&self) -> Server {
        self.server.get().copied().unwrap_or(Server::Postgres)
    }

    /// Since when no host takes connections, and what was said last.
    pub(super) fn away(&self) -> Option<(Duration, String)> {
        let away = locked(&self.away);
        away.as_ref()
            .map(|(since, why)| (since.elapsed(), why.clone()))
    }

    /// Who asks while no host has taken a connection for longer than
    /// [`AWAY`] is told at once; a probe finds out when one does again.
    pub(super) fn refuse_while_away(&self) -> Result<(), StoreError> {
        match self.away() {
            Some((since, why)) if since > AWAY => Err(StoreError::Unavailable(why)),
            _ => Ok(()),
        }
    }

    /// The same for reads, also while connections open and nothing is read.
    pub(super) fn refuse_reads(&self) -> Result<(), StoreError> {
        self.refuse_while_away()?;
        self.reads.refuse()
    }

    /// The same for posts and imports.
    pub(super) fn refuse_writes(&self) -> Result<(), StoreError> {
        self.refuse_while_away()?;
        self.unconnected.refuse(self.options.writers.max(1))?;
        self.writes.refuse()
    }

    /// The database answered.
    pub(super) fn seen_alive(&self) {
        *locked(&self.away) = None;
    }

    /// A connection to the store's database, ready to use.
    pub(super) async fn connect(&self, turn: &Turn) -> Result<Conn, Failure> {
        let connected = self.connect_to(&self.options.database, turn).await;
        // It let dunder in before: what it refuses now it may allow again.
        let connected = connected.map_err(|failure| Failure {
            kind: Kind::Away,
            ..failure
        });
        let mut away = locked(&self.away);
        match &connected {
            Ok(_) => *away = None,
            // A server that says it is full is not away.
            Err(failure) if failure.is_code(&SqlState::TOO_MANY_CONNECTIONS) => {}
            Err(failure) => {
                let since = away.as_ref().map_or_else(Instant::now, |(since, _)| *since);
                *away = Some((since, failure.text.clone()));
            }
        }
        drop(away);
        connected
    }

    /// A connection to any database, from the first host that gives one,
    /// beginning with the one whose turn it is.
    pub(super) async fn connect_to(&self, database: &str, turn: &Turn) -> Result<Conn, Failure> {
        let hosts = &self.options.hosts;
        let mut last = Failure::new(Kind::Fatal, "no database host is configured");
        for _ in 0..hosts.len() {
            let (host, port) = &hosts[turn.host(hosts.len())];
            let limit = self.options.connect_timeout;
            let attempt = within(limit, self.connect_host(host, *port, database));
            match attempt.await {
                Ok(conn) => return Ok(conn),
                Err(failure) => {
                    turn.move_on();
                    last = Failure {
                        kind: match failure.kind {
                            // Nothing was asked yet, so nothing is unsure.
                            Kind::Lost | Kind::Again | Kind::Stale => Kind::Away,
                            kind => kind,
                        },
                        text: format!("{host}:{port}: {}", failure.text),
                        code: failure.code,
                    };
                }
            }
        }
        Err(last)
    }

    async fn connect_host(&self, host: &str, port: u16, database: &str) -> Result<Conn, Failure> {
        let options = &self.options;
        let mut config = Config::new();
        config
            .host(host)
            .port(port)
            .user(&options.user)
            .dbname(database)
            .application_name("dunder")
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(options.write_attempt);
        if let Some(password) = &options.password {
            config.password(password);
        }
        if let Some(startup) = &options.startup_options {
            config.options(startup);
        }
        let refused = |error| refusal(error).said_by(self.server.get().copied());
        let (client, driver) = match &self.tls {
            None => {
                let connected = config.ssl_mode(Negotiation::Disable).connect(NoTls).await;
                let (client, connection) = connected.map_err(refused)?;
                (client, tokio::spawn(drive(connection)))
            }
            Some(tls) => {
                config.ssl_mode(Negotiation::Require);
                let (client, connection) = config
                    .connect(tls.current(options))
                    .await
                    .map_err(refused)?;
                (client, tokio::spawn(drive(connection)))
            }
        };
        let conn = Conn::new(client, driver, self.server.clone(), options);
        self.set_up(&conn).await?;
        Ok(conn)
    }

    async fn set_up(&self, conn: &Conn) -> Result<(), Failure> {
        let server = match self.server.get() {
            Some(server) => *server,
            None => {
                let rows = conn.query(&sql::VERSION, &[]).await?;
                let text: String = rows
                    .first()
                    .map_or(Ok(String::new()), |row| column(row, 0))?;
                *self.server.get_or_init(|| Server::parse(&text))
            }
        };
        if server == Server::Postgres && is_standby(conn).await? {
            let why = "it is a standby, which neither stores nor has all that was stored";
            return Err(Failure::new(Kind::Away, why));
        }
        conn.batch(server.session()).await
    }
}

/// Whether a server of PostgreSQL repeats what another one stores. Such a one
/// is behind, and takes no transaction of ours at all (0A000).
async fn is_standby(conn: &Conn) -> Result<bool, Failure> {
    let rows = conn.query(&sql::STANDBY, &[]).await?;
    let said: Option<&str> = rows.first().map(|row| column(row, 0)).transpose()?;
    Ok(said == Some("true"))
}

/// Why a host gave no connection. Whatever is neither the server's word nor
/// the network's is a setting that does not fit, and no attempt mends that.
fn refusal(error: tokio_postgres::Error) -> Failure {
    let tls = tls_error(&error).cloned();
    let is_io = causes(&error).any(|cause| cause.is::<std::io::Error>());
    let is_known = is_io || error.is_closed() || error.as_db_error().is_some();
    let is_bare = error.source().is_none();
    let failure = Failure::from(error);
    let is_certificate = matches!(tls, Some(rustls::Error::InvalidCertificate(_)));
    // A secure CockroachDB answers a plain connection under a code that says
    // a hundred other things.
    let wants_tls = failure.text.contains("SSL connection required");
    if !is_certificate && !wants_tls && (is_known || is_bare) {
        return failure;
    }
    let unknown_issuer = rustls::CertificateError::UnknownIssuer;
    let is_unknown =
        matches!(&tls, Some(rustls::Error::InvalidCertificate(why)) if *why == unknown_issuer);
    let advice = if is_unknown {
        "; name the authority that signed it with cockroach.ca"
    } else if wants_tls {
        "; set cockroach.sslmode to verify-full"
    } else if failure.text.contains("does not support TLS") {
        "; a cluster without certificates needs cockroach.sslmode disable"
    } else if failure.text.contains("password missing") {
        "; it asks for a password: set DUNDER_COCKROACH_PASSWORD, or name a file with cockroach.password_file"
    } else {
        ""
    };
    Failure {
        kind: Kind::Fatal,
        text: format!("{}{advice}", failure.text),
        code: failure.code,
    }
}

/// An error and what caused it.
fn causes(error: &tokio_postgres::Error) -> impl Iterator<Item = &Cause> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

type Cause = dyn std::error::Error + 'static;

/// What TLS says, which comes wrapped as an error of input and output.
fn tls_error(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    causes(error).find_map(|cause| {
        let wrapped = cause
            .downcast_ref::<std::io::Error>()
            .and_then(|io| io.get_ref());
        let inner = wrapped.and_then(|inner| inner.downcast_ref());
        inner.or_else(|| cause.downcast_ref())
    })
}

/// What several parts of the store share.
pub(super) type SharedConnector = Arc<Connector>;
