//! Pages of messages. Without names a page is a walk along the table. A name
//! is a sorted list of ids, several names are lists whose common ids are
//! wanted: every list in turn is asked for its next id at or below the
//! candidate of the others, so the shortest list bounds the work, wherever it
//! stands. The messages of a page that people read are mostly at hand.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::domain::{FeedFilter, FeedPage, MessageId};
use crate::store::sqlite::id_of;
use crate::store::sqlite::index::descending::Descending;
use crate::store::sqlite::index::postings::{Name, PostingList};
use crate::store::sqlite::read::cache::MessageCache;
use crate::store::sqlite::read::page;
use crate::store::sqlite::read::page::Snapshot;
use crate::store::sqlite::read::record_of;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::memtable::Memtable;

/// Ids read at first of each of several lists.
const FIRST_CHUNK: usize = 32;

/// The longest page of all messages that are looked for in memory.
const MOST_AT_HAND: usize = 100;

/// Whether a page is a short read: one walk and few messages.
pub(crate) fn is_short(filter: &FeedFilter) -> bool {
    filter.limit.get() <= MOST_AT_HAND && names(filter).count() <= 1
}

/// A page.
pub(crate) fn feed(
    connection: &Connection,
    filter: &FeedFilter,
    memtable: &Memtable,
    cache: &MessageCache,
) -> rusqlite::Result<FeedPage> {
    // All steps see the same state.
    let snapshot = Snapshot::begin(connection)?;
    let first_chunk = match names(filter).count() {
        1 => surplus(filter),
        _ => FIRST_CHUNK,
    };
    let mut numbered = Vec::new();
    for (find, of, name) in names(filter) {
        match number(connection, find, name)? {
            Some(number) => numbered.push(of(number)),
            None => return Ok(FeedPage::default()),
        }
    }
    let (low, high) = filter.id_range();
    let mut lists: Vec<Descending<'_>> = match numbered.is_empty() {
        // The table has the messages of the memtable.
        true => Vec::new(),
        false => memtable.read(connection, |memtable| {
            let list = |&name: &Name| {
                let newest = memtable.ids(PostingList::Of(name), low, high).iter().rev();
                let newest = newest.copied().collect();
                Descending::of(connection, name, low, newest, first_chunk)
            };
            numbered.iter().map(list).collect()
        })?,
    };
    let ids = match lists.as_mut_slice() {
        [] if filter.limit.get() > MOST_AT_HAND => {
            let messages = rows(connection, Sql::Feed, filter, |row| {
                record_of(row).map(|record| record.message)
            })?;
            return Ok(FeedPage::from_surplus(messages, filter.limit));
        }
        [] => rows(connection, Sql::FeedIds, filter, |row| {
            id_of(row.get_ref(0)?.as_blob()?)
        })?,
        lists => common(lists, high, surplus(filter))?,
    };
    let (ids, next_cursor) = FeedPage::split_surplus(ids, filter.limit);
    Ok(FeedPage {
        messages: page::messages(&snapshot, &ids, cache)?,
        next_cursor,
    })
}

/// One more than was asked for: it says whether there is another page.
fn surplus(filter: &FeedFilter) -> usize {
    filter.limit.get() + 1
}

/// The names that a filter asks for: how each is found, what its number
/// means, and its text.
fn names(filter: &FeedFilter) -> impl Iterator<Item = (Sql, fn(i64) -> Name, &str)> {
    let user = filter.user.iter().map(|user| user.as_str());
    let user = user.map(|name| (Sql::UserId, Name::User as fn(i64) -> Name, name));
    let hashtags = filter.hashtags.iter().map(|hashtag| hashtag.as_str());
    user.chain(hashtags.map(|name| (Sql::HashtagId, Name::Hashtag as _, name)))
}

/// The number of a name; of users and hashtags that never were there is none.
fn number(connection: &Connection, find: Sql, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut find = connection.prepare_cached(find.text())?;
    find.query_row([name], |row| row.get(0)).optional()
}

/// What the table has in a filter's range, newest first.
fn rows<T>(
    connection: &Connection,
    sql: Sql,
    filter: &FeedFilter,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql.text())?;
    let (low, high) = filter.id_range();
    let limit = i64::try_from(surplus(filter)).unwrap_or(i64::MAX);
    let range = (low.to_bytes(), high.to_bytes(), limit);
    statement.query_map(range, read)?.collect()
}

/// The largest ids below `below` that all lists hold, falling.
fn common(
    lists: &mut [Descending<'_>],
    mut below: MessageId,
    limit: usize,
) -> rusqlite::Result<Vec<MessageId>> {
    let mut found = Vec::new();
    let mut turn = 0;
    while found.len() < limit {
        let Some(mut candidate) = lists[turn].next_below(below)? else {
            break;
        };
        let mut agreed = 1;
        while agreed < lists.len() {
            turn = (turn + 1) % lists.len();
            match lists[turn].next_below(candidate.successor())? {
                None => return Ok(found),
                Some(id) if id == candidate => agreed += 1,
                Some(id) => (candidate, agreed) = (id, 1),
            }
        }
        found.push(candidate);
        below = candidate;
    }
    Ok(found)
}
