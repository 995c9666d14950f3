//! Dates as people and machines write them, the same in a query string, on
//! the command line and in an import.
//!
//! What could be read in two ways is refused, never guessed. Every date lies
//! in the years 1970 to 9999.

mod calendar;
mod digits;
mod people;
mod words;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use super::{Moments, Zone, parse_duration, shown};

/// Why a text is not a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// None of the forms.
    #[error(
        "{} is not a date; write 2019-09-23, 2019-09-23 10:00, 2019-09-23T10:00:00+02:00, 23 Sep 2019, Unix seconds, now, today, yesterday, monday or a duration ago such as 90m or 3d",
        shown(.0)
    )]
    Form(String),
    /// The day first, or the month.
    #[error("{} can be read in two ways; write {} or {}", shown(.text), .readings.0, .readings.1)]
    DayOrMonth {
        /// As it was written.
        text: String,
        /// The two dates it can be.
        readings: (NaiveDate, NaiveDate),
    },
    /// So long ago, or since the first day of what was before this one.
    #[error("{} can be read in two ways; write {length} for so long ago, or {start} for its first day", shown(.text))]
    Last {
        /// As it was written.
        text: String,
        /// One reading: a duration ago.
        length: &'static str,
        /// The other.
        start: NaiveDate,
    },
    /// A number that may have been meant as a calendar date.
    #[error("{} can be read as {meant} and as a number of seconds or parts of them; write a date as {meant}, Unix seconds as @1569232800", shown(.text))]
    TwoReadings {
        /// The number.
        text: String,
        /// The calendar date, written so that it is one.
        meant: String,
    },
    /// A number of a length that Unix times do not have.
    #[error("{} has {digits} digit{}; a Unix time has 9 or 10 (seconds), 12 or 13 (milliseconds), 15 or 16 (microseconds), 18 or 19 (nanoseconds), and seconds of any length are written as @1569232800", shown(.text), if *.digits == 1 { "" } else { "s" })]
    Digits {
        /// The number.
        text: String,
        /// Of it.
        digits: usize,
    },
    /// The calendar or the clock has no such day or time.
    #[error("{} does not exist: {why}", shown(.text))]
    DoesNotExist {
        /// The date.
        text: String,
        /// Such as `February 2019 has 28 days`.
        why: String,
    },
    /// The clock skips this local time.
    #[error("{} does not exist in {zone}: the clocks skip it; add an offset such as +01:00", shown(.text))]
    Skipped {
        /// The date.
        text: String,
        /// Where.
        zone: Zone,
    },
    /// Before 1970 or after 9999.
    #[error("{} is out of range: dates lie in the years 1970 to 9999", shown(.0))]
    OutOfRange(String),
}

/// The end of the last second that a date can be in, in Unix seconds.
const END: i64 = 253_402_300_800;

/// Reads a date. Without an offset it is read by the clocks of `zone`;
/// everything that depends on the moment (`now`, `3d`) counts from `now`.
///
/// # Errors
/// [`DateError`] says what is wrong with which text.
pub fn parse_date(text: &str, now: DateTime<Utc>, zone: &Zone) -> Result<DateTime<Utc>, DateError> {
    let asked = Asked { text, now, zone };
    let trimmed = text.trim();
    if let Some(date) = digits::read(trimmed, asked)? {
        return Ok(date);
    }
    if let Some(date) = calendar::read(trimmed, asked)? {
        return Ok(date);
    }
    if let Some(date) = words::read(trimmed, asked)? {
        return Ok(date);
    }
    if let Some(date) = people::read(trimmed, asked)? {
        return Ok(date);
    }
    let length = words::before_ago(trimmed);
    let Ok(ago) = parse_duration(length) else {
        return Err(DateError::Form(text.to_owned()));
    };
    let ago = chrono::Duration::from_std(ago).ok();
    asked.in_range(ago.and_then(|ago| now.checked_sub_signed(ago)))
}

/// A text and what it is read against.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// As it was written.
    text: &'a str,
    now: DateTime<Utc>,
    zone: &'a Zone,
}

impl Asked<'_> {
    fn wrong_form(self) -> DateError {
        DateError::Form(self.text.to_owned())
    }

    fn does_not_exist(self, why: String) -> DateError {
        DateError::DoesNotExist {
            text: self.text.to_owned(),
            why,
        }
    }

    fn in_range(self, date: Option<DateTime<Utc>>) -> Result<DateTime<Utc>, DateError> {
        date.filter(|date| (0..END).contains(&date.timestamp()))
            .ok_or_else(|| DateError::OutOfRange(self.text.to_owned()))
    }

    /// The moment the zone's clocks show `local`: the earlier of two. The
    /// first hours of 1970 east of Greenwich are those of UTC, and so the last
    /// of 9999 west of it: their year is in range.
    fn by_the_clocks(self, local: NaiveDateTime) -> Result<DateTime<Utc>, DateError> {
        let as_utc = local.and_utc();
        self.in_range(Some(as_utc))?;
        let moment = match self.zone.moments_of(as_utc.timestamp()) {
            Moments::One(moment) | Moments::Two(moment, _) => moment,
            Moments::Skipped(_) => {
                return Err(DateError::Skipped {
                    text: self.text.to_owned(),
                    zone: self.zone.clone(),
                });
            }
        };
        let date = DateTime::from_timestamp(moment, as_utc.timestamp_subsec_nanos());
        Ok(clamped(date.unwrap_or(as_utc)))
    }

    /// The beginning of a day, at midnight unless the clocks skip it.
    fn start_of(self, day: NaiveDate) -> Result<DateTime<Utc>, DateError> {
        let midnight = day.and_time(chrono::NaiveTime::MIN);
        self.in_range(Some(midnight.and_utc()))?;
        Ok(clamped(self.zone.first_moment_of(midnight)))
    }
}

/// Into the years that dates have.
fn clamped(date: DateTime<Utc>) -> DateTime<Utc> {
    let last = DateTime::from_timestamp(END - 1, 999_999_999).unwrap_or(date);
    date.clamp(DateTime::UNIX_EPOCH, last)
}

#[cfg(test)]
mod tests;
