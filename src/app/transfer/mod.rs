//! Messages in and out of a store as newline-delimited JSON.

pub(crate) mod decode;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod lines;
pub(crate) mod progress;
pub(crate) mod refusals;
