//! What stays of messages that were deleted, read.

use std::collections::HashMap;

use chrono::DateTime;
use tokio_postgres::Row;

use super::batch::message_id;
use super::conn::{Conn, Params, column};
use super::pool::Readers;
use super::retry::Failure;
use super::sql;
use crate::domain::{MessageId, Position, StoreError, Tombstone, UserName};

/// What stays of some messages, of those that were deleted.
pub(super) async fn by_id(
    conn: &Conn,
    ids: &Vec<String>,
) -> Result<HashMap<MessageId, Tombstone>, Failure> {
    let rows = conn.query(&sql::TOMBSTONES_BY_ID, &[ids]).await?;
    let found = rows.iter().map(|row| {
        let tombstone = tombstone(row)?;
        Ok((tombstone.id, tombstone))
    });
    found.collect()
}

/// What stays of a message, if it was deleted.
pub(super) async fn find(
    readers: &Readers,
    id: MessageId,
) -> Result<Option<Tombstone>, StoreError> {
    let ids = vec![id.to_string()];
    let what = "read what stays of a message";
    let rows = readers.query(what, &sql::TOMBSTONES_BY_ID, &[&ids]).await?;
    Ok(rows.first().map(tombstone).transpose()?)
}

/// At most `limit` tombstones behind a position and up to another.
pub(super) async fn between(
    readers: &Readers,
    after: Option<MessageId>,
    to: MessageId,
    limit: usize,
) -> Result<Vec<Tombstone>, StoreError> {
    // No id is empty, and all come after that.
    let after = after.map_or(String::new(), |id| id.to_string());
    let (to, limit) = (to.to_string(), i64::try_from(limit).unwrap_or(i64::MAX));
    let what = "read what was deleted";
    let params: Params<'_> = &[&after, &to, &limit];
    let rows = readers.query(what, &sql::TOMBSTONES, params).await?;
    let found = rows.iter().map(tombstone).collect::<Result<_, _>>();
    Ok(found?)
}

pub(super) fn tombstone(row: &Row) -> Result<Tombstone, Failure> {
    let corrupt = |what: &str| Failure::corrupt(format!("a tombstone's {what} is not one"));
    let deleted_at = DateTime::from_timestamp_millis(column(row, 2)?);
    let key: &str = column(row, 4)?;
    let key = (!key.is_empty()).then(|| key.parse().map_err(|_| corrupt("key")));
    Ok(Tombstone {
        id: message_id(column(row, 0)?)?,
        user: UserName::from_stored(column(row, 1)?),
        deleted_at: deleted_at.ok_or_else(|| corrupt("time"))?,
        position: Position(message_id(column(row, 3)?)?),
        idempotency_key: key.transpose()?,
    })
}
