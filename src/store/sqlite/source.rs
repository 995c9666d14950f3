//! Opening the file for reading alone: by the readers of a store, and by
//! commands that only read, which leave everything as they found it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migrate::KNOWN;
use super::open::{connect, inspect, newer, refused};
use crate::store::OpenError;

/// What an SQLite URI may have as it is in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

/// A file that is read, and how.
#[derive(Debug, Clone)]
pub(super) struct Source {
    path: PathBuf,
    cache_kib: u32,
    /// Nobody changes the file, so neither locks nor a log are needed, nor a
    /// place for them.
    is_immutable: bool,
}

/// What is done beside the file once it is closed.
#[derive(Debug)]
pub(super) enum Left {
    /// Nothing: whoever writes does it.
    Nothing,
    /// The empty log is taken away that reading made beside this file.
    Log(PathBuf),
}

impl Source {
    /// A file that others may be writing.
    pub(super) fn new(path: &Path, cache_kib: u32) -> Source {
        Source {
            path: path.to_owned(),
            cache_kib,
            is_immutable: false,
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection that cannot write.
    pub(super) fn open(&self) -> Result<Connection, OpenError> {
        let opened = self.connect();
        opened.map_err(|error| refused(&self.path, &error))
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let mode = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = match self.is_immutable {
            false => connect(&self.path, mode, self.cache_kib)?,
            true => {
                let path = percent_encode(self.path.as_os_str().as_bytes(), PATH);
                let uri = format!("file:{path}?immutable=1");
                let mode = mode | OpenFlags::SQLITE_OPEN_URI;
                connect(Path::new(&uri), mode, self.cache_kib)?
            }
        };
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// The schema in it.
    fn schema(&self) -> rusqlite::Result<i64> {
        self.connect()?
            .pragma_query_value(None, "user_version", |row| row.get(0))
    }
}

impl Left {
    /// Does it. SQLite takes the log away with the last connection that could
    /// write, and sees itself whether anybody else has the file open.
    pub(super) fn clear(&self) {
        let Left::Log(path) = self else { return };
        let mode = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let opened = connect(path, mode, 0);
        let looked = opened.and_then(|opened| {
            opened.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        });
        // A file that cannot be written may keep an empty log beside it.
        if let Err(error) = looked {
            tracing::debug!(%error, "an empty log stays beside the store");
        }
    }
}

/// How a file is to be read that has the schema of this program.
pub(super) fn prepare(path: &Path, cache_kib: u32) -> Result<(Source, Left), OpenError> {
    let (source, left, schema) = examine(path, cache_kib)?;
    if schema < KNOWN {
        left.clear();
        return Err(OpenError::Old {
            place: path.display().to_string(),
            found: schema,
            known: KNOWN,
        });
    }
    Ok((source, left))
}

/// How a file is to be read that is there, and its schema, which may be old. A
/// log that a crash left is read as well, by an index made anew; where none can
/// be made, as in a directory that is read-only, the file is read as one that
/// nobody changes, if it has no log.
pub(super) fn examine(path: &Path, cache_kib: u32) -> Result<(Source, Left, i64), OpenError> {
    inspect(path)?;
    let log = log_length(path);
    let mut source = Source::new(path, cache_kib);
    let mut schema = source.schema();
    if log.is_none_or(|length| length == 0) && schema.as_ref().is_err_and(lacks_place) {
        source.is_immutable = true;
        schema = source.schema();
    }
    let left = match log {
        None if !source.is_immutable => Left::Log(path.to_owned()),
        _ => Left::Nothing,
    };
    let schema = schema.map_err(|error| match lacks_place(&error) {
        true => OpenError::Database {
            place: path.display().to_string(),
            reason: format!(
                "{error}; it was not closed properly: copy it, together with its -wal, into a directory that this user can write"
            ),
        },
        false => refused(path, &error),
    });
    let known = schema.and_then(|schema| match schema > KNOWN {
        true => Err(newer(path, schema)),
        false => Ok(schema),
    });
    match known {
        Ok(schema) => Ok((source, left, schema)),
        Err(error) => {
            left.clear();
            Err(error)
        }
    }
}

fn log_length(path: &Path) -> Option<u64> {
    let mut log = OsString::from(path);
    log.push("-wal");
    Some(fs::metadata(log).ok()?.len())
}

/// Whether SQLite could not make what it needs beside the file.
fn lacks_place(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    )
}
