//! A store for tests of the server alone: it reads pages from memory, hangs,
//! and panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use crate::domain::{
    Counts, Draft, Event, FeedFilter, FeedPage, FollowFilter, Following, HashtagCount,
    HashtagsFilter, Imported, Lifecycle, Manifest, Message, MessageId, Messages, NotReady, Passage,
    Position, PostError, Readiness, Record, Removal, Retention, SecretHash, Series, StoreError,
    Token, TokenId, Tokens, Transfer, TrendFilter, UserName, Version, Warning,
};

/// Messages, newest first; whoever asks for a trend waits for ever, and to ask
/// for users is a defect.
#[derive(Default)]
pub(crate) struct Stub {
    pub(crate) messages: Vec<Message>,
    /// Trends that somebody waits for at the moment.
    pub(crate) waiting: Arc<AtomicUsize>,
    /// Pages read so far.
    pub(crate) reads: AtomicUsize,
    /// Pages after which the store is away.
    pub(crate) reads_at_most: Option<usize>,
    /// Trends are this old, and answered.
    pub(crate) stale: Option<Duration>,
    /// A read of those who follow takes one of these; none can be followed
    /// without.
    pub(crate) history: Option<Arc<Semaphore>>,
    /// What is told of changes; nothing, while it is 0.
    pub(crate) version: AtomicU64,
}

impl Stub {
    /// With so many messages, of which each `long`th has a long text.
    pub(crate) fn with(count: usize, long: usize) -> Stub {
        let message = |n: usize| {
            let text = match n % long {
                0 => "\"x\"\n".repeat(2_000),
                _ => format!("a \"b\"\n{n}"),
            };
            let tags: &[&str] = if n.is_multiple_of(2) {
                &["c", "d"]
            } else {
                &[]
            };
            let draft = Draft::new("ann".parse().unwrap(), text, tags).unwrap();
            draft.into_message(MessageId::from_parts(1_000, n as u128))
        };
        Stub {
            messages: (0..count).rev().map(message).collect(),
            ..Stub::default()
        }
    }
}

/// Counts those who wait.
struct Waits(Arc<AtomicUsize>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn away<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("a stub".to_owned()))
}

#[async_trait]
impl Messages for Stub {
    async fn post(&self, draft: Draft) -> Result<Message, PostError> {
        Ok(draft.into_message(MessageId::MAX))
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        Ok(self.messages.iter().find(|one| one.id == id).cloned())
    }

    async fn feed(&self, filter: &FeedFilter) -> Result<FeedPage, StoreError> {
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        if self.reads_at_most.is_some_and(|most| read >= most) {
            return away();
        }
        let (low, high) = filter.id_range();
        let found = self.messages.iter();
        let found = found.filter(|one| low <= one.id && one.id < high);
        let found = found.take(filter.limit.get() + 1).cloned().collect();
        Ok(FeedPage::from_surplus(found, filter.limit))
    }

    async fn users(&self, _: &str, _: usize) -> Result<Vec<UserName>, StoreError> {
        panic!("a stub that panics");
    }
}

#[async_trait]
impl Counts for Stub {
    async fn trend(&self, _: &TrendFilter) -> Result<Vec<Series>, StoreError> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(Arc::clone(&self.waiting));
        std::future::pending().await
    }

    async fn recent_trend(
        &self,
        filter: &TrendFilter,
    ) -> Result<(Vec<Series>, Option<Duration>), StoreError> {
        match self.stale {
            Some(stale) => Ok((vec![Series::new()], Some(stale))),
            None => Ok((self.trend(filter).await?, None)),
        }
    }

    async fn hashtags(&self, _: &HashtagsFilter) -> Result<Vec<HashtagCount>, StoreError> {
        away()
    }
}

#[async_trait]
impl Tokens for Stub {
    async fn create_token(&self, _: Token, _: SecretHash) -> Result<(), StoreError> {
        away()
    }

    async fn token(&self, _: SecretHash) -> Result<Option<Token>, StoreError> {
        Ok(None)
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        away()
    }

    async fn revoke_token(
        &self,
        _: TokenId,
        _: DateTime<Utc>,
    ) -> Result<Option<Token>, StoreError> {
        away()
    }
}

#[async_trait]
impl Transfer for Stub {
    async fn import(&self, _: Vec<Record>) -> Result<Vec<Imported>, StoreError> {
        away()
    }

    async fn export(&self, _: Option<MessageId>, _: usize) -> Result<Vec<Record>, StoreError> {
        away()
    }
}

#[async_trait]
impl Lifecycle for Stub {
    fn version(&self) -> Option<Version> {
        let version = self.version.load(Ordering::Relaxed);
        (version > 0).then_some(Version(version))
    }

    async fn check(&self) -> Result<Vec<Warning>, NotReady> {
        Ok(Vec::new())
    }

    async fn close(&self) {}
}

#[async_trait]
impl Following for Stub {
    async fn closed(&self) -> Result<Option<Position>, StoreError> {
        Ok(self.messages.first().map(|newest| Position(newest.id)))
    }

    async fn after(
        &self,
        position: Option<Position>,
        filter: &FollowFilter,
    ) -> Result<Passage, StoreError> {
        let Some(turns) = &self.history else {
            return Err(StoreError::NotYet("be followed"));
        };
        turns
            .acquire()
            .await
            .map_err(|_| StoreError::NotYet("be followed"))?
            .forget();
        let oldest_first = self.messages.iter().rev();
        let behind = oldest_first.filter(|one| Some(Position(one.id)) > position);
        let events: Vec<_> = behind
            .take(filter.limit.get())
            .cloned()
            .map(Event::Posted)
            .collect();
        Ok(Passage {
            position: events.last().map(Event::position).or(position),
            is_caught_up: events.len() < filter.limit.get(),
            events,
        })
    }
}

impl Removal for Stub {}
impl Manifest for Stub {}
impl Retention for Stub {}

/// Nothing goes on beside requests.
pub(crate) struct Ready;

impl Readiness for Ready {
    fn check(&self) -> Result<(), NotReady> {
        Ok(())
    }
}
