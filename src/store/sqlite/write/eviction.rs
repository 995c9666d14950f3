//! Evicting messages: rows and places in lists, in one transaction. Counts and
//! names stay.

use std::collections::{BTreeMap, HashMap};

use rusqlite::OptionalExtension;

use crate::domain::{MessageId, Rule, StoreError};
use crate::store::sqlite::index::postings::Name;
use crate::store::sqlite::index::removal::unlist_all;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::Writer;
use crate::store::sqlite::write::memtable::State;

/// Messages that go, by list, each in order.
type Lists = BTreeMap<Name, Vec<MessageId>>;

impl Writer {
    /// Evicts messages, and says how many there were.
    pub(crate) fn evict(
        &mut self,
        mut ids: Vec<MessageId>,
        by: Option<&Rule>,
    ) -> Result<u64, StoreError> {
        ids.sort_unstable();
        ids.dedup();
        let done = self.transaction(|writer| {
            // None is removed from the memtable.
            let found = State::read(&writer.connection)?;
            if ids.last().copied() > found.flushed && !found.is_flushed() {
                writer.flush()?;
            }
            let (evicted, lists) = writer.delete_rows(&ids)?;
            for (name, ids) in &lists {
                unlist_all(&writer.connection, *name, ids)?;
            }
            writer.note_eviction(&evicted, by)?;
            Ok((State::read(&writer.connection)?, evicted.len() as u64))
        });
        let (state, evicted) = done?;
        self.memtable.committed(state, Vec::new());
        if state.is_flushed() {
            self.flush_at = self.unflushed;
        }
        if evicted > 0
            && let Err(error) = self.cache.hear_of_removals(&self.connection)
        {
            // Those who read by an id hear of it themselves within a moment.
            tracing::warn!(%error, "the cache of messages has not heard of an eviction yet");
        }
        Ok(evicted)
    }

    /// Deletes the rows of those that are there, and says where they are
    /// listed.
    fn delete_rows(&self, ids: &[MessageId]) -> rusqlite::Result<(Vec<MessageId>, Lists)> {
        let connection = &self.connection;
        let mut message = connection.prepare_cached(Sql::MessageToEvict.text())?;
        let mut delete = connection.prepare_cached(Sql::DeleteMessage.text())?;
        let mut number = connection.prepare_cached(Sql::HashtagId.text())?;
        let mut numbers: HashMap<String, Option<i64>> = HashMap::new();
        let (mut evicted, mut lists) = (Vec::new(), Lists::new());
        for &id in ids {
            let found = message.query_row([id.to_bytes()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            });
            let Some((user, hashtags)) = found.optional()? else {
                continue;
            };
            delete.execute([id.to_bytes()])?;
            evicted.push(id);
            lists.entry(Name::User(user)).or_default().push(id);
            for name in hashtags.split(' ').filter(|name| !name.is_empty()) {
                let known = numbers.get(name).copied();
                let known = match known {
                    Some(known) => known,
                    None => {
                        let found = number.query_row([name], |row| row.get(0)).optional()?;
                        numbers.insert(name.to_owned(), found);
                        found
                    }
                };
                if let Some(number) = known {
                    lists.entry(Name::Hashtag(number)).or_default().push(id);
                }
            }
        }
        Ok((evicted, lists))
    }

    /// Programs hear of it, and who asks for what was evicted for good.
    fn note_eviction(&self, evicted: &[MessageId], by: Option<&Rule>) -> rusqlite::Result<()> {
        let (Some(first), Some(last)) = (evicted.first(), evicted.last()) else {
            return Ok(());
        };
        let mut note = self.connection.prepare_cached(Sql::NoteEviction.text())?;
        note.execute([last.to_bytes()])?;
        if let Some(rule) = by {
            let mut note = self.connection.prepare_cached(Sql::NoteBoundary.text())?;
            note.execute((rule.name(), first.to_bytes(), last.to_bytes()))?;
        }
        Ok(())
    }
}
