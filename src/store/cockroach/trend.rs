//! Reading trends: one statement and one round trip each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tracing::warn;

use crate::domain::{Buckets, Hashtag, Series, StoreError, TrendFilter};
use crate::store::rollup::{self, WIDTHS, Walk};

use super::migrate::unix_millis;
use super::pool::Readers;
use super::read::get;
use super::sql;

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

/// Counts of all messages or of some hashtags, where it may be as they were a
/// moment ago; and how long ago that is.
pub(super) async fn trend(
    readers: &Readers,
    filter: &TrendFilter,
    stale: Option<&StaleReads>,
) -> Result<(Vec<Series>, Option<Duration>), StoreError> {
    let names: Vec<&str> = match filter.hashtags.as_slice() {
        [] => vec![""],
        tags => tags.iter().map(Hashtag::as_str).collect(),
    };
    let plan = Plan::of(&filter.buckets);
    let mut params = plan.params();
    params.extend(names.iter().map(|name| name as &(dyn ToSql + Sync)));
    let statement = |stale| match plan.shape() {
        Shape::Counters => sql::counters(names.len(), stale),
        Shape::Walk => sql::trend(names.len(), stale),
        Shape::Pieces => sql::trend_in_pieces(names.len(), stale),
    };
    let what = "read a trend";
    if let Some(stale) = stale.filter(|stale| stale.are_wanted()) {
        match readers.query(what, &statement(true), &params).await {
            Ok(rows) => {
                let series = series(&rows, &names, &filter.buckets)?;
                return Ok((series, Some(sql::STALENESS)));
            }
            Err(StoreError::Unexpected(reason)) => {
                warn!("the cluster refuses follower reads; trends are read as of now: {reason}");
                stale.pause();
            }
            Err(error) => return Err(error),
        }
    }
    let rows = readers.query(what, &statement(false), &params).await?;
    Ok((series(&rows, &names, &filter.buckets)?, None))
}

/// Rows of a series, a moment and a count, as counts by bucket of each name.
fn series(rows: &[Row], names: &[&str], buckets: &Buckets) -> Result<Vec<Series>, StoreError> {
    let mut found: HashMap<&str, Vec<(i64, i64)>> = HashMap::new();
    for row in rows {
        // An edge of the grid may lie before the first bucket.
        let start = get::<i64>(row, 1)?.max(buckets.from());
        let (start, _) = buckets.around(start);
        let counts = found.entry(get(row, 0)?).or_default();
        counts.push((start, get(row, 2)?));
    }
    let by_bucket = |name: &&str| {
        let mut counts = found.remove(*name).unwrap_or_default();
        counts.sort_unstable();
        let same = counts.chunk_by(|(one, _), (other, _)| one == other);
        let sums = same.map(|same| (same[0].0, same.iter().map(|(_, count)| count).sum::<i64>()));
        // None where all that was counted is deleted.
        sums.filter_map(|(start, sum)| Some((start, u64::try_from(sum).ok().filter(|n| *n > 0)?)))
            .collect()
    };
    Ok(names.iter().map(by_bucket).collect())
}

/// How the counters of a trend are asked for: a walk through those of one
/// level, and one by one those that stand in for some of it or lie beyond it.
#[derive(Debug)]
struct Plan {
    grid: Grid,
    main: Walk,
    /// Counters of the walk that lie in two buckets.
    skipped: Vec<i64>,
    /// Counters of each width of [`WIDTHS`].
    others: [Vec<i64>; 3],
}

/// Counters named one by one, at most: with more of them, finer ones in one
/// walk are the lesser cost.
const MOST_NAMED: usize = 100_000;
/// The skipped are compared with every counter of the walk.
const MOST_SKIPPED: usize = 2_000;

impl Plan {
    fn of(buckets: &Buckets) -> Plan {
        let coarsest_first = (1..=WIDTHS.len()).rev();
        let plans = coarsest_first.map(|count| Plan::with(buckets, &WIDTHS[..count]));
        let fits = |plan: &Plan| {
            let named: usize = plan.others.iter().map(Vec::len).sum();
            named <= MOST_NAMED && plan.skipped.len() <= MOST_SKIPPED
        };
        let mut plans = plans.peekable();
        let found = plans.find(fits);
        // Minutes alone always fit.
        found.unwrap_or_else(|| Plan::with(buckets, &WIDTHS[..1]))
    }

    fn with(buckets: &Buckets, widths: &[i64]) -> Plan {
        let walks = rollup::cover(buckets, widths);
        let seconds = |width: i64| -> i64 {
            let of_width = walks.iter().filter(|walk| walk.width == width);
            of_width.map(|walk| walk.to - walk.from).sum()
        };
        let width = widths.iter().copied().max_by_key(|&width| seconds(width));
        let width = width.unwrap_or(WIDTHS[0]);
        let mut plan = Plan {
            grid: Grid::of(buckets),
            main: Walk {
                width,
                from: 0,
                to: 0,
            },
            skipped: Vec::new(),
            others: Default::default(),
        };
        for walk in walks {
            if walk.width == width {
                plan.extend(walk);
            } else if let Some(at) = WIDTHS.iter().position(|&one| one == walk.width) {
                let counters = (walk.from..walk.to).step_by(walk.width as usize);
                plan.others[at].extend(counters);
            }
        }
        plan
    }

    fn extend(&mut self, walk: Walk) {
        if self.main.from == self.main.to {
            self.main = walk;
            return;
        }
        let between = (self.main.to..walk.from).step_by(walk.width as usize);
        self.skipped.extend(between);
        self.main.to = walk.to;
    }

    fn shape(&self) -> Shape {
        let (width, level) = (self.grid.width, self.main.width);
        if !self.skipped.is_empty() || self.others.iter().any(|named| !named.is_empty()) {
            Shape::Pieces
        } else if width == level && self.grid.shifts.iter().all(|shift| shift % width == 0) {
            Shape::Counters
        } else {
            Shape::Walk
        }
    }

    /// The parameters of its statement, the series aside.
    fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let Grid { width, shifts } = &self.grid;
        let main: [&(dyn ToSql + Sync); 3] = [&self.main.width, &self.main.from, &self.main.to];
        if self.shape() == Shape::Counters {
            return main.to_vec();
        }
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![width];
        params.extend(shifts.iter().map(|shift| shift as &(dyn ToSql + Sync)));
        params.extend(main);
        if self.shape() == Shape::Pieces {
            params.push(&self.skipped);
            params.extend(self.others.iter().map(|list| list as &(dyn ToSql + Sync)));
        }
        params
    }
}

/// What a plan asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One walk, each of whose counters is a bucket.
    Counters,
    /// One walk.
    Walk,
    /// A walk and others beside it.
    Pieces,
}

/// Where rows are grouped: no group reaches over an edge of a bucket.
#[derive(Debug, PartialEq, Eq)]
struct Grid {
    width: i64,
    /// What is added to a moment so that its edges are multiples of the width.
    shifts: [i64; 4],
}

impl Grid {
    fn of(buckets: &Buckets) -> Grid {
        if let Some((first, width)) = buckets.even() {
            return Grid {
                width,
                shifts: [width - first; 4],
            };
        }
        let edges = || buckets.iter().skip(1).map(|(from, _)| from);
        // Most buckets are of one width, in summer shifted by an hour.
        let lengths = buckets.iter().skip(1).take(8).map(|(from, to)| to - from);
        let usual = lengths.fold((0, 0), |(most, times), length| match most == length {
            true => (most, times + 1),
            false if times == 0 => (length, 1),
            false => (most, times - 1),
        });
        let width = usual.0.max(WIDTHS[0]);
        let mut shifts: Vec<i64> = Vec::new();
        for edge in edges() {
            let shift = width - edge.rem_euclid(width);
            if !shifts.contains(&shift) {
                shifts.push(shift);
            }
            if shifts.len() > 4 {
                break;
            }
        }
        match shifts.as_slice() {
            [first, .., last] | [first @ last] if shifts.len() <= 4 => {
                let at = |at: usize| shifts.get(at).copied().unwrap_or(*last);
                Grid {
                    width,
                    shifts: [*first, at(1), at(2), at(3)],
                }
            }
            _ => Grid {
                width: edges().fold(0, divisor).max(WIDTHS[0]),
                shifts: [0; 4],
            },
        }
    }
}

/// The greatest common one.
fn divisor(a: i64, b: i64) -> i64 {
    match b {
        0 => a,
        b => divisor(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::TrendRequest;

    fn buckets(from: i64, to: i64, interval: &str, zone: &str) -> Option<Buckets> {
        let asked = TrendRequest {
            from: DateTime::from_timestamp(from, 0),
            to: DateTime::from_timestamp(to, 0),
            interval: Some(interval.parse().unwrap()),
            zone: Some(zone.parse().unwrap()),
            ..TrendRequest::default()
        };
        let filter = TrendFilter::new(asked, DateTime::UNIX_EPOCH).ok()?;
        Some(filter.buckets)
    }

    /// 2018-06-14T09:21:00Z and a year later.
    const YEAR: (i64, i64) = (1_528_968_060, 1_560_504_060);

    #[test]
    fn a_year_of_days_is_grouped_into_about_as_many_rows_wherever_its_days_begin() {
        for (zone, width) in [
            ("UTC", 86_400),
            ("America/New_York", 86_400),
            ("Asia/Kolkata", 86_400),
        ] {
            let plan = Plan::of(&buckets(YEAR.0, YEAR.1, "day", zone).unwrap());
            assert_eq!(plan.grid.width, width, "{zone}");
        }
        // No width of a month: its days are rows of their own.
        let plan = Plan::of(&buckets(YEAR.0, YEAR.1, "month", "Europe/Berlin").unwrap());
        assert_eq!((plan.grid.width, plan.main.width), (3_600, 86_400));
    }

    #[test]
    fn a_range_of_whole_buckets_is_one_walk() {
        let day = 86_400;
        let plan = Plan::of(&buckets(day, 800 * day, "day", "UTC").unwrap());
        assert_eq!(plan.shape(), Shape::Counters);
        assert_eq!(plan.main.counters(), 799);
        let plan = Plan::of(&buckets(2 * day, 800 * day, "2days", "UTC").unwrap());
        assert_eq!(plan.shape(), Shape::Walk);
        let plan = Plan::of(&buckets(day, 800 * day, "day", "Asia/Kolkata").unwrap());
        assert_eq!(plan.shape(), Shape::Pieces);
    }

    proptest! {
        #[test]
        fn every_minute_is_asked_for_once_and_grouped_inside_its_bucket(
            from in 0i64..20_000_000, minutes in 1i64..60_000,
            interval in prop::sample::select(&["7m", "61m", "90m", "6h", "10h1m", "day", "3d", "week", "month"]),
            zone in prop::sample::select(&["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
                "Africa/Cairo", "Asia/Tokyo", "Pacific/Apia"]),
        ) {
            let (from, to) = (from * 60, (from + minutes) * 60);
            let Some(buckets) = buckets(from, to, interval, zone) else { return Ok(()) };
            let plan = Plan::of(&buckets);
            let main = (plan.main.from..plan.main.to).step_by(plan.main.width as usize);
            let main = main.filter(|counter| !plan.skipped.contains(counter));
            let mut counters: Vec<(i64, i64)> = main.map(|at| (at, plan.main.width)).collect();
            for (width, others) in WIDTHS.iter().zip(&plan.others) {
                counters.extend(others.iter().map(|&at| (at, *width)));
            }
            counters.sort_unstable();
            let mut at = from;
            for (start, width) in counters {
                prop_assert_eq!(start, at);
                at = start + width;
                let bucket = buckets.around(start);
                prop_assert!(at <= bucket.1);
                let remainders = plan.grid.shifts.map(|shift| (start + shift) % plan.grid.width);
                let group = start - remainders.into_iter().min().unwrap();
                prop_assert_eq!(buckets.around(group.max(buckets.from())), bucket);
            }
            prop_assert_eq!(at, to);
        }
    }
}
