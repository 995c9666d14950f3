//! Which counts are asked for, and the buckets of the answer.

mod buckets;
mod calendar;
mod range;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::{FilterError, Hashtag, Interval, MAX_HASHTAGS, Zone};
pub use buckets::Buckets;
use calendar::Calendar;
pub use range::Range;
use range::moment;
pub(crate) use range::{minute_after, minute_of};

/// The most buckets one series can have.
pub const MAX_BUCKETS: usize = 10_000;
/// Buckets when no start is given.
const DEFAULT_BUCKETS: i64 = 60;

/// The buckets of a range, of all messages or of some hashtags.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrendFilter {
    /// Where they begin and end.
    pub buckets: Buckets,
    /// How wide they are.
    pub interval: Interval,
    /// By whose clocks.
    pub zone: Zone,
    /// One series each; one series of everything when empty.
    pub hashtags: Vec<Hashtag>,
}

/// Why a trend cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrendError {
    /// The range or the hashtags.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// More than 10,000 buckets.
    #[error(
        "{buckets} buckets of {interval} between {} and {}; at most 10000: use a longer aggregation, such as {enough}, or a shorter range",
        .range.from_date().to_rfc3339(), .range.to_date().to_rfc3339()
    )]
    TooManyBuckets {
        /// About how many there would be.
        buckets: i64,
        /// The width asked for.
        interval: Interval,
        /// From the first to the last.
        range: Range,
        /// A width that fits.
        enough: Interval,
    },
}

/// The counts of one series: starts of buckets in Unix seconds, oldest first,
/// none of the counts zero.
pub type Series = Vec<(i64, u64)>;

/// A bucket of the answer in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Its start in Unix seconds.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// Which of the series it is of.
    pub series: usize,
    /// The messages in it.
    pub count: u64,
}

impl Cell {
    /// Its start and its end as dates.
    pub fn edges(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (moment(self.from), moment(self.to))
    }
}

/// What is asked for, before it is cut into buckets.
#[derive(Debug, Clone, Default)]
pub struct TrendRequest {
    /// Inclusive; 60 buckets before the end when not given.
    pub from: Option<DateTime<Utc>>,
    /// Exclusive; the present when not given.
    pub to: Option<DateTime<Utc>>,
    /// One minute when not given.
    pub interval: Option<Interval>,
    /// UTC when not given.
    pub zone: Option<Zone>,
    /// One series each; one series of everything when empty.
    pub hashtags: Vec<Hashtag>,
}

impl TrendFilter {
    /// The buckets of a request.
    ///
    /// # Errors
    /// A backward range, more than 16 hashtags or more than 10,000 buckets.
    pub fn new(asked: TrendRequest, now: DateTime<Utc>) -> Result<TrendFilter, TrendError> {
        let interval = asked.interval.unwrap_or(Interval::MINUTE);
        let zone = asked.zone.unwrap_or(Zone::UTC);
        let to = asked.to.unwrap_or(now);
        let range = match asked.from {
            Some(from) => Range::new(from, to)?,
            None => default_range(to, interval, &zone)?,
        };
        let mut hashtags: Vec<Hashtag> = Vec::new();
        for tag in asked.hashtags {
            if !hashtags.contains(&tag) {
                hashtags.push(tag);
            }
        }
        if hashtags.len() > MAX_HASHTAGS {
            return Err(FilterError::TooManyHashtags(hashtags.len()).into());
        }
        Ok(TrendFilter {
            buckets: buckets(range, interval, &zone)?,
            interval,
            zone,
            hashtags,
        })
    }

    /// Any number of buckets, in UTC, of all messages.
    ///
    /// # Errors
    /// A backward range; months and years of which there are too many.
    pub fn unlimited(range: Range, interval: Interval) -> Result<TrendFilter, TrendError> {
        let buckets = Buckets::new(range, interval, &Zone::UTC, MAX_BUCKETS);
        Ok(TrendFilter {
            buckets: buckets.ok_or_else(|| too_many(range, interval))?,
            interval,
            zone: Zone::UTC,
            hashtags: Vec::new(),
        })
    }

    /// The cells of the answer, oldest first, series in the order asked for
    /// within a bucket. `fill` adds the empty buckets.
    pub fn cells(&self, series: &[Series], fill: bool) -> Vec<Cell> {
        let mut found = Vec::with_capacity(series.iter().map(Vec::len).sum());
        for (index, counts) in series.iter().enumerate() {
            let cell = |(from, to): (i64, i64), count| Cell {
                from,
                to: to.min(range::LAST - 1),
                series: index,
                count,
            };
            if fill {
                let mut counts = counts.iter().peekable();
                found.extend(self.buckets.iter().map(|bucket| {
                    let count = counts.next_if(|(start, _)| *start == bucket.0);
                    cell(bucket, count.map_or(0, |&(_, count)| count))
                }));
            } else {
                let counts = counts.iter();
                found.extend(counts.map(|&(start, count)| {
                    let (_, end) = self.buckets.around(start);
                    cell((start, end), count)
                }));
            }
        }
        if series.len() > 1 {
            found.sort_unstable_by_key(|cell| (cell.from, cell.series));
        }
        found
    }
}

/// 60 buckets up to a moment, the last of them perhaps in part.
fn default_range(to: DateTime<Utc>, interval: Interval, zone: &Zone) -> Result<Range, FilterError> {
    let last = Range::new(to - chrono::Duration::minutes(1), to)?;
    let within = last.to() - 1;
    let mut calendar = Calendar::new(interval, zone, within);
    Ok(last.starting(calendar.back(within, DEFAULT_BUCKETS - 1)))
}

fn buckets(range: Range, interval: Interval, zone: &Zone) -> Result<Buckets, TrendError> {
    let found = Buckets::new(range, interval, zone, MAX_BUCKETS);
    found
        .filter(|buckets| buckets.len() <= MAX_BUCKETS)
        .ok_or_else(|| too_many(range, interval))
}

fn too_many(range: Range, interval: Interval) -> TrendError {
    let least = interval.least_seconds();
    // Widths that align differently can need one bucket more at each end.
    let most = MAX_BUCKETS as i64 - 2;
    TrendError::TooManyBuckets {
        buckets: (range.seconds() + least - 1) / least,
        interval,
        range,
        enough: Interval::suiting(range.seconds(), most),
    }
}

/// The busiest hashtags.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HashtagsFilter {
    /// When.
    pub range: Range,
    /// Only hashtags that start so (folded), everything when empty.
    pub prefix: String,
    /// At most so many.
    pub limit: usize,
}

/// How often a hashtag was used in a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashtagCount {
    /// The hashtag.
    pub hashtag: Hashtag,
    /// Messages that carry it.
    pub count: u64,
}
