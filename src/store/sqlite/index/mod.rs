//! Lists of message ids: by user, by hashtag, of all.

pub(crate) mod falling;
pub(crate) mod lists;
