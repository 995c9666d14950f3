//! The places where messages are kept: an embedded SQLite file, or a
//! CockroachDB cluster. What both do the same way, gathering posts into
//! batches, is in `batch`.
//!
//! What they keep in memory rests on the invariants 4 to 6 of the crate's
//! first page.

pub mod archive;
mod batch;
pub mod cockroach;
pub mod inspection;
mod rollup;
pub mod sqlite;

use std::io;
use std::path::PathBuf;

/// Why a store cannot be used. Nothing has been changed in it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is something else in its place.
    #[error("{place} is not a dunder store; name another place for it")]
    NotDunder {
        /// Which file or database.
        place: String,
    },
    /// Made by a newer program.
    #[error(
        "{place} was written by a newer dunder (schema {found}, this program knows {known}); use that version"
    )]
    Newer {
        /// Which file or database.
        place: String,
        /// The schema in it.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The schema is old and changing it was not asked for.
    #[error(
        "{place} has the old schema {found}, this program needs {known}; run 'dunder migrate' with the same settings"
    )]
    Old {
        /// Which file or database.
        place: String,
        /// The schema in it.
        found: i64,
        /// The schema needed.
        known: i64,
    },
    /// It can be read and not written.
    #[error("{} cannot be written: {reason}; make it writable by this user or name another with --sqlite.path", .path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A new file is to be where something is.
    #[error("{} is there already and is not replaced; move it away, or name another file", .path.display())]
    Taken {
        /// What is there.
        path: PathBuf,
    },
    /// Files.
    #[error("cannot use {}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What was written to reach a database cannot be meant.
    #[error("{0}")]
    Settings(String),
    /// There is no store, and the command makes none.
    #[error(
        "there is no store at {}; name it with --sqlite.path (`dunder serve`, `dunder import` and `dunder token create` make one)", .path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A cluster.
    #[error(transparent)]
    Cockroach(#[from] cockroach::OpenError),
    /// The database itself.
    #[error("cannot open {place}: {reason}")]
    Database {
        /// Which file or database.
        place: String,
        /// What it says.
        reason: String,
    },
}
