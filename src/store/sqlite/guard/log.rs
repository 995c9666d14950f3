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
//! <https://www.sqlite.org/wal.html#ckpt>

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::store::sqlite::guard::gate::Gate;
use crate::store::sqlite::guard::health::Health;
use crate::store::sqlite::open::{LOCK_TRIES, wait_for_locks};
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::store_error;

/// How long reads that are not held at the gate (short ones, those of other
/// programs) may keep the log, in tries a millisecond apart.
const TRIES: i32 = 100;
/// How long posts wait for the long reads under way before these are ended.
const PATIENCE: Duration = Duration::from_secs(2);
/// Checkpoints are large: a page that is written often is then copied once.
const PART: u64 = 4;

/// <https://www.sqlite.org/fileformat2.html#walformat>
const FRAME_HEADER: u64 = 24;

/// The log, and what is done about its size.
pub(crate) struct Log {
    limit: u64,
    frame: u64,
    /// Reached, the log is started anew. Above `limit` while somebody else
    /// keeps it from that, so that not every batch waits for them.
    next: u64,
    gate: Arc<Gate>,
    health: Arc<Health>,
}

/// What a checkpoint says about the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    ///
    /// # Errors
    /// The size of the file's pages cannot be read.
    pub(crate) fn of(
        connection: &Connection,
        limit: u64,
        gate: Arc<Gate>,
        health: Arc<Health>,
    ) -> rusqlite::Result<Log> {
        let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        Ok(Log {
            limit,
            frame: u64::from(page) + FRAME_HEADER,
            next: limit,
            gate,
            health,
        })
    }

    /// Copies from the log, and starts it anew when it is large. Called
    /// between transactions.
    pub(crate) fn bound(&mut self, connection: &mut Connection) {
        let done = self.keep_small(connection);
        self.health.log(done.err().map(store_error));
    }

    fn keep_small(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        let mut frames = Frames::of(connection, Sql::LogSize)?;
        let waiting = frames.written.saturating_sub(frames.copied);
        if waiting * self.frame >= self.limit / PART {
            frames = Frames::of(connection, Sql::Checkpoint)?;
        }
        let size = frames.written * self.frame;
        if size < self.next {
            self.next = self.next.min(self.limit.max(size + self.limit / PART));
            return Ok(());
        }
        let posts_wait = size >= self.limit + self.limit / 2;
        let quiet = match posts_wait {
            true => self.gate.clear(PATIENCE),
            false => self.gate.close(),
        };
        if !quiet && !posts_wait {
            return Ok(());
        }
        let anew = start_anew(connection);
        self.gate.open();
        self.next = match anew {
            Ok(true) => self.limit,
            Ok(false) | Err(_) => size + self.limit / PART,
        };
        if !anew? {
            let why = "a read of another program keeps the store's log from being started anew";
            tracing::warn!(bytes = size, "{why}; it grows as long as that read lasts");
        }
        Ok(())
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

/// Copies all there is; whether the next transaction starts the log anew.
fn start_anew(connection: &mut Connection) -> rusqlite::Result<bool> {
    wait_for_locks(connection, TRIES)?;
    let frames = Frames::of(connection, Sql::Restart);
    wait_for_locks(connection, LOCK_TRIES)?;
    Ok(!frames?.is_blocked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_checkpoint_that_fails_is_told_and_one_that_works_takes_it_back() {
        let dir = TempDir::new().unwrap();
        let mut connection = Connection::open(dir.path().join("file")).unwrap();
        connection
            .execute_batch("pragma journal_mode = wal; create table texts (text)")
            .unwrap();
        let health = Arc::new(Health::default());
        let mut log = Log::of(&connection, 4096, Arc::default(), Arc::clone(&health)).unwrap();
        let write = "begin; insert into texts values (zeroblob(20000))";
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
