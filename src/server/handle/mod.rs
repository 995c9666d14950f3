//! The handlers, one file a resource, and what they read requests with.

pub(crate) mod after;
pub(crate) mod body;
pub(crate) mod cold;
pub(crate) mod draw;
pub(crate) mod feed;
pub(crate) mod format;
pub(crate) mod health;
pub(crate) mod help;
pub(crate) mod message;
pub(crate) mod openapi;
pub(crate) mod pages;
pub(crate) mod parameters;
pub(crate) mod stream;
pub(crate) mod trend;
pub(crate) mod user;
