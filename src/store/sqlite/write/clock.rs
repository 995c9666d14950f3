//! Which ids the writer gives out: after the last one that was posted, by this
//! program or another, whatever was imported and whatever a wrong clock gave.

use chrono::Utc;

use crate::domain::{MessageId, Warning};
use crate::store::sqlite::id_of;
use crate::store::sqlite::read::after::last_given;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::Writer;
use crate::store::sqlite::write::memtable::State;

impl Writer {
    /// Ids continue after the last one posted, or given to a deletion, whoever
    /// did it; not after one that was imported, or given by a clock that was
    /// wrong. Gives what a batch finds in the file.
    pub(super) fn follow_others(&mut self, now: i64) -> rusqlite::Result<State> {
        let found = self.memtable.catch_up(&self.connection)?;
        let removed = self.hear_of_removals(found)?;
        let others = found.last.max(removed);
        let others = others.filter(|last| *last > self.clock.last());
        // The clock itself is past all others.
        if others.is_some_and(|last| last.millis() >= now) {
            let beyond = MessageId::first_beyond(now);
            let near = (MessageId::from_parts(now, 0), beyond);
            let posted = last_given(&self.connection, near)?;
            // A clock that was ahead by more may have given this one, too. The
            // rest is looked at only where it matters: imports can be many.
            if let Some(posted) = posted.filter(|posted| *posted > self.clock.last())
                && last_given(&self.connection, (beyond, MessageId::MAX))?.is_none()
            {
                self.clock.raise(posted, now);
            }
        }
        self.warn_of_clock(found.last);
        Ok(found)
    }

    /// Forgets names that removals may have taken, whoever removed messages;
    /// the last position of theirs, if there are new ones.
    pub(super) fn hear_of_removals(&mut self, found: State) -> rusqlite::Result<Option<MessageId>> {
        if found.removals == self.removals {
            return Ok(None);
        }
        self.inserter.forget();
        self.removals = found.removals;
        // Whoever removed them may have left them in the log.
        self.log.must_be_emptied();
        let mut last = self.connection.prepare_cached(Sql::LastPosition.text())?;
        last.query_row([], |row| {
            row.get_ref(0)?.as_blob_or_null()?.map(id_of).transpose()
        })
    }

    /// Says once that messages are dated ahead of the clock.
    pub(super) fn warn_of_clock(&mut self, newest: Option<MessageId>) {
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

    /// Keeps apart which messages an import put behind the last one of before:
    /// those who follow are not told of them.
    pub(super) fn note_history(
        &self,
        last: Option<MessageId>,
        imported: impl Iterator<Item = MessageId>,
    ) -> rusqlite::Result<()> {
        // Whatever is posted from here on has a later id.
        let present = MessageId::from_parts(Utc::now().timestamp_millis(), 0);
        let behind = imported.filter(|id| Some(*id) > last && *id < present);
        if let Some(high) = behind.max() {
            let low = last.map_or(Vec::new(), |last| last.to_bytes().to_vec());
            let mut note = self.connection.prepare_cached(Sql::NoteHistory.text())?;
            note.execute((low, high.to_bytes()))?;
        }
        Ok(())
    }

    /// Keeps apart what a clock that steps back could take for posted: ids of
    /// messages, and positions.
    pub(super) fn note_imported(
        &self,
        imported: impl Iterator<Item = MessageId>,
    ) -> rusqlite::Result<()> {
        let from = MessageId::first_near(Utc::now().timestamp_millis());
        let mut forget = self.connection.prepare_cached(Sql::ForgetImported.text())?;
        forget.execute([from.to_bytes()])?;
        let mut insert = self.connection.prepare_cached(Sql::InsertImported.text())?;
        for id in imported.filter(|id| *id >= from) {
            insert.execute([id.to_bytes()])?;
        }
        Ok(())
    }
}
