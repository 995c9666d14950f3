//! A connection: prepared statements are kept with it, and every statement is
//! timed and, on request, logged without its parameters.

use std::collections::HashMap;
use std::error::Error as _;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row, Statement};
use tracing::{debug, info};

use super::options::CockroachOptions;
use super::retry::{Failure, Kind};
use super::server::Server;
use super::sql::Sql;
use crate::store::batch::jitter;
use crate::trace;
use crate::trace::OpenSpan;

/// The parameters of a statement.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection idle for longer is tried before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(30);
/// How long such a trial may take.
const TRIAL: Duration = Duration::from_secs(2);
/// How long a statement may take: a server that answers has ended it by then.
const STATEMENT: Duration = Duration::from_secs(65);

pub(super) async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
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
    limit: Mutex<Duration>,
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
    pub(super) fn new(
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
            limit: Mutex::new(STATEMENT),
            last_used: Mutex::new(now),
            log: options.debug,
        }
    }

    /// How many statements are under way.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Marks the connection as not to be used again; whether nobody had yet.
    pub(super) fn give_up(&self) -> bool {
        !self.broken.swap(true, Ordering::Relaxed)
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

    /// How long each statement may take from here on.
    pub(super) fn limit_to(&self, limit: Duration) {
        *locked(&self.limit) = limit;
    }

    /// The rows of a statement.
    pub(super) async fn query(&self, sql: &Sql, params: Params<'_>) -> Result<Vec<Row>, Failure> {
        self.timed(&sql.text, async {
            let statement = self.prepared(sql, params.len()).await?;
            Ok(self.client.query(&statement, params).await?)
        })
        .await
    }

    /// How many rows a statement touched.
    pub(super) async fn execute(&self, sql: &Sql, params: Params<'_>) -> Result<u64, Failure> {
        self.timed(&sql.text, async {
            let statement = self.prepared(sql, params.len()).await?;
            Ok(self.client.execute(&statement, params).await?)
        })
        .await
    }

    /// Statements without parameters, unprepared: DDL and transactions.
    pub(super) async fn batch(&self, text: &str) -> Result<(), Failure> {
        self.timed(text, async { Ok(self.client.batch_execute(text).await?) })
            .await
    }

    async fn prepared(&self, sql: &Sql, params: usize) -> Result<Statement, Failure> {
        if sql.types.len() != params {
            let (has, text) = (sql.types.len(), &sql.text);
            let text = format!("a statement has {has} parameters and was given {params}: {text}");
            return Err(Failure::new(Kind::Fatal, text));
        }
        let known = locked(&self.statements).get(sql.text.as_ref()).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let prepared = self.client.prepare_typed(&sql.text, &sql.types).await?;
        locked(&self.statements).insert(sql.text.to_string(), prepared.clone());
        Ok(prepared)
    }

    /// The span of a statement: its first word, and nothing of its parameters.
    fn span(&self, text: &str) -> Option<OpenSpan> {
        let mut span = trace::span("statement")?;
        let system = match self.server.get() {
            Some(Server::Postgres) => "postgresql",
            Some(Server::Cockroach(..)) | None => "cockroachdb",
        };
        span.set("db.system.name", system);
        let word = text.split_whitespace().next().unwrap_or_default();
        span.set("db.operation.name", word.to_lowercase());
        Some(span)
    }

    async fn timed<T>(
        &self,
        text: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let span = self.span(text);
        let _busy = Busy::enter(&self.busy);
        let limit = *locked(&self.limit);
        let done = within(limit, work).await;
        let done = done.map_err(|failure| failure.said_by(self.server.get().copied()));
        *locked(&self.last_used) = Instant::now();
        trace::end(span, done.is_err());
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

/// A column of a row.
///
/// # Errors
/// It is not there or of another type: this is not a table of dunder's.
pub(super) fn column<'r, T: FromSql<'r>>(row: &'r Row, at: usize) -> Result<T, Failure> {
    row.try_get(at).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}"));
        Failure::corrupt(format!("{error}{}", cause.unwrap_or_default()))
    })
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
