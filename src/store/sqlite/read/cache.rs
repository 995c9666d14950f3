//! Messages kept in memory by their ids: an index says which messages a page
//! has, and the cache what they say. Rests on *immutable*, and where a message
//! is asked for by its id alone on *append-only* (see `store`).

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::domain::{Asked, Message, MessageId, UserName};

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
    /// A cache of about so many KiB.
    pub(crate) fn new(kib: u32) -> MessageCache {
        let bytes = u64::from(kib) * 1024;
        let messages = usize::try_from(bytes / (OVERHEAD as u64 + 128)).unwrap_or(usize::MAX);
        MessageCache {
            messages: Cache::with_weighter(messages, bytes, Bytes),
            users: Cache::new(USERS),
            asked: Asked::default(),
        }
    }

    /// The message, if it is at hand.
    pub(crate) fn find(&self, id: MessageId) -> Option<Arc<Message>> {
        self.messages.get(&id)
    }

    /// Keeps a stored message.
    pub(crate) fn keep(&self, message: Message) -> Arc<Message> {
        let message = Arc::new(message);
        self.messages.insert(message.id, Arc::clone(&message));
        message
    }

    /// Keeps a stored message that was read before, not long ago: to keep
    /// what is read once costs as much as to read it.
    pub(crate) fn keep_if_asked_again(&self, message: &Message) {
        if self.asked.again(&message.id) {
            self.keep(message.clone());
        }
    }

    /// The name of a user's number, if it is at hand.
    pub(crate) fn user(&self, number: i64) -> Option<UserName> {
        self.users.get(&number)
    }

    /// Remembers a stored name.
    pub(crate) fn keep_user(&self, number: i64, name: &UserName) {
        self.users.insert(number, name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Draft;

    #[test]
    fn what_is_kept_is_bounded_in_bytes_and_found_by_its_id() {
        let cache = MessageCache::new(64);
        let text = "x".repeat(1_000);
        let draft = Draft::new("ann".parse().unwrap(), text, &["a", "b"]).unwrap();
        for n in 0..1_000 {
            let id = MessageId::from_parts(1_000, n);
            let kept = cache.keep(draft.clone().into_message(id));
            assert_eq!(kept.id, id);
        }
        let found = (0..1_000).filter(|n| {
            let id = MessageId::from_parts(1_000, *n);
            cache.find(id).is_some_and(|message| message.id == id)
        });
        let found = found.count();
        assert!((1..=64).contains(&found), "{found} of 1 KiB in 64 KiB");
    }
}
