//! Unix time: seconds, milliseconds, microseconds or nanoseconds, told apart
//! by their number of digits, and `@` before seconds as `date -d` takes them.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Asked, DateError};

/// `None` when the text is no number.
pub(super) fn read(trimmed: &str, asked: Asked) -> Result<Option<DateTime<Utc>>, DateError> {
    if let Some(seconds) = trimmed.strip_prefix('@') {
        let (whole, fraction) = parts(seconds).ok_or_else(|| asked.wrong_form())?;
        return asked.in_range(moment(whole, fraction)).map(Some);
    }
    let Some((whole, fraction)) = parts(trimmed) else {
        return Ok(None);
    };
    // With a fraction they are seconds, whatever their number.
    if let Some(fraction) = fraction {
        return match whole.len() {
            9 | 10 => asked.in_range(moment(whole, Some(fraction))).map(Some),
            _ => Err(of_no_length(whole.len(), asked)),
        };
    }
    if let Some(year) = year(whole) {
        return asked.start_of(year).map(Some);
    }
    if let Some(meant) = calendar(whole) {
        return Err(DateError::TwoReadings {
            text: asked.text.to_owned(),
            meant,
        });
    }
    let digits_below_a_second = match whole.len() {
        9 | 10 => 0,
        12 | 13 => 3,
        15 | 16 => 6,
        18 | 19 => 9,
        1 if whole == "0" => 0,
        length => return Err(of_no_length(length, asked)),
    };
    let (seconds, fraction) = whole.split_at(whole.len() - digits_below_a_second);
    asked.in_range(moment(seconds, Some(fraction))).map(Some)
}

fn of_no_length(digits: usize, asked: Asked) -> DateError {
    DateError::Digits {
        text: asked.text.to_owned(),
        digits,
    }
}

/// `1569232800.123` in digits before and after the point; a comma is one too.
fn parts(text: &str) -> Option<(&str, Option<&str>)> {
    let point = text.bytes().position(|b| matches!(b, b'.' | b','));
    let (whole, fraction) = match point {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (is_number(whole) && fraction.is_none_or(is_number)).then_some((whole, fraction))
}

fn moment(seconds: &str, fraction: Option<&str>) -> Option<DateTime<Utc>> {
    let nanos = super::calendar::nanos(fraction.unwrap_or_default());
    DateTime::from_timestamp(seconds.parse().ok()?, nanos)
}

/// Four digits are a year: no Unix time is written so, but for those of 1970's
/// first hours, which are written with an `@`.
fn year(digits: &str) -> Option<NaiveDate> {
    let year = digits.parse().ok().filter(|_| digits.len() == 4)?;
    let is_year = (1_900..2_200).contains(&year);
    NaiveDate::from_ymd_opt(year, 1, 1).filter(|_| is_year)
}

/// The calendar date that digits without anything between them can be, written
/// with what belongs between them.
fn calendar(digits: &str) -> Option<String> {
    let part = |from: usize, length: usize| digits.get(from..from + length);
    let below = |from: usize, most: u32| {
        let part: u32 = part(from, 2)?.parse().ok()?;
        (part < most).then_some(())
    };
    let year: i32 = part(0, 4)?.parse().ok()?;
    if !(1_900..3_000).contains(&year) {
        return None;
    }
    let month = part(4, 2).and_then(|month| month.parse::<u32>().ok());
    let month = month.filter(|month| (1..=12).contains(month));
    let day = || {
        let day = part(6, 2)?.parse().ok()?;
        NaiveDate::from_ymd_opt(year, month?, day)
    };
    match digits.len() {
        6 => month.map(|month| format!("{year}-{month:02}")),
        8 => day().map(|day| day.to_string()),
        10 => {
            let day = day()?;
            below(8, 24).map(|()| format!("{day} {}:00", &digits[8..10]))
        }
        12 | 14 | 17 => {
            let day = day()?;
            below(8, 24).and(below(10, 60))?;
            let clock = format!("{day} {}:{}", &digits[8..10], &digits[10..12]);
            match part(12, 2) {
                None => Some(clock),
                Some(seconds) => below(12, 61).map(|()| format!("{clock}:{seconds}")),
            }
        }
        _ => None,
    }
}
