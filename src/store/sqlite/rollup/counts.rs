//! What is answered from counters: trends and the busiest hashtags.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension};

use crate::domain::{
    Buckets, Hashtag, HashtagCount, HashtagsFilter, MessageId, Range, Series, TrendFilter,
};
use crate::store::rollup;
use crate::store::sqlite::index::postings::{Name, PostingList};
use crate::store::sqlite::read::page::Snapshot;
use crate::store::sqlite::read::{SHORT, first_id, last_id};
use crate::store::sqlite::rollup::levels::{MINUTE, MONTH, Piece, WIDTHS};
use crate::store::sqlite::rollup::months::Months;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::memtable::{Memtable, View};

/// Whether a trend is a short read.
pub(crate) fn is_short(filter: &TrendFilter) -> bool {
    let walks = rollup::cover(&filter.buckets, &WIDTHS);
    let rows: i64 = walks.iter().map(|walk| walk.counters()).sum();
    usize::try_from(rows)
        .is_ok_and(|rows: usize| rows.saturating_mul(filter.hashtags.len().max(1)) <= SHORT)
}

/// The series of a filter, in its order.
pub(crate) fn trend(
    connection: &Connection,
    filter: &TrendFilter,
    memtable: &Memtable,
) -> rusqlite::Result<Vec<Series>> {
    // All series are of the same moment.
    let _snapshot = Snapshot::begin(connection)?;
    let Some((buckets, pieces)) = plan(connection, filter)? else {
        return Ok(vec![Series::new(); filter.hashtags.len().max(1)]);
    };
    let lists = lists(connection, filter)?;
    let newest: Vec<Series> = memtable.read(connection, |memtable| {
        let newest = |list| newest(memtable, list, &buckets);
        lists.iter().map(|&list| newest(list)).collect()
    })?;
    let series = |(list, newest): (&Option<PostingList>, Series)| {
        let Some(number) = list.and_then(PostingList::series) else {
            return Ok(Series::new());
        };
        let counted = series(connection, &buckets, &pieces, number)?;
        Ok(added(counted, newest))
    };
    lists.iter().zip(newest).map(series).collect()
}

/// The buckets of a filter that can have counts, and the rows that add up to
/// them; none when there is no data. A range may be thousands of years wide,
/// so one of many eras is first cut to those that have data.
fn plan(
    connection: &Connection,
    filter: &TrendFilter,
) -> rusqlite::Result<Option<(Buckets, Vec<Piece>)>> {
    /// Looking into so many costs no more than asking which have data.
    const FEW: usize = 4;
    let pieces = |buckets: &Buckets| -> Vec<Piece> {
        let walks = rollup::cover(buckets, &WIDTHS).into_iter();
        walks.map(Piece::of).collect()
    };
    let all = pieces(&filter.buckets);
    let eras = all.iter().flat_map(|piece| piece.eras());
    if eras.take(FEW + 1).count() <= FEW {
        return Ok(Some((filter.buckets.clone(), all)));
    }
    let Some((first, last)) = counted(connection)? else {
        return Ok(None);
    };
    let within = filter.buckets.between(first, last);
    Ok(within.map(|buckets| {
        let pieces = match buckets == filter.buckets {
            true => all,
            false => pieces(&buckets),
        };
        (buckets, pieces)
    }))
}

/// The lists that a filter asks for, in its order; none for hashtags that
/// never were there.
fn lists(
    connection: &Connection,
    filter: &TrendFilter,
) -> rusqlite::Result<Vec<Option<PostingList>>> {
    if filter.hashtags.is_empty() {
        return Ok(vec![Some(PostingList::All)]);
    }
    let mut find = connection.prepare_cached(Sql::HashtagId.text())?;
    let list = |hashtag: &Hashtag| {
        let number = find.query_row([hashtag.as_str()], |row| row.get(0));
        let number = number.optional()?;
        Ok(number.map(|number| PostingList::Of(Name::Hashtag(number))))
    };
    filter.hashtags.iter().map(list).collect()
}

/// The counts of one series by bucket, out of rows that each lie in one.
fn series(
    connection: &Connection,
    buckets: &Buckets,
    pieces: &[Piece],
    number: i64,
) -> rusqlite::Result<Series> {
    let mut statement = connection.prepare_cached(Sql::Counts.text())?;
    let mut series = Series::new();
    let mut end = i64::MIN;
    for piece in pieces {
        for era in piece.eras() {
            let range = (piece.level.width, era, number, piece.from, piece.to);
            let mut rows = statement.query(range)?;
            while let Some(row) = rows.next()? {
                let at = row.get(0)?;
                let count = row.get::<_, i64>(1)?.unsigned_abs();
                match series.last_mut() {
                    Some((_, sum)) if at < end => *sum += count,
                    _ => {
                        let (start, after) = buckets.around(at);
                        end = after;
                        series.push((start, count));
                    }
                }
            }
        }
    }
    Ok(series)
}

/// The first id there can be in a second.
fn first_id_at(second: i64) -> MessageId {
    MessageId::from_parts(second.saturating_mul(1000), 0)
}

/// What the memtable adds to the counts of a list.
fn newest(memtable: View<'_>, list: Option<PostingList>, buckets: &Buckets) -> Series {
    let (from, to) = (first_id_at(buckets.from()), first_id_at(buckets.to()));
    let ids = list.map(|list| memtable.ids(list, from, to));
    let ids = ids.unwrap_or_default();
    let start = |id: &MessageId| buckets.around(id.millis() / 1000).0;
    let counts = ids.chunk_by(|one, next| start(one) == start(next));
    counts
        .map(|ids| (start(&ids[0]), ids.len() as u64))
        .collect()
}

/// Both counts together.
fn added(mut series: Series, others: Series) -> Series {
    for (edge, count) in others {
        match series.binary_search_by_key(&edge, |(edge, _)| *edge) {
            Ok(at) => series[at].1 += count,
            Err(at) => series.insert(at, (edge, count)),
        }
    }
    series
}

/// The busiest hashtags of a range.
///
/// The months around the range bound a hashtag's count from above, and one
/// walk through them bounds all. Only hashtags whose bound reaches the last
/// place are counted exactly.
pub(crate) fn hashtags(
    connection: &Connection,
    filter: &HashtagsFilter,
    memtable: &Memtable,
    months: &Months,
) -> rusqlite::Result<Vec<HashtagCount>> {
    let _snapshot = Snapshot::begin(connection)?;
    let range = within_data(connection, filter.range)?.filter(|_| filter.limit > 0);
    let Some((from, to)) = range else {
        return Ok(Vec::new());
    };
    let newest: HashMap<i64, u64> = memtable.read(connection, |memtable| {
        let all = memtable.hashtags(first_id_at(from), first_id_at(to));
        let counts = all.map(|(number, ids)| (number, ids.len() as u64));
        counts.filter(|&(_, count)| count > 0).collect()
    })?;
    let sums = months.sums(connection, Piece::enclosing(from, to), &newest)?;
    let mut bounds = bounds(connection, &filter.prefix, sums)?;
    let walks = rollup::cover_range(from, to, &WIDTHS).into_iter();
    let pieces: Vec<Piece> = walks.map(Piece::of).collect();
    let mut name = connection.prepare_cached(Sql::HashtagName.text())?;
    let mut places = BinaryHeap::new();
    let mut counted = Vec::new();
    while let Some((bound, number)) = bounds.pop() {
        let full = places.len() == filter.limit;
        if full && places.peek().is_some_and(|Reverse(last)| bound < *last) {
            break;
        }
        let mut count = newest.get(&number).copied().unwrap_or_default();
        for &piece in &pieces {
            count += sum(connection, number, piece)?;
        }
        if count > 0 {
            places.push(Reverse(count));
            if places.len() > filter.limit {
                places.pop();
            }
            let name: String = name.query_row([number], |row| row.get(0))?;
            let hashtag = Hashtag::from_stored(&name);
            counted.push(HashtagCount { hashtag, count });
        }
    }
    counted.sort_unstable_by(|a, b| {
        let names = || a.hashtag.as_str().cmp(b.hashtag.as_str());
        b.count.cmp(&a.count).then_with(names)
    });
    counted.truncate(filter.limit);
    Ok(counted)
}

/// The part of a range in which there can be counts, in whole minutes.
fn within_data(connection: &Connection, range: Range) -> rusqlite::Result<Option<(i64, i64)>> {
    let Some((first, last)) = counted(connection)? else {
        return Ok(None);
    };
    let minute = |second| MINUTE.place(second).1;
    let from = range.from().max(minute(first));
    let to = range.to().min(minute(last) + MINUTE.width);
    Ok((from < to).then_some((from, to)))
}

/// A first and a last second between which everything was posted that counts.
/// Messages that were evicted count as well, to the month; what is not flushed
/// is known by its messages.
fn counted(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let second = |id: MessageId| id.millis().div_euclid(1000);
    let messages = first_id(connection)?.zip(last_id(connection)?);
    let messages = messages.map(|(first, last)| (second(first), second(last)));
    let mut last_era = connection.prepare_cached(Sql::LastEra.text())?;
    let last: Option<i64> = last_era.query_row([MONTH.width], |row| row.get(0))?;
    let months = era_from(connection, i64::MIN)?.zip(last);
    let months = months.map(|(first, last)| (first * MONTH.width, (last + 1) * MONTH.width - 1));
    Ok(match (messages, months) {
        (Some(these), Some(those)) => Some((these.0.min(those.0), these.1.max(those.1))),
        (one, other) => one.or(other),
    })
}

/// The first month that counts anything, from one on.
fn era_from(connection: &Connection, era: i64) -> rusqlite::Result<Option<i64>> {
    let mut era_from = connection.prepare_cached(Sql::EraFrom.text())?;
    era_from.query_row((MONTH.width, era), |row| row.get(0))
}

/// Whether the file has any count of a hashtag.
pub(crate) fn counts_anything(connection: &Connection, number: i64) -> rusqlite::Result<bool> {
    let mut has = connection.prepare_cached(Sql::HasCounts.text())?;
    let mut next = era_from(connection, i64::MIN)?;
    while let Some(era) = next {
        if has.query_row((MONTH.width, era, number), |row| row.get(0))? {
            return Ok(true);
        }
        next = era_from(connection, era + 1)?;
    }
    Ok(false)
}

/// Hashtags that start so, by what they count at most, the busiest on top.
fn bounds(
    connection: &Connection,
    prefix: &str,
    sums: Vec<(i64, u64)>,
) -> rusqlite::Result<BinaryHeap<(u64, i64)>> {
    let pairs = sums.into_iter().map(|(number, sum)| (sum, number));
    if prefix.is_empty() {
        return Ok(pairs.collect());
    }
    let numbers: HashSet<i64> = numbers(connection, prefix)?.into_iter().collect();
    let starts_so = |(_, number): &(u64, i64)| numbers.contains(number);
    Ok(pairs.filter(starts_so).collect())
}

/// Numbers of the hashtags that start so.
fn numbers(connection: &Connection, prefix: &str) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(Sql::Hashtags.text())?;
    let mut rows = statement.query([prefix])?;
    let mut numbers = Vec::new();
    while let Some(row) = rows.next()? {
        if !row.get_ref(1)?.as_str()?.starts_with(prefix) {
            break;
        }
        numbers.push(row.get(0)?);
    }
    Ok(numbers)
}

fn sum(connection: &Connection, number: i64, piece: Piece) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(Sql::Sum.text())?;
    let mut sum = 0;
    for era in piece.eras() {
        let range = (piece.level.width, era, number, piece.from, piece.to);
        sum += statement
            .query_row(range, |row| row.get::<_, i64>(0))?
            .unsigned_abs();
    }
    Ok(sum)
}
