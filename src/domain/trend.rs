//! Which counts are asked for, and the buckets of the answer.

use chrono::{DateTime, Utc};

use super::{FilterError, Hashtag, Interval, MAX_HASHTAGS};

/// The most buckets one series can have.
pub const MAX_BUCKETS: i64 = 10_000;
/// Buckets when no date is given.
const DEFAULT_BUCKETS: i64 = 60;
/// The last second of the year 9999: beyond it a time has no RFC 3339 form.
const MAX_SECONDS: i64 = 253_402_300_799;

/// A range of whole buckets, of all messages or of some hashtags.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrendFilter {
    from: i64,
    to: i64,
    /// The width of a bucket.
    pub interval: Interval,
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
        .from.to_rfc3339(), .to.to_rfc3339()
    )]
    TooManyBuckets {
        /// How many there would be.
        buckets: i64,
        /// The width asked for.
        interval: Interval,
        /// The start of the first bucket.
        from: DateTime<Utc>,
        /// The end of the last bucket.
        to: DateTime<Utc>,
        /// A width that fits.
        enough: String,
    },
}

/// The counts of one series: starts of buckets in Unix seconds, oldest first,
/// none of them zero.
pub type Series = Vec<(i64, u64)>;

/// A bucket of the answer in numbers: its start in Unix seconds, which of the
/// series it is of, and the messages in it.
pub type Cell = (i64, usize, u64);

/// A bucket of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Inclusive.
    pub from: DateTime<Utc>,
    /// Exclusive.
    pub to: DateTime<Utc>,
    /// Messages in it.
    pub count: u64,
    /// The series, when hashtags were asked for.
    pub hashtag: Option<Hashtag>,
}

impl TrendFilter {
    /// Moves the dates out to the edges of buckets, so that none is counted in
    /// part. Without a start, 60 buckets; without an end, up to `now`.
    ///
    /// # Errors
    /// A backward range, more than 16 hashtags or more than 10,000 buckets.
    pub fn new(
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
        interval: Interval,
        hashtags: Vec<Hashtag>,
        now: DateTime<Utc>,
    ) -> Result<TrendFilter, TrendError> {
        let filter = TrendFilter::of_range(from, to, interval, hashtags, now)?;
        filter.check_buckets()?;
        Ok(filter)
    }

    /// A range whose buckets are summed, not listed: any number of them.
    ///
    /// # Errors
    /// A backward range.
    pub fn unlimited(
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
        interval: Interval,
        now: DateTime<Utc>,
    ) -> Result<TrendFilter, TrendError> {
        TrendFilter::of_range(from, to, interval, Vec::new(), now)
    }

    fn of_range(
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
        interval: Interval,
        hashtags: Vec<Hashtag>,
        now: DateTime<Utc>,
    ) -> Result<TrendFilter, TrendError> {
        let end = to.unwrap_or(now);
        if let Some(from) = from
            && from >= end
        {
            return Err(FilterError::EmptyRange { from, to: end }.into());
        }
        let mut series: Vec<Hashtag> = Vec::new();
        for tag in hashtags {
            if !series.contains(&tag) {
                series.push(tag);
            }
        }
        if series.len() > MAX_HASHTAGS {
            return Err(FilterError::TooManyHashtags(series.len()).into());
        }
        let last_edge = interval.floor(MAX_SECONDS);
        // A moment between two seconds belongs to the bucket that ends later.
        let end = end.timestamp() + i64::from(end.timestamp_subsec_nanos() > 0);
        let to = interval.ceil(end.clamp(0, MAX_SECONDS)).min(last_edge);
        let from = match from {
            Some(from) => interval.floor(from.timestamp().clamp(0, MAX_SECONDS)),
            None => (to - DEFAULT_BUCKETS * interval.seconds()).max(0),
        };
        Ok(TrendFilter {
            from: from.min(to),
            to,
            interval,
            hashtags: series,
        })
    }

    fn check_buckets(&self) -> Result<(), TrendError> {
        let span = self.to - self.from;
        let buckets = span / self.interval.seconds();
        if buckets <= MAX_BUCKETS {
            return Ok(());
        }
        const NEAT: [(&str, i64); 9] = [
            ("5m", 300),
            ("15m", 900),
            ("1h", 3_600),
            ("6h", 21_600),
            ("1day", 86_400),
            ("7days", 604_800),
            ("30days", 2_592_000),
            ("365days", 31_536_000),
            ("3650days", 315_360_000),
        ];
        // Widths that align differently can need one bucket more at each end.
        let enough = NEAT
            .iter()
            .find(|(_, seconds)| span / seconds + 2 <= MAX_BUCKETS);
        Err(TrendError::TooManyBuckets {
            buckets,
            interval: self.interval,
            from: moment(self.from),
            to: moment(self.to),
            enough: enough.map_or("3650days", |(text, _)| text).to_owned(),
        })
    }

    /// The start of the first bucket, in Unix seconds.
    pub fn from(&self) -> i64 {
        self.from
    }

    /// The end of the last bucket, in Unix seconds.
    pub fn to(&self) -> i64 {
        self.to
    }

    /// The answer: the buckets of every series, oldest first, series in the
    /// order asked for within a bucket. `fill` adds the empty buckets.
    pub fn buckets(&self, series: &[Series], fill: bool) -> Vec<Bucket> {
        let width = self.interval.seconds();
        let bucket = |(from, index, count): Cell| Bucket {
            from: moment(from),
            to: moment(from + width),
            count,
            hashtag: self.hashtags.get(index).cloned(),
        };
        let cells = self.cells(series, fill).into_iter();
        cells.map(bucket).collect()
    }

    /// The same without the words.
    pub fn cells(&self, series: &[Series], fill: bool) -> Vec<Cell> {
        let width = self.interval.seconds();
        let mut found = Vec::with_capacity(series.iter().map(Vec::len).sum());
        for (index, counts) in series.iter().enumerate() {
            if fill {
                let mut counts = counts.iter().peekable();
                for from in (self.from..self.to).step_by(width as usize) {
                    let count = counts
                        .next_if(|(start, _)| *start == from)
                        .map_or(0, |c| c.1);
                    found.push((from, index, count));
                }
            } else {
                found.extend(counts.iter().map(|&(from, count)| (from, index, count)));
            }
        }
        found.sort_unstable_by_key(|&(from, index, _)| (from, index));
        found
    }
}

/// The busiest hashtags of a range.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HashtagsFilter {
    /// The range, in whole buckets.
    pub range: TrendFilter,
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

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    fn at(hour: u32, minute: u32, second: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2019, 9, 23, hour, minute, second)
            .unwrap()
    }

    fn filter(
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
        interval: &str,
    ) -> Result<TrendFilter, TrendError> {
        TrendFilter::new(
            from,
            to,
            interval.parse().unwrap(),
            Vec::new(),
            at(12, 0, 30),
        )
    }

    #[test]
    fn dates_move_out_to_the_edges_of_buckets() {
        let filter = filter(Some(at(10, 7, 3)), Some(at(10, 52, 0)), "15m").unwrap();
        assert_eq!(
            (filter.from(), filter.to()),
            (at(10, 0, 0).timestamp(), at(11, 0, 0).timestamp())
        );
    }

    #[test]
    fn without_dates_it_is_sixty_buckets_up_to_now() {
        let filter = filter(None, None, "1m").unwrap();
        assert_eq!(
            (filter.from(), filter.to()),
            (at(11, 1, 0).timestamp(), at(12, 1, 0).timestamp())
        );
    }

    #[test]
    fn too_many_buckets_say_what_would_fit() {
        let from = Some(at(12, 0, 0) - chrono::Duration::days(30));
        let error = filter(from, None, "1m").unwrap_err().to_string();
        assert!(
            error.contains("43201 buckets of 1m") && error.contains("such as 5m"),
            "{error}"
        );
        assert!(filter(from, None, "5m").is_ok());
    }

    #[test]
    fn empty_buckets_are_filled_only_when_asked() {
        let filter = filter(Some(at(10, 0, 0)), Some(at(10, 3, 0)), "1m").unwrap();
        let series = vec![vec![(at(10, 1, 0).timestamp(), 5)]];
        let counts = |fill| {
            filter
                .buckets(&series, fill)
                .iter()
                .map(|b| b.count)
                .collect::<Vec<_>>()
        };
        assert_eq!(counts(false), [5]);
        assert_eq!(counts(true), [0, 5, 0]);
    }

    #[test]
    fn a_range_at_the_end_of_time_still_has_edges_in_rfc_3339() {
        let end = Utc.with_ymd_and_hms(9999, 12, 31, 23, 59, 59).unwrap();
        let filter = filter(None, Some(end), "7days").unwrap();
        assert!(filter.to() <= MAX_SECONDS);
        assert!(filter.from() < filter.to());
    }
}
