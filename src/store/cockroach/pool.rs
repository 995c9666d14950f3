//! The connections that reads share. Few, opened when needed, each used by
//! several requests at once, the least busy one first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::Row;

use crate::domain::StoreError;

use super::connect::{Conn, Params, SharedConnector, within};
use super::retry::{Backoff, Failure, Kind};
use super::sql::Sql;

/// Connections for reading and for rare small writes that are safe to repeat.
pub(super) struct Readers {
    connector: SharedConnector,
    seats: Vec<Seat>,
}

#[derive(Default)]
struct Seat {
    conn: Mutex<Option<Arc<Conn>>>,
    users: AtomicUsize,
}

impl Readers {
    pub(super) fn new(connector: SharedConnector) -> Readers {
        let seats = connector.options.readers.max(1);
        Readers {
            connector,
            seats: (0..seats).map(|_| Seat::default()).collect(),
        }
    }

    /// How long a read may take.
    pub(super) fn limit(&self) -> Duration {
        self.connector.options.read_limit
    }

    /// The rows of a statement that may be sent again, within the time that
    /// reads have.
    pub(super) async fn query(
        &self,
        what: &'static str,
        sql: &Sql,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let limit = self.connector.options.read_limit;
        let mut backoff = Backoff::new(what, limit);
        self.connector.refuse_while_away()?;
        loop {
            // One stalled host must leave time for another one.
            let attempt = backoff.remaining().min(limit / 2);
            match self.once(sql, params, attempt).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => backoff.wait(failure).await?,
            }
            self.connector.refuse_while_away()?;
        }
    }

    /// One attempt, without retries; the answer has to come within the limit.
    pub(super) async fn once(
        &self,
        sql: &Sql,
        params: Params<'_>,
        limit: Duration,
    ) -> Result<Vec<Row>, Failure> {
        let seat = self
            .seats
            .iter()
            .min_by_key(|seat| seat.users.load(Ordering::Relaxed))
            .ok_or_else(|| Failure::new(Kind::Fatal, "no connections for reading"))?;
        seat.users.fetch_add(1, Ordering::Relaxed);
        let _seated = Seated(seat);
        let conn = within(limit, self.conn_of(seat)).await?;
        let done = within(limit, conn.query(sql, params)).await;
        if let Err(failure) = &done
            && failure.kind == Kind::Lost
        {
            // Stalled or cut: everything sent after would wait with it.
            conn.give_up();
        }
        done
    }

    async fn conn_of(&self, seat: &Seat) -> Result<Arc<Conn>, Failure> {
        let mut place = seat.conn.lock().await;
        if let Some(conn) = &*place
            && conn.is_fit().await
        {
            return Ok(conn.clone());
        }
        *place = None;
        let failure = match self.connector.connect().await {
            Ok(conn) => return Ok(place.insert(Arc::new(conn)).clone()),
            Err(failure) => failure,
        };
        drop(place);
        // A server without room for another connection still serves those
        // that are there.
        for other in &self.seats {
            if let Ok(place) = other.conn.try_lock()
                && let Some(conn) = &*place
                && conn.is_fit().await
            {
                return Ok(conn.clone());
            }
        }
        Err(failure)
    }

    /// Lets go of all connections.
    pub(super) async fn close(&self) {
        for seat in &self.seats {
            *seat.conn.lock().await = None;
        }
    }
}

struct Seated<'a>(&'a Seat);

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}
