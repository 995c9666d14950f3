//! Opening the file: whose it is, that it can be written, its schema, and how
//! connections to it are set up.
//!
//! Whose it is, is read from the 100 bytes of SQLite's header without SQLite,
//! so that a file that is not dunder's is not touched, locked or given a
//! `-wal` beside it. The first migration commits before the file is put into
//! WAL mode, so the header of a dunder file always says so.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::SqliteOptions;
use super::migrate::{APPLICATION_ID, KNOWN, migrate};
use crate::store::OpenError;

/// How often a taken lock is tried again, a millisecond apart. SQLite's own
/// waiting backs off to 100 ms and would lose every race against an import
/// that takes the lock again and again.
pub(super) const LOCK_TRIES: i32 = 10_000;

/// Creates the file if there is none, checks whose it is, and migrates it.
/// Gives the connection of the writer.
pub(super) fn open_writer(path: &Path, options: &SqliteOptions) -> Result<Connection, OpenError> {
    prepare_file(path)?;
    inspect(path)?;
    check_writable(path)?;
    warn_of_others(path);
    let connect = || {
        let mode = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let connection = connect(path, mode, options.writer_cache_kib);
        // What is deleted is overwritten, and so is what an insertion moves to
        // another page: a copy of it that stays would outlive its deletion.
        let connection = connection.and_then(|connection| {
            connection.pragma_update(None, "secure_delete", true)?;
            Ok(connection)
        });
        connection.map_err(|error| refused(path, &error))
    };
    // On a connection of its own: one that has renamed a table is refused its
    // own checkpoints, as locked (SQLite 3.54.1).
    let migrated = migrate(&mut connect()?);
    if let Err(found) = migrated.map_err(|error| refused(path, &error))? {
        return Err(newer(path, found));
    }
    let connection = connect()?;
    write_ahead(path, &connection, options.log_kib)?;
    if let Some(pages) = options.max_pages {
        limit_pages(&connection, pages).map_err(|error| refused(path, &error))?;
    }
    Ok(connection)
}

/// Limits how far the file may grow.
pub(super) fn limit_pages(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

pub(super) fn connect(
    path: &Path,
    mode: OpenFlags,
    cache_kib: u32,
) -> rusqlite::Result<Connection> {
    // Every connection is used by one thread at a time.
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    wait_for_locks(&mut connection, LOCK_TRIES)?;
    // One plan for a statement, whatever is bound to it: SQLite would prepare
    // it again for every new bound, for three times the cost of a page.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Has statements wait for others' locks, a millisecond a try.
pub(super) fn wait_for_locks(connection: &mut Connection, most: i32) -> rusqlite::Result<()> {
    connection.busy_handler(Some(move |tries| {
        thread::sleep(Duration::from_millis(1));
        tries < most
    }))
}

/// Puts the file into WAL mode. SQLite does not wait for locks here, and
/// another program may be doing the same.
fn write_ahead(path: &Path, connection: &Connection, log_kib: u32) -> Result<(), OpenError> {
    let mut tries = 0;
    let mode = loop {
        let set = connection
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match set {
            Err(error) if is_locked(&error) && tries < LOCK_TRIES => {
                tries += 1;
                thread::sleep(Duration::from_millis(1));
            }
            set => break set.map_err(|error| refused(path, &error))?,
        }
    };
    if mode != "wal" {
        let reason =
            format!("its file system allows the journal mode {mode} only; keep it on a local disk");
        return Err(OpenError::Database {
            place: shown(path),
            reason,
        });
    }
    let settings = || {
        // What a large import made of the log is given back.
        connection.pragma_update(None, "journal_size_limit", i64::from(log_kib) * 1024)?;
        // A version that a migration or a crash left in the log alone is put
        // where the next program looks for it: into the file's header.
        connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))
    };
    settings().map_err(|error| refused(path, &error))
}

/// Makes a directory and those above it, so that they last.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    let is_missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut maker = DirBuilder::new();
    maker.recursive(true).mode(0o700).create(path)?;
    let parents = missing.into_iter().filter_map(Path::parent);
    parents.map(or_here).try_for_each(sync)
}

/// Has the disk keep what a directory lists: a file lasts only with its name.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// A relative path's directory may have no name.
pub(super) fn or_here(directory: &Path) -> &Path {
    match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    }
}

/// Makes the file and its directory, for the owner's eyes only, or checks
/// that they can be written.
fn prepare_file(path: &Path) -> Result<(), OpenError> {
    let io_error = |error| io_refused(path, error);
    let parent = or_here(path.parent().unwrap_or(Path::new("")));
    make_directory(parent).map_err(io_error)?;
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Not `create_new`: another program may be starting, too.
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)
                .and_then(|_| sync(parent))
                .map_err(io_error)?;
        }
        Err(error) => return Err(io_error(error)),
        Ok(found) if !found.is_file() => {
            return Err(not_dunder(
                path,
                if found.is_dir() {
                    "a directory"
                } else {
                    "no file"
                },
            ));
        }
        Ok(_) => {}
    }
    Ok(())
}

/// Says so when everybody on the machine can read what only people with a
/// token are meant to.
fn warn_of_others(path: &Path) {
    let mode = |path: &Path| fs::metadata(path).map_or(0, |found| found.permissions().mode());
    let is_closed = path
        .parent()
        .is_some_and(|dir| mode(dir) & 0o001 == 0 && mode(dir) != 0);
    if mode(path) & 0o006 != 0 && !is_closed {
        let path = path.display();
        tracing::warn!(
            "{path} can be read by everybody on this machine; close it with: chmod o-rwx {path}*"
        );
    }
}

/// Refuses what is not dunder's or newer, by looking only. An empty file is
/// one that is being made.
pub(super) fn inspect(path: &Path) -> Result<(), OpenError> {
    let io_error = |error| io_refused(path, error);
    // A pipe would keep the reader waiting.
    if !fs::metadata(path).map_err(io_error)?.is_file() {
        return Err(not_dunder(path, "no file"));
    }
    let mut header = Vec::with_capacity(100);
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(io_error)?;
    let field = |at: usize| {
        let bytes = header
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        i32::from_be_bytes(bytes.unwrap_or_default())
    };
    if !header.is_empty() {
        if !header.starts_with(b"SQLite format 3\0") {
            return Err(not_dunder(path, "not an SQLite file"));
        }
        if field(68) != APPLICATION_ID {
            return Err(not_dunder(path, "another program's SQLite file"));
        }
        if i64::from(field(60)) > KNOWN {
            return Err(newer(path, field(60).into()));
        }
    }
    Ok(())
}

/// Says what forbids writing before SQLite finds out half-way. A file or
/// directory that nobody may write is respected even by root.
fn check_writable(path: &Path) -> Result<(), OpenError> {
    let read_only = |reason: &str| OpenError::ReadOnly {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let is_read_only = |path: &Path| fs::metadata(path).is_ok_and(|m| m.permissions().readonly());
    if is_read_only(path) {
        return Err(read_only("the file is read-only"));
    }
    if path.parent().is_some_and(is_read_only) {
        return Err(read_only(
            "its directory is read-only, and files have to be made beside it",
        ));
    }
    OpenOptions::new()
        .write(true)
        .open(path)
        .map(drop)
        .map_err(|error| io_refused(path, error))
}

fn not_dunder(path: &Path, found: &str) -> OpenError {
    OpenError::NotDunder {
        place: format!("{} ({found})", path.display()),
    }
}

pub(super) fn newer(path: &Path, found: i64) -> OpenError {
    OpenError::Newer {
        place: shown(path),
        found,
        known: KNOWN,
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

pub(super) fn io_refused(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            let reason = source.to_string();
            OpenError::ReadOnly { path, reason }
        }
        _ => OpenError::Io { path, source },
    }
}

/// What SQLite's refusal means to whoever starts the program.
pub(super) fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (place, reason) = (shown(path), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            let path = path.to_owned();
            OpenError::ReadOnly { path, reason }
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            let reason = format!("{reason}; restore it from an export or a copy");
            OpenError::Database { place, reason }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            let reason = "another program keeps it locked; end that program first".to_owned();
            OpenError::Database { place, reason }
        }
        // The log of a file that was removed is in use by those who have it
        // open, and is not the new file's.
        Some(ErrorCode::SystemIoFailure) => {
            let reason = format!(
                "{reason}; if the file was removed or replaced while other programs had it open, end those first, else look at the disk"
            );
            OpenError::Database { place, reason }
        }
        _ => OpenError::Database { place, reason },
    }
}

/// Whether somebody else holds the lock.
pub(super) fn is_locked(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}
