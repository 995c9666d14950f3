//! Sends the one statement that stores a batch, and reads what it found.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use tokio_postgres::error::SqlState;

use crate::domain::{Hashtag, Message, MessageId, MessageText, Record, UserName};

use super::columns::{Columns, Fence};
use super::conn::{Conn, column, locked};
use super::retry::Failure;
use super::slot::Held;
use super::sql;
use super::tombstones;

/// Where a batch is stored.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// In a slot as long as it is the owner's, until when this says so again
    /// (Unix milliseconds), and above what is closed there.
    Fenced {
        slot: i64,
        owner: &'a str,
        until: i64,
    },
    /// Counted in a slot, whoever has it.
    Counted(i64),
}

/// Stores what is not stored yet. Sent again, it adds nothing. Once it is
/// committed, and not before, its users are known.
///
/// # Errors
/// Of a fenced batch [`is_refused`] where nothing is stored there.
pub(super) async fn write(
    conn: &Conn,
    records: &[&Record],
    users: &KnownUsers,
    place: Place<'_>,
) -> Result<(), Failure> {
    let ids: Vec<String> = records.iter().map(|r| r.message.id.to_string()).collect();
    let (slot, fence) = match place {
        Place::Fenced { slot, owner, until } => (slot, Some(Fence::new(slot, owner, until, &ids))),
        Place::Counted(slot) => (slot, None),
    };
    let mut columns = Columns::of(records, &ids, users, slot);
    columns.fence = fence;
    let has = |names: &[&str]| !names.is_empty();
    let statement = sql::write_batch(
        columns.fence.is_some(),
        has(&columns.new_users),
        has(&columns.key_users),
    );
    conn.execute(&statement, &columns.params(&ids)).await?;
    Ok(())
}

/// Whether a fenced batch was refused: the slot is somebody else's, or closed
/// up to there.
pub(super) fn is_refused(failure: &Failure) -> bool {
    failure.is_code(&SqlState::NOT_NULL_VIOLATION)
}

/// Whether a batch that was refused is what was stored last in its slot: by an
/// earlier attempt, of which no answer came.
pub(super) async fn is_last(
    conn: &Conn,
    held: &Held,
    last: Option<MessageId>,
) -> Result<bool, Failure> {
    let rows = conn.query(&sql::SLOT, &[&held.number]).await?;
    let Some(row) = rows.first() else {
        return Ok(false);
    };
    let (owner, posted): (&str, &str) = (column(row, 0)?, column(row, 1)?);
    Ok(owner == held.owner && posted.parse().ok() == last)
}

/// Whether an earlier attempt has stored a part of a batch, and so all of it
/// that is ever stored, deleted since or not.
pub(super) async fn is_stored(conn: &Conn, records: &[&Record]) -> Result<bool, Failure> {
    let ids: Vec<String> = records.iter().map(|r| r.message.id.to_string()).collect();
    let rows = conn.query(&sql::MESSAGES_BY_ID, &[&ids]).await?;
    Ok(!rows.is_empty() || !tombstones::by_id(conn, &ids).await?.is_empty())
}

/// Users that this process has stored a message of, so that not every batch
/// looks all of them up. Forgets everything when full.
#[derive(Default)]
pub(super) struct KnownUsers(Mutex<HashSet<UserName>>);

const MAX_KNOWN_USERS: usize = 20_000;

impl KnownUsers {
    pub(super) fn unknown_of<'a>(&self, records: &[&'a Record]) -> Vec<&'a str> {
        let known = locked(&self.0);
        let unknown = records
            .iter()
            .filter(|record| !known.contains(&record.message.user));
        let mut names: Vec<&str> = unknown.map(|r| r.message.user.as_str()).collect();
        // In one order everywhere: two writers never wait for each other.
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The users of records whose transaction is committed: one that is not
    /// may come to nothing, and its users with it.
    pub(super) fn add(&self, records: &[&Record]) {
        let mut known = locked(&self.0);
        for record in records {
            if !known.contains(&record.message.user) {
                if known.len() >= MAX_KNOWN_USERS {
                    known.clear();
                }
                known.insert(record.message.user.clone());
            }
        }
    }
}

/// What a key was used for before.
pub(super) enum First {
    /// The message.
    Message(Message),
    /// One that was deleted.
    Deleted(MessageId),
    /// One that was evicted, with its key, after the key was in the way.
    Evicted,
}

/// For records whose key was used before: the first message, by the id that
/// the later one would have had.
pub(super) async fn first_under_keys(
    conn: &Conn,
    records: &[&Record],
) -> Result<HashMap<MessageId, First>, Failure> {
    let keyed = records
        .iter()
        .filter_map(|r| r.idempotency_key.as_ref().map(|key| (r, key.as_str())));
    let (mut users, mut keys, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (record, key) in keyed {
        users.push(record.message.user.as_str());
        keys.push(key);
        ids.push(record.message.id.to_string());
    }
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = conn
        .query(&sql::FIRST_UNDER_KEYS, &[&users, &keys, &ids])
        .await?;
    rows.iter()
        .map(|row| {
            let sent = message_id(column(row, 0)?)?;
            let Some(first) = column::<Option<&str>>(row, 1)? else {
                return Ok((sent, First::Evicted));
            };
            let is_there = column::<Option<&str>>(row, 3)?.is_some();
            let is_deleted = column::<Option<&str>>(row, 2)?.is_some();
            match (is_there, is_deleted) {
                (true, _) => Ok((sent, First::Message(message(row, 3)?))),
                (false, true) => Ok((sent, First::Deleted(message_id(first)?))),
                (false, false) => Err(Failure::corrupt(format!(
                    "an idempotency key names message {first}, which is missing"
                ))),
            }
        })
        .collect()
}

/// The message in four columns of a row: id, user, text, hashtags.
pub(super) fn message(row: &tokio_postgres::Row, at: usize) -> Result<Message, Failure> {
    let hashtags: Vec<&str> = column(row, at + 3)?;
    Ok(Message {
        id: message_id(column(row, at)?)?,
        user: UserName::from_stored(column(row, at + 1)?),
        text: MessageText::from_stored(column(row, at + 2)?),
        // Splitting an empty text may give one empty part.
        hashtags: hashtags
            .into_iter()
            .filter(|tag| !tag.is_empty())
            .map(Hashtag::from_stored)
            .collect(),
    })
}

/// The record in five columns of a row: a message and its key.
pub(super) fn record(row: &tokio_postgres::Row) -> Result<Record, Failure> {
    let key: &str = column(row, 4)?;
    let idempotency_key = match key {
        "" => None,
        key => Some(key.parse().map_err(|_| {
            Failure::corrupt("a message's idempotency key is not one that dunder takes")
        })?),
    };
    Ok(Record {
        message: message(row, 0)?,
        idempotency_key,
    })
}

/// An id as it is stored.
pub(super) fn message_id(text: &str) -> Result<MessageId, Failure> {
    text.parse()
        .map_err(|error| Failure::corrupt(format!("a stored id is wrong: {error}")))
}
