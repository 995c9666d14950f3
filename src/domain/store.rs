//! What dunder asks of a place that keeps messages. One contract suite runs
//! over this trait for every backend.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    Draft, FeedFilter, FeedPage, HashtagCount, HashtagsFilter, Job, Message, MessageId, Record,
    SecretHash, Series, Token, TokenId, TrendFilter, UserName, format_duration,
};

/// Keeps messages, counts them, and knows tokens.
///
/// Whatever a method acknowledged is durable. Nothing is ever stored twice.
/// Absence is `Option`, never an error.
#[async_trait]
pub trait Store: Send + Sync {
    /// Stores a draft under the next id and answers once it is durable. A
    /// draft whose idempotency key was used before answers the first message
    /// and stores nothing.
    async fn post(&self, draft: Draft) -> Result<Message, PostError>;

    /// One message.
    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError>;

    /// A page of messages, newest first.
    async fn feed(&self, filter: &FeedFilter) -> Result<FeedPage, StoreError>;

    /// One series for each hashtag of the filter, in its order, or one of all
    /// messages. Answered from counters.
    async fn trend(&self, filter: &TrendFilter) -> Result<Vec<Series>, StoreError>;

    /// The busiest hashtags, busiest first, then by name. Answered from
    /// counters.
    async fn hashtags(&self, filter: &HashtagsFilter) -> Result<Vec<HashtagCount>, StoreError>;

    /// User names that start so, in order, at most `limit`.
    async fn users(&self, prefix: &str, limit: usize) -> Result<Vec<UserName>, StoreError>;

    /// Stores records under their own ids, in one transaction, and says for
    /// each what became of it.
    async fn import(&self, records: Vec<Record>) -> Result<Vec<Imported>, StoreError>;

    /// At most `limit` records, oldest first, after the given id.
    async fn export(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError>;

    /// Keeps a new token under the hash of its secret.
    async fn create_token(&self, token: Token, hash: SecretHash) -> Result<(), StoreError>;

    /// The token of a secret, valid or not.
    async fn token(&self, hash: SecretHash) -> Result<Option<Token>, StoreError>;

    /// All tokens, oldest first.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// Revokes a token; `None` when there is no such token, else the token as
    /// it is now. Revoking twice keeps the first time.
    async fn revoke_token(
        &self,
        id: TokenId,
        now: DateTime<Utc>,
    ) -> Result<Option<Token>, StoreError>;

    /// What differs whenever any answer may differ, whoever changed the store;
    /// `None` where that cannot be told for less than an answer costs.
    fn version(&self) -> Option<Version> {
        None
    }

    /// Whether the store would take a post now, and what its operator should
    /// know although it would.
    async fn check(&self) -> Result<Vec<Warning>, NotReady>;

    /// Work of the store that goes on beside requests, for whoever keeps it
    /// open for long. Without it the store only notices later what it would
    /// notice.
    fn jobs(&self) -> Vec<Job> {
        Vec::new()
    }

    /// Takes no more posts, finishes those already taken, and lets go of files
    /// and connections.
    async fn close(&self);
}

/// A state of a store; only good for comparing with another of the same store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u64);

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
    /// A defect, here or in the database.
    #[error("the store failed: {0}")]
    Unexpected(String),
}

/// What the operator of a store should know. `Display` may be read by any
/// client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A message is dated later than the clock says it is.
    #[error(
        "the newest message is dated {}, {} ahead of the server's clock: a clock was wrong, or such messages were imported; new messages are dated by the clock as it is now", .newest.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), format_duration(*.ahead)
    )]
    FromTheFuture {
        /// Its date.
        newest: DateTime<Utc>,
        /// By how much.
        ahead: Duration,
    },
}

impl Warning {
    /// What there is to say of the newest message of a store, at `now`.
    pub fn of_newest(newest: Option<MessageId>, now: DateTime<Utc>) -> Option<Warning> {
        let newest = newest.filter(|newest| newest.is_ahead_of(now.timestamp_millis()))?;
        let newest = newest.created_at();
        let ahead = (newest - now).to_std().unwrap_or_default();
        Some(Warning::FromTheFuture { newest, ahead })
    }
}

/// Why a store would not take a post now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}: {error}")]
pub struct NotReady {
    /// In words that any client may read.
    pub reason: &'static str,
    /// For the log.
    pub error: StoreError,
}

impl NotReady {
    /// For [`Result::map_err`].
    pub fn because(reason: &'static str) -> impl FnOnce(StoreError) -> NotReady {
        move |error| NotReady { reason, error }
    }
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
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It is stored now.
    Stored,
    /// It was stored before, the same in every part.
    AlreadyThere,
    /// Its id belongs to another message.
    IdTaken,
    /// Its idempotency key belongs to another message of the user.
    KeyTaken {
        /// That message.
        first: MessageId,
    },
}
