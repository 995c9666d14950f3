//! Moments as people read them, in their own zone.

use std::fmt::Write;
use std::str::FromStr;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Utc};

use crate::api;
use crate::domain::Zone;

/// How a moment is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// `5 min ago` within a day, `2019-09-23 10:00` beyond.
    Auto,
    /// `5 min ago`, `3 years ago`.
    Relative,
    /// `10:00:07` from a day ago on, `2019-09-23 10:00` before.
    Clock,
    /// `2019-09-23 10:00:07`.
    Absolute,
    /// RFC 3339 with milliseconds and the zone's offset.
    Iso,
    /// Seconds since 1970.
    Unix,
    /// strftime's.
    Pattern(String),
}

/// Not a way to write a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a time format; use auto, relative, clock, absolute, iso, unix or a pattern such as '%d.%m. %H:%M'"
)]
pub struct TimeFormatError(String);

impl FromStr for TimeFormat {
    type Err = TimeFormatError;

    fn from_str(text: &str) -> Result<TimeFormat, TimeFormatError> {
        Ok(match text {
            "auto" => TimeFormat::Auto,
            "relative" => TimeFormat::Relative,
            "clock" => TimeFormat::Clock,
            "absolute" => TimeFormat::Absolute,
            "iso" => TimeFormat::Iso,
            "unix" => TimeFormat::Unix,
            pattern if is_pattern(pattern) => TimeFormat::Pattern(pattern.to_owned()),
            _ => return Err(TimeFormatError(text.to_owned())),
        })
    }
}

fn is_pattern(text: &str) -> bool {
    let moment = DateTime::<Utc>::UNIX_EPOCH.fixed_offset();
    let mut shown = String::new();
    text.contains('%')
        && !StrftimeItems::new(text).any(|item| item == Item::Error)
        && write!(shown, "{}", moment.format(text)).is_ok()
}

/// What a moment is measured against, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// The present.
    pub now: DateTime<Utc>,
    /// Where times are shown.
    pub zone: Zone,
}

impl Clock {
    /// A moment as `format` says.
    pub fn show(&self, moment: DateTime<Utc>, format: &TimeFormat) -> String {
        let here = self.zone.at(moment);
        match format {
            TimeFormat::Auto => {
                let age = (self.now - moment).num_seconds();
                if (0..86_400).contains(&age) {
                    ago(age)
                } else {
                    here.format("%Y-%m-%d %H:%M").to_string()
                }
            }
            TimeFormat::Clock if (self.now - moment).num_seconds() < 86_400 => {
                here.format("%H:%M:%S").to_string()
            }
            TimeFormat::Clock => here.format("%Y-%m-%d %H:%M").to_string(),
            TimeFormat::Relative => match (self.now - moment).num_seconds() {
                age if age < 0 => format!("in {}", amount(-age)),
                age => ago(age),
            },
            TimeFormat::Absolute => here.format("%Y-%m-%d %H:%M:%S").to_string(),
            TimeFormat::Iso if self.zone.is_utc() => api::time::format_millis(&moment),
            TimeFormat::Iso => here.format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
            TimeFormat::Unix => moment.timestamp().to_string(),
            TimeFormat::Pattern(pattern) => {
                let mut shown = String::new();
                match write!(shown, "{}", here.format(pattern)) {
                    Ok(()) => shown,
                    // Some patterns cannot show some moments.
                    Err(_) => here.to_rfc3339(),
                }
            }
        }
    }

    /// A moment in a sentence: the date, and the time unless it is midnight.
    pub(crate) fn in_words(&self, moment: DateTime<Utc>) -> String {
        let here = self.zone.at(moment);
        let pattern = if here.time() == chrono::NaiveTime::MIN {
            "%Y-%m-%d"
        } else {
            "%Y-%m-%d %H:%M"
        };
        here.format(pattern).to_string()
    }
}

fn ago(seconds: i64) -> String {
    if seconds < 10 {
        "just now".to_owned()
    } else {
        format!("{} ago", amount(seconds))
    }
}

/// The largest unit that fits, cut: `59 min`, `3 h`, `2 years`.
fn amount(seconds: i64) -> String {
    let (count, one, many) = match seconds {
        ..60 => (seconds, "s", "s"),
        60..3_600 => (seconds / 60, "min", "min"),
        3_600..86_400 => (seconds / 3_600, "h", "h"),
        86_400..2_592_000 => (seconds / 86_400, "day", "days"),
        2_592_000..31_536_000 => (seconds / 2_592_000, "month", "months"),
        _ => (seconds / 31_536_000, "year", "years"),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Away from UTC by so many hours.
    fn clock(hours_east: i32) -> Clock {
        Clock {
            now: "2026-11-24T12:00:00Z".parse().unwrap(),
            zone: match hours_east {
                0 => Zone::UTC,
                hours => Zone::rule(&format!("<here>{:+}", -hours)).unwrap(),
            },
        }
    }

    #[test]
    fn a_day_is_told_in_ages_and_the_rest_in_dates_of_the_zone() {
        for (moment, shown) in [
            ("2026-11-24T11:59:55Z", "just now"),
            ("2026-11-24T11:59:20Z", "40 s ago"),
            ("2026-11-24T11:55:00Z", "5 min ago"),
            ("2026-11-23T13:00:00Z", "23 h ago"),
            ("2026-11-23T11:00:00Z", "2026-11-23 13:00"),
            ("2026-11-24T12:00:01Z", "2026-11-24 14:00"),
        ] {
            let moment = moment.parse().unwrap();
            assert_eq!(clock(2).show(moment, &TimeFormat::Auto), shown);
        }
    }

    #[test]
    fn every_format_shows_the_same_moment() {
        let moment = "2019-09-23T08:00:07.123Z".parse().unwrap();
        for (format, shown) in [
            ("relative", "7 years ago"),
            ("clock", "2019-09-23 10:00"),
            ("absolute", "2019-09-23 10:00:07"),
            ("iso", "2019-09-23T10:00:07.123+02:00"),
            ("unix", "1569225607"),
            ("%d.%m. %H:%M", "23.09. 10:00"),
        ] {
            assert_eq!(clock(2).show(moment, &format.parse().unwrap()), shown);
        }
        assert_eq!(
            clock(0).show(moment, &TimeFormat::Iso),
            "2019-09-23T08:00:07.123Z"
        );
    }

    #[test]
    fn a_clock_shows_the_time_of_what_is_new() {
        for (moment, shown) in [
            ("2026-11-24T11:59:55Z", "13:59:55"),
            ("2026-11-23T12:00:01Z", "14:00:01"),
            ("2026-11-23T12:00:00Z", "2026-11-23 14:00"),
            ("2026-11-30T09:00:00Z", "11:00:00"),
        ] {
            let moment = moment.parse().unwrap();
            assert_eq!(clock(2).show(moment, &TimeFormat::Clock), shown);
        }
    }

    #[test]
    fn what_is_no_format_is_refused_by_value() {
        for text in ["", "Iso8601", "%Q", "%"] {
            let error = text.parse::<TimeFormat>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
