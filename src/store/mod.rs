//! The places where messages are kept: implementations of
//! [`Store`](crate::domain::Store), how settings name one, and why one cannot
//! be opened.

pub mod cockroach;
mod open;
pub mod sqlite;
pub(crate) mod writer;

pub use open::{migrate, open};

use std::io;

/// Why a store cannot be opened. Every sentence names the place (a path, or a
/// host and database) and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It holds somebody else's data. Nothing was changed.
    #[error("{place} is not a dunder store ({found}); name another place, nothing was changed")]
    NotDunder {
        /// Where.
        place: String,
        /// What is there instead.
        found: String,
    },
    /// It was written by a later version of dunder. Nothing was changed.
    #[error(
        "{place} was written by a newer dunder (its schema is {found}, this program knows {known}); use that version or a newer one, nothing was changed"
    )]
    Newer {
        /// Where.
        place: String,
        /// The schema found.
        found: i64,
        /// The latest schema this program knows.
        known: i64,
    },
    /// It can be read but not written.
    #[error(
        "{place} cannot be written ({reason}); give this user the right to write there, or name another place"
    )]
    ReadOnly {
        /// Where.
        place: String,
        /// What forbids it.
        reason: String,
    },
    /// The operating system refused.
    #[error("{place} cannot be opened: {source}; check the path and its permissions")]
    Io {
        /// Where.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// A cluster.
    #[error(transparent)]
    Cockroach(#[from] cockroach::OpenError),
    /// The database refused.
    #[error("{place} cannot be used: {reason}")]
    Unusable {
        /// Where.
        place: String,
        /// Why, and what may help.
        reason: String,
    },
}
