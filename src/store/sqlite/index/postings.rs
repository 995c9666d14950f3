//! Posting lists: ids of all messages, those of a user, those of a hashtag. In memory
//! they are what index rows and counters will be made of.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use crate::domain::MessageId;
use crate::store::sqlite::rollup::levels::{LEVELS, MINUTE};
use crate::store::sqlite::sql::Sql;

/// The series that counts every message.
pub(crate) const ALL_MESSAGES: i64 = 0;

/// Ids of a block, at most: with more, SQLite would put the row on a page of its
/// own (<https://www.sqlite.org/fileformat2.html#cell_payload_overflow_pages>).
const BLOCK: usize = 56;

/// Whose messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PostingList {
    /// Everybody's: the table of messages is this list.
    All,
    /// Those with a name.
    Of(Name),
}

/// What a message is listed under, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Name {
    /// Its user.
    User(i64),
    /// One of its hashtags.
    Hashtag(i64),
}

/// A message's place in a list.
pub(crate) type Posting = (PostingList, MessageId);

/// The ids of some messages, by list.
#[derive(Debug, Default)]
pub(crate) struct Postings(HashMap<PostingList, Vec<MessageId>>);

impl PostingList {
    /// The series that counts the list's messages, if any does.
    pub(crate) fn series(self) -> Option<i64> {
        match self {
            PostingList::All => Some(ALL_MESSAGES),
            PostingList::Of(Name::Hashtag(number)) => Some(number),
            PostingList::Of(Name::User(_)) => None,
        }
    }
}

impl Postings {
    /// Puts a message at the end of a list.
    pub(crate) fn push(&mut self, (list, id): Posting) {
        self.0.entry(list).or_default().push(id);
    }

    /// The ids of a list, in the order in which they came.
    pub(crate) fn ids(&self, list: PostingList) -> &[MessageId] {
        self.0.get(&list).map_or(&[], Vec::as_slice)
    }

    /// The numbers of all hashtags with messages here, with their ids.
    pub(crate) fn hashtags(&self) -> impl Iterator<Item = (i64, &[MessageId])> {
        self.0.iter().filter_map(|(list, ids)| match list {
            PostingList::Of(Name::Hashtag(number)) => Some((*number, ids.as_slice())),
            PostingList::All | PostingList::Of(Name::User(_)) => None,
        })
    }

    /// How many lists there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All lists in the order of the tables, their ids rising.
    pub(crate) fn sorted(&self) -> Vec<(PostingList, Vec<MessageId>)> {
        let lists = self.0.iter().map(|(list, ids)| (*list, ids.clone()));
        let mut lists: Vec<(PostingList, Vec<MessageId>)> = lists.collect();
        lists.sort_unstable_by_key(|(list, _)| *list);
        lists.iter_mut().for_each(|(_, ids)| ids.sort_unstable());
        lists
    }
}

impl Extend<Posting> for Postings {
    fn extend<T: IntoIterator<Item = Posting>>(&mut self, postings: T) {
        postings.into_iter().for_each(|place| self.push(place));
    }
}

/// Writes the lists and counts of messages that came in order, after all that
/// are in the file: in blocks.
pub(crate) fn write_blocks(
    connection: &Connection,
    lists: &[(PostingList, Vec<MessageId>)],
) -> rusqlite::Result<()> {
    write(connection, lists, |name, ids| {
        let (sql, number) = match name {
            Name::User(number) => (Sql::InsertUserBlock, number),
            Name::Hashtag(number) => (Sql::InsertHashtagBlock, number),
        };
        let mut insert = connection.prepare_cached(sql.text())?;
        for block in ids.chunks(BLOCK) {
            let bytes: Vec<u8> = block.iter().flat_map(|id| id.to_bytes()).collect();
            insert.execute((number, block[0].to_bytes(), bytes))?;
        }
        Ok(())
    })
}

/// Writes the lists and counts of messages of any order and time: one id a
/// row.
pub(crate) fn write_rows(
    connection: &Connection,
    lists: &[(PostingList, Vec<MessageId>)],
) -> rusqlite::Result<()> {
    write(connection, lists, |name, ids| {
        let (sql, number) = match name {
            Name::User(number) => (Sql::InsertUserMessage, number),
            Name::Hashtag(number) => (Sql::InsertHashtagMessage, number),
        };
        let mut insert = connection.prepare_cached(sql.text())?;
        for id in ids {
            insert.execute((number, id.to_bytes()))?;
        }
        Ok(())
    })
}

/// Hands out the lists, and writes the counts.
fn write(
    connection: &Connection,
    lists: &[(PostingList, Vec<MessageId>)],
    mut write_list: impl FnMut(Name, &[MessageId]) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    // By level, era, series and bucket, which is the order of the table.
    let mut counts: BTreeMap<(i64, i64, i64, i64), i64> = BTreeMap::new();
    for (list, ids) in lists {
        if let PostingList::Of(name) = *list {
            write_list(name, ids)?;
        }
        let Some(series) = list.series() else {
            continue;
        };
        for ids in ids.chunk_by(|one, next| minute(*one) == minute(*next)) {
            for level in LEVELS {
                let (era, bucket) = level.place(minute(ids[0]));
                let row = (level.width, era, series, bucket);
                *counts.entry(row).or_default() += ids.len() as i64;
            }
        }
    }
    let mut add = connection.prepare_cached(Sql::AddCount.text())?;
    for ((level, era, series, bucket), count) in counts {
        add.execute((level, era, series, bucket, count))?;
    }
    Ok(())
}

/// The minute that a message counts in.
pub(crate) fn minute(id: MessageId) -> i64 {
    MINUTE.place(id.millis() / 1000).1
}
