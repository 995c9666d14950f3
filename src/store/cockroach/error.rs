//! Why a database cannot be opened.

use super::retry::Failure;
use super::tls::TlsError;
use crate::domain::StoreError;

/// Why a database cannot be used. Every sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// TLS files.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It cannot be reached, or refuses to be used.
    #[error("cannot use the database: {0}")]
    Database(StoreError),
    /// It is not there, and was not to be made.
    #[error("the database {database:?} does not exist; make it with `dunder migrate`")]
    NoDatabase {
        /// Its name.
        database: String,
    },
    /// It is not there, and cannot be made.
    #[error("the database {database:?} does not exist and cannot be made: {reason}")]
    CannotCreate {
        /// Its name.
        database: String,
        /// What the server said.
        reason: String,
    },
    /// Nothing in it yet.
    #[error(
        "the database {database:?} has no tables of dunder's yet; make them with `dunder migrate`"
    )]
    NoSchema {
        /// Its name.
        database: String,
    },
    /// Made by an older program.
    #[error(
        "the database {database:?} has {done} of {known} schema steps; bring it up to date with `dunder migrate`"
    )]
    OldSchema {
        /// Its name.
        database: String,
        /// Steps done.
        done: usize,
        /// Steps there are.
        known: usize,
    },
    /// Made by a newer program.
    #[error(
        "the database {database:?} is newer than this program: it has the schema step {step}, this program knows {known} steps; use a newer dunder"
    )]
    Newer {
        /// Its name.
        database: String,
        /// The step that is not known.
        step: String,
        /// Steps this program has.
        known: usize,
    },
    /// An index that an earlier migration began.
    #[error(
        "the index {index} of the database {database:?} is still being built after {minutes} minutes; `SHOW JOBS` says how far it is; run `dunder migrate` again then"
    )]
    StillBuilding {
        /// The database.
        database: String,
        /// The index.
        index: String,
        /// How long it was waited for.
        minutes: u64,
    },
    /// A server that has none.
    #[error(
        "cockroach.regions is set, and {server} has no regions: CockroachDB has them from 21.1 on; leave the setting out"
    )]
    WithoutRegions {
        /// What it is.
        server: String,
    },
    /// A node that was started without one.
    #[error(
        "the node does not say which region it is in ({0}); start it with --locality=region=…, or set cockroach.region"
    )]
    NodeWithoutRegion(StoreError),
    /// Somebody else's.
    #[error(
        "the database {database:?} holds tables that are not dunder's ({tables}); name an empty database or a new one"
    )]
    Foreign {
        /// Its name.
        database: String,
        /// Their names.
        tables: String,
    },
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> OpenError {
        OpenError::Database(failure.into())
    }
}
