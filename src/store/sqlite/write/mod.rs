//! The writer: one thread that owns the only connection that writes. It takes
//! whatever waits in its queue, commits all posts among it as one batch, and
//! answers them after the commit. Their index rows and counters follow with a
//! later batch, once many messages lack them (see `memtable`).
//!
//! A failed batch is rolled back and refused; the thread lives on and works
//! again as soon as the disk does. What is done in a transaction is in `commit`,
//! `removal` and `eviction`, which ids are given out in `clock`.

mod clock;
mod commit;
mod eviction;
pub(crate) mod insert;
pub(crate) mod memtable;
pub(crate) mod queue;
mod removal;

use std::sync::Arc;
use std::thread;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::domain::{IdClock, StoreError};
use crate::store::batch::{BatchMetrics, Supervision, Taken, Waiting};
use crate::store::sqlite::guard::files::Files;
use crate::store::sqlite::guard::health::Health;
use crate::store::sqlite::guard::log::Log;
use crate::store::sqlite::read::cache::MessageCache;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::insert::Inserter;
use crate::store::sqlite::write::memtable::{Memtable, State};
use crate::store::sqlite::write::queue::Work;

/// The state of the thread.
pub(crate) struct Writer {
    connection: Connection,
    inserter: Inserter,
    clock: IdClock,
    /// That messages are dated ahead of the clock was said.
    is_warned: bool,
    log: Log,
    health: Arc<Health>,
    files: Arc<Files>,
    cache: Arc<MessageCache>,
    memtable: Arc<Memtable>,
    /// The number of the last removal that was heard of.
    removals: i64,
    /// Those who follow are told.
    stored: Arc<Notify>,
    /// How large the memtable may be before it is flushed.
    unflushed: usize,
    /// How large it may be now: more after flushing failed.
    flush_at: usize,
    /// Where those run who wait for answers.
    runtime: Option<Handle>,
    supervision: Arc<Supervision>,
    metrics: Arc<BatchMetrics>,
}

impl Writer {
    /// A writer over a connection that may write.
    pub(crate) fn new(
        connection: Connection,
        log: Log,
        (health, files): (Arc<Health>, Arc<Files>),
        (cache, memtable): (Arc<MessageCache>, Arc<Memtable>),
        stored: Arc<Notify>,
        (unflushed, metrics): (usize, Arc<BatchMetrics>),
    ) -> Writer {
        Writer {
            connection,
            inserter: Inserter::default(),
            clock: IdClock::after(None),
            is_warned: false,
            log,
            files,
            cache,
            memtable,
            removals: 0,
            stored,
            unflushed,
            flush_at: unflushed,
            runtime: Handle::try_current().ok(),
            supervision: Arc::clone(health.supervision()),
            metrics,
            health,
        }
    }

    /// Starts the thread.
    pub(crate) fn spawn(self, waiting: Waiting<Work>, batch: usize) -> std::io::Result<()> {
        let thread = thread::Builder::new().name("dunder-writer".to_owned());
        thread.spawn(move || self.run(waiting, batch)).map(drop)
    }

    fn run(mut self, mut waiting: Waiting<Work>, batch: usize) {
        let found = State::read(&self.connection).ok();
        self.warn_of_clock(found.and_then(|found| found.last));
        let mut answered = 0;
        while let Some(Taken { posts, works }) = waiting.take(answered, batch) {
            answered = posts.len();
            if !posts.is_empty() {
                self.survive(|writer| writer.post(posts));
            }
            for work in works {
                self.survive(work);
            }
            self.survive(|writer| writer.log.bound(&mut writer.connection));
        }
        self.finish();
        // Who closes the store waits for this.
        drop(waiting);
    }

    /// A defect costs one batch, whose posters learn that their answer is
    /// gone, and not the writer.
    fn survive(&mut self, work: impl FnOnce(&mut Writer)) {
        self.health.begins();
        let supervision = Arc::clone(&self.supervision);
        if !supervision.survive("the writer", || work(self)) {
            let error = StoreError::Unexpected("the writer panicked".to_owned());
            self.undo(&error);
        }
        self.health.ends();
    }

    /// Leaves everything in the one file, with nothing to be derived by the
    /// next who opens it.
    fn finish(mut self) {
        if let Err(error) = self.files.check(&self.connection) {
            tracing::error!(%error, "the store is left as it is");
            return self.leave();
        }
        let is_flushed = State::read(&self.connection).is_ok_and(|state| state.is_flushed());
        if !is_flushed && let Err(error) = self.flush_now() {
            tracing::warn!(%error, "what is left to index is derived at the next start");
        }
        let checkpoint = self
            .connection
            .query_row(Sql::Truncate.text(), [], |_| Ok(()));
        if let Err(error) = checkpoint {
            tracing::warn!(%error, "the log beside the store stays until the next start");
        }
        self.close();
    }

    /// Ends without copying from the log: what is there is not what was
    /// written.
    fn leave(self) {
        let left = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        if let Err(error) = self.connection.set_db_config(left, true) {
            tracing::warn!(%error, "SQLite copies what is left of the log");
        }
        self.close();
    }

    fn close(self) {
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "the store was not closed properly");
        }
    }
}
