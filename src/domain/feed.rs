//! Which messages are asked for, and a page of them.

use chrono::{DateTime, Utc};

use super::trend::{minute_after, minute_of};
use super::{Hashtag, Message, MessageId, UserName};

/// How many messages a page holds: 1 to 1000, 100 when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FeedLimit(u16);

impl FeedLimit {
    /// The largest page.
    pub const MAX: u16 = 1000;

    /// A page of `limit` messages, if there can be one.
    pub fn new(limit: u16) -> Option<FeedLimit> {
        (1..=Self::MAX).contains(&limit).then_some(FeedLimit(limit))
    }

    /// The number of messages.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl Default for FeedLimit {
    fn default() -> Self {
        FeedLimit(100)
    }
}

/// All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FeedFilter {
    /// At or after this moment.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub to: Option<DateTime<Utc>>,
    /// Older than this message.
    pub cursor: Option<MessageId>,
    /// Written by this user.
    pub user: Option<UserName>,
    /// Carrying all of these.
    pub hashtags: Vec<Hashtag>,
    /// At most so many, the newest ones.
    pub limit: FeedLimit,
}

/// Why a filter cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// An empty or backward range.
    #[error("from_date {} is not before to_date {}; swap them or leave one out", .from.to_rfc3339(), .to.to_rfc3339())]
    EmptyRange {
        /// The start given.
        from: DateTime<Utc>,
        /// The end given.
        to: DateTime<Utc>,
    },
    /// More hashtags than a message can carry.
    #[error("{0} hashtags are asked for at once; a message has at most 16")]
    TooManyHashtags(usize),
}

impl FeedFilter {
    /// Moves the dates out to whole minutes, as every range, folds repeated
    /// hashtags and refuses what no message can match.
    ///
    /// # Errors
    /// [`FilterError`] names the range or the number of hashtags.
    pub fn checked(mut self) -> Result<FeedFilter, FilterError> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(FilterError::EmptyRange { from, to });
        }
        let edge = |seconds| DateTime::from_timestamp(seconds, 0);
        self.from = self.from.and_then(|from| edge(minute_of(from)));
        self.to = self.to.and_then(|to| edge(minute_after(to)));
        let mut seen: Vec<Hashtag> = Vec::new();
        for tag in std::mem::take(&mut self.hashtags) {
            if !seen.contains(&tag) {
                seen.push(tag);
            }
        }
        if seen.len() > super::MAX_HASHTAGS {
            return Err(FilterError::TooManyHashtags(seen.len()));
        }
        self.hashtags = seen;
        Ok(self)
    }

    /// Dates and cursor as one range of ids: from the first (inclusive) to
    /// the second (exclusive).
    pub fn id_range(&self) -> (MessageId, MessageId) {
        let low = self.from.map_or(MessageId::MIN, MessageId::first_at);
        let to = self.to.map_or(MessageId::MAX, MessageId::first_at);
        let high = self.cursor.map_or(to, |cursor| cursor.min(to));
        (low, high)
    }
}

/// Messages, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedPage {
    /// At most as many as asked for.
    pub messages: Vec<Message>,
    /// The last message's id, when more follow.
    pub next_cursor: Option<MessageId>,
}

impl FeedPage {
    /// A page out of one message more than was asked for: the surplus one
    /// only says that there is another page.
    pub fn from_surplus(mut messages: Vec<Message>, limit: FeedLimit) -> FeedPage {
        let next_cursor = cut(&mut messages, limit).map(|last| last.id);
        FeedPage {
            messages,
            next_cursor,
        }
    }

    /// The same of ids alone: those of the page, and the next cursor.
    pub fn split_surplus(
        mut ids: Vec<MessageId>,
        limit: FeedLimit,
    ) -> (Vec<MessageId>, Option<MessageId>) {
        let next_cursor = cut(&mut ids, limit).copied();
        (ids, next_cursor)
    }
}
/// Cuts the surplus off; the last item that is left, when there was any.
fn cut<T>(items: &mut Vec<T>, limit: FeedLimit) -> Option<&T> {
    let more = items.len() > limit.get();
    items.truncate(limit.get());
    items.last().filter(|_| more)
}
