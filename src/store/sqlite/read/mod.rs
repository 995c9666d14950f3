//! The readers: a few threads, each with a connection that cannot write, who
//! take jobs from one queue. In WAL mode they neither wait for the writer nor
//! keep it waiting, and they see every batch as soon as it was answered.
//!
//! Handing a job over and its answer back costs more than a short read itself,
//! so those run where they are asked for, on connections of their own.

pub(crate) mod cache;
pub(crate) mod feed;
pub(crate) mod page;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock, TryLockError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Row};
use tokio::sync::oneshot;

use crate::domain::{Message, MessageId, MessageText, Record, StoreError, UserName, Version};
use crate::store::OpenError;
use crate::store::sqlite::open::{is_locked, open_desk, open_reader};
use crate::store::sqlite::read::page::hashtags_of;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::{id_of, store_error};

/// Reads that may wait before further ones are refused.
const QUEUE: usize = 4_096;

/// Rows a read may have that runs where it is asked for: they take less than
/// a millisecond, for which other requests can wait.
pub(crate) const SHORT: usize = 2_000;

/// <https://www.sqlite.org/pragma.html#pragma_data_version>
const DATA_VERSION: &str = "pragma data_version";

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The threads and the queue before them.
#[derive(Debug)]
pub(crate) struct Readers {
    /// Gone when closed.
    jobs: RwLock<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Connections of short reads; emptied when closed.
    desks: Vec<Mutex<Option<Connection>>>,
    /// The connection that notices changes: SQLite counts those that each
    /// connection has seen others make.
    watch: Mutex<Option<Connection>>,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub(crate) fn spawn(path: &Path, readers: usize, cache_kib: u32) -> Result<Readers, OpenError> {
        let (jobs, queue) = bounded::<Job>(QUEUE);
        let mut threads = Vec::new();
        for number in 1..=readers.max(1) {
            let connection = open_reader(path, cache_kib)?;
            let queue = queue.clone();
            let thread = thread::Builder::new()
                .name(format!("dunder-reader-{number}"))
                .spawn(move || work(&connection, &queue))
                .map_err(|source| OpenError::Io {
                    path: path.to_owned(),
                    source,
                })?;
            threads.push(thread);
        }
        let desk = || open_desk(path, cache_kib).map(|desk| Mutex::new(Some(desk)));
        Ok(Readers {
            jobs: RwLock::new(Some(jobs)),
            threads: Mutex::new(threads),
            desks: (0..readers.max(1))
                .map(|_| desk())
                .collect::<Result<_, _>>()?,
            watch: desk()?,
        })
    }

    /// Runs a read of at most [`SHORT`] rows at once, on this thread. When no
    /// connection is free for it, or a lock would have to be waited for, it
    /// takes its turn as any other read.
    ///
    /// # Errors
    /// As [`Readers::run`].
    pub(crate) async fn short<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        for desk in &self.desks {
            let desk = match desk.try_lock() {
                Ok(desk) => desk,
                // What a panic interrupted was rolled back while it unwound.
                Err(TryLockError::Poisoned(desk)) => desk.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            let Some(connection) = &*desk else { break };
            match job(connection) {
                Err(error) if is_locked(&error) => break,
                done => return done.map_err(store_error),
            }
        }
        self.run(job).await
    }

    /// Runs a job on the next free reader.
    ///
    /// # Errors
    /// Unavailable when the queue is full or closed, else the job's own.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Whoever asked may have gone while the job waited.
            if !reply.is_closed() {
                let _ = reply.send(job(connection).map_err(store_error));
            }
        });
        self.submit(job)?;
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::Unexpected(
                "a read did not end; the log says why".to_owned(),
            ))
        })
    }

    /// Differs after every commit, of this program or of another.
    pub(crate) fn version(&self) -> Option<Version> {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = watch.as_ref()?.prepare_cached(DATA_VERSION).ok()?;
        let version = statement.query_row([], |row| row.get::<_, i64>(0)).ok()?;
        Some(Version(version.unsigned_abs()))
    }

    fn submit(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        let sent = match jobs.as_ref() {
            Some(jobs) => jobs.try_send(job),
            None => Err(TrySendError::Disconnected(job)),
        };
        sent.map_err(|error| {
            StoreError::Unavailable(match error {
                TrySendError::Full(_) => format!("the readers' queue is full, {QUEUE} wait in it"),
                TrySendError::Disconnected(_) => "the readers have stopped".to_owned(),
            })
        })
    }

    /// Takes no more jobs, finishes those taken and ends the threads.
    pub(crate) async fn close(&self) {
        let jobs = self
            .jobs
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(jobs);
        for desk in self.desks.iter().chain([&self.watch]) {
            *desk.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let join = move || threads.into_iter().for_each(|thread| drop(thread.join()));
        // Fails only when the runtime itself is ending.
        let _ = tokio::task::spawn_blocking(join).await;
    }
}

fn work(connection: &Connection, queue: &Receiver<Job>) {
    for job in queue {
        // A defect in one read must not take the reader from all others. Its
        // transaction, if any, was rolled back while it unwound.
        if catch_unwind(AssertUnwindSafe(|| job(connection))).is_err() {
            tracing::error!("a read panicked");
        }
    }
}

/// A row of the columns that every message is selected with.
pub(crate) fn record_of(row: &Row<'_>) -> rusqlite::Result<Record> {
    let message = Message {
        id: id_of(row.get_ref(0)?.as_blob()?)?,
        user: UserName::from_stored(row.get_ref(1)?.as_str()?),
        text: MessageText::from_stored(row.get_ref(2)?.as_str()?),
        hashtags: hashtags_of(row.get_ref(3)?.as_str()?),
    };
    let key = row.get_ref(4)?.as_str_or_null()?;
    let idempotency_key = key
        .map(|key| key.parse().map_err(|_| FromSqlError::InvalidType))
        .transpose()?;
    Ok(Record {
        message,
        idempotency_key,
    })
}

/// The first id of all.
pub(crate) fn first_id(connection: &Connection) -> rusqlite::Result<Option<MessageId>> {
    one_id(connection, Sql::FirstId)
}

/// The last id of all.
pub(crate) fn last_id(connection: &Connection) -> rusqlite::Result<Option<MessageId>> {
    one_id(connection, Sql::LastId)
}

fn one_id(connection: &Connection, sql: Sql) -> rusqlite::Result<Option<MessageId>> {
    connection.prepare_cached(sql.text())?.query_row([], |row| {
        row.get_ref(0)?.as_blob_or_null()?.map(id_of).transpose()
    })
}

/// Records after an id, oldest first.
pub(crate) fn export(
    connection: &Connection,
    after: Option<MessageId>,
    limit: usize,
) -> rusqlite::Result<Vec<Record>> {
    // No id is below 16 zero bytes, yet one may be all zeros: an empty blob
    // comes before it.
    let after = after.map_or(Vec::new(), |id| id.to_bytes().to_vec());
    let mut statement = connection.prepare_cached(Sql::Export.text())?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    statement.query_map((after, limit), record_of)?.collect()
}

/// User names that start so, in order.
pub(crate) fn users(
    connection: &Connection,
    prefix: &str,
    limit: usize,
) -> rusqlite::Result<Vec<UserName>> {
    let mut statement = connection.prepare_cached(Sql::Users.text())?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((prefix, limit))?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str()?;
        if !name.starts_with(prefix) {
            break;
        }
        users.push(UserName::from_stored(name));
    }
    Ok(users)
}
