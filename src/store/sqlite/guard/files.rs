//! Whether the files that are open are still those at their paths, and whole.
//!
//! A store is three files: its own, the log (`-wal`) and the log's index
//! (`-shm`). One that was removed or replaced goes on taking writes, and all
//! of them vanish with its last user; a log that was cut short has lost what
//! it had, and what is written behind the cut is never found again. Nothing
//! may be acknowledged into either.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::domain::StoreError;
use crate::store::sqlite::guard::log::Frames;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::store_error;

/// Of the log file and of each frame, in bytes.
/// <https://www.sqlite.org/fileformat2.html#walformat>
const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;
/// The log begins with this; the last bit is the order of checksums' bytes.
const LOG_MAGIC: u32 = 0x377f_0682;
/// Looks at a log that other programs are changing.
const LOOKS: usize = 8;

/// Device and inode: which file it is, whatever its name.
type Identity = (u64, u64);

/// The files of an open store.
#[derive(Debug)]
pub(crate) struct Files {
    path: PathBuf,
    file: Option<Identity>,
    log: Beside,
    /// The same, open. The index is never opened here: SQLite's locks are on
    /// it, and closing it anywhere in the process would drop them.
    open_log: OnceLock<File>,
    index: Beside,
    /// Frames that the log has, as far as is known.
    frames: Arc<AtomicU64>,
    /// Bytes of each.
    frame: u64,
}

/// A file beside the store's. It is made by the first transaction, and then
/// the same until the last connection ends.
#[derive(Debug)]
struct Beside {
    path: PathBuf,
    known: Mutex<Option<Identity>>,
}

impl Files {
    /// Remembers the files that were just opened, and hears of every commit
    /// of a connection how long the log is.
    ///
    /// # Errors
    /// The size of the file's pages cannot be read.
    pub(crate) fn of(path: &Path, connection: &mut Connection) -> rusqlite::Result<Files> {
        let frames = Arc::new(AtomicU64::new(0));
        let heard = Arc::clone(&frames);
        let commit = move |_: &mut Wal, frames: i32| {
            heard.store(frames.unsigned_abs().into(), Ordering::Relaxed);
            Ok(())
        };
        // SQLite's own hook makes checkpoints, and tells nobody when one fails.
        connection.wal_hook(Some(commit))?;
        let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        Ok(Files {
            path: path.to_owned(),
            file: fs::metadata(path).ok().as_ref().map(identity),
            log: Beside::of(path, "-wal"),
            open_log: OnceLock::new(),
            index: Beside::of(path, "-shm"),
            frames,
            frame: u64::from(page) + FRAME_HEADER,
        })
    }

    /// Frames of the log, as of the last commit.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Bytes of the file and of its log, as the file system has them.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        (size(&self.path), size(&self.log.path))
    }

    /// Bytes of some frames of the log.
    pub(crate) fn bytes(&self, frames: u64) -> u64 {
        frames * self.frame
    }

    /// Three looks at the file system and one into the log, no more, while
    /// nothing is wrong. Between transactions of the connection.
    ///
    /// # Errors
    /// A file is gone or another one is in its place, or the log is cut off.
    pub(crate) fn check(&self, connection: &Connection) -> Result<(), StoreError> {
        let found = fs::metadata(&self.path).ok().as_ref().map(identity);
        if self.file.is_none() || found != self.file {
            return Err(lost(&self.path));
        }
        self.index.check()?;
        let has = |frames| -> Result<bool, StoreError> {
            let log = self.log.check()?;
            Ok(log.is_none_or(|log| self.is_whole(&log, frames)))
        };
        if has(self.frames())? {
            return Ok(());
        }
        // Or another program started the log anew. It makes it longer before
        // it says so, and says that it is shorter before it is.
        let written = || Ok(Frames::of(connection, Sql::LogSize)?.written);
        let mut frames = written().map_err(store_error)?;
        for _ in 0..LOOKS {
            if has(frames)? {
                self.frames.store(frames, Ordering::Relaxed);
                return Ok(());
            }
            let again = written().map_err(store_error)?;
            if again == frames {
                break;
            }
            frames = again;
        }
        Err(StoreError::Unavailable(format!(
            "{} was cut off while it was open, and what it had is lost; start again, and compare with a backup",
            self.log.path.display()
        )))
    }

    /// Whether the log has so many frames.
    fn is_whole(&self, log: &Metadata, frames: u64) -> bool {
        if frames == 0 {
            return true;
        }
        let open = match self.open_log.get() {
            Some(open) => Ok(open),
            None => File::open(&self.log.path).map(|file| self.open_log.get_or_init(|| file)),
        };
        let mut magic = [0; 4];
        log.len() >= LOG_HEADER + self.bytes(frames)
            && open.is_ok_and(|open| open.read_exact_at(&mut magic, 0).is_ok())
            && u32::from_be_bytes(magic) & !1 == LOG_MAGIC
    }
}

impl Beside {
    fn of(path: &Path, suffix: &str) -> Beside {
        let mut path = path.as_os_str().to_owned();
        path.push(suffix);
        Beside {
            path: path.into(),
            known: Mutex::new(None),
        }
    }

    /// What the file system says of the file; `None` where there never was
    /// one.
    fn check(&self) -> Result<Option<Metadata>, StoreError> {
        let now = fs::metadata(&self.path).ok();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = now.as_ref().map(identity);
        match *known {
            None => *known = found,
            Some(_) if *known != found => return Err(lost(&self.path)),
            Some(_) => {}
        }
        Ok(now)
    }
}

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

fn lost(path: &Path) -> StoreError {
    StoreError::Unavailable(format!(
        "{} was removed or replaced while it was open; put it back, or start again with the file that is to be used",
        path.display()
    ))
}
