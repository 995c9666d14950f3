//! Whole stores that move.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{MessageId, Record};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It is stored now.
    Stored,
    /// It was stored before, the same in every part.
    AlreadyThere,
    /// It was deleted, and is not brought back.
    Deleted,
    /// It is as old as messages that were evicted, and not stored: it may be
    /// one of them, and is counted then.
    Evicted,
    /// Its id belongs to another message.
    IdTaken,
    /// Its idempotency key belongs to another message of the user.
    KeyTaken {
        /// That message.
        first: MessageId,
    },
}

/// Takes records in and gives them out.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// Stores records under their own ids, in one transaction, and says for
    /// each what became of it. Their dates move no clock.
    async fn import(&self, records: Vec<Record>) -> Result<Vec<Imported>, StoreError>;

    /// At most `limit` records, oldest first, after the given id.
    async fn export(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError>;
}
