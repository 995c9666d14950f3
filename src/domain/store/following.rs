//! Reading in the one order that everybody sees, for those who follow.

use std::borrow::Cow;
use std::cmp::Reverse;

use async_trait::async_trait;

use super::{Boundary, Rule, StoreError, Tombstone};
use crate::domain::{FeedFilter, FeedLimit, Hashtag, Message, MessageId, UserName};

/// A place in the order of everything: behind the message with this id, and
/// behind all that are older. Only ids up to the closed one are places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub MessageId);

/// What a follower wants; all conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FollowFilter {
    /// Written by one of these; by anybody, where there are none.
    pub users: Vec<UserName>,
    /// Carrying all of these, or with `any` at least one.
    pub hashtags: Vec<Hashtag>,
    /// One of the hashtags is enough.
    pub any: bool,
    /// Carrying none of these.
    pub without: Vec<Hashtag>,
    /// Without what imports brought: that is history, and who follows live is
    /// not told of it.
    pub is_live: bool,
    /// At most so many at once.
    pub limit: FeedLimit,
}

impl FollowFilter {
    /// Whether a follower wants an event. Of deletions those of the users, or
    /// else all: which hashtags a deleted message had is known no more.
    pub fn wants(&self, event: &Event) -> bool {
        match event {
            Event::Posted(message) => self.matches(message),
            Event::Deleted(tombstone) => self.has(&tombstone.user),
            Event::Gap { .. } => true,
        }
    }

    /// Whether a follower wants a message.
    pub fn matches(&self, message: &Message) -> bool {
        let has = |tag: &Hashtag| message.hashtags.contains(tag);
        let is_tagged = match self.any && !self.hashtags.is_empty() {
            true => self.hashtags.iter().any(has),
            false => self.hashtags.iter().all(has),
        };
        is_tagged && self.has(&message.user) && !self.without.iter().any(has)
    }

    /// Whether messages that a rule evicts may be wanted.
    fn may_want_of(&self, rule: &Rule) -> bool {
        match rule {
            Rule::All => true,
            Rule::Hashtag(hashtag) => !self.without.contains(hashtag),
        }
    }

    fn has(&self, user: &UserName) -> bool {
        self.users.is_empty() || self.users.contains(user)
    }
}

/// The names and the limit of a page; its dates and its cursor are of one that
/// goes back.
impl From<FeedFilter> for FollowFilter {
    fn from(page: FeedFilter) -> FollowFilter {
        FollowFilter {
            users: page.users,
            hashtags: page.hashtags,
            any: page.any,
            without: page.without,
            is_live: false,
            limit: page.limit,
        }
    }
}

/// What happened, each at a position of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message was posted: its id is the position.
    Posted(Message),
    /// A message was deleted.
    Deleted(Tombstone),
    /// What was between two positions is gone.
    Gap {
        /// Behind this one.
        from: Position,
        /// And up to this one.
        to: Position,
    },
}

impl Event {
    /// As it is for who follows from a position on: what was gone before is
    /// none of it.
    pub fn since(&self, began: Option<Position>) -> Cow<'_, Event> {
        match (self, began) {
            (Event::Gap { from, to }, Some(began)) if *from < began => {
                let (from, to) = (began, *to);
                Cow::Owned(Event::Gap { from, to })
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// Its place: who has seen it goes on behind this one.
    pub fn position(&self) -> Position {
        match self {
            Event::Posted(message) => Position(message.id),
            Event::Deleted(tombstone) => tombstone.position,
            Event::Gap { to, .. } => *to,
        }
    }
}

/// What comes after a position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passage {
    /// Oldest first; may be empty although more follows, where a filter
    /// matches seldom.
    pub events: Vec<Event>,
    /// Where to go on: behind all that was looked at, whether it is wanted or
    /// not; where nothing follows yet, behind the closed one, if the store
    /// knows it for no more work, or else as before.
    pub position: Option<Position>,
    /// Nothing follows yet.
    pub is_caught_up: bool,
}

impl Passage {
    /// Says what is gone: a gap for each rule whose last evicted message was
    /// passed on the way from a position, in its place. `closed` is the closed
    /// position, up to which a passage that is caught up goes. Gaps are no less
    /// events than messages, so what is too much is left for the next passage.
    pub fn tell_gaps(
        &mut self,
        after: Option<Position>,
        closed: Position,
        boundaries: &[Boundary],
        filter: &FollowFilter,
    ) {
        let end = match self.is_caught_up {
            true => Some(closed),
            false => self.position,
        };
        let is_passed = |boundary: &&Boundary| {
            let last = Some(Position(boundary.last));
            last > after && last <= end && filter.may_want_of(&boundary.rule)
        };
        let mut gaps: Vec<(MessageId, MessageId)> = boundaries
            .iter()
            .filter(is_passed)
            .map(|boundary| (boundary.first, boundary.last))
            .collect();
        // One that another one holds says nothing more.
        gaps.sort_unstable_by_key(|&(first, last)| (first, Reverse(last)));
        gaps.dedup_by(|inner, outer| inner.1 <= outer.1);
        let Some(&(_, last)) = gaps.last() else {
            return;
        };
        self.events.extend(gaps.into_iter().map(|(first, last)| {
            let (from, to) = (Position(first.predecessor()), Position(last));
            Event::Gap { from, to }
        }));
        self.events.sort_by_key(Event::position);
        self.position = self.position.max(Some(Position(last)));
        if self.events.len() > filter.limit.get() {
            self.events.truncate(filter.limit.get());
            self.position = self.events.last().map(Event::position);
            self.is_caught_up = false;
        }
    }
}

/// Reads forward. Each message is passed once, whoever stored it, and nobody
/// sees two in another order.
#[async_trait]
pub trait Following: Send + Sync {
    /// Up to where all is stored that ever will be, imports aside; `None` in
    /// an empty store.
    async fn closed(&self) -> Result<Option<Position>, StoreError> {
        Err(StoreError::NotYet("be followed"))
    }

    /// What follows a position, or the beginning, up to the closed one. Reads
    /// a bounded part of the store, whatever the filter.
    async fn after(
        &self,
        position: Option<Position>,
        filter: &FollowFilter,
    ) -> Result<Passage, StoreError> {
        let _ = (position, filter);
        Err(StoreError::NotYet("be followed"))
    }

    /// Ends once something may have been stored since it was last waited for,
    /// by this program at least. The one who follows reads every now and then
    /// besides, so this saves time and no more.
    async fn stored(&self) {
        std::future::pending().await
    }
}
