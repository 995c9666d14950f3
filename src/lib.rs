//! dunder: a message JSON API with hashtags and trends, and its console
//! client, in one binary.

pub mod domain;
