//! The tests of behaviour, one binary: stores, server and commands as they
//! are used.

mod admin;
mod archive;
mod authority;
mod cli;
mod cockroach;
mod contract;
mod deploy;
mod hashtags;
mod http;
mod operate;
mod place;
mod python;
mod shape;
mod sqlite;
mod support;
