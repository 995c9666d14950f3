//! Keeping the log (`-wal`) beside the file small, and telling when it cannot
//! be.
//!
//! What the log has is copied into the file by and by (a checkpoint). SQLite
//! then starts it anew, but only at a moment when nobody reads from it: under
//! readers that never pause such a moment does not come by itself. From its
//! limit on the writer makes one: long reads wait at the gate until those
//! under way are through, while posts go on; half a limit later, posts wait
//! for them as well, and reads that take too long are ended.
//!
//! The log has texts that were deleted, as they were posted. After a removal it
//! is emptied as soon as nobody reads from it: at once where no long read is
//! under way. Those that are, are waited for and then ended; one of another
//! program is waited for as long as it lasts.
//!
//! <https://www.sqlite.org/wal.html#ckpt>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Notify;

use crate::store::sqlite::guard::files::Files;
use crate::store::sqlite::guard::gate::Gate;
use crate::store::sqlite::guard::health::Health;
use crate::store::sqlite::open::{LOCK_TRIES, wait_for_locks};
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::store_error;

/// How long reads that are not held at the gate (short ones, those of other
/// programs) may keep the log while posts go on, in tries a millisecond apart.
const TRIES: i32 = 100;
/// The same, once posts have to wait.
const TRIES_OF_LAST_RESORT: i32 = 1_000;
/// How long posts wait for the long reads under way before these are ended.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long after a removal the long reads under way may keep the log from
/// being emptied before posts wait for them, too.
const EMPTIED_WITHIN: Duration = Duration::from_secs(2);
/// Between two tries, at most.
const EMPTIED_EVERY: Duration = Duration::from_secs(1);
/// How long another program may keep it from that before it is said.
const SAID_AFTER: Duration = Duration::from_secs(30);
/// Doublings of the growth between two waits for others.
const MOST_BLOCKED: u32 = 4;
/// Checkpoints are large: a page that is written often is then copied once.
const PART: u64 = 4;

/// The log, and what is done about its size.
pub(crate) struct Log {
    limit: u64,
    /// Reached, the log is started anew. Above `limit` while somebody else
    /// keeps it from that, so that not every batch waits for them.
    next: u64,
    /// How often in a row somebody else was in the way. Each time the log may
    /// grow by twice as much before they are waited for again.
    blocked: u32,
    /// What the last checkpoint said.
    last: Frames,
    /// It has something that was removed.
    erasure: Arc<Erasure>,
    /// That another program keeps it was said.
    is_said: bool,
    /// Not to be emptied before: not every batch waits for a read that lasts.
    empty_at: Instant,
    files: Arc<Files>,
    gate: Arc<Gate>,
    health: Arc<Health>,
}

/// What a checkpoint says about the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    /// Somebody was in its way.
    pub(crate) is_blocked: bool,
    /// In the log.
    pub(crate) written: u64,
    /// Of these, in the file as well.
    pub(crate) copied: u64,
}

impl Log {
    /// The log of a store, to be kept within twice `limit` bytes.
    pub(crate) fn of(
        files: Arc<Files>,
        limit: u64,
        gate: Arc<Gate>,
        health: Arc<Health>,
        erasure: Arc<Erasure>,
    ) -> Log {
        Log {
            limit,
            next: limit,
            blocked: 0,
            last: Frames::default(),
            erasure,
            is_said: false,
            empty_at: Instant::now(),
            files,
            gate,
            health,
        }
    }

    /// The log has something that was removed.
    pub(crate) fn must_be_emptied(&self) {
        self.erasure.begin();
    }

    /// Copies from the log, and starts it anew when it is large. Called
    /// between transactions.
    pub(crate) fn bound(&mut self, connection: &mut Connection) {
        let done = match self.erasure.pending() {
            Some(since) if Instant::now() >= self.empty_at => {
                self.empty(connection, since).map(|()| true)
            }
            Some(_) | None => self.keep_small(connection),
        };
        match done {
            Ok(false) => {}
            Ok(true) => {
                self.health.counts.checkpoints.increment();
                self.health.log(None);
            }
            Err(error) => {
                self.health.counts.failed.increment();
                self.health.log(Some(store_error(error)));
            }
        }
    }

    /// Copies all there is, and leaves the log empty if nobody is in the way.
    fn empty(&mut self, connection: &mut Connection, since: Duration) -> rusqlite::Result<()> {
        self.empty_at = Instant::now() + (since / 8).min(EMPTIED_EVERY);
        let quiet = match since >= EMPTIED_WITHIN {
            true => self.gate.clear(PATIENCE),
            false => self.gate.close(),
        };
        if !quiet {
            return Ok(());
        }
        let emptied = copy_all(connection, Sql::Truncate, TRIES);
        self.gate.open();
        if emptied? {
            self.erasure.end();
            (self.last, self.next, self.blocked) = (Frames::default(), self.limit, 0);
            self.is_said = false;
        } else if since >= SAID_AFTER && !std::mem::replace(&mut self.is_said, true) {
            tracing::warn!(
                "what was deleted is still in the store's log (-wal): a read of another program keeps it from being emptied, as long as that read lasts"
            );
        }
        Ok(())
    }

    /// Whether anything had to be done.
    fn keep_small(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let written = self.files.frames();
        if written < self.last.written {
            // It was started anew.
            (self.last, self.next) = (Frames::default(), self.limit);
        }
        // Not every batch tries again what a read is in the way of.
        let part = match self.last.copied < self.last.written {
            true => PART * PART,
            false => PART,
        };
        let is_due = self.files.bytes(written - self.last.written) >= self.limit / part;
        if is_due {
            self.last = Frames::of(connection, Sql::Checkpoint)?;
        }
        let size = self.files.bytes(written);
        if size < self.next {
            return Ok(is_due);
        }
        let posts_wait = size >= self.limit + self.limit / 2;
        let quiet = match posts_wait {
            true => self.gate.clear(PATIENCE),
            false => self.gate.close(),
        };
        if !quiet && !posts_wait {
            return Ok(is_due);
        }
        let tries = match posts_wait {
            true => TRIES_OF_LAST_RESORT,
            false => TRIES,
        };
        let anew = copy_all(connection, Sql::Restart, tries);
        self.gate.open();
        (self.next, self.blocked) = match anew {
            Ok(true) => (self.limit, 0),
            Ok(false) | Err(_) => {
                let more = (self.limit / PART) << self.blocked;
                (size + more, (self.blocked + 1).min(MOST_BLOCKED))
            }
        };
        if !anew? {
            self.health.counts.blocked.increment();
            let why = "a read of another program keeps the store's log from being started anew";
            tracing::warn!(bytes = size, "{why}; it grows as long as that read lasts");
        }
        Ok(true)
    }
}

/// That the log has to be emptied, for the writer who does it and the job that
/// reminds it.
#[derive(Debug, Default)]
pub(crate) struct Erasure {
    since: Mutex<Option<Instant>>,
    begun: Notify,
}

impl Erasure {
    fn begin(&self) {
        self.since().get_or_insert_with(Instant::now);
        self.begun.notify_one();
    }

    fn end(&self) {
        *self.since() = None;
    }

    /// How long it has been to be done, if it is.
    pub(crate) fn pending(&self) -> Option<Duration> {
        self.since().map(|since| since.elapsed())
    }

    /// Waits until it is to be done.
    pub(crate) async fn begun(&self) {
        self.begun.notified().await;
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frames {
    /// Runs a statement that says how many there are.
    pub(crate) fn of(connection: &Connection, sql: Sql) -> rusqlite::Result<Frames> {
        let mut statement = connection.prepare_cached(sql.text())?;
        statement.query_row([], |row| {
            // Both are -1 where there is no log.
            let frames =
                |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.max(0) as u64);
            Ok(Frames {
                is_blocked: row.get::<_, i64>(0)? != 0,
                written: frames(1)?,
                copied: frames(2)?,
            })
        })
    }
}

/// Copies all there is; whether nobody was in the way of more than that: the
/// next transaction starts the log anew, or it is empty.
fn copy_all(connection: &mut Connection, sql: Sql, tries: i32) -> rusqlite::Result<bool> {
    wait_for_locks(connection, tries)?;
    let frames = Frames::of(connection, sql);
    wait_for_locks(connection, LOCK_TRIES)?;
    Ok(!frames?.is_blocked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_log_that_a_read_keeps_is_emptied_when_the_pause_between_two_tries_is_over() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("file");
        let mut connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("pragma journal_mode = wal; create table texts (text)")
            .unwrap();
        let files = Arc::new(Files::of(&path, &mut connection).unwrap());
        let erasure = Arc::new(Erasure::default());
        let mut log = Log::of(
            files,
            1 << 30,
            Arc::default(),
            Arc::default(),
            Arc::clone(&erasure),
        );
        let insert = "insert into texts values ('secret')";
        connection.execute_batch(insert).unwrap();
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("begin; select * from texts").unwrap();
        connection.execute_batch("delete from texts").unwrap();
        log.must_be_emptied();
        *erasure.since() = Instant::now().checked_sub(SAID_AFTER / 2);
        let tried = Instant::now();
        log.bound(&mut connection);
        assert!(erasure.pending().is_some());
        assert!(log.empty_at >= tried + EMPTIED_EVERY);
        reader.execute_batch("commit").unwrap();
        // However long the pause lasts here.
        log.empty_at = tried + Duration::from_secs(3_600);
        log.bound(&mut connection);
        assert!(erasure.pending().is_some());
        log.empty_at = Instant::now();
        log.bound(&mut connection);
        assert!(erasure.pending().is_none());
        let left = std::fs::metadata(dir.path().join("file-wal")).unwrap();
        assert_eq!(left.len(), 0);
    }

    #[test]
    fn a_checkpoint_that_fails_is_told_and_one_that_works_takes_it_back() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("file");
        let mut connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("pragma journal_mode = wal; create table texts (text)")
            .unwrap();
        let files = Arc::new(Files::of(&path, &mut connection).unwrap());
        let health = Arc::new(Health::default());
        let mut log = Log::of(
            files,
            4096,
            Arc::default(),
            Arc::clone(&health),
            Arc::default(),
        );
        connection
            .execute_batch("insert into texts values (zeroblob(20000))")
            .unwrap();
        let write = "begin; insert into texts values ('')";
        connection.execute_batch(write).unwrap();
        // SQLite makes none inside a transaction.
        log.bound(&mut connection);
        let failure = health.log_failure().expect("a failure is told");
        assert!(failure.to_string().contains("locked"), "{failure}");
        connection.execute_batch("commit").unwrap();
        log.bound(&mut connection);
        assert!(health.log_failure().is_none());
    }
}
