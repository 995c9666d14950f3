//! Keeping messages for a time: what is older is evicted.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::{Hashtag, MessageId};

/// Which messages are kept for a time of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// All.
    All,
    /// Those that carry a hashtag.
    Hashtag(Hashtag),
}

impl Rule {
    /// As stores write it: empty of all messages, which no hashtag is.
    pub fn name(&self) -> &str {
        match self {
            Rule::All => "",
            Rule::Hashtag(hashtag) => hashtag.as_str(),
        }
    }

    /// The rule that a store wrote so.
    pub fn from_stored(name: &str) -> Rule {
        match name {
            "" => Rule::All,
            name => Rule::Hashtag(Hashtag::from_stored(name)),
        }
    }

    /// Whether it is about messages that carry these hashtags.
    pub fn is_about(&self, hashtags: &[Hashtag]) -> bool {
        match self {
            Rule::All => true,
            Rule::Hashtag(hashtag) => hashtags.contains(hashtag),
        }
    }
}

/// For people.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::All => f.write_str("all messages"),
            Rule::Hashtag(hashtag) => write!(f, "#{hashtag}"),
        }
    }
}

/// What a rule has evicted for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary {
    /// The rule.
    pub rule: Rule,
    /// The first message it evicted.
    pub first: MessageId,
    /// The last one. At or before it nobody knows what there was.
    pub last: MessageId,
}

impl Boundary {
    /// Whether a message that is not stored may have been evicted.
    pub fn has_passed(&self, id: MessageId, hashtags: &[Hashtag]) -> bool {
        id <= self.last && self.rule.is_about(hashtags)
    }
}

/// Evicts messages. They leave no tombstones, and what they counted stays
/// counted: a trend is the same before and after.
#[async_trait]
pub trait Retention: Send + Sync {
    /// At most `limit` messages that a rule is about, the oldest first, behind
    /// an id and before another.
    async fn due(
        &self,
        rule: &Rule,
        after: Option<MessageId>,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<MessageId>, StoreError> {
        let _ = (rule, after, before, limit);
        Err(StoreError::NotYet("evict messages"))
    }

    /// Evicts messages, a thousand at most at once: their rows, their places in
    /// lists and their idempotency keys, in one transaction. Says how many were
    /// there. Those that a rule evicts are gone for good, and its boundary says
    /// so from then on; without a rule they are kept elsewhere.
    async fn evict(&self, ids: Vec<MessageId>, by: Option<Rule>) -> Result<u64, StoreError> {
        let _ = (ids, by);
        Err(StoreError::NotYet("evict messages"))
    }

    /// What was evicted for good, by rule; nothing of rules that evicted
    /// nothing.
    async fn boundaries(&self) -> Result<Vec<Boundary>, StoreError> {
        Ok(Vec::new())
    }

    /// Takes work over that one program at a time does, or goes on with it,
    /// until a time. Says whether it may: another one has it, if not. It saves
    /// work and no more: clocks may be wrong.
    async fn lease(
        &self,
        work: &str,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let _ = (work, owner, until);
        Err(StoreError::NotYet("share work"))
    }

    /// Leaves work to others.
    async fn release(&self, work: &str, owner: &str) -> Result<(), StoreError> {
        let _ = (work, owner);
        Err(StoreError::NotYet("share work"))
    }
}
