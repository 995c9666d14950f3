//! The writer: one thread that owns the only connection that writes. It takes
//! whatever waits in its queue, commits all posts among it as one batch, and
//! answers them after the commit. Their index rows and counters follow with a
//! later batch, once many messages lack them (see `tail`).
//!
//! A failed batch is rolled back and refused; the thread lives on and works
//! again as soon as the disk does. What is done in a transaction is in `commit`,
//! which ids are given out in `clock`.

mod clock;
mod commit;
pub(crate) mod ledger;
pub(crate) mod queue;
pub(crate) mod tail;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::domain::{IdClock, StoreError};
use crate::store::batch::Pending;
use crate::store::sqlite::guard::files::Files;
use crate::store::sqlite::guard::health::Health;
use crate::store::sqlite::guard::log::Log;
use crate::store::sqlite::read::cache::MessageCache;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::ledger::Ledger;
use crate::store::sqlite::write::tail::{State, Tail};

/// Posts that are written together at once.
const FEW: usize = 16;

/// What the writer is asked to do.
pub(crate) enum Work {
    /// Store a message.
    Post(Pending),
    /// Anything else that writes.
    Do(Box<dyn FnOnce(&mut Writer) + Send>),
    /// Take nothing new, finish, and say so.
    Close(oneshot::Sender<()>),
}

/// The state of the thread.
pub(crate) struct Writer {
    connection: Connection,
    ledger: Ledger,
    clock: IdClock,
    /// That messages are dated ahead of the clock was said.
    is_warned: bool,
    log: Log,
    health: Arc<Health>,
    files: Arc<Files>,
    cache: Arc<MessageCache>,
    tail: Arc<Tail>,
    /// How large the tail may be before it is settled.
    unsettled: usize,
    /// How large it may be now: more after settling failed.
    settle_at: usize,
    /// Where those run who wait for answers.
    runtime: Option<Handle>,
}

impl Writer {
    /// A writer over a connection that may write.
    pub(crate) fn new(
        connection: Connection,
        log: Log,
        (health, files): (Arc<Health>, Arc<Files>),
        (cache, tail): (Arc<MessageCache>, Arc<Tail>),
        unsettled: usize,
    ) -> Writer {
        Writer {
            connection,
            ledger: Ledger::default(),
            clock: IdClock::after(None),
            is_warned: false,
            log,
            health,
            files,
            cache,
            tail,
            unsettled,
            settle_at: unsettled,
            runtime: Handle::try_current().ok(),
        }
    }

    /// Starts the thread.
    pub(crate) fn spawn(self, intake: mpsc::Receiver<Work>, batch: usize) -> std::io::Result<()> {
        let thread = thread::Builder::new().name("dunder-writer".to_owned());
        thread
            .spawn(move || self.run(intake, batch.max(1)))
            .map(drop)
    }

    fn run(mut self, mut intake: mpsc::Receiver<Work>, batch: usize) {
        let found = State::read(&self.connection).ok();
        self.warn_of_clock(found.and_then(|found| found.last));
        let mut taken = Vec::with_capacity(batch);
        let mut farewells = Vec::new();
        let mut answered = 0;
        loop {
            let wanted = half(intake.len() + answered).min(batch);
            if intake.blocking_recv_many(&mut taken, wanted) == 0 {
                break;
            }
            let mut posts = Vec::with_capacity(taken.len());
            let mut others = Vec::new();
            for work in taken.drain(..) {
                match work {
                    Work::Post(pending) => posts.push(pending),
                    Work::Do(work) => others.push(work),
                    Work::Close(done) => {
                        // What is already in the queue is still taken.
                        intake.close();
                        farewells.push(done);
                    }
                }
            }
            answered = posts.len();
            if !posts.is_empty() {
                self.survive(|writer| writer.post(posts));
            }
            for work in others {
                self.survive(work);
            }
            self.survive(|writer| writer.log.bound(&mut writer.connection));
        }
        self.finish();
        for done in farewells {
            let _ = done.send(());
        }
    }

    /// A defect costs one batch, whose posters learn that their answer is
    /// gone, and not the writer.
    fn survive(&mut self, work: impl FnOnce(&mut Writer)) {
        self.health.begins();
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
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
        let is_settled = State::read(&self.connection).is_ok_and(|state| state.is_settled());
        if !is_settled && let Err(error) = self.settle_now() {
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

/// How many of those who post are best written together, of whom some wait and
/// others were just answered and may be back soon: one half is written while
/// the other half's requests are read and answered. A few are not worth a
/// commit of their own.
fn half(posters: usize) -> usize {
    posters.div_ceil(2).max(FEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_posters_are_written_together_and_many_in_halves() {
        assert_eq!([0, 1, FEW, 2 * FEW].map(half), [FEW; 4]);
        assert_eq!([64, 255, 256].map(half), [32, 128, 128]);
    }
}
