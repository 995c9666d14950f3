//! The embedded store: one SQLite file, one thread that writes, a few that
//! read.
//!
//! WAL lets readers and the writer pass each other; `synchronous=FULL` makes a
//! commit durable before it is acknowledged. Another process, such as an
//! import, may use the file at the same time.

mod migrate;
mod reader;
mod records;
mod rows;
pub mod sql;
mod tokens;
mod writer;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::ErrorCode;
use tokio::sync::{mpsc, oneshot};

use super::OpenError;
use super::writer::{Pending, queue_full, writer_gone};
use crate::domain::{
    Draft, FeedFilter, FeedPage, HashtagCount, HashtagsFilter, Imported, Message, MessageId,
    PostError, Record, SecretHash, Series, Store, StoreError, Token, TokenId, TrendFilter,
    UserName,
};
use reader::Readers;
use writer::{Work, Writer};

/// How long a statement waits for another process that is writing.
const BUSY: Duration = Duration::from_secs(30);

/// What can be set about the embedded store.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Posts that may wait for the writer; further ones are refused.
    pub queue: usize,
    /// Threads that read, each with a connection of its own.
    pub readers: usize,
    /// Pages of 4 KiB the file may grow to; the disk's size when `None`.
    pub max_pages: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        SqliteOptions {
            queue: 10_000,
            readers: cores.clamp(2, 8),
            max_pages: None,
        }
    }
}

/// The embedded store.
pub struct SqliteStore {
    work: Mutex<Option<mpsc::Sender<Work>>>,
    readers: Readers,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the store in a file, which is made, with its directory, when
    /// there is none.
    ///
    /// # Errors
    /// The file is foreign, newer, or cannot be used; it is left as it was.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<SqliteStore, OpenError> {
        let connection = migrate::open(path)?;
        if let Some(pages) = options.max_pages {
            connection
                .pragma_update(None, "max_page_count", pages)
                .map_err(|error| migrate::refused(path, &error))?;
        }
        let readers = Readers::start(path, options.readers)?;
        let (work, waiting) = mpsc::channel(options.queue);
        let writer =
            writer::start(connection, waiting).map_err(|error| migrate::refused(path, &error))?;
        Ok(SqliteStore {
            work: Mutex::new(Some(work)),
            readers,
            writer: Mutex::new(Some(writer)),
        })
    }

    fn queue(&self) -> Result<mpsc::Sender<Work>, StoreError> {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.clone().ok_or_else(writer_gone)
    }

    /// Has the writer do something and waits for its answer.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Work::Job(Box::new(move |writer| {
            let _ = reply.send(work(writer).map_err(|error| store_error(&error)));
        }));
        self.queue()?.send(job).await.map_err(|_| writer_gone())?;
        answer.await.map_err(|_| writer_gone())?
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn post(&self, draft: Draft) -> Result<Message, PostError> {
        let (pending, answer) = Pending::new(draft);
        self.queue()?
            .try_send(Work::Post(pending))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => queue_full(),
                mpsc::error::TrySendError::Closed(_) => writer_gone(),
            })?;
        answer.await.map_err(|_| writer_gone())?
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.readers
            .read(move |connection| reader::message(connection, id))
            .await
    }

    async fn feed(&self, filter: &FeedFilter) -> Result<FeedPage, StoreError> {
        let filter = filter.clone();
        self.readers
            .read(move |connection| reader::feed(connection, &filter))
            .await
    }

    async fn trend(&self, filter: &TrendFilter) -> Result<Vec<Series>, StoreError> {
        let filter = filter.clone();
        self.readers
            .read(move |connection| reader::trend(connection, &filter))
            .await
    }

    async fn hashtags(&self, filter: &HashtagsFilter) -> Result<Vec<HashtagCount>, StoreError> {
        let filter = filter.clone();
        self.readers
            .read(move |connection| reader::hashtags(connection, &filter))
            .await
    }

    async fn users(&self, prefix: &str, limit: usize) -> Result<Vec<UserName>, StoreError> {
        let prefix = prefix.to_owned();
        self.readers
            .read(move |connection| reader::users(connection, &prefix, limit))
            .await
    }

    async fn import(&self, records: Vec<Record>) -> Result<Vec<Imported>, StoreError> {
        self.write(move |writer| records::import(writer, &records))
            .await
    }

    async fn export(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.readers
            .read(move |connection| records::export(connection, after, limit))
            .await
    }

    async fn create_token(&self, token: Token, hash: SecretHash) -> Result<(), StoreError> {
        self.write(move |writer| tokens::create(&writer.connection, &token, hash))
            .await
    }

    async fn token(&self, hash: SecretHash) -> Result<Option<Token>, StoreError> {
        self.readers
            .read(move |connection| tokens::by_hash(connection, hash))
            .await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.readers.read(tokens::all).await
    }

    async fn revoke_token(
        &self,
        id: TokenId,
        now: DateTime<Utc>,
    ) -> Result<Option<Token>, StoreError> {
        self.write(move |writer| tokens::revoke(&writer.connection, id, now))
            .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        if self.queue()?.is_closed() {
            return Err(writer_gone());
        }
        self.readers
            .read(|connection| connection.query_row(sql::CHECK, [], |_| Ok(())))
            .await
    }

    async fn close(&self) {
        let queue = self
            .work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(queue);
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(writer) = writer else { return };
        // The thread ends when the last post is committed.
        if tokio::task::spawn_blocking(move || writer.join())
            .await
            .is_err()
        {
            tracing::error!("the writer could not be waited for");
        }
    }
}

/// What a failed statement means for who asked.
fn store_error(error: &rusqlite::Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::ReadOnly,
        ) => StoreError::Unavailable(text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(text),
        _ => StoreError::Unexpected(text),
    }
}
