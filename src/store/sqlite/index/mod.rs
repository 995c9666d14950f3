//! Lists of message ids: by user, by hashtag, of all.

pub(crate) mod descending;
pub(crate) mod lists;
