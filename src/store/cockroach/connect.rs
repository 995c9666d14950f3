//! One connection to whichever host answers: set up, prepared statements kept
//! with it, every statement timed and, on request, logged without parameters.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as Negotiation;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::{debug, info};

use crate::domain::StoreError;

use super::options::CockroachOptions;
use super::retry::{Failure, Kind, jitter};
use super::server::Server;
use super::sql::{self, Sql};
use super::tls::{self, TlsError};

/// The parameters of a statement.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The database counts as away, and work is turned away at once, when no host
/// took a connection for this long.
const AWAY: Duration = Duration::from_secs(2);
/// A connection idle for longer is tried before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(30);
/// How long such a trial may take.
const TRIAL: Duration = Duration::from_secs(2);
/// What no further attempt will mend, by what is said of it, and what will.
const MISMATCHES: [(&str, &str); 4] = [
    (
        "UnknownIssuer",
        "; name the authority that signed it with cockroach.ca",
    ),
    ("invalid peer certificate", ""),
    (
        "does not support TLS",
        "; a cluster without certificates needs cockroach.sslmode disable",
    ),
    (
        "SSL connection required",
        "; set cockroach.sslmode to verify-full",
    ),
];

/// Makes connections, and knows whether the database was last seen alive.
pub(super) struct Connector {
    pub(super) options: CockroachOptions,
    tls: Option<MakeRustlsConnect>,
    next_host: AtomicUsize,
    server: Arc<OnceLock<Server>>,
    away: Mutex<Option<(Instant, String)>>,
}

impl Connector {
    pub(super) fn new(options: CockroachOptions) -> Result<Connector, TlsError> {
        Ok(Connector {
            tls: tls::connector(&options)?,
            options,
            next_host: AtomicUsize::new(0),
            server: Arc::default(),
            away: Mutex::new(None),
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

    /// Whoever asks while no host has taken a connection for longer than
    /// [`AWAY`] is told at once; a probe finds out when one does again.
    pub(super) fn refuse_while_away(&self) -> Result<(), StoreError> {
        match self.away() {
            Some((since, why)) if since > AWAY => Err(StoreError::Unavailable(why)),
            _ => Ok(()),
        }
    }

    /// The database answered.
    pub(super) fn seen_alive(&self) {
        *locked(&self.away) = None;
    }

    /// A connection to the store's database, ready to use.
    pub(super) async fn connect(&self) -> Result<Conn, Failure> {
        let connected = self.connect_to(&self.options.database).await;
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

    /// A connection to any database, from the first host that gives one; the
    /// next call starts with the host after one that failed.
    pub(super) async fn connect_to(&self, database: &str) -> Result<Conn, Failure> {
        let hosts = &self.options.hosts;
        let first = self.next_host.load(Ordering::Relaxed);
        let mut last = Failure::new(Kind::Fatal, "no database host is configured");
        for turn in 0..hosts.len() {
            let at = (first + turn) % hosts.len();
            let (host, port) = &hosts[at];
            let limit = self.options.connect_timeout;
            let attempt = within(limit, self.connect_host(host, *port, database));
            match attempt.await {
                Ok(conn) => return Ok(conn),
                Err(failure) => {
                    self.next_host.store(at + 1, Ordering::Relaxed);
                    let says = |(part, _): &&(&str, &str)| failure.text.contains(part);
                    let mismatch = MISMATCHES.iter().find(says);
                    let advice = mismatch.map_or("", |(_, advice)| advice);
                    last = Failure {
                        kind: match failure.kind {
                            _ if mismatch.is_some() => Kind::Fatal,
                            // Nothing was asked yet, so nothing is unsure.
                            Kind::Lost | Kind::Again | Kind::Stale => Kind::Away,
                            kind => kind,
                        },
                        text: format!("{host}:{port}: {}{advice}", failure.text),
                        code: failure.code,
                    };
                }
            }
        }
        Err(last)
    }

    /// Leaves a host whose connection went bad, where there is another.
    pub(super) fn prefer_next_host(&self) {
        self.next_host.fetch_add(1, Ordering::Relaxed);
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
        let refused = |error| Failure::from(error).said_by(self.server.get().copied());
        let (client, driver) = match &self.tls {
            None => {
                let connected = config.ssl_mode(Negotiation::Disable).connect(NoTls).await;
                let (client, connection) = connected.map_err(refused)?;
                (client, tokio::spawn(drive(connection)))
            }
            Some(tls) => {
                config.ssl_mode(Negotiation::Require);
                let (client, connection) = config.connect(tls.clone()).await.map_err(refused)?;
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
                    .map_or(Ok(String::new()), |row| row.try_get(0))?;
                *self.server.get_or_init(|| Server::parse(&text))
            }
        };
        conn.batch(server.session()).await
    }
}

async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // Whoever waits for an answer gets the error; this is the log's copy.
    if let Err(error) = connection.await {
        debug!("a database connection ended: {}", Failure::from(error).text);
    }
}

/// A connection. Statements sent at the same time are pipelined.
pub(super) struct Conn {
    client: Client,
    driver: JoinHandle<()>,
    server: Arc<OnceLock<Server>>,
    statements: Mutex<HashMap<String, Statement>>,
    busy: AtomicUsize,
    broken: AtomicBool,
    retire_at: Instant,
    last_used: Mutex<Instant>,
    log: bool,
}

impl Drop for Conn {
    fn drop(&mut self) {
        // A driver that waits for a dead peer would keep the socket.
        self.driver.abort();
    }
}

impl Conn {
    fn new(
        client: Client,
        driver: JoinHandle<()>,
        server: Arc<OnceLock<Server>>,
        options: &CockroachOptions,
    ) -> Conn {
        let now = Instant::now();
        Conn {
            client,
            driver,
            server,
            statements: Mutex::new(HashMap::new()),
            busy: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            retire_at: now + jitter(options.max_lifetime.mul_f64(1.2)),
            last_used: Mutex::new(now),
            log: options.debug,
        }
    }

    /// How many statements are under way.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Marks the connection as not to be used again.
    pub(super) fn give_up(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// Whether the connection can be used for something new. One that was
    /// idle for long is tried first.
    pub(super) async fn is_fit(&self) -> bool {
        let gone = self.broken.load(Ordering::Relaxed) || self.client.is_closed();
        if gone || Instant::now() >= self.retire_at {
            return false;
        }
        if self.busy() > 0 || locked(&self.last_used).elapsed() < TRUSTED_IDLE {
            return true;
        }
        let tried = tokio::time::timeout(TRIAL, self.client.check_connection()).await;
        matches!(tried, Ok(Ok(())))
    }

    /// The rows of a statement.
    pub(super) async fn query(&self, sql: &Sql, params: Params<'_>) -> Result<Vec<Row>, Failure> {
        self.timed(&sql.text, async {
            let statement = self.prepared(sql).await?;
            Ok(self.client.query(&statement, params).await?)
        })
        .await
    }

    /// How many rows a statement touched.
    pub(super) async fn execute(&self, sql: &Sql, params: Params<'_>) -> Result<u64, Failure> {
        self.timed(&sql.text, async {
            let statement = self.prepared(sql).await?;
            Ok(self.client.execute(&statement, params).await?)
        })
        .await
    }

    /// Statements without parameters, unprepared: DDL and transactions.
    pub(super) async fn batch(&self, text: &str) -> Result<(), Failure> {
        self.timed(text, async { Ok(self.client.batch_execute(text).await?) })
            .await
    }

    async fn prepared(&self, sql: &Sql) -> Result<Statement, Failure> {
        let known = locked(&self.statements).get(sql.text.as_ref()).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let prepared = self.client.prepare_typed(&sql.text, &sql.types).await?;
        locked(&self.statements).insert(sql.text.to_string(), prepared.clone());
        Ok(prepared)
    }

    async fn timed<T>(
        &self,
        text: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let _busy = Busy::enter(&self.busy);
        let done = work.await;
        let done = done.map_err(|failure| failure.said_by(self.server.get().copied()));
        *locked(&self.last_used) = Instant::now();
        if self.log {
            let statement = text.split_whitespace().collect::<Vec<_>>().join(" ");
            info!(target: "dunder::sql", elapsed = ?started.elapsed(), ok = done.is_ok(), "{statement}");
        }
        if let Err(failure) = &done
            && failure.kind == Kind::Stale
        {
            locked(&self.statements).clear();
        }
        done
    }
}

/// Counts a statement for as long as it is under way, dropped or done.
struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn enter(count: &'a AtomicUsize) -> Busy<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Busy(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An attempt with a limit of its own.
pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::stalled(limit)),
    }
}

/// The lock of something that no panic can leave half changed.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What several parts of the store share.
pub(super) type SharedConnector = Arc<Connector>;
