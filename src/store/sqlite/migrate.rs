//! Opening the file: whose it is, and bringing its schema up to date.
//!
//! A file is looked at through a read-only connection before anything is
//! written, so that a foreign or newer one stays as it was, to the byte.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::BUSY;
use crate::store::OpenError;

/// `dndr`: SQLite's mark of whose file it is.
const APPLICATION_ID: i64 = 0x646e_6472;

/// Every step, in order. The number of the last one is the schema's version,
/// kept as SQLite's `user_version`.
const STEPS: [&str; 1] = [include_str!("../../../migrations/sqlite/0001_messages.sql")];

/// What a file is.
enum Found {
    /// Nothing yet.
    Empty,
    /// Ours, at this version.
    Ours(i64),
}

/// A connection that may write, to a store that is up to date.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    make_file(path)?;
    inspect(path)?;
    let mut connection = writing(path)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// As an operator reads it.
pub(super) fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(
            rusqlite::ErrorCode::ReadOnly
            | rusqlite::ErrorCode::CannotOpen
            | rusqlite::ErrorCode::PermissionDenied,
        ) => OpenError::ReadOnly {
            path: path.to_owned(),
            reason: error.to_string(),
        },
        Some(rusqlite::ErrorCode::NotADatabase) => not_dunder(path),
        _ => OpenError::Database {
            place: path.display().to_string(),
            reason: error.to_string(),
        },
    }
}

fn not_dunder(path: &Path) -> OpenError {
    OpenError::NotDunder {
        place: path.display().to_string(),
    }
}

/// A file and directory that only their owner can read.
fn make_file(path: &Path) -> Result<(), OpenError> {
    let failed = |source: io::Error, path: &Path| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory);
        made.map_err(|source| failed(source, directory))?;
    }
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let metadata = fs::metadata(path).map_err(|source| failed(source, path))?;
            if metadata.is_file() {
                Ok(())
            } else {
                Err(not_dunder(path))
            }
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Err(OpenError::ReadOnly {
                path: path.to_owned(),
                reason: error.to_string(),
            })
        }
        Err(source) => Err(failed(source, path)),
    }
}

/// Refuses a file that is not ours, without touching it.
fn inspect(path: &Path) -> Result<Found, OpenError> {
    let length = fs::metadata(path)
        .map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?
        .len();
    if length == 0 {
        return Ok(Found::Empty);
    }
    // A file that other processes have open must be read through its log; one
    // without a log is read as it lies, which makes no file beside it.
    let log = path.with_file_name(format!(
        "{}-wal",
        path.file_name().unwrap_or_default().to_string_lossy()
    ));
    let immutable = if log.exists() { "" } else { "&immutable=1" };
    let name = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("file:{name}?mode=ro{immutable}"), flags)
        .map_err(|error| refused(path, &error))?;
    connection
        .busy_timeout(BUSY)
        .map_err(|error| refused(path, &error))?;
    whose(&connection, path)
}

fn whose(connection: &Connection, path: &Path) -> Result<Found, OpenError> {
    let number = |pragma: &str| {
        connection
            .query_row(pragma, [], |row| row.get::<_, i64>(0))
            .map_err(|error| refused(path, &error))
    };
    let (owner, version) = (
        number("PRAGMA application_id")?,
        number("PRAGMA user_version")?,
    );
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if (owner, version, tables) == (0, 0, 0) {
        return Ok(Found::Empty);
    }
    if owner != APPLICATION_ID {
        return Err(not_dunder(path));
    }
    let known = STEPS.len() as i64;
    if version > known {
        return Err(OpenError::Newer {
            place: path.display().to_string(),
            found: version,
            known,
        });
    }
    Ok(Found::Ours(version))
}

fn writing(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| refused(path, &error))?;
    let set_up = || {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // 16 MiB: the hot ends of the indexes.
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(())
    };
    set_up().map_err(|error| refused(path, &error))?;
    Ok(connection)
}

/// Runs the steps that are missing, each with its number in one transaction:
/// of two processes that start together, one finds the work done.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    loop {
        let failed = |error: rusqlite::Error| refused(path, &error);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let done = match whose(&transaction, path)? {
            Found::Empty => 0,
            Found::Ours(version) => version,
        };
        let Some(step) = STEPS.get(done as usize) else {
            return Ok(());
        };
        let run = || {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", done + 1)
        };
        run().map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
}
