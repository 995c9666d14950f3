//! What the writer does between two looks into its queue: transactions that
//! post, flush, import and probe; those that remove are in `removal`.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chrono::Utc;
use rusqlite::Connection;

use crate::domain::{Imported, Record, StoreError};
use crate::store::batch::{Pending, answer_batch, batch_span};
use crate::store::sqlite::index::postings::{Postings, write_blocks, write_rows};
use crate::store::sqlite::open::limit_pages;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::Writer;
use crate::store::sqlite::write::insert::{InsertStatement, Posted};
use crate::store::sqlite::write::memtable::{State, View};
use crate::store::sqlite::{statement_span, store_error};
use crate::trace;
use crate::trace::OpenSpan;

/// How often the usual size of a memtable it may reach while it cannot be flushed.
const MOST_UNFLUSHED: usize = 4;
/// Between two imports the lock stays free for longer than another program's
/// writer waits between two tries: its posts get their turn.
const TURN: Duration = Duration::from_millis(2);
/// What a probe writes: more than a post.
const PROBE_BYTES: i64 = 64 * 1024;

impl Writer {
    pub(super) fn post(&mut self, mut posts: Vec<Pending>) {
        if self.memtable.size() >= self.unflushed.saturating_mul(MOST_UNFLUSHED)
            && let Err(error) = self.flush_now()
        {
            return refuse(posts, &error);
        }
        let begun = self.metrics.now();
        self.metrics
            .begin(posts.first().and_then(|first| first.since));
        let waiting = posts.iter_mut().filter_map(|post| post.waiting.take());
        let span = batch_span(waiting);
        let cache = Arc::clone(&self.cache);
        let cache = cache.view();
        let transaction = |writer: &mut Writer| {
            // Once nobody else writes: what others wrote meanwhile is older.
            let now = Utc::now().timestamp_millis();
            let mut found = writer.follow_others(now)?;
            // Not where the file has messages dated later than these.
            let in_order = found
                .newest()
                .is_none_or(|newest| writer.clock.is_past(newest, now));
            if !in_order {
                writer.flush()?;
            }
            let mut inserts = InsertStatement::prepare(&writer.connection, found)?;
            let post = |pending: &Pending| {
                let next = || writer.clock.next(now);
                writer.inserter.post(&mut inserts, &pending.draft, next)
            };
            let results = posts.iter().map(post).collect::<rusqlite::Result<_>>()?;
            drop(inserts);
            if !in_order {
                found = writer.list_at_once()?;
            }
            Ok((found, results))
        };
        let active = span.as_ref().map(OpenSpan::active);
        let written = trace::within(active, || self.transaction(transaction));
        trace::end(span, written.is_err());
        match written {
            Ok((found, results)) => {
                let results: Vec<Posted> = results;
                let stored = results.iter().filter(|result| result.is_ok()).count();
                self.metrics.commit(stored, begun);
                self.memtable
                    .committed(found, self.inserter.take_postings());
                cache.keep(results.iter().filter_map(|result| result.as_ref().ok()));
                let answers = posts.into_iter().zip(results).collect();
                answer_batch(self.runtime.as_ref(), answers);
                self.stored.notify_one();
                self.flush_if_large();
            }
            Err(error) => refuse(posts, &error),
        }
    }

    /// Writes lists and counts of what was stored in this transaction, which
    /// flushed before: ids of any order.
    pub(super) fn list_at_once(&mut self) -> rusqlite::Result<State> {
        let mut lists = Postings::default();
        lists.extend(self.inserter.take_postings());
        write_rows(&self.connection, &lists.sorted())?;
        self.mark_flushed()
    }

    /// Flushes a memtable that has grown large, while nobody waits for an answer.
    /// Where that fails, as on a disk that is nearly full, messages are still
    /// taken, up to a bound.
    fn flush_if_large(&mut self) {
        let size = self.memtable.size();
        if size >= self.flush_at
            && let Err(error) = self.flush_now()
        {
            tracing::warn!(size, %error, "what was posted could not be indexed yet");
            self.flush_at = size + self.unflushed;
        }
    }

    /// Flushes, in a transaction of its own.
    pub(super) fn flush_now(&mut self) -> Result<(), StoreError> {
        let found = self.transaction(|writer| writer.flush())?;
        self.health.counts.flushes.increment();
        self.memtable.committed(found, Vec::new());
        self.flush_at = self.unflushed;
        Ok(())
    }

    /// Writes the lists and counts that are missing, in a transaction that
    /// has stored nothing yet.
    pub(super) fn flush(&self) -> rusqlite::Result<State> {
        let lists = self
            .memtable
            .read(&self.connection, |memtable: View<'_>| memtable.lists())?;
        write_blocks(&self.connection, &lists)?;
        self.mark_flushed()
    }

    /// Writes that lists and counts of everything are written.
    fn mark_flushed(&self) -> rusqlite::Result<State> {
        let found = State::read(&self.connection)?;
        if let Some(last) = found.last
            && !found.is_flushed()
        {
            let mut flush = self.connection.prepare_cached(Sql::MarkFlushed.text())?;
            flush.execute([last.to_bytes()])?;
        }
        Ok(State {
            flushed: found.newest(),
            ..found
        })
    }

    /// Stores records, all or none.
    pub(crate) fn import(&mut self, records: &[Record]) -> Result<Vec<Imported>, StoreError> {
        let imported = self.transaction(|writer| {
            // Its ids may be any: lists and counts are complete before and after.
            let found = writer.flush()?;
            writer.hear_of_removals(found)?;
            let mut inserts = InsertStatement::of_import(&writer.connection, found)?;
            let import = |record| writer.inserter.import(&mut inserts, record);
            let imported = records
                .iter()
                .map(import)
                .collect::<rusqlite::Result<Vec<_>>>()?;
            drop(inserts);
            let stored = records.iter().zip(&imported);
            let stored = stored.filter(|(_, imported)| **imported == Imported::Stored);
            let stored = stored.map(|(record, _)| record.message.id);
            writer.note_history(found.last, stored.clone())?;
            writer.note_imported(stored)?;
            Ok((writer.list_at_once()?, imported))
        });
        let imported = imported.map(|(found, imported)| {
            self.memtable.committed(found, Vec::new());
            imported
        });
        thread::sleep(TURN);
        imported
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
        let _span = statement_span();
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
        // A disk may have room for this and not for what posts would flush.
        match self.memtable.size() < self.unflushed {
            true => Ok(()),
            false => self.flush_now(),
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

    pub(super) fn undo(&mut self, error: &StoreError) {
        self.inserter.forget();
        self.health.failed(error.clone());
        // SQLite has rolled back by itself after some errors.
        if !self.connection.is_autocommit()
            && let Err(error) = self.statement(Sql::Rollback)
        {
            tracing::error!(%error, "a failed batch could not be rolled back");
        }
    }
}

/// Answers posts that were not stored.
fn refuse(posts: Vec<Pending>, error: &StoreError) {
    tracing::error!(posts = posts.len(), %error, "a batch was not stored");
    for pending in posts {
        pending.answer(Err(error.clone().into()));
    }
}
