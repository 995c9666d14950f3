//! Removing messages: rows, places in lists and counts in one transaction,
//! which leaves a tombstone for each.
//!
//! The memtable is flushed first, so none is removed from it, here or in
//! another program. SQLite overwrites what is deleted (`secure_delete`); what
//! the log still has of it goes with the log (see `guard::log`).

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension;

use crate::domain::{
    Deleter, Deletion, Hashtag, IdempotencyKey, Imported, MessageId, Position, Record, StoreError,
    Tombstone, UserName,
};
use crate::store::sqlite::index::postings::{Name, PostingList};
use crate::store::sqlite::index::removal::{uncount, unlist_all};
use crate::store::sqlite::read::page::hashtags_of;
use crate::store::sqlite::rollup::counts::counts_anything;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::Writer;
use crate::store::sqlite::write::memtable::State;
use crate::store::sqlite::{manifest, tombstones};

/// A message that is there, as its removal has to know it.
struct Found {
    user: (i64, UserName),
    hashtags: Vec<Hashtag>,
    idempotency_key: Option<String>,
}

impl Writer {
    /// Deletes messages, all or none of those that can be. `archived` is what
    /// an archive has of them, for those that are not in the file.
    pub(crate) fn delete(
        &mut self,
        ids: &[MessageId],
        archived: &[Record],
        deleter: &Deleter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Deletion>, StoreError> {
        let done = self.transaction(|writer| {
            if !archived.is_empty() || writer.has_any(ids, deleter)? {
                writer.prepare_removal()?;
            }
            let delete = |id: &MessageId| {
                let archived = archived.iter().find(|record| record.message.id == *id);
                writer.delete_one(*id, archived, deleter, now)
            };
            let done: Vec<_> = ids.iter().map(delete).collect::<rusqlite::Result<_>>()?;
            Ok((State::read(&writer.connection)?, done))
        });
        let (state, done) = done?;
        let is_new = |deletion: &Deletion| matches!(deletion, Deletion::Deleted(_));
        self.removed(state, done.iter().any(is_new));
        Ok(done)
    }

    /// Takes tombstones over, and deletes what they are of.
    pub(crate) fn import_tombstones(
        &mut self,
        tombstones: &[Tombstone],
    ) -> Result<Vec<Imported>, StoreError> {
        let done = self.transaction(|writer| {
            writer.prepare_removal()?;
            let import = |tombstone| writer.import_tombstone(tombstone);
            let done: Vec<_> = tombstones
                .iter()
                .map(import)
                .collect::<rusqlite::Result<_>>()?;
            let taken_over = done.iter().filter_map(|(_, position)| *position);
            writer.note_imported(taken_over)?;
            Ok((State::read(&writer.connection)?, done))
        });
        let (state, done) = done?;
        self.removed(state, true);
        Ok(done.into_iter().map(|(imported, _)| imported).collect())
    }

    /// Whether any of these is there to be deleted.
    fn has_any(&self, ids: &[MessageId], deleter: &Deleter) -> rusqlite::Result<bool> {
        for id in ids {
            let found = self.message_to_delete(*id)?;
            if found.is_some_and(|found| deleter.may_delete(&found.user.1)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lists and counts of everything are in the file, and positions go on
    /// after all ids.
    fn prepare_removal(&mut self) -> rusqlite::Result<()> {
        let found = self.follow_others(Utc::now().timestamp_millis())?;
        if !found.is_flushed() {
            self.flush()?;
        }
        Ok(())
    }

    fn delete_one(
        &mut self,
        id: MessageId,
        archived: Option<&Record>,
        deleter: &Deleter,
        now: DateTime<Utc>,
    ) -> rusqlite::Result<Deletion> {
        let mut found = self.message_to_delete(id)?;
        if found.is_none() {
            if let Some(gone) = tombstones::find(&self.connection, id)? {
                return Ok(match deleter.may_delete(&gone.user) {
                    true => Deletion::AlreadyGone(gone),
                    false => Deletion::NotTheirs,
                });
            }
            found = archived.map(|record| self.archived(record)).transpose()?;
        }
        let Some(found) = found else {
            return Ok(Deletion::Unknown);
        };
        if !deleter.may_delete(&found.user.1) {
            return Ok(Deletion::NotTheirs);
        }
        let position = self.clock.next(Utc::now().timestamp_millis());
        self.remove(id, &found)?;
        let key = found.idempotency_key.as_deref();
        self.bury(id, found.user.0, now, position, key)?;
        let gone = tombstones::find(&self.connection, id)?;
        // It was written a moment ago.
        Ok(gone.map_or(Deletion::Unknown, Deletion::Deleted))
    }

    /// What became of a tombstone, and its position if that is as it was
    /// elsewhere.
    fn import_tombstone(
        &mut self,
        tombstone: &Tombstone,
    ) -> rusqlite::Result<(Imported, Option<MessageId>)> {
        let id = tombstone.id;
        if tombstones::find(&self.connection, id)?.is_some() {
            return Ok((Imported::AlreadyThere, None));
        }
        let Position(elsewhere) = tombstone.position;
        let found = self.message_to_delete(id)?;
        let keeps_position = found.is_none() && !self.is_position(elsewhere)?;
        let position = match keeps_position {
            true => elsewhere,
            false => self.clock.next(Utc::now().timestamp_millis()),
        };
        let user = match &found {
            Some(found) => found.user.0,
            None => self
                .inserter
                .user(&self.connection, tombstone.user.as_str())?,
        };
        if let Some(found) = &found {
            self.remove(id, found)?;
        }
        // Under whichever of the two keys it is posted again.
        let key = tombstone.idempotency_key.as_ref();
        let key = key.map(IdempotencyKey::as_str);
        let key = key.or(found
            .as_ref()
            .and_then(|found| found.idempotency_key.as_deref()));
        self.bury(id, user, tombstone.deleted_at, position, key)?;
        Ok((Imported::Stored, keeps_position.then_some(elsewhere)))
    }

    /// A message that only an archive has, as if it were here.
    fn archived(&mut self, record: &Record) -> rusqlite::Result<Found> {
        let Record {
            message,
            idempotency_key: key,
        } = record;
        let number = self
            .inserter
            .user(&self.connection, message.user.as_str())?;
        Ok(Found {
            user: (number, message.user.clone()),
            hashtags: message.hashtags.clone(),
            idempotency_key: key.as_ref().map(ToString::to_string),
        })
    }

    fn message_to_delete(&self, id: MessageId) -> rusqlite::Result<Option<Found>> {
        let mut message = self
            .connection
            .prepare_cached(Sql::MessageToDelete.text())?;
        let found = message.query_row([id.to_bytes()], |row| {
            Ok(Found {
                user: (
                    row.get(0)?,
                    UserName::from_stored(row.get_ref(1)?.as_str()?),
                ),
                hashtags: hashtags_of(row.get_ref(2)?.as_str()?),
                idempotency_key: row.get(3)?,
            })
        });
        found.optional()
    }

    fn is_position(&self, id: MessageId) -> rusqlite::Result<bool> {
        let mut taken = self.connection.prepare_cached(Sql::IsPosition.text())?;
        taken.query_row([id.to_bytes()], |row| row.get(0))
    }

    /// Takes a message out of the file: its row, lists and counts, and names of
    /// hashtags that nothing else has or had, for they are a part of what it said.
    fn remove(&self, id: MessageId, found: &Found) -> rusqlite::Result<()> {
        let connection = &self.connection;
        let mut delete = connection.prepare_cached(Sql::DeleteMessage.text())?;
        delete.execute([id.to_bytes()])?;
        uncount(connection, PostingList::All, id)?;
        unlist_all(connection, Name::User(found.user.0), &[id])?;
        let mut number = connection.prepare_cached(Sql::HashtagId.text())?;
        let mut has_messages = connection.prepare_cached(Sql::HasMessages.text())?;
        let mut delete_name = connection.prepare_cached(Sql::DeleteHashtag.text())?;
        for hashtag in &found.hashtags {
            let number = number.query_row([hashtag.as_str()], |row| row.get(0));
            let Some(number) = number.optional()? else {
                continue;
            };
            let name = Name::Hashtag(number);
            unlist_all(connection, name, &[id])?;
            uncount(connection, PostingList::Of(name), id)?;
            let has_messages: bool = has_messages.query_row([number], |row| row.get(0))?;
            // Those that were evicted count still.
            if !has_messages && !counts_anything(connection, number)? {
                delete_name.execute([number])?;
            }
        }
        Ok(())
    }

    fn bury(
        &self,
        id: MessageId,
        user: i64,
        deleted_at: DateTime<Utc>,
        position: MessageId,
        key: Option<&str>,
    ) -> rusqlite::Result<()> {
        let mut insert = self
            .connection
            .prepare_cached(Sql::InsertTombstone.text())?;
        manifest::count_removal(&self.connection, id)?;
        let millis = deleted_at.timestamp_millis();
        insert.execute((id.to_bytes(), user, millis, position.to_bytes(), key))?;
        Ok(())
    }

    /// Whoever keeps messages in memory here hears of it, and the log is
    /// emptied of them.
    fn removed(&mut self, state: State, is_any: bool) {
        self.memtable.committed(state, Vec::new());
        self.flush_at = self.unflushed;
        if !is_any {
            return;
        }
        self.inserter.forget();
        self.removals = state.removals;
        if let Err(error) = self.cache.hear_of_removals(&self.connection) {
            // Those who read by an id hear of it themselves within a moment.
            tracing::warn!(%error, "the cache of messages has not heard of a removal yet");
        }
        self.stored.notify_one();
        self.log.must_be_emptied();
        self.log.bound(&mut self.connection);
    }
}
