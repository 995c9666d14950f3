//! Reading: from filters to parameters, from rows to the domain's values.
//! Every page, trend and list is one statement and one round trip.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio_postgres::types::ToSql;
use tracing::warn;

use crate::domain::{
    Hashtag, HashtagCount, HashtagsFilter, Level, MAX_USER_NAME_CHARS, Message, MessageId, Record,
    Series, StoreError, TrendFilter, UserName,
};

use super::batch;
use super::migrate::unix_millis;
use super::pool::Readers;
use super::retry::Failure;
use super::sql;

/// One message.
pub(super) async fn message(
    readers: &Readers,
    id: MessageId,
) -> Result<Option<Message>, StoreError> {
    let id = id.to_string();
    let rows = readers
        .query("read a message", &sql::MESSAGE, &[&id])
        .await?;
    let message = rows.first().map(|row| batch::message(row, 0)).transpose();
    Ok(message?)
}

/// Whether trends are read slightly stale. A server that refuses is asked
/// again later: a table just made is not there yet some seconds ago.
pub(super) struct StaleReads {
    from_millis: AtomicI64,
}

/// How long a refusal holds, in milliseconds.
const STALE_PAUSE: i64 = 60_000;

impl StaleReads {
    pub(super) fn new(wanted: bool) -> StaleReads {
        let from = if wanted { 0 } else { i64::MAX };
        StaleReads {
            from_millis: AtomicI64::new(from),
        }
    }

    fn are_wanted(&self) -> bool {
        unix_millis() >= self.from_millis.load(Ordering::Relaxed)
    }

    fn pause(&self) {
        let until = unix_millis() + STALE_PAUSE;
        self.from_millis.store(until, Ordering::Relaxed);
    }
}

/// Counts of all messages or of some hashtags.
pub(super) async fn trend(
    readers: &Readers,
    filter: &TrendFilter,
    stale: &StaleReads,
) -> Result<Vec<Series>, StoreError> {
    let names: Vec<&str> = match filter.hashtags.as_slice() {
        [] => vec![""],
        tags => tags.iter().map(Hashtag::as_str).collect(),
    };
    let (width, level) = (filter.interval.seconds(), filter.interval.level().seconds());
    let (from, to) = (filter.from(), filter.to());
    let is_pieced = filter.interval.is_pieced() && (to - from) / width <= MAX_PIECED;
    let ends = match is_pieced {
        true => Ends::of(filter),
        false => Ends::default(),
    };
    let mut params: Vec<&(dyn ToSql + Sync)> = match is_pieced {
        true => vec![&width, &ends.minutes, &ends.hours, &from, &to],
        false => vec![&width, &level, &from, &to],
    };
    let statement = |stale| match is_pieced {
        true => sql::trend_in_pieces(names.len(), stale),
        false => sql::trend(names.len(), stale),
    };
    params.extend(names.iter().map(|name| name as &(dyn ToSql + Sync)));
    let what = "read a trend";
    let stale_rows = match stale.are_wanted() {
        true => readers.query(what, &statement(true), &params).await,
        false => Err(StoreError::Unexpected(String::new())),
    };
    let rows = match stale_rows {
        Err(StoreError::Unexpected(reason)) => {
            if !reason.is_empty() {
                warn!("the cluster refuses follower reads; trends are read as of now: {reason}");
                stale.pause();
            }
            readers.query(what, &statement(false), &params).await?
        }
        rows => rows?,
    };
    let mut found: HashMap<String, Series> = HashMap::new();
    for row in &rows {
        let bucket = (get(row, 1)?, get::<i64>(row, 2)?.unsigned_abs());
        found.entry(get(row, 0)?).or_default().push(bucket);
    }
    let series = names.iter().map(|name| found.remove(*name));
    Ok(series.map(Option::unwrap_or_default).collect())
}

/// With more buckets than this the ends of buckets are most of the range, and
/// listing them costs more than it saves.
const MAX_PIECED: i64 = 1_000;

/// The minutes and hours at the ends of the buckets of a range, which no day
/// inside a bucket holds.
#[derive(Default)]
struct Ends {
    minutes: Vec<i64>,
    hours: Vec<i64>,
}

impl Ends {
    fn of(filter: &TrendFilter) -> Ends {
        let mut ends = Ends::default();
        let [minute, hour, _] = Level::ALL.map(Level::seconds);
        let step = |from: i64, to: i64, width: i64| (from..to).step_by(width as usize);
        let mut edge = filter.from();
        while edge < filter.to() {
            let end = edge + filter.interval.seconds();
            for (width, low, high) in parts_of(edge, end) {
                if width == minute {
                    ends.minutes.extend(step(low, high, width));
                } else if width == hour {
                    ends.hours.extend(step(low, high, width));
                }
            }
            edge = end;
        }
        ends
    }
}

/// The busiest hashtags.
pub(super) async fn hashtags(
    readers: &Readers,
    filter: &HashtagsFilter,
) -> Result<Vec<HashtagCount>, StoreError> {
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

/// Users by name.
pub(super) async fn users(
    readers: &Readers,
    prefix: &str,
    limit: usize,
) -> Result<Vec<UserName>, StoreError> {
    let high = after_prefix(prefix);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = readers
        .query("list users", &sql::USERS, &[&prefix, &high, &limit])
        .await?;
    let names = rows
        .iter()
        .map(|row| Ok(UserName::from_stored(get(row, 0)?)));
    names.collect()
}

/// A part of all records, oldest first.
pub(super) async fn export(
    readers: &Readers,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let what = "export records";
    let rows = match after {
        Some(after) => {
            let after = after.to_string();
            readers.query(what, &sql::EXPORT, &[&after, &limit]).await?
        }
        None => readers.query(what, &sql::EXPORT_FIRST, &[&limit]).await?,
    };
    let records = rows.iter().map(batch::record).collect::<Result<_, _>>();
    Ok(records?)
}

/// A column, or what is wrong with the store.
pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    at: usize,
) -> Result<T, StoreError> {
    row.try_get(at)
        .map_err(|error| StoreError::from(Failure::from(error)))
}

/// A range in whole minutes as minutes, hours, days, hours and minutes: level,
/// from, to. Empty parts stay, so that the statement is always the same.
fn parts_of(from: i64, to: i64) -> [(i64, i64, i64); 5] {
    let [minute, hour, day] = Level::ALL.map(Level::seconds);
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

/// The first text, in the order of bytes, after all that start so.
fn after_prefix(prefix: &str) -> String {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // Above the surrogates where adding one would land on them.
        let next = match last {
            char::MAX => continue,
            '\u{d7ff}' => '\u{e000}',
            c => char::from_u32(u32::from(c) + 1).unwrap_or(char::MAX),
        };
        chars.push(next);
        return chars.into_iter().collect();
    }
    // Longer than any name, of the largest character.
    String::from(char::MAX).repeat(MAX_USER_NAME_CHARS + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        fn what_starts_with_a_prefix_is_before_what_comes_after_it(
            prefix in "\\PC{0,8}", more in "\\PC{0,8}", other in "\\PC{0,8}",
        ) {
            let end = after_prefix(&prefix);
            let longer = format!("{prefix}{more}");
            prop_assert!(longer < end);
            prop_assert_eq!(
                other.as_str() >= prefix.as_str() && other < end,
                other.starts_with(&prefix)
            );
        }
    }
}
