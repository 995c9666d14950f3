//! What is answered from counters: trends and the busiest hashtags.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rusqlite::{Connection, OptionalExtension};

use super::ledger::ALL_MESSAGES;
use super::levels::{Piece, enclosing, pieces};
use super::sql::Sql;
use crate::domain::{Hashtag, HashtagCount, HashtagsFilter, Series, TrendFilter};

/// The series of a filter, in its order.
pub(super) fn trend(
    connection: &Connection,
    filter: &TrendFilter,
) -> rusqlite::Result<Vec<Series>> {
    // All series are of the same moment.
    let snapshot = connection.unchecked_transaction()?;
    if filter.hashtags.is_empty() {
        return Ok(vec![series(&snapshot, filter, ALL_MESSAGES)?]);
    }
    let mut find = snapshot.prepare_cached(Sql::HashtagId.text())?;
    let mut all = Vec::with_capacity(filter.hashtags.len());
    for hashtag in &filter.hashtags {
        let number = find
            .query_row([hashtag.as_str()], |row| row.get(0))
            .optional()?;
        all.push(match number {
            Some(number) => series(&snapshot, filter, number)?,
            None => Series::new(),
        });
    }
    Ok(all)
}

fn series(connection: &Connection, filter: &TrendFilter, number: i64) -> rusqlite::Result<Series> {
    let mut statement = connection.prepare_cached(Sql::Counts.text())?;
    let level = filter.interval.level().seconds();
    let mut rows = statement.query((level, number, filter.from(), filter.to()))?;
    let mut series = Series::new();
    while let Some(row) = rows.next()? {
        let edge = filter.interval.floor(row.get(0)?);
        let count = row.get::<_, i64>(1)?.unsigned_abs();
        match series.last_mut() {
            Some((last, sum)) if *last == edge => *sum += count,
            _ => series.push((edge, count)),
        }
    }
    Ok(series)
}

/// The busiest hashtags of a range.
///
/// A sum over the months around the range bounds a hashtag's count from
/// above and costs a row or two. Only those whose bound reaches the last
/// place are counted exactly.
pub(super) fn hashtags(
    connection: &Connection,
    filter: &HashtagsFilter,
) -> rusqlite::Result<Vec<HashtagCount>> {
    let (from, to) = (filter.range.from(), filter.range.to());
    if filter.limit == 0 || from >= to {
        return Ok(Vec::new());
    }
    let snapshot = connection.unchecked_transaction()?;
    let bounds = bounds(&snapshot, &filter.prefix, enclosing(from, to))?;
    let pieces = pieces(from, to);
    let mut places = BinaryHeap::new();
    let mut counted = Vec::new();
    for (bound, number, name) in bounds {
        if places.len() == filter.limit && places.peek().is_some_and(|Reverse(last)| bound < *last)
        {
            break;
        }
        let mut count = 0;
        for &piece in &pieces {
            count += sum(&snapshot, number, piece)?;
        }
        if count > 0 {
            places.push(Reverse(count));
            if places.len() > filter.limit {
                places.pop();
            }
            counted.push(HashtagCount {
                hashtag: Hashtag::from_stored(&name),
                count,
            });
        }
    }
    counted.sort_unstable_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then_with(|| a.hashtag.as_str().cmp(b.hashtag.as_str()))
    });
    counted.truncate(filter.limit);
    Ok(counted)
}

/// Hashtags that start so, with their counts in a piece, falling.
fn bounds(
    connection: &Connection,
    prefix: &str,
    around: Piece,
) -> rusqlite::Result<Vec<(u64, i64, String)>> {
    let mut statement = connection.prepare_cached(Sql::Hashtags.text())?;
    let mut rows = statement.query([prefix])?;
    let mut bounds = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, name): (i64, String) = (row.get(0)?, row.get(1)?);
        if !name.starts_with(prefix) {
            break;
        }
        let bound = sum(connection, number, around)?;
        if bound > 0 {
            bounds.push((bound, number, name));
        }
    }
    bounds.sort_unstable_by_key(|&(bound, ..)| Reverse(bound));
    Ok(bounds)
}

fn sum(connection: &Connection, number: i64, piece: Piece) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(Sql::Sum.text())?;
    statement.query_row((piece.level, number, piece.from, piece.to), |row| {
        row.get::<_, i64>(0).map(i64::unsigned_abs)
    })
}
