//! Writing: one thread that owns the one connection that writes. It takes all
//! posts that wait, commits them as one batch, and answers only then.

use std::collections::HashMap;
use std::thread::JoinHandle;

use chrono::Utc;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::mpsc;

use super::{rows, sql, store_error};
use crate::domain::{
    Draft, Hashtag, IdClock, IdempotencyKey, Level, Message, MessageId, PostError,
};
use crate::store::writer::{Pending, Posted};

/// Posts committed together at most. More would make the first of them wait
/// without making the disk's share of a post noticeably smaller.
const MAX_BATCH: usize = 512;
/// Names whose numbers are remembered; beyond it all are forgotten and looked
/// up again.
const NAMES_HELD: usize = 50_000;
/// The series of all messages. Hashtags' numbers start at 1.
const ALL_MESSAGES: i64 = 0;

/// What the thread is asked to do.
pub(super) enum Work {
    /// To be committed with whatever waits beside it.
    Post(Pending),
    /// Anything else that writes.
    Job(Box<dyn FnOnce(&mut Writer) + Send>),
}

/// What the thread owns.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) names: Names,
    clock: IdClock,
}

/// Starts the thread. It ends when every sender is gone and all is committed.
pub(super) fn start(
    connection: Connection,
    waiting: mpsc::Receiver<Work>,
) -> rusqlite::Result<JoinHandle<()>> {
    let clock = IdClock::after(last_id(&connection)?);
    let mut writer = Writer {
        connection,
        names: Names::default(),
        clock,
    };
    std::thread::Builder::new()
        .name("sqlite-writer".to_owned())
        .spawn(move || writer.run(waiting))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

impl Writer {
    fn run(&mut self, mut waiting: mpsc::Receiver<Work>) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while let Some(first) = waiting.blocking_recv() {
            let mut next = Some(first);
            let mut job = None;
            while let Some(work) = next {
                match work {
                    Work::Post(pending) => batch.push(pending),
                    Work::Job(run) => {
                        job = Some(run);
                        break;
                    }
                }
                next = if batch.len() < MAX_BATCH {
                    waiting.try_recv().ok()
                } else {
                    None
                };
            }
            if !batch.is_empty() {
                self.post(&mut batch);
            }
            if let Some(run) = job {
                run(self);
            }
        }
        // The next start then has no log to go through.
        if let Err(error) = self
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        {
            tracing::warn!(%error, "the log could not be folded into the file");
        }
    }

    /// Commits a batch and answers everyone in it.
    fn post(&mut self, batch: &mut Vec<Pending>) {
        let drafts = batch.iter().map(|pending| &pending.draft);
        match self.commit(drafts) {
            Ok(answers) => batch
                .drain(..)
                .zip(answers)
                .for_each(|(pending, posted)| pending.answer(posted)),
            Err(error) => {
                tracing::error!(%error, posts = batch.len(), "a batch was not committed");
                let error = store_error(&error);
                batch
                    .drain(..)
                    .for_each(|pending| pending.answer(Err(error.clone().into())));
            }
        }
    }

    fn commit<'d>(
        &mut self,
        drafts: impl Iterator<Item = &'d Draft>,
    ) -> rusqlite::Result<Vec<Posted>> {
        let Writer {
            connection,
            names,
            clock,
        } = self;
        let committed = (|| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Another process may have stored messages since.
            clock.raise(last_id(&transaction)?);
            let now = Utc::now().timestamp_millis();
            let mut counts = Counts::default();
            let answers = drafts
                .map(|draft| post_one(&transaction, names, &mut counts, clock, now, draft))
                .collect::<rusqlite::Result<_>>()?;
            counts.flush(&transaction)?;
            transaction.commit()?;
            Ok(answers)
        })();
        if committed.is_err() {
            // Numbers given in a transaction that is gone.
            names.forget();
        }
        committed
    }
}

/// Stores one draft, unless its key was used before.
fn post_one(
    transaction: &Transaction<'_>,
    names: &mut Names,
    counts: &mut Counts,
    clock: &mut IdClock,
    now: i64,
    draft: &Draft,
) -> rusqlite::Result<Posted> {
    let user = names.user(transaction, draft.user.as_str())?;
    if let Some(key) = &draft.idempotency_key
        && let Some(first) = message_of_key(transaction, user, key)?
    {
        let mut statement = transaction.prepare_cached(sql::MESSAGE)?;
        let message = statement.query_row([first.to_bytes()], rows::message)?;
        return Ok(if draft.matches(&message) {
            Ok(message)
        } else {
            Err(PostError::KeyReused { first })
        });
    }
    let message = draft.clone().into_message(clock.next(now));
    insert(transaction, names, counts, &message)?;
    if let Some(key) = &draft.idempotency_key {
        insert_key(transaction, user, key, message.id)?;
    }
    Ok(Ok(message))
}

/// Stores a message with its hashtags and counts it; `false`, and nothing
/// changed, when its id is taken.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    names: &mut Names,
    counts: &mut Counts,
    message: &Message,
) -> rusqlite::Result<bool> {
    let user = names.user(transaction, message.user.as_str())?;
    let id = message.id.to_bytes();
    let stored = transaction
        .prepare_cached("INSERT INTO messages (id, user_id, text, hashtags) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
        .execute(params![id, user, message.text.as_str(), rows::hashtags_column(&message.hashtags)])?;
    if stored == 0 {
        return Ok(false);
    }
    counts.add(ALL_MESSAGES, message.id);
    for hashtag in &message.hashtags {
        let number = names.hashtag(transaction, hashtag)?;
        transaction
            .prepare_cached(
                "INSERT INTO message_hashtags (hashtag_id, message_id) VALUES (?1, ?2)",
            )?
            .execute(params![number, id])?;
        counts.add(number, message.id);
    }
    Ok(true)
}

pub(super) fn message_of_key(
    transaction: &Transaction<'_>,
    user: i64,
    key: &IdempotencyKey,
) -> rusqlite::Result<Option<MessageId>> {
    transaction
        .prepare_cached("SELECT message_id FROM idempotency_keys WHERE user_id = ?1 AND key = ?2")?
        .query_row(params![user, key.as_str()], |row| rows::id(row, 0))
        .optional()
}

pub(super) fn insert_key(
    transaction: &Transaction<'_>,
    user: i64,
    key: &IdempotencyKey,
    id: MessageId,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO idempotency_keys (user_id, key, message_id) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![user, key.as_str(), id.to_bytes()])?;
    Ok(())
}

fn last_id(connection: &Connection) -> rusqlite::Result<Option<MessageId>> {
    connection
        .prepare_cached("SELECT id FROM messages ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| rows::id(row, 0))
        .optional()
}

/// What a transaction adds to the counters, summed before it is written: a
/// batch touches each row once.
#[derive(Default)]
pub(super) struct Counts(HashMap<(Level, i64, i64), i64>);

impl Counts {
    fn add(&mut self, series: i64, id: MessageId) {
        for level in Level::ALL {
            *self
                .0
                .entry((level, series, level.bucket_of(id.millis())))
                .or_default() += 1;
        }
    }

    pub(super) fn flush(self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO counters (level, series, bucket, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (level, series, bucket) DO UPDATE SET count = count + excluded.count",
        )?;
        for ((level, series, bucket), count) in self.0 {
            statement.execute(params![level.seconds(), series, bucket, count])?;
        }
        Ok(())
    }
}

/// The numbers of users and hashtags, remembered.
#[derive(Default)]
pub(super) struct Names {
    users: HashMap<Box<str>, i64>,
    hashtags: HashMap<Box<str>, i64>,
}

impl Names {
    pub(super) fn user(
        &mut self,
        transaction: &Transaction<'_>,
        name: &str,
    ) -> rusqlite::Result<i64> {
        number(
            &mut self.users,
            transaction,
            name,
            sql::USER_ID,
            "INSERT INTO users (name) VALUES (?1)",
        )
    }

    pub(super) fn hashtag(
        &mut self,
        transaction: &Transaction<'_>,
        hashtag: &Hashtag,
    ) -> rusqlite::Result<i64> {
        number(
            &mut self.hashtags,
            transaction,
            hashtag.as_str(),
            sql::HASHTAG_ID,
            "INSERT INTO hashtags (name) VALUES (?1)",
        )
    }

    pub(super) fn forget(&mut self) {
        self.users.clear();
        self.hashtags.clear();
    }
}

fn number(
    held: &mut HashMap<Box<str>, i64>,
    transaction: &Transaction<'_>,
    name: &str,
    find: &str,
    insert: &str,
) -> rusqlite::Result<i64> {
    if let Some(number) = held.get(name) {
        return Ok(*number);
    }
    let found = transaction
        .prepare_cached(find)?
        .query_row([name], |row| row.get(0))
        .optional()?;
    let number = match found {
        Some(number) => number,
        None => transaction.prepare_cached(insert)?.insert([name])?,
    };
    if held.len() >= NAMES_HELD {
        held.clear();
    }
    held.insert(name.into(), number);
    Ok(number)
}
