//! Everything put together: the store that the settings name, the server, the
//! signals, and the commands of the one who runs dunder.
//!
//! `command` is the command line as a whole; `serve` runs the server, `admin`
//! the commands that open the store themselves (`transfer` for import and
//! export, `token`, `tls`, `migrate`); `store` opens what the settings name.

pub mod admin;
pub mod command;
pub mod log;
mod migrate;
pub mod serve;
pub mod store;
mod tls;
mod token;
mod transfer;
