//! What writers do beside posts.

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::compaction::{self, Part};
use super::conn::Conn;
use super::retention;
use super::retry::Failure;
use crate::domain::{Deleter, Deletion, Imported, MessageId, Record, Rule, StoreError, Tombstone};

/// Where an answer goes.
type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What writers do beside posts, and who waits for what becomes of it.
pub(super) enum Task {
    /// Records to import.
    Import(Vec<Record>, Reply<Vec<Imported>>),
    /// Messages to delete, what an archive has of them, for whom and when.
    Delete(
        Vec<MessageId>,
        Vec<Record>,
        Deleter,
        DateTime<Utc>,
        Reply<Vec<Deletion>>,
    ),
    /// Tombstones to take over.
    Tombstones(Vec<Tombstone>, Reply<Vec<Imported>>),
    /// Messages to evict, by a rule or not.
    Evict(Vec<MessageId>, Option<Rule>, Reply<u64>),
    /// Counters to put together.
    Compact(Part, Reply<u64>),
}

/// Work of one transaction that has to do with no slot.
#[derive(Clone, Copy)]
pub(super) enum Alone<'a> {
    /// Messages, by a rule or not.
    Evict(&'a [MessageId], Option<&'a Rule>),
    /// Counters.
    Compact(&'a Part),
}

impl Alone<'_> {
    /// For the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Alone::Evict(..) => "evict messages",
            Alone::Compact(_) => "put counters together",
        }
    }

    /// One attempt; of how many messages or rows.
    pub(super) async fn attempt(self, conn: &Conn) -> Result<u64, Failure> {
        match self {
            Alone::Evict(ids, by) => retention::evict(conn, ids, by).await,
            Alone::Compact(part) => compaction::attempt(conn, part).await,
        }
    }
}
