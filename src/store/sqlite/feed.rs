//! Pages of messages. A filter by at most one name is one walk along one
//! index. More of them are sorted lists of ids whose common ones are wanted:
//! every list in turn is asked for its next id at or below the candidate of
//! the others, so the shortest list bounds the work, wherever it stands.

use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql};

use super::id_of;
use super::read::{message, record_of};
use super::sql::Sql;
use crate::domain::{FeedFilter, FeedPage, Message, MessageId};

/// Ids a list reads at once: few when most of them turn out to be skipped,
/// many when the lists run beside each other.
const CHUNK: std::ops::RangeInclusive<u32> = 4..=1024;
const FIRST_CHUNK: u32 = 32;

/// A page.
pub(super) fn feed(connection: &Connection, filter: &FeedFilter) -> rusqlite::Result<FeedPage> {
    let (low, high) = filter.id_range();
    let surplus = filter.limit.get() + 1;
    let rows = i64::try_from(surplus).unwrap_or(i64::MAX);
    let messages = match (&filter.user, filter.hashtags.as_slice()) {
        (None, []) => walk(connection, Sql::Feed, (low, high), rows, None),
        (Some(user), []) => walk(
            connection,
            Sql::FeedOfUser,
            (low, high),
            rows,
            Some(user.as_str()),
        ),
        (None, [tag]) => walk(
            connection,
            Sql::FeedOfHashtag,
            (low, high),
            rows,
            Some(tag.as_str()),
        ),
        (Some(_), [_, ..]) | (None, [_, _, ..]) => meet(connection, filter, surplus),
    };
    Ok(FeedPage::from_surplus(messages?, filter.limit))
}

fn walk(
    connection: &Connection,
    sql: Sql,
    (low, high): (MessageId, MessageId),
    limit: i64,
    name: Option<&str>,
) -> rusqlite::Result<Vec<Message>> {
    let mut statement = connection.prepare_cached(sql.text())?;
    let (low, high) = (low.to_bytes(), high.to_bytes());
    let mut parameters: Vec<&dyn ToSql> = vec![&low, &high, &limit];
    if let Some(name) = &name {
        parameters.push(name);
    }
    statement
        .query_map(&*parameters, |row| {
            record_of(row).map(|record| record.message)
        })?
        .collect()
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
