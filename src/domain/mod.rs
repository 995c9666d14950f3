//! What dunder is about, without I/O: messages, hashtags, users, ids, dates,
//! filters, and the [`Store`] that keeps them.
//!
//! Values are parsed once into types that cannot be wrong afterwards; every
//! parser's error is a sentence that names the value at fault.

mod asked;
mod date;
mod duration;
mod feed;
mod hashtag;
mod id;
mod ink;
mod interval;
mod job;
mod message;
mod store;
mod token;
mod trend;
mod user;
mod zone;

pub use asked::Asked;
pub use date::{DateError, parse_date};
pub use duration::{DurationError, format_duration, parse_duration};
pub use feed::{FeedFilter, FeedLimit, FeedPage, FilterError, Group};
pub use hashtag::{FOLDING, Hashtag, HashtagError, MAX_HASHTAG_CHARS, hashtags_in_text, refolded};
pub use id::{IdClock, IdError, MessageId};
pub use ink::is_invisible;
pub use interval::{Interval, IntervalError};
pub use job::{Job, Readiness, Run};
pub use message::{
    Draft, DraftError, IdempotencyKey, KeyError, MAX_HASHTAGS, MAX_TEXT_BYTES, Message,
    MessageText, Record, RecordError, TextError,
};
pub use store::{
    ArchiveFile, ArchivedDay, Boundary, ColdRead, Counts, Day, Deleter, Deletion, Event,
    FollowFilter, Following, Imported, Lifecycle, Manifest, Messages, NotReady, Passage, Position,
    PostError, Removal, Retention, Rule, Store, StoreError, Tokens, Tombstone, Transfer, Version,
    Warning, prelude,
};
pub use token::{Secret, SecretError, SecretHash, Token, TokenId};
pub use trend::{
    Buckets, Cell, HashtagCount, HashtagsFilter, MAX_BUCKETS, Range, Series, TrendError,
    TrendFilter, TrendRequest,
};
pub use user::{MAX_USER_NAME_CHARS, UserName, UserNameError};
pub use zone::{Moments, Span, Zone, ZoneError};

/// A value as an error sentence shows it: quoted, escaped, and cut after 60
/// characters, so that neither a terminal nor a reader drowns in it.
pub fn shown(value: &str) -> String {
    const MAX: usize = 60;
    let mut cut: String = value.chars().take(MAX).collect();
    if cut.len() < value.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}
