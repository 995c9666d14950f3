//! The commands of the client, one file or folder a command.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod delete;
pub(crate) mod doctor;
mod empty;
pub(crate) mod feed;
pub(crate) mod form;
pub(crate) mod help;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod man;
pub(crate) mod post;
pub(crate) mod queue;
pub(crate) mod show;
pub(crate) mod tags;
pub(crate) mod trend;
pub(crate) mod whoami;
