//! Which ids the writer gives out: after the last one that was posted, by this
//! program or another, whatever was imported and whatever a wrong clock gave.

use chrono::Utc;

use crate::domain::{Imported, MessageId, Record, Warning};
use crate::store::sqlite::read::after::last_in;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::Writer;
use crate::store::sqlite::write::memtable::State;

impl Writer {
    /// Ids continue after the last one posted, whoever posted it; not after
    /// one that was imported, or given by a clock that was wrong. Gives what
    /// a batch finds in the file.
    pub(super) fn follow_others(&mut self, now: i64) -> rusqlite::Result<State> {
        let found = self.memtable.catch_up(&self.connection)?;
        let others = found.last.filter(|last| *last > self.clock.last());
        // The clock itself is past all others.
        if others.is_some_and(|last| last.millis() >= now) {
            let beyond = MessageId::first_beyond(now);
            let near = (MessageId::from_parts(now, 0), beyond);
            let posted = last_in(&self.connection, Sql::LastPosted, near)?;
            // A clock that was ahead by more may have given this one, too. The
            // rest is looked at only where it matters: imports can be many.
            if let Some(posted) = posted.filter(|posted| *posted > self.clock.last())
                && last_in(&self.connection, Sql::LastPosted, (beyond, MessageId::MAX))?.is_none()
            {
                self.clock.raise(posted, now);
            }
        }
        self.warn_of_clock(found.last);
        Ok(found)
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

    /// Keeps apart what a clock that steps back could take for posted.
    pub(super) fn note_imported(
        &self,
        records: &[Record],
        imported: &[Imported],
    ) -> rusqlite::Result<()> {
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
}
