//! Reading: threads with a connection each, which never wait for the writer,
//! and the queries they run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rusqlite::{Connection, OpenFlags, OptionalExtension, ToSql, params};
use tokio::sync::oneshot;

use super::{BUSY, migrate, rows, sql, store_error};
use crate::domain::{
    FeedFilter, FeedPage, Hashtag, HashtagCount, HashtagsFilter, Level, Message, MessageId, Series,
    StoreError, TrendFilter, UserName,
};
use crate::store::OpenError;
use sql::Driver;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The threads that read.
pub(super) struct Readers {
    jobs: Sender<Job>,
}

impl Readers {
    pub(super) fn start(path: &Path, threads: usize) -> Result<Readers, OpenError> {
        let (jobs, waiting) = unbounded::<Job>();
        for number in 0..threads {
            let connection = open(path).map_err(|error| migrate::refused(path, &error))?;
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name(format!("sqlite-reader-{number}"))
                .spawn(move || work(&connection, &waiting))
                .map_err(|source| OpenError::Io {
                    path: path.to_owned(),
                    source,
                })?;
        }
        Ok(Readers { jobs })
    }

    /// Runs a query on the next free thread.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Who went away needs no answer.
            if !reply.is_closed() {
                let _ = reply.send(query(connection).map_err(|error| store_error(&error)));
            }
        });
        let gone = || StoreError::Unexpected("a reader failed".to_owned());
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn work(connection: &Connection, waiting: &Receiver<Job>) {
    for job in waiting {
        // A defect in one query must not take the thread from the others; the
        // connection only reads and holds nothing half done.
        if catch_unwind(AssertUnwindSafe(|| job(connection))).is_err() {
            tracing::error!("a query panicked");
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Not read-only: the first to open a file in WAL mode may have to make its
    // shared memory. `query_only` keeps it from writing.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

pub(super) fn message(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<Message>> {
    let mut statement = connection.prepare_cached(sql::MESSAGE)?;
    statement
        .query_row([id.to_bytes()], rows::message)
        .optional()
}

/// A page. A user or hashtag that nobody used yet answers an empty one.
pub(super) fn feed(connection: &Connection, filter: &FeedFilter) -> rusqlite::Result<FeedPage> {
    let user = match &filter.user {
        Some(name) => match number_of(connection, sql::USER_ID, name.as_str())? {
            Some(number) => Some(number),
            None => return Ok(FeedPage::default()),
        },
        None => None,
    };
    let Some(hashtags) = hashtag_numbers(connection, &filter.hashtags)? else {
        return Ok(FeedPage::default());
    };
    let hashtags = rarest_first(connection, filter, hashtags)?;
    let driver = match (&user, hashtags.is_empty()) {
        (_, false) => Driver::Hashtag,
        (Some(_), true) => Driver::User,
        (None, true) => Driver::Messages,
    };
    let (low, high) = filter.id_range();
    let (low, high) = (low.to_bytes(), high.to_bytes());
    let limit = filter.limit.get() as i64 + 1;
    let mut parameters: Vec<&dyn ToSql> = vec![&low, &high, &limit];
    parameters.extend(user.iter().map(|number| number as &dyn ToSql));
    parameters.extend(hashtags.iter().map(|number| number as &dyn ToSql));
    let mut statement = connection.prepare_cached(&sql::feed(driver, filter))?;
    let found = statement
        .query_map(&*parameters, rows::message)?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(FeedPage::from_surplus(found, filter.limit))
}

fn hashtag_numbers(
    connection: &Connection,
    hashtags: &[Hashtag],
) -> rusqlite::Result<Option<Vec<i64>>> {
    let numbers = hashtags
        .iter()
        .map(|tag| number_of(connection, sql::HASHTAG_ID, tag.as_str()));
    numbers.collect::<rusqlite::Result<Option<Vec<i64>>>>()
}

fn number_of(connection: &Connection, query: &str, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached(query)?;
    statement.query_row([name], |row| row.get(0)).optional()
}

/// The hashtag with the fewest messages in the range drives the query: no
/// page can hold more than it has.
fn rarest_first(
    connection: &Connection,
    filter: &FeedFilter,
    hashtags: Vec<i64>,
) -> rusqlite::Result<Vec<i64>> {
    if hashtags.len() < 2 {
        return Ok(hashtags);
    }
    let (low, high) = filter.id_range();
    let (first, last) = (
        Level::Day.bucket_of(low.millis()),
        Level::Day.bucket_of(high.millis()),
    );
    let mut statement = connection.prepare_cached(sql::SERIES_SIZE)?;
    let mut sized = Vec::with_capacity(hashtags.len());
    for number in hashtags {
        let size: i64 = statement.query_row(params![number, first, last], |row| row.get(0))?;
        sized.push((size, number));
    }
    sized.sort_unstable();
    Ok(sized.into_iter().map(|(_, number)| number).collect())
}

pub(super) fn trend(
    connection: &Connection,
    filter: &TrendFilter,
) -> rusqlite::Result<Vec<Series>> {
    if filter.hashtags.is_empty() {
        return Ok(vec![series(connection, filter, 0)?]);
    }
    let one = |tag: &Hashtag| match number_of(connection, sql::HASHTAG_ID, tag.as_str())? {
        Some(number) => series(connection, filter, number),
        None => Ok(Series::new()),
    };
    filter.hashtags.iter().map(one).collect()
}

fn series(connection: &Connection, filter: &TrendFilter, number: i64) -> rusqlite::Result<Series> {
    let level = filter.interval.level().seconds();
    let mut statement = connection.prepare_cached(sql::TREND)?;
    let parameters = params![
        level,
        number,
        filter.from(),
        filter.to(),
        filter.interval.seconds()
    ];
    statement
        .query_map(parameters, |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
        })?
        .collect()
}

pub(super) fn hashtags(
    connection: &Connection,
    filter: &HashtagsFilter,
) -> rusqlite::Result<Vec<HashtagCount>> {
    let level = filter.range.interval.level().seconds();
    let (first, after) = rows::prefix_range(&filter.prefix);
    let mut statement = connection.prepare_cached(sql::HASHTAG_COUNTS)?;
    let parameters = params![
        level,
        filter.range.from(),
        filter.range.to(),
        first,
        after,
        filter.limit as i64
    ];
    let counted = statement.query_map(parameters, |row| {
        let name: String = row.get(0)?;
        Ok(HashtagCount {
            hashtag: Hashtag::from_stored(&name),
            count: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    })?;
    counted.collect()
}

pub(super) fn users(
    connection: &Connection,
    prefix: &str,
    limit: usize,
) -> rusqlite::Result<Vec<UserName>> {
    let (first, after) = rows::prefix_range(prefix);
    let mut statement = connection.prepare_cached(sql::USERS)?;
    let named = statement.query_map(params![first, after, limit as i64], |row| {
        Ok(UserName::from_stored(&row.get::<_, String>(0)?))
    })?;
    named.collect()
}
