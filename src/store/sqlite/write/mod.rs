//! The writer: one thread that owns the only connection that writes. It takes
//! whatever waits in its queue, commits all posts among it as one batch, and
//! answers them after the commit. Their index rows and counters follow with a
//! later batch, once many messages lack them (see `tail`).
//!
//! A failed batch is rolled back and refused; the thread lives on and works
//! again as soon as the disk does.

pub(crate) mod ledger;
pub(crate) mod queue;
pub(crate) mod tail;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chrono::Utc;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::domain::{IdClock, Imported, MessageId, Record, StoreError, Warning};
use crate::store::batch::{Pending, answer_batch};
use crate::store::sqlite::guard::files::Files;
use crate::store::sqlite::guard::health::Health;
use crate::store::sqlite::guard::log::Log;
use crate::store::sqlite::index::lists::{Lists, write_rows, write_runs};
use crate::store::sqlite::open::limit_pages;
use crate::store::sqlite::read::cache::MessageCache;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::ledger::{Inserts, Ledger, Posted};
use crate::store::sqlite::write::tail::{State, Tail, View};
use crate::store::sqlite::{id_of, store_error};

/// Between two imports the lock stays free for longer than another program's
/// writer waits between two tries: its posts get their turn.
const TURN: Duration = Duration::from_millis(2);
/// How often the usual size of a tail it may reach while it cannot be settled.
const MOST_UNSETTLED: usize = 4;
/// Posts that are written together at once.
const FEW: usize = 16;
/// What a probe writes: more than a post.
const PROBE_BYTES: i64 = 64 * 1024;

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

    fn post(&mut self, posts: Vec<Pending>) {
        if self.tail.size() >= self.unsettled.saturating_mul(MOST_UNSETTLED)
            && let Err(error) = self.settle_now()
        {
            return refuse(posts, &error);
        }
        let now = Utc::now().timestamp_millis();
        let written = self.transaction(|writer| {
            let mut found = writer.follow_others(now)?;
            // Not where the file has messages dated later than these.
            let in_order = found
                .last
                .is_none_or(|last| writer.clock.is_past(last, now));
            if !in_order {
                writer.settle()?;
            }
            let mut inserts = Inserts::prepare(&writer.connection)?;
            let post = |pending: &Pending| {
                let next = || writer.clock.next(now);
                writer.ledger.post(&mut inserts, &pending.draft, next)
            };
            let results = posts.iter().map(post).collect::<rusqlite::Result<_>>()?;
            drop(inserts);
            if !in_order {
                found = writer.list_at_once()?;
            }
            Ok((found, results))
        });
        match written {
            Ok((found, results)) => {
                let results: Vec<Posted> = results;
                self.tail.committed(found, self.ledger.take_places());
                let stored = results.iter().filter_map(|result| result.as_ref().ok());
                stored.for_each(|message| drop(self.cache.keep(message.clone())));
                let answers = posts.into_iter().zip(results).collect();
                answer_batch(self.runtime.as_ref(), answers);
                self.settle_if_large();
            }
            Err(error) => refuse(posts, &error),
        }
    }

    /// Ids continue after the last one posted, whoever posted it; not after
    /// one that was imported, or given by a clock that was wrong. Gives what
    /// a batch finds in the file.
    fn follow_others(&mut self, now: i64) -> rusqlite::Result<State> {
        let found = self.tail.catch_up(&self.connection)?;
        let others = found.last.filter(|last| *last > self.clock.last());
        // The clock itself is past all others.
        if others.is_some_and(|last| last.millis() >= now) {
            let from = MessageId::from_parts(now, 0);
            let to = MessageId::first_beyond(now);
            let posted = self
                .connection
                .prepare_cached(Sql::LastPosted.text())?
                .query_row((from.to_bytes(), to.to_bytes()), |row| {
                    id_of(row.get_ref(0)?.as_blob()?)
                })
                .optional()?;
            posted
                .into_iter()
                .for_each(|last| self.clock.raise(last, now));
        }
        self.warn_of_clock(found.last);
        Ok(found)
    }

    /// Says once that messages are dated ahead of the clock.
    fn warn_of_clock(&mut self, newest: Option<MessageId>) {
        // Not as in `/readyz`, for every batch: dates cost more than ids.
        let now = Utc::now();
        if newest.is_none_or(|newest| !newest.is_ahead_of(now.timestamp_millis())) {
            self.is_warned = false;
        } else if !std::mem::replace(&mut self.is_warned, true)
            && let Some(warning) = Warning::of_newest(newest, now)
        {
            tracing::warn!("{warning}");
        }
    }

    /// Writes lists and counts of what was stored in this transaction, which
    /// settled before: ids of any order.
    fn list_at_once(&mut self) -> rusqlite::Result<State> {
        let mut lists = Lists::default();
        lists.extend(self.ledger.take_places());
        write_rows(&self.connection, &lists.sorted())?;
        self.mark_settled()
    }

    /// Settles a tail that has grown large, while nobody waits for an answer.
    /// Where that fails, as on a disk that is nearly full, messages are still
    /// taken, up to a bound.
    fn settle_if_large(&mut self) {
        let size = self.tail.size();
        if size >= self.settle_at
            && let Err(error) = self.settle_now()
        {
            tracing::warn!(size, %error, "what was posted could not be indexed yet");
            self.settle_at = size + self.unsettled;
        }
    }

    /// Settles, in a transaction of its own.
    fn settle_now(&mut self) -> Result<(), StoreError> {
        let found = self.transaction(|writer| writer.settle())?;
        self.tail.committed(found, Vec::new());
        self.settle_at = self.unsettled;
        Ok(())
    }

    /// Writes the lists and counts that are missing, in a transaction that
    /// has stored nothing yet.
    fn settle(&self) -> rusqlite::Result<State> {
        let lists = self
            .tail
            .read(&self.connection, |tail: View<'_>| tail.lists())?;
        write_runs(&self.connection, &lists)?;
        self.mark_settled()
    }

    /// Writes that lists and counts of everything are written.
    fn mark_settled(&self) -> rusqlite::Result<State> {
        let State { settled, last } = State::read(&self.connection)?;
        if let Some(last) = last
            && settled < Some(last)
        {
            let mut settle = self.connection.prepare_cached(Sql::Settle.text())?;
            settle.execute([last.to_bytes()])?;
        }
        Ok(State {
            settled: last,
            last,
        })
    }

    /// Stores records, all or none.
    pub(crate) fn import(&mut self, records: &[Record]) -> Result<Vec<Imported>, StoreError> {
        let imported = self.transaction(|writer| {
            // Its ids may be any: lists and counts are complete before and after.
            writer.settle()?;
            let mut inserts = Inserts::prepare(&writer.connection)?;
            let import = |record| writer.ledger.import(&mut inserts, record);
            let imported = records
                .iter()
                .map(import)
                .collect::<rusqlite::Result<Vec<_>>>()?;
            drop(inserts);
            writer.note_imported(records, &imported)?;
            Ok((writer.list_at_once()?, imported))
        });
        let imported = imported.map(|(found, imported)| {
            self.tail.committed(found, Vec::new());
            imported
        });
        thread::sleep(TURN);
        imported
    }

    /// Keeps apart what a clock that steps back could take for posted.
    fn note_imported(&self, records: &[Record], imported: &[Imported]) -> rusqlite::Result<()> {
        let from = MessageId::first_near(Utc::now().timestamp_millis());
        let mut forget = self.connection.prepare_cached(Sql::ForgetImported.text())?;
        forget.execute([from.to_bytes()])?;
        let mut insert = self.connection.prepare_cached(Sql::InsertImported.text())?;
        for (record, imported) in records.iter().zip(imported) {
            let id = record.message.id;
            if *imported == Imported::Stored && id >= from {
                insert.execute([id.to_bytes()])?;
            }
        }
        Ok(())
    }

    /// Runs something in a transaction that holds the write lock from its
    /// start, and commits it durably.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Writer) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let committed = self.commit(work);
        match committed {
            Ok(_) => self.health.succeeded(),
            Err(ref error) => self.undo(error),
        }
        committed
    }

    fn commit<T>(
        &mut self,
        work: impl FnOnce(&mut Writer) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.files.check(&self.connection)?;
        let written = self.statement(Sql::BeginImmediate).and_then(|()| {
            let done = work(self)?;
            self.statement(Sql::Commit)?;
            Ok(done)
        });
        let done = written.map_err(store_error)?;
        // Before anybody is told: what went into a removed file is lost.
        self.files.check(&self.connection)?;
        Ok(done)
    }

    /// The connection, inside a transaction.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sees whether the disk takes data again, by writing some.
    pub(crate) fn probe(&mut self) -> Result<(), StoreError> {
        self.transaction(|writer| {
            writer
                .connection
                .prepare_cached(Sql::Probe.text())?
                .execute([PROBE_BYTES])
        })?;
        self.transaction(|writer| writer.statement(Sql::ProbeDone))?;
        // A disk may have room for this and not for what posts would settle.
        match self.tail.size() < self.unsettled {
            true => Ok(()),
            false => self.settle_now(),
        }
    }

    /// Limits how far the file may grow.
    pub(crate) fn limit_pages(&mut self, pages: u32) -> Result<(), StoreError> {
        limit_pages(&self.connection, pages).map_err(store_error)
    }

    fn statement(&self, sql: Sql) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(sql.text())?
            .execute([])
            .map(drop)
    }

    fn undo(&mut self, error: &StoreError) {
        self.ledger.forget();
        self.health.failed(error.clone());
        // SQLite has rolled back by itself after some errors.
        if !self.connection.is_autocommit()
            && let Err(error) = self.statement(Sql::Rollback)
        {
            tracing::error!(%error, "a failed batch could not be rolled back");
        }
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

/// Answers posts that were not stored.
fn refuse(posts: Vec<Pending>, error: &StoreError) {
    tracing::error!(posts = posts.len(), %error, "a batch was not stored");
    for pending in posts {
        pending.answer(Err(error.clone().into()));
    }
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
