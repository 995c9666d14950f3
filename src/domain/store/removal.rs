//! Deleting.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Imported, Position, StoreError};
use crate::domain::{IdempotencyKey, MessageId, UserName};

/// What stays of a message that was deleted, so that nothing brings it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Of the message.
    pub id: MessageId,
    /// Who wrote it.
    pub user: UserName,
    /// When it was deleted, to the millisecond.
    pub deleted_at: DateTime<Utc>,
    /// Of the deletion, for followers: an id of its own, given out in order
    /// with those of messages.
    pub position: Position,
    /// A retry of the post is known by it.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Who wants messages deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleter {
    /// A user, who may delete what is theirs.
    Author(UserName),
    /// The operator of the store, who may delete anything.
    Operator,
}

impl Deleter {
    /// Whether a message of this user is theirs to delete.
    pub fn may_delete(&self, user: &UserName) -> bool {
        match self {
            Deleter::Author(author) => author == user,
            Deleter::Operator => true,
        }
    }
}

/// What became of the wish to delete a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone from now on.
    Deleted(Tombstone),
    /// It was gone before.
    AlreadyGone(Tombstone),
    /// There is no such message.
    Unknown,
    /// It is somebody else's.
    NotTheirs,
}

/// Removes messages. What keeps messages in memory hears of it, whichever
/// program removes them, before the removal is acknowledged.
#[async_trait]
pub trait Removal: Send + Sync {
    /// Deletes messages, a thousand at most at once: their rows, their places
    /// in lists and what they count, in one transaction. Says for each what
    /// became of it.
    async fn delete(
        &self,
        ids: Vec<MessageId>,
        deleter: Deleter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Deletion>, StoreError> {
        let _ = (ids, deleter, now);
        Err(StoreError::NotYet("delete messages"))
    }

    /// What stays of a message, if it was deleted.
    async fn tombstone(&self, id: MessageId) -> Result<Option<Tombstone>, StoreError> {
        let _ = id;
        Ok(None)
    }

    /// At most `limit` tombstones behind a position, in the order of theirs.
    async fn tombstones(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        let _ = (after, limit);
        Ok(Vec::new())
    }

    /// Takes over tombstones of another store, and deletes the messages they
    /// are of, in one transaction: `Stored` or `AlreadyThere`. One whose
    /// message was here gets a new position, for those who follow, and so does
    /// one whose position is taken.
    async fn import_tombstones(
        &self,
        tombstones: Vec<Tombstone>,
    ) -> Result<Vec<Imported>, StoreError> {
        let _ = tombstones;
        Err(StoreError::NotYet("import tombstones"))
    }
}
