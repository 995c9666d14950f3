//! What is answered from counters: trends and the busiest hashtags.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension};

use crate::domain::{
    Hashtag, HashtagCount, HashtagsFilter, Interval, MessageId, Series, TrendFilter,
};
use crate::store::sqlite::index::lists::{List, Name};
use crate::store::sqlite::read::page::Snapshot;
use crate::store::sqlite::read::{SHORT, first_id, last_id};
use crate::store::sqlite::rollup::levels::{Level, Piece, pieces};
use crate::store::sqlite::rollup::months::Months;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::write::tail::{Tail, View};

/// Whether a trend is a short read.
pub(crate) fn is_short(filter: &TrendFilter) -> bool {
    let width = Level::of(filter.interval.level()).width;
    let rows = (filter.to() - filter.from()) / width;
    usize::try_from(rows).is_ok_and(|rows| rows * filter.hashtags.len().max(1) <= SHORT)
}

/// The series of a filter, in its order.
pub(crate) fn trend(
    connection: &Connection,
    filter: &TrendFilter,
    tail: &Tail,
) -> rusqlite::Result<Vec<Series>> {
    // All series are of the same moment.
    let _snapshot = Snapshot::begin(connection)?;
    let level = Level::of(filter.interval.level());
    let asked = (filter.from(), filter.to());
    let range = match is_narrow(level, asked) && !filter.interval.is_pieced() {
        true => Some(asked),
        false => within_data(connection, filter)?,
    };
    let Some((from, to)) = range else {
        return Ok(vec![Series::new(); filter.hashtags.len().max(1)]);
    };
    let lists = lists(connection, filter)?;
    let newest: Vec<Series> = tail.read(connection, |tail| {
        let newest = |list| buckets(tail, list, (from, to), filter.interval);
        lists.iter().map(|&list| newest(list)).collect()
    })?;
    let series = |(list, newest): (&Option<List>, Series)| {
        let Some(number) = list.and_then(List::series) else {
            return Ok(Series::new());
        };
        let counted = match filter.interval.is_pieced() {
            true => pieced_series(connection, filter.interval, (from, to), number)?,
            false => series(connection, filter, Piece { level, from, to }, number)?,
        };
        Ok(added(counted, newest))
    };
    lists.iter().zip(newest).map(series).collect()
}

/// The lists that a filter asks for, in its order; none for hashtags that
/// never were there.
fn lists(connection: &Connection, filter: &TrendFilter) -> rusqlite::Result<Vec<Option<List>>> {
    if filter.hashtags.is_empty() {
        return Ok(vec![Some(List::All)]);
    }
    let mut find = connection.prepare_cached(Sql::HashtagId.text())?;
    let list = |hashtag: &Hashtag| {
        let number = find.query_row([hashtag.as_str()], |row| row.get(0));
        let number = number.optional()?;
        Ok(number.map(|number| List::Of(Name::Hashtag(number))))
    };
    filter.hashtags.iter().map(list).collect()
}

/// Whether a range has so few eras that looking into all of them costs no
/// more than asking which have data.
fn is_narrow(level: Level, (from, to): (i64, i64)) -> bool {
    Piece { level, from, to }.eras().take(4).count() < 4
}

/// The part of a range in which there can be counts, in whole buckets of the
/// range's interval: a range may be thousands of years wide.
fn within_data(
    connection: &Connection,
    range: &TrendFilter,
) -> rusqlite::Result<Option<(i64, i64)>> {
    let (Some(first), Some(last)) = (first_id(connection)?, last_id(connection)?) else {
        return Ok(None);
    };
    let edge = |millis: i64| range.interval.floor(millis.div_euclid(1000));
    let from = range.from().max(edge(first.millis()));
    let to = range
        .to()
        .min(edge(last.millis()) + range.interval.seconds());
    Ok((from < to).then_some((from, to)))
}

fn series(
    connection: &Connection,
    filter: &TrendFilter,
    piece: Piece,
    number: i64,
) -> rusqlite::Result<Series> {
    let mut statement = connection.prepare_cached(Sql::Counts.text())?;
    let mut series = Series::new();
    for era in piece.eras() {
        let mut rows = statement.query((piece.level.width, era, number, piece.from, piece.to))?;
        while let Some(row) = rows.next()? {
            let edge = filter.interval.floor(row.get(0)?);
            let count = row.get::<_, i64>(1)?.unsigned_abs();
            match series.last_mut() {
                Some((last, sum)) if *last == edge => *sum += count,
                _ => series.push((edge, count)),
            }
        }
    }
    Ok(series)
}

/// The first id there can be in a second.
fn first_id_at(second: i64) -> MessageId {
    MessageId::from_parts(second.saturating_mul(1000), 0)
}

/// What the tail adds to the counts of a list.
fn buckets(
    tail: View<'_>,
    list: Option<List>,
    (from, to): (i64, i64),
    interval: Interval,
) -> Series {
    let ids = list.map(|list| tail.ids(list, first_id_at(from), first_id_at(to)));
    let ids = ids.unwrap_or_default();
    let edge = |id: &MessageId| interval.floor(id.millis() / 1000);
    let buckets = ids.chunk_by(|one, next| edge(one) == edge(next));
    buckets
        .map(|ids| (edge(&ids[0]), ids.len() as u64))
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

/// The same, each bucket from the fewest counters that add up to it.
fn pieced_series(
    connection: &Connection,
    interval: Interval,
    (from, to): (i64, i64),
    number: i64,
) -> rusqlite::Result<Series> {
    let mut series = Series::new();
    let mut start = from;
    while start < to {
        let end = start + interval.seconds();
        let mut count = 0;
        for piece in pieces(start, end) {
            count += sum(connection, number, piece)?;
        }
        if count > 0 {
            series.push((start, count));
        }
        start = end;
    }
    Ok(series)
}

/// The busiest hashtags of a range.
///
/// The months around the range bound a hashtag's count from above, and one
/// walk through them bounds all. Only hashtags whose bound reaches the last
/// place are counted exactly.
pub(crate) fn hashtags(
    connection: &Connection,
    filter: &HashtagsFilter,
    tail: &Tail,
    months: &Months,
) -> rusqlite::Result<Vec<HashtagCount>> {
    let _snapshot = Snapshot::begin(connection)?;
    let range = within_data(connection, &filter.range)?.filter(|_| filter.limit > 0);
    let Some((from, to)) = range else {
        return Ok(Vec::new());
    };
    let newest: HashMap<i64, u64> = tail.read(connection, |tail| {
        let all = tail.hashtags(first_id_at(from), first_id_at(to));
        let counts = all.map(|(number, ids)| (number, ids.len() as u64));
        counts.filter(|&(_, count)| count > 0).collect()
    })?;
    let sums = months.sums(connection, Piece::enclosing(from, to), &newest)?;
    let mut bounds = bounds(connection, &filter.prefix, sums)?;
    let pieces = pieces(from, to);
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
