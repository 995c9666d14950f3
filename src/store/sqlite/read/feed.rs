//! Pages of messages. Without names a page is a walk along the table. A name
//! is a sorted list of ids; names of which one is enough are walked beside each
//! other; of names that are all wanted each in turn is asked for its next id at
//! or below the candidate of the others, so the shortest bounds the work,
//! wherever it stands. The messages of a page that people read are mostly at
//! hand.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::domain::{FeedFilter, FeedPage, Group, Hashtag, MessageId};
use crate::store::sqlite::id_of;
use crate::store::sqlite::index::descending::Descending;
use crate::store::sqlite::index::postings::{Name, PostingList};
use crate::store::sqlite::read::cache::MessageCache;
use crate::store::sqlite::read::page;
use crate::store::sqlite::read::page::Snapshot;
use crate::store::sqlite::read::record_of;
use crate::store::sqlite::read::walk::{Walk, common};
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::memtable::Memtable;

/// Ids read at first of each of several lists.
const FIRST_CHUNK: usize = 32;

/// The longest page of all messages that are looked for in memory.
const MOST_AT_HAND: usize = 100;

/// Whether a page is a short read: one walk and few messages.
pub(crate) fn is_short(filter: &FeedFilter) -> bool {
    filter.limit.get() <= MOST_AT_HAND && filter.names() <= 1 && filter.without.is_empty()
}

/// A page.
pub(crate) fn feed(
    connection: &Connection,
    filter: &FeedFilter,
    memtable: &Memtable,
    cache: &MessageCache,
) -> rusqlite::Result<FeedPage> {
    let cache = cache.view();
    // All steps see the same state.
    let snapshot = Snapshot::begin(connection)?;
    let mut groups = Vec::new();
    for group in filter.groups() {
        let names = numbers(connection, group)?;
        if names.is_empty() {
            return Ok(FeedPage::default());
        }
        groups.push(names);
    }
    let without = numbers(connection, Group::Hashtags(&filter.without))?;
    let ids = match groups.is_empty() && without.is_empty() {
        true if filter.limit.get() > MOST_AT_HAND => {
            let messages = rows(connection, Sql::Feed, filter, |row| {
                record_of(row).map(|record| record.message)
            })?;
            return Ok(FeedPage::from_surplus(messages, filter.limit));
        }
        // The table has the messages of the memtable.
        true => rows(connection, Sql::FeedIds, filter, |row| {
            id_of(row.get_ref(0)?.as_blob()?)
        })?,
        false => named(connection, filter, memtable, &groups, &without)?,
    };
    let (ids, next_cursor) = FeedPage::split_surplus(ids, filter.limit);
    Ok(FeedPage {
        messages: page::messages(&snapshot, &ids, cache)?,
        next_cursor,
        ..FeedPage::default()
    })
}

/// One more than was asked for: it says whether there is another page.
fn surplus(filter: &FeedFilter) -> usize {
    filter.limit.get() + 1
}

/// The ids of a page of messages that have a name of each group and none of
/// those left out, falling.
fn named(
    connection: &Connection,
    filter: &FeedFilter,
    memtable: &Memtable,
    groups: &[Vec<Name>],
    without: &[Name],
) -> rusqlite::Result<Vec<MessageId>> {
    let (low, high) = filter.id_range();
    let first_chunk = match filter.names() {
        1 => surplus(filter),
        _ => FIRST_CHUNK,
    };
    let (mut wanted, mut left_out) = memtable.read(connection, |memtable| {
        let list = |&name: &Name| {
            let newest = memtable.ids(PostingList::Of(name), low, high).iter().rev();
            let newest = newest.copied().collect();
            Descending::of(connection, name, low, newest, first_chunk)
        };
        let walk = |names: &[Name]| Walk::along(names.iter().map(list).collect());
        let wanted: Vec<Walk<'_>> = groups.iter().map(|names| walk(names)).collect();
        (wanted, walk(without))
    })?;
    if wanted.is_empty() {
        wanted.push(Walk::everything(connection, low, surplus(filter)));
    }
    common(&mut wanted, &mut left_out, high, surplus(filter))
}

/// The numbers of names; of users and hashtags that never were there is none.
fn numbers(connection: &Connection, group: Group<'_>) -> rusqlite::Result<Vec<Name>> {
    let number = |find: Sql, name: &str| {
        let mut find = connection.prepare_cached(find.text())?;
        find.query_row([name], |row| row.get(0)).optional()
    };
    let user = |name| Ok(number(Sql::UserId, name)?.map(Name::User));
    let hashtag = |name| Ok(number(Sql::HashtagId, name)?.map(Name::Hashtag));
    match group {
        Group::Users(users) => {
            let users = users.iter().map(|name| user(name.as_str()));
            users.filter_map(Result::transpose).collect()
        }
        Group::Hashtags(hashtags) => {
            let hashtags = hashtags.iter().map(Hashtag::as_str).map(hashtag);
            hashtags.filter_map(Result::transpose).collect()
        }
    }
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
