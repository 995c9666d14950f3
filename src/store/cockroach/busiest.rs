//! The busiest hashtags of a range.
//!
//! A short range is read as it is. Of a long one, the months that it touches
//! bound from above what each hashtag can count in it (`months`). Those with
//! the highest bounds are counted exactly, in one statement, which also says
//! whether the months are what they were: then it is one moment that all of
//! the answer is of. Once the last place counts more than any other hashtag
//! can, nobody else has to be counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::domain::{Hashtag, HashtagCount, HashtagsFilter, StoreError};
use crate::store::rollup::WIDTHS;

use super::months::{Candidate, MONTH, MOST, Months, Version};
use super::pool::Readers;
use super::read::{after_prefix, get};
use super::sql;

/// Shorter ranges are read as they are, in seconds: their counters are few.
const LONG: i64 = 2 * 86_400;
/// How many hashtags are counted: in the first statement, and in any.
const COUNTED: usize = 32;
const MOST_COUNTED: usize = 1024;
/// How often a list is begun again before the range is read as it is: months
/// change while messages of them are stored, imported or deleted.
const TURNS: usize = 6;

/// A part of a range: level, from, before.
type Part = (i64, i64, i64);

/// The hashtags of a filter.
pub(super) async fn hashtags(
    readers: &Arc<Readers>,
    filter: &HashtagsFilter,
    months: &Arc<Mutex<Months>>,
) -> Result<Vec<HashtagCount>, StoreError> {
    let range = filter.range.from()..filter.range.to();
    if range.end - range.start > LONG
        && filter.limit * 2 <= MOST_COUNTED
        && let Some(found) = bounded(readers, filter, range, months).await?
    {
        return Ok(found);
    }
    all(readers, filter).await
}

/// Counts those that can be among the busiest; `None` where that is no gain.
async fn bounded(
    readers: &Arc<Readers>,
    filter: &HashtagsFilter,
    range: Range<i64>,
    months: &Arc<Mutex<Months>>,
) -> Result<Option<Vec<HashtagCount>>, StoreError> {
    let mut width = first_width(filter.limit, &range);
    for _ in 0..TURNS {
        let look = {
            let mut months = months.lock().await;
            if months.is_full() || width > MOST_COUNTED {
                return Ok(None);
            }
            Look::at(&mut months, &range, &filter.prefix, width)
        };
        let counted = look.count(readers, &range, width).await?;
        let (stale, growth) = look.compare(&counted.versions);
        if !stale.is_empty() {
            fetch(readers, months, stale).await?;
            continue;
        }
        let list = look.list(&counted.counts, filter.limit);
        let last = match list.get(filter.limit.saturating_sub(1)) {
            Some(last) => i64::try_from(last.count).unwrap_or(i64::MAX),
            None => 1,
        };
        // None that was not counted can count more, a new one included.
        if look.beyond + growth < last {
            return Ok(Some(list));
        }
        match look.beyond < last {
            true => fetch(readers, months, counted.versions).await?,
            false => width *= 4,
        }
    }
    Ok(None)
}

/// How many hashtags are counted at first: where hashtags are about as busy in
/// all of the months as in the range, as many as bounds put before the last.
fn first_width(limit: usize, range: &Range<i64>) -> usize {
    let touched = touched_by(range);
    // In eighths of the range.
    let eighths = (touched.end - touched.start) / ((range.end - range.start) / 8).max(1);
    let eighths = usize::try_from(eighths).unwrap_or(8);
    let wanted = limit.saturating_mul(eighths) / 8 + limit / 8;
    wanted.next_power_of_two().clamp(COUNTED, MOST_COUNTED)
}

/// The months that a range touches.
fn touched_by(range: &Range<i64>) -> Range<i64> {
    month_of(range.start)..month_of(range.end - 1) + MONTH
}

fn month_of(at: i64) -> i64 {
    at - at.rem_euclid(MONTH)
}

/// Months as they are, by their start.
type Versions = BTreeMap<i64, Version>;

/// What a statement is asked, and what was known when it was.
struct Look {
    /// All months that the range touches, and of these what is taken from
    /// memory.
    touched: Range<i64>,
    taken: Range<i64>,
    candidates: Vec<Candidate>,
    /// What any other of the known hashtags can count.
    beyond: i64,
    known: Versions,
}

/// What the statement says.
#[derive(Default)]
struct Counted {
    counts: HashMap<String, i64>,
    versions: Versions,
}

impl Look {
    fn at(months: &mut Months, range: &Range<i64>, prefix: &str, width: usize) -> Look {
        let touched = touched_by(range);
        let known = months.versions(touched.clone());
        // The last month that has messages changes all the time.
        let last = known
            .last_key_value()
            .map_or(touched.start, |(last, _)| *last);
        let whole = month_of(range.start + MONTH - 1)..month_of(range.end).min(last);
        let taken = match whole.is_empty() {
            true => 0..0,
            false => whole,
        };
        let (candidates, beyond) = months.candidates(touched.clone(), &taken, prefix, width);
        Look {
            touched,
            taken,
            candidates,
            beyond,
            known,
        }
    }

    /// Counts the candidates, as one of as many statements as there are
    /// widths.
    async fn count(
        &self,
        readers: &Readers,
        range: &Range<i64>,
        width: usize,
    ) -> Result<Counted, StoreError> {
        let parts = parts_beside(range, &self.taken);
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&self.touched.start, &self.touched.end];
        for (level, from, to) in &parts {
            params.extend([level as &(dyn ToSql + Sync), from, to]);
        }
        let mut names: Vec<&str> = self.candidates.iter().map(|c| c.name.as_ref()).collect();
        // Again and again the last one: a name twice is one.
        names.resize(width, names.last().copied().unwrap_or_default());
        params.extend(names.iter().map(|name| name as &(dyn ToSql + Sync)));
        let statement = sql::counts_of(width);
        let rows = readers.query("count hashtags", &statement, &params).await?;
        let mut counted = Counted::default();
        for row in &rows {
            match get::<Option<i64>>(row, 1)? {
                None => {
                    counted.counts.insert(get(row, 0)?, get(row, 2)?);
                }
                Some(month) => {
                    counted.versions.insert(month, version(row, 2)?);
                }
            }
        }
        Ok(counted)
    }

    /// What has to be read again to count from it, and by how much hashtags
    /// can have grown in the other months.
    fn compare(&self, versions: &Versions) -> (Versions, i64) {
        let (mut stale, mut growth) = (Versions::new(), 0);
        let months: BTreeSet<&i64> = self.known.keys().chain(versions.keys()).collect();
        for month in months {
            let now = versions.get(month).copied().unwrap_or_default();
            match self.known.get(month) {
                Some(known) if *known == now => {}
                Some(known) if !self.taken.contains(month) && known.added <= now.added => {
                    growth += now.added - known.added;
                }
                _ => {
                    stale.insert(*month, now);
                }
            }
        }
        (stale, growth)
    }

    fn list(&self, counts: &HashMap<String, i64>, limit: usize) -> Vec<HashtagCount> {
        let count = |candidate: &Candidate| {
            let beside = counts.get(candidate.name.as_ref()).copied().unwrap_or(0);
            let count = u64::try_from(candidate.counted + beside).ok();
            count.filter(|count| *count > 0).map(|count| HashtagCount {
                hashtag: Hashtag::from_stored(&candidate.name),
                count,
            })
        };
        let mut list: Vec<HashtagCount> = self.candidates.iter().filter_map(count).collect();
        list.sort_unstable_by(|a, b| {
            let names = || a.hashtag.as_str().cmp(b.hashtag.as_str());
            b.count.cmp(&a.count).then_with(names)
        });
        list.truncate(limit);
        list
    }
}

/// Reads months, unless somebody has read them since. All who need them wait
/// for the one who does, which goes on when nobody waits any more: years of a
/// large store take longer than a request may, once.
async fn fetch(
    readers: &Arc<Readers>,
    months: &Arc<Mutex<Months>>,
    versions: Versions,
) -> Result<(), StoreError> {
    let (readers, months) = (Arc::clone(readers), Arc::clone(months));
    let reading = tokio::spawn(async move { read(&readers, &months, versions).await });
    let read = reading.await;
    read.unwrap_or_else(|error| Err(StoreError::Unexpected(error.to_string())))
}

async fn read(
    readers: &Readers,
    months: &Mutex<Months>,
    versions: Versions,
) -> Result<(), StoreError> {
    let mut months = months.lock().await;
    // All messages, and one more than there is room for.
    let most = i64::try_from(MOST + 2).unwrap_or(i64::MAX);
    for (month, now) in versions {
        if months.is_full() || months.version(month) == Some(now) {
            continue;
        }
        let params: &[&(dyn ToSql + Sync)] = &[&month, &(month + MONTH), &most];
        let rows = readers.query("read a month", &sql::COUNTS_OF_MONTH, params);
        let rows = rows.await?;
        let row = |row: &'_ Row| -> Result<_, StoreError> {
            Ok((get::<String>(row, 0)?, version(row, 1)?))
        };
        let rows = rows.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        months.keep(
            month,
            rows.iter().map(|(name, version)| (name.as_str(), *version)),
        );
    }
    Ok(())
}

fn version(row: &Row, at: usize) -> Result<Version, StoreError> {
    Ok(Version {
        added: get(row, at)?,
        taken: get(row, at + 1)?,
    })
}

/// Reads all counters of a range.
async fn all(readers: &Readers, filter: &HashtagsFilter) -> Result<Vec<HashtagCount>, StoreError> {
    let parts = parts_of(filter.range.from(), filter.range.to());
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let (low, high) = (filter.prefix.as_str(), after_prefix(&filter.prefix));
    let has_prefix = !low.is_empty();
    let mut params: Vec<&(dyn ToSql + Sync)> = Vec::new();
    for (level, from, to) in &parts {
        params.extend([level as &(dyn ToSql + Sync), from, to]);
    }
    params.push(&limit);
    if has_prefix {
        params.extend([&low as &(dyn ToSql + Sync), &high]);
    }
    let statement = sql::hashtags(has_prefix);
    let rows = readers.query("list hashtags", &statement, &params).await?;
    rows.iter()
        .map(|row| {
            Ok(HashtagCount {
                hashtag: Hashtag::from_stored(get(row, 0)?),
                count: get::<i64>(row, 1)?.unsigned_abs(),
            })
        })
        .collect()
}

/// A range in whole minutes as minutes, hours, days, hours and minutes. Empty
/// parts stay, so that the statement is always the same.
fn parts_of(from: i64, to: i64) -> [Part; 5] {
    let [minute, hour, day] = WIDTHS;
    let up = |at: i64, width: i64| (at + width - 1).div_euclid(width) * width;
    let down = |at: i64, width: i64| at.div_euclid(width) * width;
    let first_hour = up(from, hour).min(to);
    let last_hour = down(to, hour).max(first_hour);
    let first_day = up(first_hour, day).min(last_hour);
    let last_day = down(last_hour, day).max(first_day);
    [
        (minute, from, first_hour),
        (hour, first_hour, first_day),
        (day, first_day, last_day),
        (hour, last_day, last_hour),
        (minute, last_hour, to),
    ]
}

/// The same without months in the middle of its days.
fn parts_beside(range: &Range<i64>, months: &Range<i64>) -> [Part; 6] {
    let [minutes, hours, (day, from, to), more_hours, more_minutes] =
        parts_of(range.start, range.end);
    let (before, after) = match months.is_empty() {
        true => (to, to),
        false => (months.start, months.end),
    };
    let (before, after) = ((day, from, before), (day, after, to));
    [minutes, hours, before, after, more_hours, more_minutes]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    fn added(added: i64) -> Version {
        Version { added, taken: 0 }
    }

    /// Three months, each with one hashtag.
    fn three_months() -> Months {
        let mut months = Months::default();
        for (month, name, count) in [(0, "a", 9), (1, "b", 5), (2, "c", 2)] {
            let rows = [(name, added(count)), ("", added(count))];
            months.keep(month * MONTH, rows.into_iter());
        }
        months
    }

    #[test]
    fn the_shorter_a_range_is_beside_its_months_the_more_hashtags_are_counted() {
        let width = |limit, from: i64, days: i64| first_width(limit, &(from..from + days * DAY));
        assert_eq!(width(20, 0, 720), 32);
        assert_eq!(width(20, DAY, 29), 32);
        assert_eq!(width(20, 20 * DAY, 30), 64);
        assert_eq!(width(20, 29 * DAY, 3), 512);
        assert_eq!(width(500, DAY, 700), 1024);
        assert_eq!(width(1, 0, 30), COUNTED);
    }

    #[test]
    fn whole_months_but_the_last_are_taken_from_memory() {
        let mut months = three_months();
        let mut taken = |from: i64, to: i64| Look::at(&mut months, &(from..to), "", 9).taken;
        assert_eq!(taken(0, 3 * MONTH), 0..2 * MONTH);
        assert_eq!(taken(60, 2 * MONTH + 60), MONTH..2 * MONTH);
        assert_eq!(taken(60, 2 * MONTH - 60), 0..0);
        assert_eq!(taken(3 * DAY, 6 * DAY), 0..0);
    }

    #[test]
    fn a_month_that_changed_is_read_again_where_it_is_taken_and_else_bounds_by_its_growth() {
        let look = Look::at(&mut three_months(), &(0..3 * MONTH), "", 9);
        let versions = |two: Version, three: Version| {
            Versions::from([(0, added(9)), (MONTH, two), (2 * MONTH, three)])
        };
        let compared = |two, three| look.compare(&versions(two, three));
        assert_eq!(compared(added(5), added(2)), (Versions::new(), 0));
        assert_eq!(compared(added(5), added(6)), (Versions::new(), 4));
        let stale = Versions::from([(MONTH, added(6))]);
        assert_eq!(compared(added(6), added(6)), (stale, 4));
        let deleted = Version {
            added: 3,
            taken: -1,
        };
        assert_eq!(compared(added(5), deleted), (Versions::new(), 1));
        let new = Versions::from([(3 * MONTH, added(1))]);
        let mut known = versions(added(5), added(2));
        known.extend(new.clone());
        assert_eq!(look.compare(&known), (new, 0));
    }

    proptest! {
        #[test]
        fn the_parts_of_a_range_are_whole_buckets_and_join_without_gaps(
            from in 0i64..10_000_000, minutes in 1i64..5_000_000,
        ) {
            let from = from * 60;
            let to = from + minutes * 60;
            let parts = parts_of(from, to);
            let mut at = from;
            for (level, start, end) in parts {
                prop_assert_eq!(start, at);
                prop_assert!(end >= start);
                prop_assert!(start == end || (start % level == 0 && end % level == 0));
                at = end;
            }
            prop_assert_eq!(at, to);
            let buckets: i64 = parts.iter().map(|(l, a, b)| (b - a) / l).sum();
            prop_assert!(buckets <= 2 * 60 + 2 * 24 + minutes / 1440);
        }

        #[test]
        fn months_and_the_parts_beside_them_are_the_range(
            from in 0i64..200_000, minutes in 1i64..200_000,
        ) {
            let range = from * 60..(from + minutes) * 60;
            let look = Look::at(&mut three_months(), &range, "", 9);
            let [head, hours, before, after, tail_hours, tail] =
                parts_beside(&range, &look.taken);
            let months = match look.taken.is_empty() {
                true => (MONTH, before.2, after.1),
                false => (MONTH, look.taken.start, look.taken.end),
            };
            let mut at = range.start;
            for (level, start, end) in [head, hours, before, months, after, tail_hours, tail] {
                prop_assert_eq!(start, at);
                prop_assert!(end >= start && (end - start) % level == 0 || level == MONTH);
                at = end;
            }
            prop_assert_eq!(at, range.end);
        }
    }
}
