//! Messages kept in memory by their ids: an index says which messages a page
//! has, and the cache what they say. Rests on *immutable* (see `store`).
//!
//! Where a message is asked for by its id alone no index says that it is still
//! there. The cache is believed for a [`LEASE`] after the file was last asked
//! for removals; whoever removes messages lets that pass before anybody is
//! told. A reader may still see a message that was removed meanwhile: what it
//! read is only kept if no removal was heard of since before it looked.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rusqlite::Connection;

use crate::domain::{Asked, Message, MessageId, UserName};
use crate::store::sqlite::id_of;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::tombstones::Removals;

/// For how long after a look into the file a message is given out without
/// another: a look costs some microseconds, so once in a while is nothing.
pub(crate) const LEASE: Duration = Duration::from_millis(5);

/// Removals that are looked up one by one; of more at once everything is
/// forgotten.
const FEW_REMOVALS: i64 = 10_000;

/// What a message takes beside its bytes: the id twice, lengths and pointers.
const OVERHEAD: usize = 192;

/// Names of users kept: a few megabytes at most.
const USERS: usize = 16_384;

/// Some of the messages, those asked for most, bounded in bytes; and names of
/// users by their numbers.
pub(crate) struct MessageCache {
    messages: Cache<MessageId, Arc<Message>, Bytes>,
    users: Cache<i64, UserName>,
    asked: Asked,
    /// The last removals that were heard of.
    removals: RwLock<Removals>,
    /// How many go through the messages for those that were evicted: the cache
    /// is not believed for longer meanwhile.
    walks: AtomicUsize,
    made: Instant,
    /// Until when the cache is believed, in microseconds since it was made.
    believed_until: AtomicU64,
}

/// The cache as one reader sees it.
#[derive(Clone, Copy)]
pub(crate) struct View<'c> {
    cache: &'c MessageCache,
    /// The last removals that had been heard of when the reader began.
    removals: Removals,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<MessageId, Arc<Message>> for Bytes {
    fn weight(&self, _: &MessageId, message: &Arc<Message>) -> u64 {
        let tags = message.hashtags.iter();
        let tags: usize = tags.map(|tag| tag.as_str().len() + 32).sum();
        let texts = message.user.as_str().len() + message.text.as_str().len();
        (OVERHEAD + texts + tags) as u64
    }
}

impl MessageCache {
    /// A cache of about so many KiB for a store whose last removals are these.
    pub(crate) fn new(kib: u32, removals: Removals) -> MessageCache {
        let bytes = u64::from(kib) * 1024;
        let messages = usize::try_from(bytes / (OVERHEAD as u64 + 128)).unwrap_or(usize::MAX);
        MessageCache {
            messages: Cache::with_weighter(messages, bytes, Bytes),
            users: Cache::new(USERS),
            asked: Asked::default(),
            removals: RwLock::new(removals),
            walks: AtomicUsize::new(0),
            made: Instant::now(),
            believed_until: AtomicU64::new(0),
        }
    }

    /// For a reader that has not looked into the file yet.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            cache: self,
            removals: *self.heard(),
        }
    }

    /// A message that is certainly still there, if it is at hand.
    pub(crate) fn find_now(&self, id: MessageId) -> Option<Arc<Message>> {
        let is_believed = self.elapsed() < self.believed_until.load(Ordering::Acquire);
        is_believed.then(|| self.messages.get(&id)).flatten()
    }

    /// Forgets what was removed, by whichever program, as far as the
    /// connection sees it. Not inside a transaction that began before: what is
    /// kept is believed for a while from now on.
    pub(crate) fn hear_of_removals(&self, connection: &Connection) -> rusqlite::Result<()> {
        let now = self.elapsed();
        let known = *self.heard();
        let last = Removals::read(connection)?;
        if last != known {
            let mut removed = Vec::new();
            let is_few = last.deletion - known.deletion <= FEW_REMOVALS;
            if is_few && last.deletion > known.deletion {
                let mut statement = connection.prepare_cached(Sql::RemovedAfter.text())?;
                let mut rows = statement.query([known.deletion])?;
                while let Some(row) = rows.next()? {
                    removed.push(id_of(row.get_ref(1)?.as_blob()?)?);
                }
            }
            let mut heard = self
                .removals
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            // Others may have heard of more meanwhile.
            let is_first = last.eviction > heard.eviction;
            heard.deletion = last.deletion.max(heard.deletion);
            heard.eviction = last.eviction.max(heard.eviction);
            heard.evicted = last.evicted.max(heard.evicted);
            match is_few {
                true => removed.iter().for_each(|id| drop(self.messages.remove(id))),
                false => self.messages.clear(),
            }
            if is_first {
                // Before anybody can see that it was heard of.
                self.walks.fetch_add(1, Ordering::AcqRel);
            }
            drop(heard);
            if is_first {
                // Which of the old ones were evicted is written nowhere. All
                // messages are gone through, and readers need not wait: none
                // that was evicted is kept once it was heard of.
                self.messages.retain(|id, _| Some(*id) > last.evicted);
                self.walks.fetch_sub(1, Ordering::AcqRel);
            }
        }
        if self.walks.load(Ordering::Acquire) == 0 {
            let until = now.saturating_add(LEASE.as_micros() as u64);
            self.believed_until.fetch_max(until, Ordering::AcqRel);
        }
        Ok(())
    }

    fn heard(&self) -> RwLockReadGuard<'_, Removals> {
        self.removals.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl View<'_> {
    /// The message of an id that the reader found in the file, if it is at
    /// hand.
    pub(crate) fn find(&self, id: MessageId) -> Option<Arc<Message>> {
        self.cache.messages.get(&id)
    }

    /// Keeps stored messages.
    pub(crate) fn keep<'m>(&self, messages: impl IntoIterator<Item = &'m Message>) {
        // While this is held no removal is heard of.
        let heard = self.cache.heard();
        if *heard == self.removals {
            for message in messages {
                let message = Arc::new(message.clone());
                self.cache.messages.insert(message.id, message);
            }
        }
    }

    /// Keeps a stored message that was read before, not long ago: to keep
    /// what is read once costs as much as to read it.
    pub(crate) fn keep_if_asked_again(&self, message: &Message) {
        if self.cache.asked.again(&message.id) {
            self.keep([message]);
        }
    }

    /// The name of a user's number, if it is at hand.
    pub(crate) fn user(&self, number: i64) -> Option<UserName> {
        self.cache.users.get(&number)
    }

    /// Remembers a stored name.
    pub(crate) fn keep_user(&self, number: i64, name: &UserName) {
        self.cache.users.insert(number, name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Draft;
    use crate::store::sqlite::migrate::fresh_in_memory;

    #[test]
    fn what_is_kept_is_bounded_in_bytes_and_found_by_its_id() {
        let cache = MessageCache::new(64, Removals::default());
        let text = "x".repeat(1_000);
        let draft = Draft::new("ann".parse().unwrap(), text, &["a", "b"]).unwrap();
        for n in 0..1_000 {
            let id = MessageId::from_parts(1_000, n);
            cache.view().keep([&draft.clone().into_message(id)]);
        }
        let found = (0..1_000).filter(|n| {
            let id = MessageId::from_parts(1_000, *n);
            cache
                .view()
                .find(id)
                .is_some_and(|message| message.id == id)
        });
        let found = found.count();
        assert!((1..=64).contains(&found), "{found} of 1 KiB in 64 KiB");
    }

    #[test]
    fn what_was_removed_is_not_kept_by_readers_that_began_before() {
        let connection = fresh_in_memory();
        let cache = MessageCache::new(64, Removals::default());
        let draft = Draft::new("ann".parse().unwrap(), "text".to_owned(), &["a"; 0]).unwrap();
        let message = draft.into_message(MessageId::from_parts(1_000, 7));
        let late = cache.view();
        late.keep([&message]);
        assert!(cache.find_now(message.id).is_none(), "nobody has looked");
        cache.hear_of_removals(&connection).unwrap();
        assert!(late.find(message.id).is_some());
        let removal = "insert into tombstones (id, user_id, deleted_at, position)
            values (?1, 1, 0, x'01')";
        connection
            .execute(removal, [message.id.to_bytes()])
            .unwrap();
        cache.hear_of_removals(&connection).unwrap();
        assert!(late.find(message.id).is_none());
        late.keep([&message]);
        assert!(late.find(message.id).is_none());
        cache.view().keep([&message]);
        assert!(late.find(message.id).is_some());
    }

    #[test]
    fn what_was_evicted_is_forgotten_and_what_is_younger_is_believed() {
        let connection = fresh_in_memory();
        let cache = MessageCache::new(64, Removals::default());
        let draft = Draft::new("ann".parse().unwrap(), "text".to_owned(), &["a"; 0]).unwrap();
        let message = |millis| draft.clone().into_message(MessageId::from_parts(millis, 7));
        let (old, young) = (message(1_000), message(2_000));
        let late = cache.view();
        late.keep([&old, &young]);
        let eviction = Sql::NoteEviction.text();
        connection.execute(eviction, [old.id.to_bytes()]).unwrap();
        cache.hear_of_removals(&connection).unwrap();
        assert!(cache.believed_until.load(Ordering::Acquire) > 0);
        assert!(late.find(old.id).is_none());
        assert!(late.find(young.id).is_some());
        late.keep([&old]);
        assert!(late.find(old.id).is_none());
    }
}
