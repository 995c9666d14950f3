//! Posting and reading.

use async_trait::async_trait;

use super::{PostError, StoreError};
use crate::domain::{Draft, FeedFilter, FeedPage, Message, MessageId, UserName};

/// Keeps messages.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Stores a draft under the next id and answers once it is durable. A
    /// draft whose idempotency key was used before answers the first message
    /// and stores nothing.
    async fn post(&self, draft: Draft) -> Result<Message, PostError>;

    /// One message.
    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError>;

    /// One message, where it is in memory and certainly still there: to wait
    /// for it costs more than to look. `None` says nothing.
    fn message_at_hand(&self, _: MessageId) -> Option<Message> {
        None
    }

    /// A page of messages, newest first.
    async fn feed(&self, filter: &FeedFilter) -> Result<FeedPage, StoreError>;

    /// User names that start so, in order, at most `limit`.
    async fn users(&self, prefix: &str, limit: usize) -> Result<Vec<UserName>, StoreError>;
}
