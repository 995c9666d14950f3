//! What stands around every handler: who is asking, how much at once, and what
//! was answered before.

pub(crate) mod auth;
pub(crate) mod cache;
pub(crate) mod limits;
