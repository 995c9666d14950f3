//! dunder: a message JSON API with hashtags and trends, and its console
//! client, in one binary.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod output;
pub mod server;
pub mod store;
