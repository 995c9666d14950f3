//! Messages as JSON, kept for the pages they are on. A stored message never
//! changes, so neither does its JSON, and encoding is the larger part of what
//! a short page costs.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::value::RawValue;

use super::message::on_the_wire;
use crate::domain::{Message, MessageId};

/// All together, in bytes.
const BYTES: u64 = 16 * 1024 * 1024;
/// What a message takes beside its JSON.
const OVERHEAD: usize = 96;
/// The longest page that is put together of kept messages. Longer ones are
/// read by those who copy everything, and would only push out the rest.
const LONGEST_PAGE: usize = 100;

/// Encoded messages by their ids, bounded in bytes.
pub(super) struct Encoded(Cache<MessageId, Arc<RawValue>, Bytes>);

#[derive(Clone)]
struct Bytes;

impl Weighter<MessageId, Arc<RawValue>> for Bytes {
    fn weight(&self, _: &MessageId, json: &Arc<RawValue>) -> u64 {
        (json.get().len() + OVERHEAD) as u64
    }
}

impl Default for Encoded {
    fn default() -> Encoded {
        // Of usual length.
        let messages = usize::try_from(BYTES / 384).unwrap_or(usize::MAX);
        Encoded(Cache::with_weighter(messages, BYTES, Bytes))
    }
}

impl Encoded {
    /// The messages of a page as JSON; `None` for a page that is too long to
    /// keep.
    ///
    /// # Errors
    /// A message that cannot be encoded.
    pub(super) fn page(
        &self,
        messages: &[Message],
    ) -> serde_json::Result<Option<Vec<Arc<RawValue>>>> {
        if messages.len() > LONGEST_PAGE {
            return Ok(None);
        }
        let json = messages.iter().map(|message| self.of(message));
        json.collect::<serde_json::Result<_>>().map(Some)
    }

    fn of(&self, message: &Message) -> serde_json::Result<Arc<RawValue>> {
        if let Some(json) = self.0.get(&message.id) {
            return Ok(json);
        }
        let json = serde_json::value::to_raw_value(&on_the_wire(message))?;
        let json: Arc<RawValue> = json.into();
        self.0.insert(message.id, Arc::clone(&json));
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Draft;

    #[test]
    fn a_kept_message_says_what_a_fresh_one_says() {
        let encoded = Encoded::default();
        let draft = Draft::new("ann".parse().unwrap(), "a \"b\"\n".to_owned(), &["c"]).unwrap();
        let message = draft.into_message(MessageId::from_parts(1_000, 7));
        let fresh = serde_json::to_string(&on_the_wire(&message)).unwrap();
        for _ in 0..2 {
            let page = encoded
                .page(std::slice::from_ref(&message))
                .unwrap()
                .unwrap();
            assert_eq!(page[0].get(), fresh);
        }
        let long = vec![message; LONGEST_PAGE + 1];
        assert!(encoded.page(&long).unwrap().is_none());
    }
}
