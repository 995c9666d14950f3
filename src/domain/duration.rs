//! Lengths of time as people write them: Go's (`1h30m`, `1.5h`) and
//! humantime's (`1day`, `2weeks`). No calendar is involved: a month is 30 days
//! and a year 365. Where they are the calendar's, they are read apart.

use std::time::Duration;

use super::shown;

/// Not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a duration; write one such as 90m, 1h30m or 1day", shown(.0))]
pub struct DurationError(String);

/// Reads a length of time.
///
/// # Errors
/// The text is neither a Go nor a humantime duration, or too long to count.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let length = parse_length(text).and_then(Length::in_days);
    length.ok_or_else(|| DurationError(text.to_owned()))
}

/// A length of time, its months and years apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Length {
    pub(super) years: u64,
    pub(super) months: u64,
    pub(super) rest: Duration,
}

impl Length {
    /// Months of 30 days, years of 365.
    fn in_days(self) -> Option<Duration> {
        const DAY: u64 = 86_400;
        let days = self.years.checked_mul(365)?;
        let days = days.checked_add(self.months.checked_mul(30)?)?;
        self.rest
            .checked_add(Duration::from_secs(days.checked_mul(DAY)?))
    }
}

/// Reads a length of time in Go's or humantime's form.
pub(super) fn parse_length(text: &str) -> Option<Length> {
    let of_go = go_duration(text).map(|rest| Length {
        rest,
        ..Length::default()
    });
    of_go.or_else(|| with_months(text))
}

/// humantime's form, except that its months and years are no days.
fn with_months(text: &str) -> Option<Length> {
    let mut length = Length::default();
    let mut others = String::new();
    let mut rest = text;
    while let Some(unit_at) = rest.find(char::is_alphabetic) {
        let (number, tail) = rest.split_at(unit_at);
        let unit_end = tail
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let sum = match unit {
            "y" | "yr" | "yrs" | "year" | "years" => &mut length.years,
            "M" | "mo" | "month" | "months" => &mut length.months,
            _ => {
                others.extend([number, unit]);
                rest = tail;
                continue;
            }
        };
        *sum = sum.checked_add(number.trim().parse().ok()?)?;
        rest = tail;
    }
    others += rest;
    let has_months = length.years > 0 || length.months > 0;
    length.rest = match others.trim() {
        "" if has_months => Duration::ZERO,
        others => humantime::parse_duration(others).ok()?,
    };
    Some(length)
}

/// Go's form: one or more numbers, each with a unit, fractions allowed
/// (<https://pkg.go.dev/time#ParseDuration>).
fn go_duration(text: &str) -> Option<Duration> {
    let mut total: u128 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(unit_at);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let nanos: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        total = total.checked_add(scaled(number, nanos)?)?;
        rest = tail;
    }
    let seconds = u64::try_from(total / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, (total % 1_000_000_000) as u32))
}

/// `number`, digits with at most one point, times `unit`.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || fraction.len() > 18 {
        return None;
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse::<u64>().ok()?.into()
    };
    let part: u128 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    let part = part.checked_mul(unit)? / 10u128.pow(fraction.len() as u32);
    whole.checked_mul(unit)?.checked_add(part)
}

/// The shortest spelling that reads back as the same length, in days, hours,
/// minutes and seconds: `1h30m`, `7d`.
pub fn format_duration(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut text = String::new();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if seconds >= length {
            text += &format!("{}{unit}", seconds / length);
            seconds %= length;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn go_and_humantime_spellings_are_read() {
        for (text, minutes) in [
            ("1m", 1),
            ("90m", 90),
            ("1h30m", 90),
            ("1.5h", 90),
            ("24h", 1440),
            ("1day", 1440),
            ("168h", 10_080),
            ("2weeks", 20_160),
            ("60s", 1),
            ("1h 30m", 90),
            ("1y", 525_600),
            ("2years 1month 3days", 763 * 1440),
            ("1M 2h", 43_320),
            ("1day 1y", 366 * 1440),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(minutes * 60)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_by_value() {
        for text in [
            "",
            "m",
            "1",
            "-1m",
            "1x",
            "1.2.3h",
            "h1",
            "99999999999999999999h",
            ".",
            "y",
            "1y 2",
            "1y nonsense",
            "99999999999999999999y",
            "0y",
        ] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains("is not a duration"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_duration_or_a_refusal(text: String) {
            let _ = parse_duration(&text);
        }

        #[test]
        fn digits_and_units_never_overflow(text in "[0-9.]{0,40}(h|m|s|ms|d|y|M)[0-9.]{0,30}(h|day)?") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn what_is_printed_reads_back(seconds in 0u64..100_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
