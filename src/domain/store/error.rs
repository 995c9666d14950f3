//! Why a store did not do what it was asked.

use super::Day;
use crate::domain::MessageId;

/// Why a store did not do what was asked. `Display` is for the log; no part
/// of it reaches a client.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Not now: away, full or overloaded. Trying again later can help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A read waited or ran for longer than it may. Asking for less can help.
    #[error("too slow: {0}")]
    TooSlow(String),
    /// Others were faster, more often than retries allow.
    #[error("the store could not get past concurrent writers: {0}")]
    Conflict(String),
    /// What is stored cannot be read as dunder's.
    #[error("the store holds something that is not dunder's: {0}")]
    Corrupt(String),
    /// What was asked for is in a file of the archive that cannot be read now.
    #[error("the archive cannot be read: {0}")]
    ArchiveAway(String),
    /// What was asked for is in the archive, which is not to be read.
    #[error(
        "messages of {0} are in the archive, which this server does not read (archive.read: false)"
    )]
    ArchiveClosed(Day),
    /// This backend cannot do it yet.
    #[error("this store cannot {0} yet")]
    NotYet(&'static str),
    /// A defect, here or in the database.
    #[error("the store failed: {0}")]
    Unexpected(String),
}

/// Why a post was not stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PostError {
    /// The same user used this idempotency key for another message.
    #[error("the idempotency key was used for message {first}, which says something else")]
    KeyReused {
        /// The message it was used for.
        first: MessageId,
    },
    /// What the same user posted under this idempotency key was deleted.
    #[error("the idempotency key was used for message {first}, which was deleted")]
    Deleted {
        /// The message it was used for.
        first: MessageId,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
