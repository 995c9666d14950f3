//! Counters of messages by time: how they are laid out in the file, and what
//! is answered from them.

pub(crate) mod counts;
pub(crate) mod levels;
pub(crate) mod months;
