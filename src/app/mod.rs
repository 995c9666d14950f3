//! Everything put together: the store that the settings name, the server, the
//! signals, and the commands of the one who runs dunder.
//!
//! `command` is the command line as a whole; `serve` runs the server and
//! `supervise` what goes on beside it, `traces` sends what it traced,
//! `operations` answers those who run it, `reload` reads the settings again,
//! `retention` evicts what is too old, and
//! `systemd` is told of all that; `admin` has the commands that open the
//! store themselves, `transfer` what import and export do; `store` opens what
//! the settings name; `log` says what happens.

pub mod admin;
pub mod archive;
pub mod command;
pub mod log;
mod operations;
mod reload;
mod retention;
pub mod serve;
pub mod store;
mod supervise;
mod systemd;
mod traces;
mod transfer;
