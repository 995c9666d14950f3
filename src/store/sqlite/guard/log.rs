//! Keeping the log (`-wal`) beside the file small.
//!
//! SQLite starts it anew only at a moment when nobody reads from it. Under
//! readers that never pause such a moment may not come by itself, and the log
//! would grow as long as they read.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::sqlite::open::{LOCK_TRIES, wait_for_locks};

/// How long readers may keep the writer from emptying the log, in tries a
/// millisecond apart: each of our own needs less, and posts are waiting.
const PATIENCE: i32 = 100;

/// The log, and when it has grown too large.
pub(crate) struct Log {
    path: PathBuf,
    limit: u64,
    /// Reached, the log is emptied. Above `limit` while somebody keeps it
    /// from being emptied, so that not every batch waits for them.
    next: u64,
}

impl Log {
    /// The log of a store, to be kept within twice `limit` bytes.
    pub(crate) fn of(store: &Path, limit: u64) -> Log {
        let mut path = OsString::from(store);
        path.push("-wal");
        Log {
            path: PathBuf::from(path),
            limit,
            next: limit * 2,
        }
    }

    /// Empties the log if it is too large. Called between transactions.
    pub(crate) fn bound(&mut self, connection: &mut Connection) {
        let size = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if size < self.next {
            return;
        }
        match empty(connection) {
            Ok(true) => self.next = self.limit * 2,
            Ok(false) => {
                self.next = size * 2;
                tracing::warn!(
                    bytes = size,
                    "a long read keeps the store's log from being emptied"
                );
            }
            Err(error) => {
                self.next = size * 2;
                tracing::warn!(bytes = size, %error, "the store's log could not be emptied");
            }
        }
    }
}

fn empty(connection: &mut Connection) -> rusqlite::Result<bool> {
    wait_for_locks(connection, PATIENCE)?;
    let checkpoint = "pragma wal_checkpoint(truncate)";
    let busy = connection.query_row(checkpoint, [], |row| row.get::<_, i64>(0));
    wait_for_locks(connection, LOCK_TRIES)?;
    Ok(busy? == 0)
}
