//! Pages of messages. A filter by at most one name is one walk along one
//! index: of ids alone for a page that people read, whose messages are mostly
//! at hand, with the rows for a long one. More names are sorted lists of ids whose common ones are wanted:
//! every list in turn is asked for its next id at or below the candidate of
//! the others, so the shortest list bounds the work, wherever it stands.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, ToSql};

use super::cache::MessageCache;
use super::id_of;
use super::page::{self, Snapshot};
use super::read::{message, record_of};
use super::sql::Sql;
use crate::domain::{FeedFilter, FeedPage, Message, MessageId};

/// Ids a list reads at once: few when most of them turn out to be skipped,
/// many when the lists run beside each other.
const CHUNK: std::ops::RangeInclusive<u32> = 4..=1024;
const FIRST_CHUNK: u32 = 32;

/// The longest page whose messages are looked for in memory. Longer ones are
/// read by those who copy everything, and would only push out the rest.
const MOST_AT_HAND: usize = 100;

/// Whether a page is a short read: one walk and few messages.
pub(super) fn is_short(filter: &FeedFilter) -> bool {
    filter.limit.get() <= MOST_AT_HAND && Walk::of(filter).is_some()
}

/// A page.
pub(super) fn feed(
    connection: &Connection,
    filter: &FeedFilter,
    cache: &MessageCache,
) -> rusqlite::Result<FeedPage> {
    let messages = match Walk::of(filter) {
        Some(walk) if filter.limit.get() <= MOST_AT_HAND => {
            let snapshot = Snapshot::begin(connection)?;
            let ids = walk.ids(connection, filter)?;
            let (ids, next_cursor) = FeedPage::split_surplus(ids, filter.limit);
            return Ok(FeedPage {
                messages: page::messages(&snapshot, &ids, cache)?,
                next_cursor,
            });
        }
        Some(walk) => walk.messages(connection, filter)?,
        None => meet(connection, filter, surplus(filter))?,
    };
    Ok(FeedPage::from_surplus(messages, filter.limit))
}

/// One more than was asked for: it says whether there is another page.
fn surplus(filter: &FeedFilter) -> usize {
    filter.limit.get() + 1
}

/// One walk along one index.
struct Walk<'f> {
    /// With the messages, and without.
    statements: (Sql, Sql),
    name: Option<&'f str>,
}

impl<'f> Walk<'f> {
    /// The walk of a filter by at most one name.
    fn of(filter: &'f FeedFilter) -> Option<Walk<'f>> {
        let (statements, name) = match (&filter.user, filter.hashtags.as_slice()) {
            (None, []) => ((Sql::Feed, Sql::FeedIds), None),
            (Some(user), []) => ((Sql::FeedOfUser, Sql::FeedIdsOfUser), Some(user.as_str())),
            (None, [tag]) => (
                (Sql::FeedOfHashtag, Sql::FeedIdsOfHashtag),
                Some(tag.as_str()),
            ),
            (Some(_), [_, ..]) | (None, [_, _, ..]) => return None,
        };
        Some(Walk { statements, name })
    }

    fn messages(
        &self,
        connection: &Connection,
        filter: &FeedFilter,
    ) -> rusqlite::Result<Vec<Message>> {
        self.rows(connection, self.statements.0, filter, |row| {
            record_of(row).map(|record| record.message)
        })
    }

    fn ids(
        &self,
        connection: &Connection,
        filter: &FeedFilter,
    ) -> rusqlite::Result<Vec<MessageId>> {
        self.rows(connection, self.statements.1, filter, |row| {
            id_of(row.get_ref(0)?.as_blob()?)
        })
    }

    fn rows<T>(
        &self,
        connection: &Connection,
        sql: Sql,
        filter: &FeedFilter,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut statement = connection.prepare_cached(sql.text())?;
        let (low, high) = filter.id_range();
        let (low, high) = (low.to_bytes(), high.to_bytes());
        let limit = i64::try_from(surplus(filter)).unwrap_or(i64::MAX);
        let all: [&dyn ToSql; 4] = [&low, &high, &limit, &self.name];
        let parameters = if self.name.is_some() {
            &all[..]
        } else {
            &all[..3]
        };
        statement.query_map(parameters, read)?.collect()
    }
}

/// Messages that several lists have in common.
fn meet(
    connection: &Connection,
    filter: &FeedFilter,
    limit: usize,
) -> rusqlite::Result<Vec<Message>> {
    // All steps see the same state.
    let snapshot = connection.unchecked_transaction()?;
    let Some(mut lists) = lists(&snapshot, filter)? else {
        return Ok(Vec::new());
    };
    let ids = common(&mut lists, filter.id_range().1, limit)?;
    let messages = ids.into_iter().map(|id| message(&snapshot, id));
    // None is missing: within a snapshot an index holds what the table holds.
    messages.filter_map(Result::transpose).collect()
}

/// The lists of a filter; none when a name in it is unknown.
fn lists<'c>(
    connection: &'c Connection,
    filter: &FeedFilter,
) -> rusqlite::Result<Option<Vec<List<'c>>>> {
    let users = filter
        .user
        .iter()
        .map(|user| (Sql::UserId, user.as_str(), Sql::IdsOfUser));
    let tags = filter
        .hashtags
        .iter()
        .map(|tag| (Sql::HashtagId, tag.as_str(), Sql::IdsOfHashtag));
    let mut lists = Vec::new();
    for (find, name, ids) in users.chain(tags) {
        let mut find = connection.prepare_cached(find.text())?;
        let Some(number) = find.query_row([name], |row| row.get(0)).optional()? else {
            return Ok(None);
        };
        lists.push(List {
            // Two lists of the same kind need a statement each; the second is
            // prepared anew because the first is out of the cache.
            statement: connection.prepare_cached(ids.text())?,
            number,
            low: filter.id_range().0,
            ids: Vec::new(),
            at: 0,
            hits: 0,
            chunk: FIRST_CHUNK,
            ended: false,
        });
    }
    Ok(Some(lists))
}

/// The largest ids below `below` that all lists hold, falling.
fn common(
    lists: &mut [List<'_>],
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

/// The ids of one user or hashtag, falling, read in chunks.
struct List<'c> {
    statement: CachedStatement<'c>,
    number: i64,
    low: MessageId,
    ids: Vec<MessageId>,
    at: usize,
    /// Ids of this chunk that were of use.
    hits: u32,
    chunk: u32,
    /// Nothing follows this chunk.
    ended: bool,
}

impl List<'_> {
    /// The largest id below `below`, which falls from call to call.
    fn next_below(&mut self, below: MessageId) -> rusqlite::Result<Option<MessageId>> {
        loop {
            while let Some(&id) = self.ids.get(self.at) {
                if id < below {
                    self.hits += 1;
                    return Ok(Some(id));
                }
                self.at += 1;
            }
            if self.ended {
                return Ok(None);
            }
            self.read(below)?;
        }
    }

    fn read(&mut self, below: MessageId) -> rusqlite::Result<()> {
        if !self.ids.is_empty() {
            let wanted = if self.hits * 4 >= self.chunk {
                self.chunk * 2
            } else {
                self.chunk / 2
            };
            self.chunk = wanted.clamp(*CHUNK.start(), *CHUNK.end());
        }
        (self.at, self.hits) = (0, 0);
        self.ids.clear();
        let range = (
            self.low.to_bytes(),
            below.to_bytes(),
            self.chunk,
            self.number,
        );
        let mut rows = self.statement.query(range)?;
        while let Some(row) = rows.next()? {
            self.ids.push(id_of(row.get_ref(0)?.as_blob()?)?);
        }
        self.ended = self.ids.len() < self.chunk as usize;
        Ok(())
    }
}
