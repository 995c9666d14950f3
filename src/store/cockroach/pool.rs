//! The connections that reads share. Few, opened when needed, each to another
//! host first and used by several requests at once, the least busy one first.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio_postgres::Row;

use crate::domain::StoreError;

use super::conn::{Conn, Params, column, within};
use super::connect::{SharedConnector, Turn};
use super::retry::{Failure, Kind};
use super::sql::{self, Sql};
use super::trouble::SILENCE;
use crate::store::batch::Backoff;

/// Connections for reading and for rare small writes that are safe to repeat.
pub(super) struct Readers {
    connector: SharedConnector,
    shared: Vec<Shared>,
}

/// A connection, once there is one, and how many use it.
struct Shared {
    conn: Mutex<Option<Arc<Conn>>>,
    turn: Turn,
    users: AtomicUsize,
}

impl Readers {
    pub(super) fn new(connector: SharedConnector) -> Readers {
        let shared = (0..connector.options.readers.max(1)).map(|n| Shared {
            conn: Mutex::default(),
            turn: Turn::of(n),
            users: AtomicUsize::new(0),
        });
        Readers {
            shared: shared.collect(),
            connector,
        }
    }

    /// How long a read may take.
    pub(super) fn limit(&self) -> Duration {
        self.connector.options.read_limit
    }

    /// Turns reads away while it is known that they would wait in vain.
    pub(super) fn refuse(&self) -> Result<(), StoreError> {
        self.connector.refuse_reads()
    }

    /// The rows of a statement that may be sent again, within the time that
    /// reads have.
    pub(super) async fn query(
        &self,
        what: &'static str,
        sql: &Sql,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let options = &self.connector.options;
        let mut backoff = Backoff::new(what, options.read_limit);
        self.connector.refuse_reads()?;
        loop {
            // What stalls must leave time for another attempt.
            let most = options.read_attempt.min(options.read_limit / 2);
            let limit = backoff.remaining().min(most);
            let asked = self.ask_two(sql, params, limit);
            match self.connector.reads.watch(asked).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => {
                    let kind = failure.kind;
                    backoff.wait(failure).await?;
                    self.connector.retries.count(kind);
                }
            }
            self.connector.refuse_reads()?;
        }
    }

    /// Asks one host, and when it is silent a second one as well: of a host
    /// that hangs nothing comes, and a cluster that is about to go on without
    /// a node answers the first.
    pub(super) async fn ask_two(
        &self,
        sql: &Sql,
        params: Params<'_>,
        limit: Duration,
    ) -> Result<Vec<Row>, Failure> {
        let first = self.least_busy(|_| true)?;
        let silent = OnceLock::new();
        let mut one = pin!(self.ask_over(first, &silent, sql, params, limit));
        let hosts = self.connector.options.hosts.len();
        let host = first.turn.host(hosts);
        let silence = SILENCE.min(limit / 4);
        if let Ok(done) = tokio::time::timeout(silence, &mut one).await {
            return done;
        }
        let Ok(second) = self.least_busy(|shared| shared.turn.host(hosts) != host) else {
            return one.await;
        };
        let mut two = pin!(self.ask(second, sql, params, limit - silence));
        tokio::select! {
            done = &mut one => match done {
                Ok(rows) => Ok(rows),
                Err(_) => two.await,
            },
            done = &mut two => match done {
                Ok(rows) => {
                    first.leave(silent.get());
                    Ok(rows)
                }
                Err(_) => one.await,
            },
        }
    }

    fn least_busy(&self, which: impl Fn(&Shared) -> bool) -> Result<&Shared, Failure> {
        let fitting = self.shared.iter().filter(|shared| which(shared));
        fitting
            .min_by_key(|shared| shared.users.load(Ordering::Relaxed))
            .ok_or_else(|| Failure::new(Kind::Fatal, "no connections for reading"))
    }

    /// One attempt, without retries; the answer has to come within the limit.
    pub(super) async fn once(
        &self,
        sql: &Sql,
        params: Params<'_>,
        limit: Duration,
    ) -> Result<Vec<Row>, Failure> {
        self.ask(self.least_busy(|_| true)?, sql, params, limit)
            .await
    }

    async fn ask(
        &self,
        shared: &Shared,
        sql: &Sql,
        params: Params<'_>,
        limit: Duration,
    ) -> Result<Vec<Row>, Failure> {
        self.ask_over(shared, &OnceLock::new(), sql, params, limit)
            .await
    }

    /// Asks, and notes over which connection as soon as there is one.
    async fn ask_over(
        &self,
        shared: &Shared,
        over: &OnceLock<Arc<Conn>>,
        sql: &Sql,
        params: Params<'_>,
        limit: Duration,
    ) -> Result<Vec<Row>, Failure> {
        let (_user, began) = (User::of(shared), Instant::now());
        let conn = match within(limit, self.conn_of(shared)).await {
            Ok(conn) => conn,
            Err(failure) => {
                shared.turn.move_on();
                return Err(failure);
            }
        };
        let conn = over.get_or_init(|| conn);
        let left = limit.saturating_sub(began.elapsed());
        let done = within(left, conn.query(sql, params)).await;
        if let Err(failure) = &done
            && matches!(failure.kind, Kind::Lost | Kind::ReadOnly)
        {
            // Stalled or cut: everything sent after would wait with it. Or a
            // server that does not store what another one might.
            shared.leave(Some(conn));
        }
        done
    }

    async fn conn_of(&self, shared: &Shared) -> Result<Arc<Conn>, Failure> {
        let mut place = shared.conn.lock().await;
        if let Some(conn) = &*place
            && conn.is_fit().await
        {
            return Ok(conn.clone());
        }
        *place = None;
        // Boxed: connecting is rare, and by far the largest part of a read.
        let connecting = Box::pin(self.connector.connect(&shared.turn));
        let failure = match connecting.await {
            Ok(conn) => return Ok(place.insert(Arc::new(conn)).clone()),
            Err(failure) => failure,
        };
        drop(place);
        // A server without room for another connection still serves those
        // that are there.
        for other in &self.shared {
            if let Ok(place) = other.conn.try_lock()
                && let Some(conn) = &*place
                && conn.is_fit().await
            {
                return Ok(conn.clone());
            }
        }
        Err(failure)
    }

    /// Whether no host that a connection leads to stores anything, as far as
    /// they say so. Only PostgreSQL has servers that do not.
    pub(super) async fn only_read(&self, limit: Duration) -> bool {
        let mut said = Vec::new();
        for shared in &self.shared {
            let asked = self.ask(shared, &sql::READ_ONLY, &[], limit).await;
            let rows = asked.unwrap_or_default();
            said.extend(rows.first().and_then(|row| column::<String>(row, 0).ok()));
            if said.last().is_some_and(|state| state == "off") {
                return false;
            }
        }
        !said.is_empty()
    }

    /// Whether any host stores something.
    pub(super) async fn try_storing(&self, limit: Duration) -> Result<(), Failure> {
        let mut tried = Ok(());
        for shared in &self.shared {
            tried = self
                .ask(shared, &sql::WRITE_CHECK, &[], limit)
                .await
                .map(drop);
            if tried.is_ok() {
                break;
            }
        }
        tried
    }

    /// Lets go of all connections.
    pub(super) async fn close(&self) {
        for shared in &self.shared {
            *shared.conn.lock().await = None;
        }
    }
}

impl Shared {
    /// Has the next user look for another host than the one that this
    /// connection leads to, or that there is none of yet. The first of those
    /// who wait over a connection leaves it; the others would leave the host
    /// that comes after.
    fn leave(&self, conn: Option<&Arc<Conn>>) {
        if conn.is_none_or(|conn| conn.give_up()) {
            self.turn.move_on();
        }
    }
}

/// Counts a user of a connection, for as long as it is one.
struct User<'s>(&'s Shared);

impl<'s> User<'s> {
    fn of(shared: &'s Shared) -> User<'s> {
        shared.users.fetch_add(1, Ordering::Relaxed);
        User(shared)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}
