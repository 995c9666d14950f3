//! What is old enough to be evicted, what was, and who does it.

use rusqlite::{Connection, OptionalExtension};

use super::id_of;
use super::index::postings::{Name, PostingList};
use super::read::page::Snapshot;
use super::sql::Sql;
use super::write::memtable::Memtable;
use crate::domain::{Boundary, Hashtag, MessageId, Rule};

/// At most `limit` messages of a rule, oldest first, behind an id and before
/// another.
pub(super) fn due(
    connection: &Connection,
    rule: &Rule,
    (after, before): (Option<MessageId>, MessageId),
    limit: usize,
    memtable: &Memtable,
) -> rusqlite::Result<Vec<MessageId>> {
    // No id is below 16 zero bytes, yet one may be all zeros: an empty blob
    // comes before it.
    let low = after.map_or(Vec::new(), |id| id.to_bytes().to_vec());
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    match rule {
        Rule::All => {
            let mut due = connection.prepare_cached(Sql::DueOfAll.text())?;
            let ids = due.query_map((low, before.to_bytes(), rows), |row| {
                id_of(row.get_ref(0)?.as_blob()?)
            });
            ids?.collect()
        }
        Rule::Hashtag(hashtag) => {
            // Lists and memtable are of the same moment.
            let _snapshot = Snapshot::begin(connection)?;
            let Some(number) = number_of(connection, hashtag)? else {
                return Ok(Vec::new());
            };
            let mut due = connection.prepare_cached(Sql::DueOfHashtag.text())?;
            let listed = due.query_map((&low, before.to_bytes(), rows, number), |row| {
                id_of(row.get_ref(0)?.as_blob()?)
            });
            let mut ids: Vec<MessageId> = listed?.collect::<rusqlite::Result<_>>()?;
            let range = (after, before);
            ids.extend(in_blocks(connection, number, &low, range, limit)?);
            let list = PostingList::Of(Name::Hashtag(number));
            memtable.read(connection, |newest| {
                let from = after.map_or(MessageId::MIN, MessageId::successor);
                ids.extend(newest.ids(list, from, before).iter().take(limit));
            })?;
            ids.sort_unstable();
            ids.truncate(limit);
            Ok(ids)
        }
    }
}

fn number_of(connection: &Connection, hashtag: &Hashtag) -> rusqlite::Result<Option<i64>> {
    let mut number = connection.prepare_cached(Sql::HashtagId.text())?;
    number
        .query_row([hashtag.as_str()], |row| row.get(0))
        .optional()
}

fn in_blocks(
    connection: &Connection,
    number: i64,
    low: &[u8],
    (after, before): (Option<MessageId>, MessageId),
    limit: usize,
) -> rusqlite::Result<Vec<MessageId>> {
    let mut blocks = connection.prepare_cached(Sql::DueBlocks.text())?;
    let mut rows = blocks.query((low, before.to_bytes(), number))?;
    let mut ids = Vec::new();
    while ids.len() < limit
        && let Some(row) = rows.next()?
    {
        for id in row.get_ref(0)?.as_blob()?.chunks(16) {
            let id = id_of(id)?;
            if Some(id) > after && id < before {
                ids.push(id);
            }
        }
    }
    Ok(ids)
}

/// What each rule has evicted for good.
pub(super) fn boundaries(connection: &Connection) -> rusqlite::Result<Vec<Boundary>> {
    let mut statement = connection.prepare_cached(Sql::Boundaries.text())?;
    let rows = statement.query_map([], |row| {
        Ok(Boundary {
            rule: Rule::from_stored(row.get_ref(0)?.as_str()?),
            first: id_of(row.get_ref(1)?.as_blob()?)?,
            last: id_of(row.get_ref(2)?.as_blob()?)?,
        })
    });
    rows?.collect()
}

/// Takes work over, or goes on with it, at a time and until another (Unix
/// milliseconds); whether it may.
pub(super) fn lease(
    connection: &Connection,
    work: &str,
    owner: &str,
    (now, until): (i64, i64),
) -> rusqlite::Result<bool> {
    let mut take = connection.prepare_cached(Sql::TakeLease.text())?;
    Ok(take.execute((work, owner, until, now))? == 1)
}

/// Leaves work to others.
pub(super) fn release(connection: &Connection, work: &str, owner: &str) -> rusqlite::Result<()> {
    let mut leave = connection.prepare_cached(Sql::LeaveLease.text())?;
    leave.execute((work, owner)).map(drop)
}
