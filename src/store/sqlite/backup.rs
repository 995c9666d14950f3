//! Copies of a whole store, made while others use it: one snapshot, checked,
//! complete before it has its name, and durable before anybody is told.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::open::{io_refused, make_directory, or_here, refused, sync};
use super::source::{self, Source};
use crate::store::OpenError;

/// Pages of 4 KiB copied between two words about how far it is.
const STEP: i32 = 4_096;
/// Page cache of the copy, in KiB.
const CACHE_KIB: u32 = 8 * 1024;

/// Copies a store into a new file, whoever is writing to it. The copy has all
/// that was acknowledged before, and is one file without a log.
///
/// `progress` hears how many bytes are done, and of how many.
///
/// # Errors
/// The store is none or cannot be read, the copy fails SQLite's integrity
/// check, or there is something where it is to be. Nothing is left behind.
pub fn back_up(
    store: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), OpenError> {
    let (source, left, _) = source::examine(store, CACHE_KIB)?;
    let done = copy(&source, to, progress);
    left.clear();
    done
}

/// Makes a store of a copy, where none is.
///
/// # Errors
/// As [`back_up`].
pub fn restore(
    from: &Path,
    store: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), OpenError> {
    // The log of one file is poison for another.
    for suffix in ["-wal", "-shm", "-journal"] {
        not_taken(&beside(store, suffix))?;
    }
    make_directory(directory(store)).map_err(|error| io_refused(store, error))?;
    back_up(from, store, progress)
}

fn copy(source: &Source, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), OpenError> {
    not_taken(to)?;
    let partial = beside(to, ".partial");
    let io_error = |error| io_refused(&partial, error);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&partial).map_err(io_error)?;
    let done = fill(source, &partial, progress).and_then(|()| name(&partial, to));
    // The name is another one's by now, if all went well.
    let _ = fs::remove_file(&partial);
    done
}

fn fill(
    source: &Source,
    partial: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), OpenError> {
    let from = source.open()?;
    let mut copied = || {
        // One snapshot from here to the end.
        from.execute_batch("begin; pragma user_version")?;
        let mut to = Connection::open_with_flags(partial, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Nobody needs half of it: it is synced once it is whole.
        to.pragma_update(None, "synchronous", "off")?;
        let backup = Backup::new(&from, &mut to)?;
        loop {
            let step = backup.step(STEP)?;
            let pages = backup.progress();
            let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * 4096;
            let done = pages.pagecount - pages.remaining;
            progress(bytes(done), bytes(pages.pagecount));
            match step {
                StepResult::Done => break,
                StepResult::Busy | StepResult::Locked => thread::sleep(Duration::from_millis(1)),
                _ => {}
            }
        }
        drop(backup);
        let found = to.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
        // So that it is one file, also for those who read it.
        to.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
        to.close().map_err(|(_, error)| error)?;
        Ok::<String, rusqlite::Error>(found)
    };
    let found = copied().map_err(|error| refused(partial, &error))?;
    if found != "ok" {
        return Err(OpenError::Database {
            place: source.path().display().to_string(),
            reason: format!("it is damaged: {found}; take an older backup, or an export"),
        });
    }
    let synced = File::open(partial).and_then(|file| file.sync_all());
    synced.map_err(|error| io_refused(partial, error))
}

/// Gives a file its name, which nobody has: a rename would replace.
fn name(partial: &Path, to: &Path) -> Result<(), OpenError> {
    let named = fs::hard_link(partial, to).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Err(error),
        // Not every file system has links.
        _ => fs::rename(partial, to),
    });
    match named.and_then(|()| sync(directory(to))) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => not_taken(to),
        named => named.map_err(|error| io_refused(to, error)),
    }
}

fn not_taken(path: &Path) -> Result<(), OpenError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(OpenError::Taken {
            path: path.to_owned(),
        }),
        Err(_) => Ok(()),
    }
}

fn directory(path: &Path) -> &Path {
    or_here(path.parent().unwrap_or(Path::new("")))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
