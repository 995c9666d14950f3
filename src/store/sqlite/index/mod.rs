//! Posting lists: ids of messages by user, by hashtag, of all.

pub(crate) mod descending;
pub(crate) mod postings;
pub(crate) mod removal;
