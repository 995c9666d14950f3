//! How wide a trend's buckets are: so many minutes, or so many days, weeks,
//! months or years of the calendar.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::duration::{Length, parse_length};
use super::{format_duration, shown};

/// The width of a bucket, at least a minute, at most 100 years. Whole days,
/// months and years are those of the calendar, however long they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval(Width);

/// What the edges of buckets are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Width {
    /// Of a clock; not a whole number of days.
    Minutes(i64),
    /// Of the calendar; whole weeks begin on Mondays (ISO 8601).
    Days(i64),
    /// Of the calendar, from its first day; years are twelve.
    Months(i64),
}

/// Why a text is not the width of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// Not a length of time at all.
    #[error("{} is not an aggregation; write hour, day, week, month, year or a duration such as 1m, 90m, 1h30m or 24h", shown(.0))]
    Form(String),
    /// Finer than a minute, or between two minutes.
    #[error("the aggregation {} is not a whole number of minutes; the finest is 1m", shown(.0))]
    NotMinutes(String),
    /// Months or years, and something shorter.
    #[error("the aggregation {} mixes months or years, which differ in length, with something else; write whole months or years alone", shown(.0))]
    Mixed(String),
    /// Longer than 100 years.
    #[error("the aggregation {} is too long; at most 100years", shown(.0))]
    TooLong(String),
}

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

impl Interval {
    /// One minute, the finest and the default.
    pub const MINUTE: Interval = Interval(Width::Minutes(1));

    const MAX_YEARS: i64 = 100;

    /// The finest of some usual widths with which a range of so many seconds
    /// has at most `most` buckets; the longest of them when none has.
    pub fn suiting(seconds: i64, most: i64) -> Interval {
        let fits = |interval: &Interval| seconds / interval.least_seconds() <= most;
        let found = USUAL.into_iter().find(fits);
        found.unwrap_or(USUAL[USUAL.len() - 1])
    }

    /// The narrowest width of whole minutes (hours beyond an hour, days beyond
    /// a day) that cuts a range of so many seconds into at most `parts`.
    pub fn parting(seconds: i64, parts: i64) -> Interval {
        let least = (seconds.max(1) + parts.max(1) - 1) / parts.max(1);
        let round_up = |unit: i64| (least + unit - 1) / unit * unit;
        Interval(match least {
            ..=3_600 => Width::Minutes(round_up(MINUTE) / MINUTE),
            3_601..=86_400 => Width::of_minutes(round_up(3_600) / MINUTE),
            _ => Width::Days((round_up(DAY) / DAY).min(Self::MAX_YEARS * 365)),
        })
    }

    pub(super) fn width(self) -> Width {
        self.0
    }

    /// Roughly how long it is, and never more than a bucket is, but for the
    /// hour or so in which clocks are set forward.
    pub fn least_seconds(self) -> i64 {
        match self.0 {
            Width::Minutes(minutes) => minutes * MINUTE,
            Width::Days(days) => days * DAY,
            Width::Months(months) => months / 12 * 365 * DAY + months % 12 * 28 * DAY,
        }
    }

    /// `minute`, `90 minutes`, `week`, `3 months`: a bucket in a sentence.
    pub fn in_words(self) -> String {
        let (count, unit) = match self.0 {
            Width::Minutes(minutes) if minutes % 60 == 0 => (minutes / 60, "hour"),
            Width::Minutes(minutes) => (minutes, "minute"),
            Width::Days(7) => (1, "week"),
            Width::Days(days) => (days, "day"),
            Width::Months(months) if months % 12 == 0 => (months / 12, "year"),
            Width::Months(months) => (months, "month"),
        };
        match count {
            1 => unit.to_owned(),
            count => format!("{count} {unit}s"),
        }
    }
}

/// Widths that people read off a chart with ease, finest first.
const USUAL: [Interval; 15] = [
    Interval(Width::Minutes(1)),
    Interval(Width::Minutes(5)),
    Interval(Width::Minutes(15)),
    Interval(Width::Minutes(30)),
    Interval(Width::Minutes(60)),
    Interval(Width::Minutes(3 * 60)),
    Interval(Width::Minutes(6 * 60)),
    Interval(Width::Minutes(12 * 60)),
    Interval(Width::Days(1)),
    Interval(Width::Days(7)),
    Interval(Width::Months(1)),
    Interval(Width::Months(3)),
    Interval(Width::Months(12)),
    Interval(Width::Months(120)),
    Interval(Width::Months(1_200)),
];

impl Width {
    /// Whole days are the calendar's.
    fn of_minutes(minutes: i64) -> Width {
        const MINUTES_OF_DAY: i64 = DAY / MINUTE;
        match minutes % MINUTES_OF_DAY {
            0 => Width::Days(minutes / MINUTES_OF_DAY),
            _ => Width::Minutes(minutes),
        }
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let of_calendar = match text {
            "minute" => Some(Width::Minutes(1)),
            "hour" => Some(Width::Minutes(60)),
            "day" => Some(Width::Days(1)),
            "week" => Some(Width::Days(7)),
            "month" => Some(Width::Months(1)),
            "year" => Some(Width::Months(12)),
            _ => None,
        };
        if let Some(width) = of_calendar {
            return Ok(Interval(width));
        }
        let length = parse_length(text).ok_or_else(|| IntervalError::Form(text.to_owned()))?;
        of_length(length, text).map(Interval)
    }
}

fn of_length(length: Length, text: &str) -> Result<Width, IntervalError> {
    let too_long = || IntervalError::TooLong(text.to_owned());
    let Length {
        years,
        months,
        rest,
    } = length;
    if years > 0 || months > 0 {
        if !rest.is_zero() {
            return Err(IntervalError::Mixed(text.to_owned()));
        }
        let months = years.checked_mul(12).and_then(|y| y.checked_add(months));
        let months = months.and_then(|months| i64::try_from(months).ok());
        let months = months.filter(|months| *months <= Interval::MAX_YEARS * 12);
        return months.map(Width::Months).ok_or_else(too_long);
    }
    let seconds = i64::try_from(rest.as_secs()).map_err(|_| too_long())?;
    if seconds > Interval::MAX_YEARS * 366 * DAY {
        return Err(too_long());
    }
    let is_whole = rest.subsec_nanos() == 0 && seconds % MINUTE == 0;
    if !is_whole || seconds == 0 {
        return Err(IntervalError::NotMinutes(text.to_owned()));
    }
    Ok(Width::of_minutes(seconds / MINUTE))
}

/// The shortest spelling that is read as the same: `90m`, `day`, `3months`.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Width::Minutes(minutes) => {
                let seconds = minutes.unsigned_abs() * MINUTE.unsigned_abs();
                f.write_str(&format_duration(Duration::from_secs(seconds)))
            }
            Width::Days(1) => f.write_str("day"),
            Width::Days(7) => f.write_str("week"),
            Width::Days(days) => write!(f, "{days}d"),
            Width::Months(1) => f.write_str("month"),
            Width::Months(12) => f.write_str("year"),
            Width::Months(months) if months % 12 == 0 => write!(f, "{}years", months / 12),
            Width::Months(months) => write!(f, "{months}months"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Interval {
        text.parse().unwrap()
    }

    #[test]
    fn a_width_suits_its_range() {
        for (hours, interval) in [
            (1, "1m"),
            (3, "5m"),
            (24, "15m"),
            (72, "1h"),
            (24 * 30, "6h"),
            (24 * 365, "week"),
            (24 * 365 * 5, "month"),
            (24 * 365 * 20, "3months"),
            (24 * 365 * 100, "year"),
            (24 * 365 * 8_000, "100years"),
        ] {
            let suiting = Interval::suiting(hours * 3600, 120);
            assert_eq!(suiting.to_string(), interval, "{hours} h");
        }
    }

    #[test]
    fn days_weeks_months_and_years_are_the_calendars_however_they_are_written() {
        for (texts, shown, words) in [
            (&["hour", "60m", "1h"][..], "1h", "hour"),
            (&["minute", "1m", "60s"], "1m", "minute"),
            (&["day", "24h", "1day", "1d", "1440m"], "day", "day"),
            (&["week", "7d", "168h", "1week", "7days"], "week", "week"),
            (&["month", "1month", "1M", "1mo"], "month", "month"),
            (&["year", "1y", "12months", "1year"], "year", "year"),
            (&["3months"], "3months", "3 months"),
            (&["2years", "1y 12months"], "2years", "2 years"),
            (&["2weeks", "14d"], "14d", "14 days"),
            (&["90m", "1h30m", "1.5h"], "1h30m", "90 minutes"),
            (&["36h"], "1d12h", "36 hours"),
            (&["1m", "60s"], "1m", "minute"),
        ] {
            for text in texts {
                assert_eq!(read(text).to_string(), shown, "{text}");
                assert_eq!(read(text).in_words(), words);
            }
            assert_eq!(read(shown), read(texts[0]));
        }
    }

    #[test]
    fn what_is_no_width_is_refused_and_says_why() {
        for text in ["0m", "30s", "90s", "1ms", "0s"] {
            let error = text.parse::<Interval>().unwrap_err();
            assert!(matches!(error, IntervalError::NotMinutes(_)), "{text}");
        }
        for text in ["", "days", "Day", "m", "1", "-1m"] {
            let error = text.parse::<Interval>().unwrap_err();
            assert!(matches!(error, IntervalError::Form(_)), "{text}");
        }
        for text in ["1month 3days", "1y 1h"] {
            let error = text.parse::<Interval>().unwrap_err();
            assert!(matches!(error, IntervalError::Mixed(_)), "{text}");
        }
        for text in [
            "101y",
            "1201months",
            "40000d",
            "99999999999999999M",
            "9999999h",
        ] {
            let error = text.parse::<Interval>().unwrap_err();
            assert!(
                matches!(error, IntervalError::TooLong(_)),
                "{text}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_width_that_reads_back_or_a_refusal(text in "\\PC{0,20}|[0-9]{1,6}(m|h|d|w|M|y|days|months|years) ?([0-9]{1,4}(m|h|d))?") {
            if let Ok(interval) = text.parse::<Interval>() {
                prop_assert_eq!(interval.to_string().parse(), Ok(interval));
                prop_assert!(interval.least_seconds() >= 60);
            }
        }

        #[test]
        fn a_range_is_parted_into_whole_minutes(seconds in 0i64..100_000_000_000, parts in 32i64..1_000) {
            let width = Interval::parting(seconds, parts);
            prop_assert_eq!(width.least_seconds() % 60, 0);
            prop_assert!(width.least_seconds() >= 60 && seconds <= width.least_seconds() * parts);
            prop_assert_eq!(width.to_string().parse(), Ok(width));
        }
    }
}
