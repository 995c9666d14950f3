//! Dates as people write them, the same in a query string, on the command
//! line and in an import.

use std::time::Duration;

use chrono::{
    DateTime, Days, FixedOffset, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc,
};

use super::{parse_duration, shown};

/// The zone a date without an offset is read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// The server's: UTC.
    Utc,
    /// The person's: what the system says.
    Local,
}

/// Why a text is not a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// None of the forms.
    #[error(
        "{} is not a date; write 2019-09-23, 2019-09-23 10:00, 2019-09-23T10:00:00+02:00, Unix seconds, now, today, yesterday or a duration ago such as 90m or 3d",
        shown(.0)
    )]
    Form(String),
    /// A number that was almost certainly meant as a calendar date.
    #[error("{} reads as Unix seconds, a moment in 1970; write a date as 2019-09-23", shown(.0))]
    LooksLikeCalendar(String),
    /// The clock skips this local time.
    #[error("{} does not exist in the local time zone: the clock skips it; add an offset such as +01:00", shown(.0))]
    Skipped(String),
    /// Too far from now to count.
    #[error("{} is too long ago or too far ahead", shown(.0))]
    OutOfRange(String),
}

/// Numbers with at least this many digits are milliseconds. As seconds they
/// would lie beyond the year 5138.
const MILLIS_DIGITS: usize = 12;

/// Reads a date. Everything that depends on the moment (`now`, `3d`) counts
/// from `now`.
///
/// # Errors
/// [`DateError`] says what is wrong with which text.
pub fn parse_date(text: &str, now: DateTime<Utc>, zone: Zone) -> Result<DateTime<Utc>, DateError> {
    let trimmed = text.trim();
    match trimmed {
        "now" => return Ok(now),
        "today" => return midnight(now, zone, 0, text),
        "yesterday" => return midnight(now, zone, 1, text),
        _ => {}
    }
    if !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit()) {
        return unix(trimmed, text);
    }
    if let Some(date) = calendar(trimmed, zone, text)? {
        return Ok(date);
    }
    match parse_duration(trimmed) {
        Ok(ago) => before(now, ago).ok_or_else(|| DateError::OutOfRange(text.to_owned())),
        Err(_) => Err(DateError::Form(text.to_owned())),
    }
}

fn before(now: DateTime<Utc>, ago: Duration) -> Option<DateTime<Utc>> {
    now.checked_sub_signed(chrono::Duration::from_std(ago).ok()?)
}

fn midnight(
    now: DateTime<Utc>,
    zone: Zone,
    days_ago: u64,
    text: &str,
) -> Result<DateTime<Utc>, DateError> {
    let today = match zone {
        Zone::Utc => now.date_naive(),
        Zone::Local => now.with_timezone(&Local).date_naive(),
    };
    let day = today
        .checked_sub_days(Days::new(days_ago))
        .ok_or_else(|| DateError::OutOfRange(text.to_owned()))?;
    in_zone(day.and_time(NaiveTime::MIN), zone, text)
}

fn unix(digits: &str, text: &str) -> Result<DateTime<Utc>, DateError> {
    let looks_like_year = digits.len() == 4 && ("1970"..="2999").contains(&digits);
    let looks_like_day = digits.len() == 8 && NaiveDate::parse_from_str(digits, "%Y%m%d").is_ok();
    if looks_like_year || looks_like_day {
        return Err(DateError::LooksLikeCalendar(text.to_owned()));
    }
    let out_of_range = || DateError::OutOfRange(text.to_owned());
    let number: i64 = digits.parse().map_err(|_| out_of_range())?;
    let date = if digits.len() >= MILLIS_DIGITS {
        DateTime::from_timestamp_millis(number)
    } else {
        DateTime::from_timestamp(number, 0)
    };
    date.ok_or_else(out_of_range)
}

/// `YYYY-MM-DD[(T| )HH:MM[:SS[.fff]][ ][Z|±HH[:]MM]]`, where a blank before an
/// offset without sign is the `+` that a query string turned into a blank.
/// `None` when the text does not start as a calendar date.
fn calendar(trimmed: &str, zone: Zone, text: &str) -> Result<Option<DateTime<Utc>>, DateError> {
    let Some((day, rest)) = trimmed.split_at_checked(10) else {
        return Ok(None);
    };
    let Ok(day) = NaiveDate::parse_from_str(day, "%Y-%m-%d") else {
        return Ok(None);
    };
    let wrong = || DateError::Form(text.to_owned());
    if rest.is_empty() {
        return in_zone(day.and_time(NaiveTime::MIN), zone, text).map(Some);
    }
    let clock = rest.strip_prefix(['T', 't', ' ']).ok_or_else(wrong)?;
    let end = clock
        .find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
        .unwrap_or(clock.len());
    let (clock, offset) = clock.split_at(end);
    let moment = day.and_time(time_of_day(clock).ok_or_else(wrong)?);
    if offset.is_empty() {
        return in_zone(moment, zone, text).map(Some);
    }
    let offset = fixed_offset(offset).ok_or_else(wrong)?;
    let date = offset
        .from_local_datetime(&moment)
        .single()
        .ok_or_else(wrong)?;
    Ok(Some(date.with_timezone(&Utc)))
}

fn time_of_day(clock: &str) -> Option<NaiveTime> {
    // chrono reads one digit where two are due; a time has two.
    let two_digits = |part: &str| part.len() == 2;
    let mut parts = clock.splitn(3, ':');
    let well_formed = parts.next().is_some_and(two_digits)
        && parts.next().is_some_and(two_digits)
        && parts
            .next()
            .is_none_or(|s| two_digits(s.split('.').next().unwrap_or("")));
    if !well_formed {
        return None;
    }
    NaiveTime::parse_from_str(clock, "%H:%M")
        .or_else(|_| NaiveTime::parse_from_str(clock, "%H:%M:%S%.f"))
        .ok()
}

/// `Z`, `+02:00`, `-0700`, and ` 02:00` for the `+02:00` it was.
fn fixed_offset(text: &str) -> Option<FixedOffset> {
    if text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let text = text.strip_prefix(' ').unwrap_or(text);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None => digits.split_at_checked(2)?,
    };
    let number = |part: &str, most: i32| -> Option<i32> {
        let two = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        two.then(|| part.parse::<i32>().ok())
            .flatten()
            .filter(|n| *n <= most)
    };
    FixedOffset::east_opt(sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60))
}

fn in_zone(moment: NaiveDateTime, zone: Zone, text: &str) -> Result<DateTime<Utc>, DateError> {
    match zone {
        Zone::Utc => Ok(moment.and_utc()),
        // Of two readings, as when the clock is set back, the earlier one.
        Zone::Local => Local
            .from_local_datetime(&moment)
            .earliest()
            .map(|date| date.with_timezone(&Utc))
            .ok_or_else(|| DateError::Skipped(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Result<String, DateError> {
        let now = Utc.with_ymd_and_hms(2026, 11, 24, 12, 30, 5).unwrap();
        parse_date(text, now, Zone::Utc).map(|d| d.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
    }

    #[test]
    fn every_form_of_the_contract_is_read() {
        for (text, date) in [
            ("2019-09-23", "2019-09-23T00:00:00Z"),
            ("2019-09-23 10:00", "2019-09-23T10:00:00Z"),
            ("2019-09-23 10:00:07", "2019-09-23T10:00:07Z"),
            ("2019-09-23T10:00:07", "2019-09-23T10:00:07Z"),
            ("2019-09-23T10:00:00Z", "2019-09-23T10:00:00Z"),
            ("2019-09-23T10:00:00.250Z", "2019-09-23T10:00:00.250Z"),
            ("2019-09-23T10:00:00+02:00", "2019-09-23T08:00:00Z"),
            ("2019-09-23T10:00:00-02:30", "2019-09-23T12:30:00Z"),
            ("1569232800", "2019-09-23T10:00:00Z"),
            ("1569232800123", "2019-09-23T10:00:00.123Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("now", "2026-11-24T12:30:05Z"),
            ("today", "2026-11-24T00:00:00Z"),
            ("yesterday", "2026-11-23T00:00:00Z"),
            ("90m", "2026-11-24T11:00:05Z"),
            ("3d", "2026-11-21T12:30:05Z"),
            ("1h30m", "2026-11-24T11:00:05Z"),
        ] {
            assert_eq!(at(text).as_deref(), Ok(date), "{text}");
        }
    }

    #[test]
    fn a_plus_that_arrived_as_a_blank_is_read_as_the_plus_it_was() {
        assert_eq!(
            at("2019-09-23T10:00:00 02:00"),
            at("2019-09-23T10:00:00+02:00")
        );
        assert_eq!(
            at("2019-09-23 10:00 02:00"),
            at("2019-09-23T10:00:00+02:00")
        );
        assert_eq!(
            at("2019-09-23 02:00").as_deref(),
            Ok("2019-09-23T02:00:00Z")
        );
    }

    #[test]
    fn what_is_no_date_is_refused_by_value() {
        for text in [
            "",
            " ",
            "tomorrowish",
            "2019-13-01",
            "2019-02-30",
            "2019-09-23T",
            "2019-09-23T1",
            "2019-09-23T1:00",
            "2019-09-23T25:00",
            "2019-09-23T10:00+99:00",
            "2019-09-23x10:00",
            "2019-9-3",
            "-5",
            "99999999999999999999",
            "9999999999999999y",
        ] {
            let error = at(text).unwrap_err().to_string();
            assert!(error.contains(&shown(text)), "{error}");
        }
    }

    #[test]
    fn a_year_or_a_day_without_dashes_is_not_taken_for_seconds() {
        for text in ["2019", "20190923"] {
            assert!(
                matches!(at(text), Err(DateError::LooksLikeCalendar(_))),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_a_refusal(text: String) {
            let _ = at(&text);
        }

        #[test]
        fn anything_date_like_is_a_date_or_a_refusal(text in "[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}[T ]?[0-9:. é]{0,14}[+ Z-]?[0-9:]{0,6}") {
            let _ = at(&text);
        }

        #[test]
        fn every_second_survives_rfc_3339(seconds in 0i64..253_402_300_799, offset in -1439i32..1439) {
            let date = DateTime::from_timestamp(seconds, 0).unwrap();
            let zone = FixedOffset::east_opt(offset * 60).unwrap();
            let local = date.with_timezone(&zone);
            prop_assume!((0..=9999).contains(&chrono::Datelike::year(&local)));
            let text = local.to_rfc3339();
            prop_assert_eq!(parse_date(&text, date, Zone::Utc).unwrap(), date);
            prop_assert_eq!(parse_date(&text.replace('+', " "), date, Zone::Utc).unwrap(), date);
        }
    }
}
