//! The readers: a few threads, each with a connection that cannot write, who
//! take jobs from one queue. In WAL mode they neither wait for the writer nor
//! keep it waiting, and they see every batch as soon as it was answered.
//!
//! Handing a job over and its answer back costs more than a short read itself,
//! so those run where they are asked for, on connections of their own.

pub(crate) mod after;
pub(crate) mod cache;
pub(crate) mod feed;
pub(crate) mod limit;
pub(crate) mod page;
pub(crate) mod walk;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Row};
use tokio::sync::oneshot;

use crate::domain::{Message, MessageId, MessageText, Record, StoreError, UserName, Version};
use crate::store::OpenError;
use crate::store::sqlite::guard::gate::Gate;
use crate::store::sqlite::open::{is_locked, refused};
use crate::store::sqlite::read::limit::{Limits, Reader, Stopped, Terms};
use crate::store::sqlite::read::page::hashtags_of;
use crate::store::sqlite::source::Source;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::{id_of, statement_span};
use crate::trace;

/// Reads that may wait before further ones are refused.
const QUEUE: usize = 4_096;

/// Rows a read may have that runs where it is asked for: they take less than
/// a millisecond, for which other requests can wait.
pub(crate) const SHORT: usize = 2_000;

/// <https://www.sqlite.org/pragma.html#pragma_data_version>
const DATA_VERSION: &str = "pragma data_version";

type Job = Box<dyn FnOnce(&Reader) + Send>;

/// The threads and the queue before them.
pub(crate) struct Readers {
    /// Gone when closed.
    jobs: RwLock<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Connections of short reads; emptied when closed.
    inline: Vec<Mutex<Option<Reader>>>,
    /// The connection that notices changes: SQLite counts those that each
    /// connection has seen others make.
    watch: Mutex<Option<Reader>>,
    limits: Limits,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub(crate) fn spawn(
        source: &Source,
        readers: usize,
        limits: Limits,
        gate: &Arc<Gate>,
    ) -> Result<Readers, OpenError> {
        let open = || {
            let reader = Reader::new(source.open()?, Arc::clone(gate));
            reader.map_err(|error| refused(source.path(), &error))
        };
        // Nobody waits for a lock on a thread that serves others, too.
        let inline = || {
            let reader = open()?;
            let set = reader.connection().busy_timeout(Duration::ZERO);
            set.map_err(|error| refused(source.path(), &error))?;
            Ok::<_, OpenError>(Mutex::new(Some(reader)))
        };
        let (jobs, queue) = bounded::<Job>(QUEUE);
        let mut threads = Vec::new();
        for number in 1..=readers.max(1) {
            let (reader, queue, gate) = (open()?, queue.clone(), Arc::clone(gate));
            let thread = thread::Builder::new()
                .name(format!("dunder-reader-{number}"))
                .spawn(move || work(&reader, &queue, &gate))
                .map_err(|error| OpenError::Io {
                    path: source.path().to_owned(),
                    source: error,
                })?;
            threads.push(thread);
        }
        Ok(Readers {
            jobs: RwLock::new(Some(jobs)),
            threads: Mutex::new(threads),
            inline: (0..readers.max(1))
                .map(|_| inline())
                .collect::<Result<_, _>>()?,
            watch: inline()?,
            limits,
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
        for reader in &self.inline {
            let reader = match reader.try_lock() {
                Ok(reader) => reader,
                // What a panic interrupted was rolled back while it unwound.
                Err(TryLockError::Poisoned(reader)) => reader.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            let Some(reader) = &*reader else { break };
            let _span = statement_span();
            let terms = Terms {
                deadline: Instant::now() + self.limits.run,
                client: None,
            };
            match reader.run(terms, &job) {
                Err(Stopped::Failed(error)) if is_locked(&error) => break,
                done => return done.map_err(StoreError::from),
            }
        }
        self.run(job).await
    }

    /// Runs a job on the next free reader. It is not begun, or ended, once
    /// the future that waits for it is dropped.
    ///
    /// # Errors
    /// Unavailable when the queue is full or closed, `TooSlow` when it waited
    /// or ran for longer than the limits, else the job's own.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let client = Arc::new(());
        let (asked, limits) = (Instant::now(), self.limits);
        let waits = Arc::downgrade(&client);
        let waiting = trace::span("queue wait");
        let job: Job = Box::new(move |reader| {
            let now = Instant::now();
            let terms = Terms {
                deadline: now + limits.run,
                client: Some(waits),
            };
            if terms.is_abandoned() {
                return;
            }
            let waited = now - asked;
            let request = waiting.and_then(|waiting| waiting.above());
            let _ = reply.send(trace::within(request, || match waited > limits.wait {
                true => Err(waited_too_long(waited)),
                false => {
                    let _span = statement_span();
                    reader.run(terms, job).map_err(StoreError::from)
                }
            }));
        });
        self.submit(job)?;
        let answer = answer.await.unwrap_or_else(|_| {
            Err(StoreError::Unexpected(
                "a read did not end; the log says why".to_owned(),
            ))
        });
        drop(client);
        answer
    }

    /// Differs after every commit, of this program or of another.
    pub(crate) fn version(&self) -> Option<Version> {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = watch.as_ref()?.connection();
        let mut statement = connection.prepare_cached(DATA_VERSION).ok()?;
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
        for reader in self.inline.iter().chain([&self.watch]) {
            *reader.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let join = move || threads.into_iter().for_each(|thread| drop(thread.join()));
        // Fails only when the runtime itself is ending.
        let _ = tokio::task::spawn_blocking(join).await;
    }
}

fn waited_too_long(waited: Duration) -> StoreError {
    let seconds = waited.as_secs();
    StoreError::TooSlow(format!("a read waited {seconds} s for a reader"))
}

fn work(reader: &Reader, queue: &Receiver<Job>, gate: &Gate) {
    for job in queue {
        let _reading = gate.enter();
        // A defect in one read must not take the reader from all others. Its
        // transaction, if any, was rolled back while it unwound.
        if catch_unwind(AssertUnwindSafe(|| job(reader))).is_err() {
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

#[cfg(test)]
mod tests;
