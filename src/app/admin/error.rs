//! Why a command of the operator failed, and with which exit code.

use std::io;
use std::path::Path;

use crate::config::ConfigError;
use crate::domain::StoreError;
use crate::store::OpenError;

/// Why a command failed, for the person who gave it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// What was asked for cannot be done as things are.
    #[error("{0}")]
    Refused(String),
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Input or output.
    #[error("{what}: {error}")]
    Io {
        /// The file or stream, and what was done to it.
        what: String,
        /// What the system says.
        error: io::Error,
    },
}

impl AdminError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> AdminError {
        let what = what.into();
        move |error| AdminError::Io { what, error }
    }

    pub(crate) fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> AdminError {
        AdminError::io(format!("cannot {verb} {}", path.display()))
    }

    /// The process's exit code: 2 for wrong usage and settings, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            AdminError::Config(_)
            | AdminError::Usage(_)
            | AdminError::Open(OpenError::Settings(_)) => 2,
            AdminError::Refused(_)
            | AdminError::Open(_)
            | AdminError::Store(_)
            | AdminError::Io { .. } => 1,
        }
    }
}
