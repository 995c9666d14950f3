//! The embedded store: one SQLite file, one thread that writes it and a few
//! that read it.
//!
//! `open` looks at the file and migrates it, `write` commits batches through
//! the `inserter` and flushes the `memtable`, `read` runs queries (`feed`, which
//! ends in a `page`, `counts`, which remembers `months`, `tokens` and
//! `tombstones`), `sql` holds every statement, and `traits` answers what the
//! domain asks. Several programs may have the file open at once:
//! they wait for each other's transactions and see each other's messages.

mod backup;
mod guard;
mod index;
mod inspection;
mod manifest;
mod migrate;
mod open;
mod read;
mod refold;
mod retention;
mod rollup;
mod source;
mod sql;
mod tokens;
mod tombstones;
mod traits;
mod vacuum;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::ErrorCode;
use rusqlite::types::FromSqlError;
use tokio::sync::Notify;

pub use self::backup::{back_up, restore};
pub use self::inspection::{inspect, mend};
use self::read::Readers;
use self::source::{Left, Source};
pub use self::vacuum::vacuum;
use self::write::Writer;
use self::write::queue;
use super::OpenError;
use crate::domain::{MessageId, StoreError};
use crate::store::batch;
use crate::store::sqlite::guard::files::Files;
use crate::store::sqlite::guard::gate::Gate;
use crate::store::sqlite::guard::health::Health;
use crate::store::sqlite::guard::log::{Erasure, Log};
use crate::store::sqlite::read::cache::MessageCache;
use crate::store::sqlite::read::limit::Limits;
use crate::store::sqlite::rollup::months::Months;
use crate::store::sqlite::tombstones::Removals;
use crate::store::sqlite::write::memtable::Memtable;
use crate::store::sqlite::write::queue::Queue;
use crate::trace;
use crate::trace::OpenSpan;

/// How an embedded store works; the defaults suit a small machine.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Posts that may wait for the writer before further ones are refused.
    pub queue: usize,
    /// The most posts in one transaction.
    pub batch: usize,
    /// Messages, or half as many names, that lists and counters may lack
    /// before these are written for all of them at once: milliseconds, up to
    /// some dozens where every name is another, for which posts wait.
    pub unflushed: usize,
    /// Threads that read.
    pub readers: usize,
    /// Page cache of the writer, in KiB. Large imports gain from more.
    pub writer_cache_kib: u32,
    /// Page cache of each reader, in KiB.
    pub reader_cache_kib: u32,
    /// Messages kept in memory, in KiB.
    pub message_cache_kib: u32,
    /// The longest a read may wait for one of the threads.
    pub read_wait: Duration,
    /// The longest a read may run.
    pub read_time: Duration,
    /// What the log beside the file shrinks back to, in KiB. It may grow to
    /// twice of this, further by what one large import writes at once, and
    /// while a read of another program lasts.
    pub log_kib: u32,
    /// Pages of 4 KiB the file may grow to; the disk's size when `None`.
    pub max_pages: Option<u32>,
    /// Whether somebody may ask how long posts wait.
    pub is_measured: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        SqliteOptions {
            queue: 10_000,
            batch: 512,
            unflushed: 4_096,
            readers: thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
            writer_cache_kib: 16 * 1024,
            reader_cache_kib: 8 * 1024,
            message_cache_kib: 16 * 1024,
            read_wait: Duration::from_secs(10),
            read_time: Duration::from_secs(10),
            log_kib: 64 * 1024,
            max_pages: None,
            is_measured: false,
        }
    }
}

/// What a store says whose files were taken from under it.
const REPLACED: &str = "the store's file was removed or replaced, or its log cut off; its server has to be started again";

impl SqliteOptions {
    fn limits(&self) -> Limits {
        Limits {
            wait: self.read_wait,
            run: self.read_time,
        }
    }
}

/// An open SQLite file. Dropping it without
/// [`Lifecycle::close`](crate::domain::Lifecycle::close) lets the threads
/// end in their own time.
pub struct SqliteStore {
    queue: Arc<Queue>,
    readers: Readers,
    cache: Arc<MessageCache>,
    memtable: Arc<Memtable>,
    months: Arc<Months>,
    /// Told of every commit of the writer, for those who follow.
    stored: Arc<Notify>,
    health: Arc<Health>,
    files: Arc<Files>,
    erasure: Arc<Erasure>,
    /// What is to be done beside the file once it is closed.
    left: Left,
}

impl SqliteStore {
    /// Opens the file, which is made, with its directory, when there is none.
    /// Blocks while it is migrated.
    ///
    /// # Errors
    /// The file is not dunder's or from a newer dunder (it is left exactly as
    /// it was), cannot be written, or the operating system refuses.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<SqliteStore, OpenError> {
        let mut connection = open::open_writer(path, options)?;
        let gate = Arc::new(Gate::default());
        let source = Source::new(path, options.reader_cache_kib);
        let readers = Readers::spawn(&source, options.readers, options.limits(), &gate)?;
        let (queue, waiting) = batch::measured_queue(options.queue, options.is_measured);
        let health = Arc::new(Health::default());
        let files = Files::of(path, &mut connection);
        let files = Arc::new(files.map_err(|error| open::refused(path, &error))?);
        let bytes = u64::from(options.log_kib) * 1024;
        let erasure = Arc::new(Erasure::default());
        let log = Log::of(
            Arc::clone(&files),
            bytes,
            gate,
            Arc::clone(&health),
            Arc::clone(&erasure),
        );
        let removals = Removals::read(&connection);
        let removals = removals.map_err(|error| open::refused(path, &error))?;
        let cache = Arc::new(MessageCache::new(options.message_cache_kib, removals));
        let shared = (Arc::clone(&health), Arc::clone(&files));
        let memtable = Arc::new(Memtable::default());
        // What a crash left unflushed is derived here, not by the first read.
        let derived = memtable.catch_up(&connection);
        derived.map_err(|error| open::refused(path, &error))?;
        let stored = Arc::new(Notify::new());
        let memory = (Arc::clone(&cache), Arc::clone(&memtable));
        let writer = Writer::new(
            connection,
            log,
            shared,
            memory,
            Arc::clone(&stored),
            (options.unflushed, waiting.metrics()),
        );
        let started = writer.spawn(waiting, options.batch);
        started.map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?;
        Ok(SqliteStore {
            queue: Arc::new(queue),
            readers,
            cache,
            memtable,
            months: Arc::default(),
            stored,
            health,
            files,
            erasure,
            left: Left::Nothing,
        })
    }

    /// Opens a file that is there, for reading alone: posts are unavailable,
    /// and nothing is migrated, checkpointed or left behind. Beside a server
    /// that uses it, too.
    ///
    /// # Errors
    /// The file is not dunder's or of another schema, or cannot be read.
    pub fn open_for_reading(
        path: &Path,
        options: &SqliteOptions,
    ) -> Result<SqliteStore, OpenError> {
        let (source, left) = source::prepare(path, options.reader_cache_kib)?;
        let gate = Arc::new(Gate::default());
        let open = || {
            let mut connection = source.open()?;
            let refused = |error| open::refused(path, &error);
            let removals = Removals::read(&connection).map_err(refused)?;
            let files = Files::of(path, &mut connection).map_err(refused)?;
            // Last, so that no thread still reads after a failure.
            let readers = Readers::spawn(&source, options.readers, options.limits(), &gate)?;
            Ok::<_, OpenError>((files, readers, removals))
        };
        let (files, readers, removals) = open().inspect_err(|_| left.clear())?;
        Ok(SqliteStore {
            queue: Arc::new(queue::without_writer()),
            readers,
            cache: Arc::new(MessageCache::new(options.message_cache_kib, removals)),
            memtable: Arc::default(),
            months: Arc::default(),
            stored: Arc::default(),
            health: Arc::default(),
            files: Arc::new(files),
            erasure: Arc::default(),
            left,
        })
    }

    /// Limits how far the file may grow, in pages of 4 KiB; it never shrinks
    /// below what it has. Posts beyond the limit are unavailable, as on a
    /// full disk.
    ///
    /// # Errors
    /// The writer has stopped.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.queue
            .run(move |writer| writer.limit_pages(pages))
            .await
    }
}

/// The id of a column's bytes.
fn id_of(bytes: &[u8]) -> rusqlite::Result<MessageId> {
    let size = FromSqlError::InvalidBlobSize {
        expected_size: 16,
        blob_size: bytes.len(),
    };
    Ok(MessageId::from_bytes(bytes.try_into().map_err(|_| size)?))
}

/// The span of a transaction, or of what is read at once, where it is traced.
fn statement_span() -> Option<OpenSpan> {
    let mut span = trace::span("statement")?;
    span.set("db.system.name", "sqlite");
    Some(span)
}

/// What an error of SQLite means to whoever asked the store.
fn store_error(error: rusqlite::Error) -> StoreError {
    let text = error.to_string();
    let Some(code) = error.sqlite_error_code() else {
        return match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..) => StoreError::Corrupt(text),
            _ => StoreError::Unexpected(text),
        };
    };
    match code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt(text),
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::NoLargeFileSupport
        | ErrorCode::FileLockingProtocolFailed => StoreError::Unavailable(text),
        _ => StoreError::Unexpected(text),
    }
}
