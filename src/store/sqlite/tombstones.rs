//! What stays of messages that were deleted, and how a program learns that
//! messages are gone.

use chrono::DateTime;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row};

use super::id_of;
use super::sql::Sql;
use crate::domain::{IdempotencyKey, MessageId, Position, Tombstone, UserName};

/// What stays of a message, if it was deleted.
pub(super) fn find(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<Tombstone>> {
    connection
        .prepare_cached(Sql::Tombstone.text())?
        .query_row([id.to_bytes()], read)
        .optional()
}

/// At most `limit` tombstones behind a position, in the order of theirs.
pub(super) fn after(
    connection: &Connection,
    position: Option<Position>,
    limit: usize,
) -> rusqlite::Result<Vec<Tombstone>> {
    // As of messages: an empty blob comes before an id of zeros.
    let after = position.map_or(Vec::new(), |Position(id)| id.to_bytes().to_vec());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(Sql::Tombstones.text())?;
    statement.query_map((after, limit), read)?.collect()
}

/// The deleted message that a user, by number, posted under a key.
pub(super) fn of_key(
    connection: &Connection,
    user: i64,
    key: &IdempotencyKey,
) -> rusqlite::Result<Option<MessageId>> {
    connection
        .prepare_cached(Sql::DeletedOfKey.text())?
        .query_row((user, key.as_str()), |row| {
            id_of(row.get_ref(0)?.as_blob()?)
        })
        .optional()
}

/// The number of the last removal, 0 before any.
pub(super) fn last_removal(connection: &Connection) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached(Sql::LastRemoval.text())?;
    let number = statement.query_row([], |row| row.get::<_, Option<i64>>(0))?;
    Ok(number.unwrap_or_default())
}

/// What was removed so far: another one says that messages are gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removals {
    /// The number of the last deletion, 0 before any.
    pub(crate) deletion: i64,
    /// The number of the last eviction, 0 before any.
    pub(crate) eviction: i64,
    /// The last of all messages that were evicted.
    pub(crate) evicted: Option<MessageId>,
}

impl Removals {
    /// As the connection sees it.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Removals> {
        let mut statement = connection.prepare_cached(Sql::Removals.text())?;
        statement.query_row([], |row| {
            let evicted = row.get_ref(2)?.as_blob()?;
            Ok(Removals {
                deletion: row.get::<_, Option<i64>>(0)?.unwrap_or_default(),
                eviction: row.get(1)?,
                evicted: (!evicted.is_empty()).then(|| id_of(evicted)).transpose()?,
            })
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Tombstone> {
    let deleted_at = DateTime::from_timestamp_millis(row.get(2)?);
    let key = row.get_ref(4)?.as_str_or_null()?;
    let key = key.map(|key| key.parse().map_err(|_| FromSqlError::InvalidType));
    Ok(Tombstone {
        id: id_of(row.get_ref(0)?.as_blob()?)?,
        user: UserName::from_stored(row.get_ref(1)?.as_str()?),
        deleted_at: deleted_at.ok_or(FromSqlError::InvalidType)?,
        position: Position(id_of(row.get_ref(3)?.as_blob()?)?),
        idempotency_key: key.transpose()?,
    })
}
