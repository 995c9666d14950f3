//! What keeps the file sound: that it is still the one at its path, that its
//! log stays small, and what the writer last met.

pub(crate) mod anchor;
pub(crate) mod gate;
pub(crate) mod health;
pub(crate) mod log;
