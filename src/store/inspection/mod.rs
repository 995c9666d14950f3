//! Whether what is derived from messages agrees with them: every posting list
//! and every counter, of any store.
//!
//! A store walks through its messages, its lists and its counters in one
//! snapshot and enters them in a ledger. The first walk keeps a fingerprint
//! for each name ([`Prints`]), so that memory grows with names and not with
//! messages. Only where fingerprints differ a second walk looks at ids and
//! buckets ([`Exact`]). What differs stays so whatever is posted, deleted or
//! flushed meanwhile, as each of these changes both sides alike: so a
//! difference can be mended after the walk.

mod exact;
mod prints;

use std::fmt;

use chrono::{DateTime, SecondsFormat};

use crate::domain::{MessageId, format_duration};

pub(crate) use exact::Exact;
pub(crate) use prints::Prints;

/// A posting list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListName {
    /// Of the messages of a user.
    User(String),
    /// Of the messages with a hashtag.
    Hashtag(String),
}

/// A counter: the messages of a series in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterName {
    /// A hashtag; '' for all messages.
    pub series: String,
    /// Seconds.
    pub width: i64,
    /// Its start in Unix seconds.
    pub bucket: i64,
}

/// Something that does not agree with the messages. `Display` is a line for
/// the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A message is not in a list that it belongs into.
    Unlisted(ListName, MessageId),
    /// A list has a message that is not there, or that it has nothing to do
    /// with.
    Stray(ListName, MessageId),
    /// A counter does not say how many messages there are.
    Miscounted {
        /// Which.
        counter: CounterName,
        /// What it says.
        counted: i64,
        /// What is there.
        messages: i64,
    },
    /// A message is there that was deleted.
    Undead(MessageId),
    /// The file or the table itself is damaged, in the database's words.
    Damaged(String),
}

/// What a walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Messages that were looked at.
    pub messages: u64,
    /// Places in lists.
    pub places: u64,
    /// Counters.
    pub counters: u64,
    /// Counters before this moment were left out, in Unix seconds: messages
    /// that they counted were evicted.
    pub counted_from: Option<i64>,
    /// What differs, at most [`MOST`] of each kind.
    pub differences: Vec<Difference>,
    /// There is more that differs than is listed.
    pub has_more: bool,
}

/// Differences of one kind that are looked at at once; mending and looking
/// again goes on.
pub const MOST: usize = 100_000;

/// The first second of which nothing is at or before an id.
pub(crate) fn after(id: MessageId) -> i64 {
    id.millis().div_euclid(1_000) + 1
}

/// Takes in what a walk passes.
pub(crate) trait Ledger: Send {
    /// A message, with its user and hashtags.
    fn message(&mut self, id: MessageId, user: &str, hashtags: &mut dyn Iterator<Item = &str>);
    /// A place in the list of a user.
    fn of_user(&mut self, user: &str, id: MessageId);
    /// A place in the list of a hashtag.
    fn of_hashtag(&mut self, hashtag: &str, id: MessageId);
    /// A counter, or a part of one.
    fn counter(&mut self, series: &str, width: i64, bucket: i64, count: i64);
}

impl fmt::Display for ListName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListName::User(name) => write!(f, "the list of user {name}"),
            ListName::Hashtag(name) => write!(f, "the list of #{name}"),
        }
    }
}

impl fmt::Display for CounterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = format_duration(std::time::Duration::from_secs(self.width.unsigned_abs()));
        let from = DateTime::from_timestamp(self.bucket, 0).unwrap_or_default();
        let from = from.to_rfc3339_opts(SecondsFormat::Secs, true);
        match self.series.as_str() {
            "" => write!(f, "the counter of {width} from {from}")?,
            name => write!(f, "the counter of {width} from {from} of #{name}")?,
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Unlisted(list, id) => write!(f, "{list} lacks {id}"),
            Difference::Stray(list, id) => {
                write!(f, "{list} has {id}, which does not belong there")
            }
            Difference::Miscounted {
                counter,
                counted,
                messages,
            } => write!(f, "{counter} says {counted}, messages are {messages}"),
            Difference::Undead(id) => write!(f, "{id} was deleted and is there"),
            Difference::Damaged(words) => write!(f, "damaged: {words}"),
        }
    }
}

impl Difference {
    /// Whether [`mend`](crate::store) can do something about it.
    pub fn is_mendable(&self) -> bool {
        match self {
            Difference::Unlisted(..) | Difference::Stray(..) | Difference::Miscounted { .. } => {
                true
            }
            Difference::Undead(_) | Difference::Damaged(_) => false,
        }
    }
}
