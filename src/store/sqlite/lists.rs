//! Lists of ids: all messages, those of a user, those of a hashtag. In memory
//! they are what index rows and counters will be made of; `write` makes them.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use super::levels::{LEVELS, MINUTE};
use super::sql::Sql;
use crate::domain::MessageId;

/// The series that counts every message.
pub(super) const ALL_MESSAGES: i64 = 0;

/// Whose messages. Users and hashtags by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum List {
    /// Everybody's.
    All,
    /// A user's.
    User(i64),
    /// Those that carry a hashtag.
    Hashtag(i64),
}

/// A message's place in a list.
pub(super) type Place = (List, MessageId);

/// The ids of some messages, by list.
#[derive(Debug, Default)]
pub(super) struct Lists(HashMap<List, Vec<MessageId>>);

impl List {
    /// The series that counts the list's messages, if any does.
    fn series(self) -> Option<i64> {
        match self {
            List::All => Some(ALL_MESSAGES),
            List::Hashtag(number) => Some(number),
            List::User(_) => None,
        }
    }
}

impl Lists {
    /// Puts a message at the end of a list.
    pub(super) fn push(&mut self, (list, id): Place) {
        self.0.entry(list).or_default().push(id);
    }

    /// The ids of a list, in the order in which they came.
    pub(super) fn ids(&self, list: List) -> &[MessageId] {
        self.0.get(&list).map_or(&[], Vec::as_slice)
    }

    /// The numbers of all hashtags with messages here, with their ids.
    pub(super) fn hashtags(&self) -> impl Iterator<Item = (i64, &[MessageId])> {
        self.0.iter().filter_map(|(list, ids)| match list {
            List::Hashtag(number) => Some((*number, ids.as_slice())),
            List::All | List::User(_) => None,
        })
    }

    /// Writes the index rows and the counts of these messages, in the order
    /// of the tables.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut lists: Vec<(List, Vec<MessageId>)> = self
            .0
            .iter()
            .map(|(list, ids)| (*list, ids.clone()))
            .collect();
        lists.sort_unstable_by_key(|(list, _)| *list);
        // By level, era, series and bucket.
        let mut counts: BTreeMap<(i64, i64, i64, i64), i64> = BTreeMap::new();
        for (list, ids) in &mut lists {
            ids.sort_unstable();
            write_rows(connection, *list, ids)?;
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
}

impl Extend<Place> for Lists {
    fn extend<T: IntoIterator<Item = Place>>(&mut self, places: T) {
        places.into_iter().for_each(|place| self.push(place));
    }
}

fn minute(id: MessageId) -> i64 {
    MINUTE.place(id.millis() / 1000).1
}

fn write_rows(connection: &Connection, list: List, ids: &[MessageId]) -> rusqlite::Result<()> {
    let (sql, number) = match list {
        // The table of messages is this list.
        List::All => return Ok(()),
        List::User(number) => (Sql::InsertUserMessage, number),
        List::Hashtag(number) => (Sql::InsertHashtagMessage, number),
    };
    let mut insert = connection.prepare_cached(sql.text())?;
    for id in ids {
        insert.execute((number, id.to_bytes()))?;
    }
    Ok(())
}
