//! What every hashtag counts in each month, kept in memory. The list of the
//! busiest hashtags starts with a look at all of them, which would be a walk
//! through every row of every month.
//!
//! Rests on *counters are the messages, counted* (see `store`): a message counts
//! as one in its month and in those of its hashtags in the same transaction. So
//! while the count of all messages of a month is what it was, and nothing was
//! removed since, so is every count of that month, whichever program writes:
//! what is kept is asked for that one row, and for the last removal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};

use crate::store::sqlite::index::postings::ALL_MESSAGES;
use crate::store::sqlite::rollup::levels::{MONTH, Piece};
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::tombstones;

/// Counts kept at most, of all months together: 4 MiB.
const MOST: usize = 512 * 1024;

/// The months read so far, as long as there is room.
#[derive(Debug, Default)]
pub(crate) struct Months(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    months: HashMap<i64, Arc<Month>>,
    /// Counts in all of them.
    counts: usize,
}

/// With the same of these a month has the same counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    /// Messages of the month.
    messages: u64,
    /// The number of the last removal from the store.
    removals: i64,
}

/// The counts of one month.
#[derive(Debug)]
struct Month {
    /// What there was when it was read.
    version: Version,
    /// By hashtag, in the order of their numbers.
    counts: Box<[(u32, u32)]>,
}

impl Months {
    /// What the hashtags count in some months, by number, and what they count
    /// besides; inside a transaction.
    pub(crate) fn sums(
        &self,
        connection: &Connection,
        months: Piece,
        besides: &HashMap<i64, u64>,
    ) -> rusqlite::Result<Vec<(i64, u64)>> {
        let mut sums = Sums::default();
        for (&number, &count) in besides {
            sums.add(number, count);
        }
        let removals = tombstones::last_removal(connection)?;
        for era in months.eras() {
            match self.month(connection, era, removals)? {
                Some(month) => month.counts.iter().for_each(|&(number, count)| {
                    sums.add(number.into(), count.into());
                }),
                None => read(connection, era, |number, count| sums.add(number, count))?,
            }
        }
        Ok(sums.into_pairs())
    }

    /// A month that is kept, from now on at least; `None` when it is too large.
    fn month(
        &self,
        connection: &Connection,
        era: i64,
        removals: i64,
    ) -> rusqlite::Result<Option<Arc<Month>>> {
        let version = Version {
            messages: messages(connection, era)?,
            removals,
        };
        let kept = self.kept(|kept| kept.months.get(&era).cloned());
        if let Some(month) = kept.filter(|month| month.version == version) {
            return Ok(Some(month));
        }
        let mut counts = Some(Vec::new());
        read(connection, era, |number, count| {
            let pair = (u32::try_from(number).ok()).zip(u32::try_from(count).ok());
            match (&mut counts, pair) {
                (Some(list), Some(pair)) if list.len() < MOST => list.push(pair),
                _ => counts = None,
            }
        })?;
        let month = counts.map(|counts| {
            let counts = counts.into_boxed_slice();
            Arc::new(Month { version, counts })
        });
        if let Some(month) = &month {
            self.kept(|kept| kept.keep(era, month));
        }
        Ok(month)
    }

    fn kept<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn keep(&mut self, era: i64, month: &Arc<Month>) {
        if let Some(old) = self.months.remove(&era) {
            self.counts -= old.counts.len();
        }
        if self.counts + month.counts.len() <= MOST {
            self.counts += month.counts.len();
            self.months.insert(era, Arc::clone(month));
        }
    }
}

/// Sums by number. Numbers are given out one by one, so a list of all is
/// short; any that is far off goes elsewhere.
#[derive(Default)]
struct Sums {
    near: Vec<u64>,
    far: HashMap<i64, u64>,
}

impl Sums {
    /// Numbers below are near: 8 MiB of sums.
    const NEAR: usize = 1 << 20;

    fn add(&mut self, number: i64, count: u64) {
        match usize::try_from(number) {
            Ok(at) if at < self.near.len() => self.near[at] += count,
            Ok(at) if at < Sums::NEAR => {
                self.near.resize((at + 1).next_power_of_two(), 0);
                self.near[at] = count;
            }
            _ => *self.far.entry(number).or_default() += count,
        }
    }

    fn into_pairs(self) -> Vec<(i64, u64)> {
        let near = (0..).zip(self.near).filter(|&(_, sum)| sum > 0);
        near.chain(self.far).collect()
    }
}

/// Messages of a month.
fn messages(connection: &Connection, era: i64) -> rusqlite::Result<u64> {
    let bucket = era * MONTH.width;
    let mut statement = connection.prepare_cached(Sql::Counts.text())?;
    let range = (MONTH.width, era, ALL_MESSAGES, bucket, bucket + MONTH.width);
    let count = statement.query_row(range, |row| row.get::<_, i64>(1));
    Ok(count.optional()?.unwrap_or(0).unsigned_abs())
}

/// Every hashtag's count of a month.
fn read(
    connection: &Connection,
    era: i64,
    mut found: impl FnMut(i64, u64),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(Sql::CountsOfAll.text())?;
    let mut rows = statement.query((MONTH.width, era, ALL_MESSAGES))?;
    while let Some(row) = rows.next()? {
        found(row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::migrate::fresh_in_memory;

    fn count(connection: &Connection, era: i64, series: i64, count: i64) {
        let mut add = connection.prepare_cached(Sql::AddCount.text()).unwrap();
        let row = (MONTH.width, era, series, era * MONTH.width, count);
        add.execute(row).unwrap();
    }

    fn months(eras: std::ops::Range<i64>) -> Piece {
        let (from, to) = (eras.start * MONTH.width, eras.end * MONTH.width);
        let level = MONTH;
        Piece { level, from, to }
    }

    #[test]
    fn a_month_is_read_again_when_it_has_more_messages_and_not_before() {
        let connection = fresh_in_memory();
        let kept = Months::default();
        let besides = HashMap::new();
        let sums = |eras| kept.sums(&connection, months(eras), &besides).unwrap();
        for (era, series, number) in [(600, 0, 3), (600, 1, 2), (600, 7, 1), (601, 0, 1)] {
            count(&connection, era, series, number);
        }
        assert_eq!(sums(600..602), [(1, 2), (7, 1)]);
        // No message comes without its count among all: this is not seen.
        count(&connection, 600, 7, 5);
        assert_eq!(sums(600..602), [(1, 2), (7, 1)]);
        count(&connection, 600, 0, 5);
        count(&connection, 601, 0, 1);
        count(&connection, 601, 1, 1);
        assert_eq!(sums(600..602), [(1, 3), (7, 6)]);
        // One is removed and another comes: as many messages, others counted.
        let removal = "insert into tombstones (id, user_id, deleted_at, position)
            values (x'00', 1, 0, x'01')";
        connection.execute(removal, []).unwrap();
        count(&connection, 600, 1, -1);
        count(&connection, 600, 7, 1);
        assert_eq!(sums(600..602), [(1, 2), (7, 7)]);
        assert_eq!(sums(601..602), [(1, 1)]);
        assert_eq!(sums(602..603), []);
    }

    #[test]
    fn numbers_far_off_are_summed_as_well() {
        let mut sums = Sums::default();
        let numbers = [1, Sums::NEAR as i64, i64::MAX, 1];
        numbers.into_iter().for_each(|number| sums.add(number, 2));
        let mut pairs = sums.into_pairs();
        pairs.sort_unstable();
        let far = Sums::NEAR as i64;
        assert_eq!(pairs, [(1, 4), (far, 2), (i64::MAX, 2)]);
    }
}
