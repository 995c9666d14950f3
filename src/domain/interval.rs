//! The width of a trend's buckets.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{format_duration, parse_duration, shown};

/// The width of a bucket: whole minutes, at least one, at most 100 years.
/// Buckets are aligned to the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    seconds: i64,
}

/// Why a text is not the width of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// Not a length of time at all.
    #[error("{} is not an aggregation; write a duration such as 1m, 90m, 1h30m, 24h or 1day", shown(.0))]
    Form(String),
    /// Finer than a minute, or between two minutes.
    #[error("the aggregation {} is not a whole number of minutes; the finest is 1m", shown(.0))]
    NotMinutes(String),
    /// Longer than 100 years.
    #[error("the aggregation {} is too long; at most 36500days", shown(.0))]
    TooLong(String),
}

/// The widths in which a store keeps counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One row a minute.
    Minute,
    /// One row an hour.
    Hour,
    /// One row a day (UTC).
    Day,
}

impl Level {
    /// All, finest first.
    pub const ALL: [Level; 3] = [Level::Minute, Level::Hour, Level::Day];

    /// The width in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Level::Minute => 60,
            Level::Hour => 3_600,
            Level::Day => 86_400,
        }
    }

    /// The start of the bucket at this level that holds a moment, in Unix
    /// seconds.
    pub fn bucket_of(self, millis: i64) -> i64 {
        let seconds = millis.div_euclid(1000);
        seconds - seconds.rem_euclid(self.seconds())
    }
}

impl Interval {
    /// One minute, the finest and the default.
    pub const MINUTE: Interval = Interval { seconds: 60 };

    const MAX_SECONDS: i64 = 36_500 * 86_400;

    /// The finest of some usual widths with which a range of so many seconds
    /// has at most `most` buckets; the longest of them when none has.
    pub fn suiting(seconds: i64, most: i64) -> Interval {
        const HOUR: i64 = 3_600;
        const DAY: i64 = 24 * HOUR;
        const USUAL: [i64; 14] = [
            60,
            5 * 60,
            15 * 60,
            30 * 60,
            HOUR,
            3 * HOUR,
            6 * HOUR,
            12 * HOUR,
            DAY,
            7 * DAY,
            30 * DAY,
            90 * DAY,
            365 * DAY,
            3_650 * DAY,
        ];
        let fits = |&&width: &&i64| seconds / width <= most;
        let width = USUAL.iter().find(fits).or(USUAL.last());
        width.map_or(Interval::MINUTE, |&seconds| Interval { seconds })
    }

    /// The narrowest width of whole minutes (hours beyond an hour, days beyond
    /// a day) that cuts a range of so many seconds into at most `parts`.
    pub fn parting(seconds: i64, parts: i64) -> Interval {
        let least = (seconds.max(1) + parts.max(1) - 1) / parts.max(1);
        let unit = match least {
            ..=3_600 => 60,
            3_601..=86_400 => 3_600,
            _ => 86_400,
        };
        let seconds = (least + unit - 1) / unit * unit;
        Interval {
            seconds: seconds.min(Self::MAX_SECONDS),
        }
    }

    /// The width in seconds.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// The coarsest counters that add up to this width.
    pub fn level(self) -> Level {
        [Level::Day, Level::Hour]
            .into_iter()
            .find(|level| self.seconds % level.seconds() == 0)
            .unwrap_or(Level::Minute)
    }

    /// Whether a bucket holds so many counters of its level that it is cheaper
    /// to add up coarser ones inside it, and the finer ones only at its ends.
    pub fn is_pieced(self) -> bool {
        // What the ends and the looking up of some pieces cost, in counters.
        self.seconds / self.level().seconds() > 600
    }

    /// The edge at or before a moment (Unix seconds).
    pub fn floor(self, seconds: i64) -> i64 {
        seconds - seconds.rem_euclid(self.seconds)
    }

    /// The edge at or after a moment (Unix seconds).
    pub fn ceil(self, seconds: i64) -> i64 {
        self.floor(seconds + self.seconds - 1)
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let length = parse_duration(text).map_err(|_| IntervalError::Form(text.to_owned()))?;
        if length.as_secs() > Self::MAX_SECONDS as u64 {
            return Err(IntervalError::TooLong(text.to_owned()));
        }
        let whole = length.subsec_nanos() == 0 && length.as_secs() % 60 == 0;
        if !whole || length.is_zero() {
            return Err(IntervalError::NotMinutes(text.to_owned()));
        }
        Ok(Interval {
            seconds: length.as_secs() as i64,
        })
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration(Duration::from_secs(self.seconds as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_width_suits_its_range() {
        for (hours, interval) in [
            (1, "1m"),
            (3, "5m"),
            (24, "15m"),
            (72, "1h"),
            (24 * 30, "6h"),
            (24 * 365, "7d"),
            (24 * 365 * 5, "30d"),
            (24 * 365 * 100, "365d"),
            (24 * 365 * 8_000, "3650d"),
        ] {
            assert_eq!(
                Interval::suiting(hours * 3600, 120).to_string(),
                interval,
                "{hours} h"
            );
        }
    }

    proptest! {
        #[test]
        fn a_range_is_parted_into_whole_minutes(seconds in 0i64..100_000_000_000, parts in 32i64..1_000) {
            let width = Interval::parting(seconds, parts);
            prop_assert_eq!(width.seconds() % 60, 0);
            prop_assert!(width.seconds() >= 60 && seconds <= width.seconds() * parts);
        }
    }

    #[test]
    fn whole_minutes_are_taken_and_the_rest_refused() {
        assert_eq!("1h30m".parse::<Interval>().unwrap().seconds(), 5_400);
        assert_eq!("1day".parse::<Interval>().unwrap().level(), Level::Day);
        assert_eq!("90m".parse::<Interval>().unwrap().level(), Level::Minute);
        assert_eq!("168h".parse::<Interval>().unwrap().to_string(), "7d");
        for (text, pieced) in [
            ("9h59m", false),
            ("10h1m", true),
            ("7d1m", true),
            ("7d", false),
        ] {
            assert_eq!(
                text.parse::<Interval>().unwrap().is_pieced(),
                pieced,
                "{text}"
            );
        }
        for text in ["0m", "30s", "90s", "1ms", "0s"] {
            assert!(
                matches!(text.parse::<Interval>(), Err(IntervalError::NotMinutes(_))),
                "{text}"
            );
        }
        assert!(matches!(
            "".parse::<Interval>(),
            Err(IntervalError::Form(_))
        ));
        assert!(matches!(
            "200y".parse::<Interval>(),
            Err(IntervalError::TooLong(_))
        ));
    }

    proptest! {
        #[test]
        fn edges_enclose_the_moment(minutes in 1i64..100_000, seconds in 0i64..10_000_000_000) {
            let interval = Interval { seconds: minutes * 60 };
            let (floor, ceil) = (interval.floor(seconds), interval.ceil(seconds));
            prop_assert!(floor <= seconds && seconds <= ceil && ceil - floor <= interval.seconds());
            prop_assert_eq!(floor % interval.seconds(), 0);
            prop_assert_eq!(interval.seconds() % interval.level().seconds(), 0);
        }
    }
}
