//! Pages of messages. A filter by at most one name is one walk along one
//! index: of ids alone for a page that people read, whose messages are mostly
//! at hand, with the rows for a long one. More names are sorted lists of ids whose common ones are wanted:
//! every list in turn is asked for its next id at or below the candidate of
//! the others, so the shortest list bounds the work, wherever it stands.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row};

use super::cache::MessageCache;
use super::id_of;
use super::lists::List;
use super::read::{message, record_of};
use super::sql::Sql;
use super::tail::{Tail, View};
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
    filter.limit.get() <= MOST_AT_HAND && names(filter).count() <= 1
}

/// A page.
pub(super) fn feed(
    connection: &Connection,
    filter: &FeedFilter,
    tail: &Tail,
    cache: &MessageCache,
) -> rusqlite::Result<FeedPage> {
    // All steps see the same state.
    let snapshot = connection.unchecked_transaction()?;
    let mut lists = Vec::new();
    for name in names(filter) {
        match name.list(&snapshot)? {
            Some(list) => lists.push(list),
            None => return Ok(FeedPage::from_surplus(Vec::new(), filter.limit)),
        }
    }
    let walk = match lists.as_slice() {
        [] => Walk::of(&snapshot, filter, tail, List::All)?,
        [list] => Walk::of(&snapshot, filter, tail, *list)?,
        lists => {
            let ids = meet(&snapshot, filter, tail, lists)?;
            let messages = ids.into_iter().map(|id| message(&snapshot, id));
            // None is missing: within a snapshot a list holds what the table holds.
            let messages = messages.filter_map(Result::transpose);
            let messages = messages.collect::<rusqlite::Result<_>>()?;
            return Ok(FeedPage::from_surplus(messages, filter.limit));
        }
    };
    if filter.limit.get() > MOST_AT_HAND {
        return Ok(FeedPage::from_surplus(walk.messages()?, filter.limit));
    }
    let (ids, next_cursor) = FeedPage::split_surplus(walk.ids()?, filter.limit);
    Ok(FeedPage {
        messages: at_hand(&snapshot, ids, cache)?,
        next_cursor,
    })
}

/// One more than was asked for: it says whether there is another page.
fn surplus(filter: &FeedFilter) -> usize {
    filter.limit.get() + 1
}

/// A name that a filter asks for.
enum Name<'f> {
    User(&'f str),
    Hashtag(&'f str),
}

fn names(filter: &FeedFilter) -> impl Iterator<Item = Name<'_>> {
    let users = filter.user.iter().map(|user| Name::User(user.as_str()));
    let hashtags = filter.hashtags.iter();
    users.chain(hashtags.map(|hashtag| Name::Hashtag(hashtag.as_str())))
}

impl Name<'_> {
    /// The list of what has this name, if anything ever had it.
    fn list(&self, connection: &Connection) -> rusqlite::Result<Option<List>> {
        let (sql, name, list): (_, _, fn(i64) -> List) = match self {
            Name::User(name) => (Sql::UserId, name, List::User),
            Name::Hashtag(name) => (Sql::HashtagId, name, List::Hashtag),
        };
        let mut find = connection.prepare_cached(sql.text())?;
        let number = find.query_row([name], |row| row.get(0)).optional()?;
        Ok(number.map(list))
    }
}

/// One walk along one list, newest first: through the tail, where it holds
/// more than the table does, and along an index.
struct Walk<'c> {
    connection: &'c Connection,
    filter: &'c FeedFilter,
    list: List,
    /// Falling, at most as many as are wanted.
    newest: Vec<MessageId>,
}

impl<'c> Walk<'c> {
    fn of(
        connection: &'c Connection,
        filter: &'c FeedFilter,
        tail: &Tail,
        list: List,
    ) -> rusqlite::Result<Walk<'c>> {
        let newest = match list {
            // The table is in this order itself and has all.
            List::All => Vec::new(),
            List::User(_) | List::Hashtag(_) => newest(connection, filter, tail, list)?,
        };
        Ok(Walk {
            connection,
            filter,
            list,
            newest,
        })
    }

    fn messages(self) -> rusqlite::Result<Vec<Message>> {
        let sql = match self.list {
            List::All => Sql::Feed,
            List::User(_) => Sql::FeedOfUser,
            List::Hashtag(_) => Sql::FeedOfHashtag,
        };
        let settled = self.rows(sql, |row| record_of(row).map(|record| record.message))?;
        let newest = self.newest.into_iter();
        let newest = newest.map(|id| message(self.connection, id));
        let newest = newest.filter_map(Result::transpose);
        newest.chain(settled.into_iter().map(Ok)).collect()
    }

    fn ids(self) -> rusqlite::Result<Vec<MessageId>> {
        let sql = match self.list {
            List::All => Sql::FeedIds,
            List::User(_) => Sql::IdsOfUser,
            List::Hashtag(_) => Sql::IdsOfHashtag,
        };
        let settled = self.rows(sql, |row| id_of(row.get_ref(0)?.as_blob()?))?;
        let mut ids = self.newest;
        ids.extend(settled);
        Ok(ids)
    }

    /// What an index or the table has for what the tail leaves wanting.
    fn rows<T>(
        &self,
        sql: Sql,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let wanted = surplus(self.filter) - self.newest.len();
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare_cached(sql.text())?;
        let (low, high) = self.filter.id_range();
        let (low, high) = (low.to_bytes(), high.to_bytes());
        let limit = i64::try_from(wanted).unwrap_or(i64::MAX);
        match self.list {
            List::All => statement.query_map((low, high, limit), read)?.collect(),
            List::User(number) | List::Hashtag(number) => statement
                .query_map((low, high, limit, number), read)?
                .collect(),
        }
    }
}

/// What the tail has of a list, falling, no more than wanted.
fn newest(
    connection: &Connection,
    filter: &FeedFilter,
    tail: &Tail,
    list: List,
) -> rusqlite::Result<Vec<MessageId>> {
    let (low, high) = filter.id_range();
    let wanted = surplus(filter);
    tail.read(connection, |tail: View<'_>| {
        let ids = tail.ids(list, low, high).iter();
        ids.rev().take(wanted).copied().collect()
    })
}

/// The messages of some ids, from memory or else from the file.
fn at_hand(
    connection: &Connection,
    ids: Vec<MessageId>,
    cache: &MessageCache,
) -> rusqlite::Result<Vec<Message>> {
    let found: Vec<_> = ids.into_iter().map(|id| (id, cache.find(id))).collect();
    let messages = found.into_iter().map(|(id, found)| match found {
        Some(found) => Ok(Some(Message::clone(&found))),
        None => Ok(message(connection, id)?.map(|read| Message::clone(&cache.keep(read)))),
    });
    // None is missing: messages are never removed.
    messages.filter_map(Result::transpose).collect()
}

/// Messages that several lists have in common, newest first.
fn meet(
    connection: &Connection,
    filter: &FeedFilter,
    tail: &Tail,
    lists: &[List],
) -> rusqlite::Result<Vec<MessageId>> {
    let (low, high) = filter.id_range();
    let mut walked = Vec::new();
    for &list in lists {
        let (sql, number) = match list {
            List::All => continue,
            List::User(number) => (Sql::IdsOfUser, number),
            List::Hashtag(number) => (Sql::IdsOfHashtag, number),
        };
        let newest = tail.read(connection, |tail| {
            let ids = tail.ids(list, low, high).iter();
            ids.rev().copied().collect()
        })?;
        walked.push(Falling {
            // Two lists of the same kind need a statement each; the second is
            // prepared anew because the first is out of the cache.
            statement: connection.prepare_cached(sql.text())?,
            number,
            low,
            ids: newest,
            at: 0,
            hits: 0,
            chunk: FIRST_CHUNK,
            ended: false,
        });
    }
    common(&mut walked, high, surplus(filter))
}

/// The largest ids below `below` that all lists hold, falling.
fn common(
    lists: &mut [Falling<'_>],
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

/// The ids of one list, falling: those of the tail, then read in chunks.
struct Falling<'c> {
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

impl Falling<'_> {
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
