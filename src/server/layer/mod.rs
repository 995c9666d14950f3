//! What stands around every handler: what is logged, what is refused unread,
//! who is asking, how much at once, and what was answered before.
//!
//! `measure`, `request_log`, `catch_panic` and `validate` are layers in tower's sense around
//! the router. tower-http's own were weighed: its `CatchPanic` puts every body
//! into a box, and its request ids go through the extensions of a request,
//! which are a map on the heap; both cost what a post can feel.

pub(crate) mod auth;
pub(crate) mod cache;
pub(crate) mod catch_panic;
pub(crate) mod in_flight;
pub(crate) mod limits;
pub(crate) mod measure;
pub(crate) mod request_log;
pub(crate) mod trace;
pub(crate) mod validate;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The values of a header. A request has a few, which are walked sooner than a
/// name is hashed.
pub(crate) fn named(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &HeaderValue> {
    let headers = headers.iter().filter(move |(found, _)| **found == name);
    headers.map(|(_, value)| value)
}
