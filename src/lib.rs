//! dunder: a message JSON API with hashtags and trends, and its console
//! client, in one binary.

pub mod admin;
pub mod api;
pub mod cli;
pub mod command;
pub mod config;
pub mod domain;
pub mod log;
pub mod render;
pub mod serve;
pub mod server;
pub mod store;
