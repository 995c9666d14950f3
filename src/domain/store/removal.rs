//! Deleting and evicting.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Position, StoreError};
use crate::domain::{MessageId, UserName};

/// What stays of a message that was deleted, so that nothing brings it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    /// Of the message.
    pub id: MessageId,
    /// When.
    pub deleted_at: DateTime<Utc>,
    /// Of the deletion, for followers.
    pub position: Position,
}

/// What became of the wish to delete a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone, now or since before.
    Deleted(Tombstone),
    /// There is no such message.
    Unknown,
    /// It is somebody else's.
    NotTheirs,
}

/// What one step of evicting did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Messages.
    pub messages: u64,
    /// More are old enough.
    pub has_more: bool,
}

/// Removes messages. What keeps messages in memory hears of it, whichever
/// program removes them.
#[async_trait]
pub trait Removal: Send + Sync {
    /// Deletes a message of its author: its row, its places in lists and its
    /// counts, in one transaction.
    async fn delete(
        &self,
        id: MessageId,
        author: &UserName,
        now: DateTime<Utc>,
    ) -> Result<Deletion, StoreError> {
        let _ = (id, author, now);
        Err(StoreError::NotYet("delete messages"))
    }

    /// What stays of a message, if it was deleted.
    async fn tombstone(&self, id: MessageId) -> Result<Option<Tombstone>, StoreError> {
        let _ = id;
        Ok(None)
    }

    /// Evicts at most `limit` messages before an id, the oldest first. What
    /// they counted stays counted.
    async fn evict(&self, before: MessageId, limit: usize) -> Result<Evicted, StoreError> {
        let _ = (before, limit);
        Err(StoreError::NotYet("evict messages"))
    }

    /// Messages before this id were evicted, if any were.
    async fn boundary(&self) -> Result<Option<MessageId>, StoreError> {
        Ok(None)
    }
}
