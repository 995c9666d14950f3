//! What keeps the file sound: that its files are still those at their
//! paths, that its log stays small, and what the writer last met.

pub(crate) mod files;
pub(crate) mod gate;
pub(crate) mod health;
pub(crate) mod log;
