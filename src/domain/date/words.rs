//! `now`, `today`, `yesterday`, the names of weekdays, each with a time of day
//! or without, and a time of day alone, which is today's.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};

use super::{Asked, DateError, calendar};

/// `None` when the text begins with none of the words.
pub(super) fn read(trimmed: &str, asked: Asked) -> Result<Option<DateTime<Utc>>, DateError> {
    if trimmed.eq_ignore_ascii_case("now") {
        return asked.in_range(Some(asked.now)).map(Some);
    }
    if let Some((last, weekday)) = trimmed.split_once(' ')
        && last.eq_ignore_ascii_case("last")
    {
        return last_weekday(weekday.trim_start(), asked);
    }
    let (word, clock) = match trimmed.split_once(' ') {
        Some((word, clock)) => (word, Some(clock.trim_start())),
        None if is_clock(trimmed) => ("today", Some(trimmed)),
        None => (trimmed, None),
    };
    let Some(day) = day(word, asked) else {
        return Ok(None);
    };
    at_clock(day, clock, asked).map(Some)
}

/// `last monday`: the one before today.
fn last_weekday(text: &str, asked: Asked) -> Result<Option<DateTime<Utc>>, DateError> {
    let (word, clock) = match text.split_once(' ') {
        Some((word, clock)) => (word, Some(clock.trim_start())),
        None => (text, None),
    };
    let today = asked.zone.at(asked.now).date_naive();
    let word = word.to_ascii_lowercase();
    let Some(weekday) = weekday(&word) else {
        return two_readings(&word, today, asked).map_or(Ok(None), Err);
    };
    let back = today.weekday().days_since(weekday);
    let back = if back == 0 { 7 } else { back };
    let Some(day) = today.checked_sub_days(Days::new(back.into())) else {
        return Ok(None);
    };
    at_clock(day, clock, asked).map(Some)
}

/// Why `last week` and its like are not read, if it is one of these.
fn two_readings(word: &str, today: NaiveDate, asked: Asked) -> Option<DateError> {
    let monday = today - Days::new(today.weekday().num_days_from_monday().into());
    let (length, start) = match word {
        "week" => ("7d", monday.checked_sub_days(Days::new(7))?),
        "month" => {
            let first = today.with_day(1)?;
            ("1mo", first.checked_sub_months(chrono::Months::new(1))?)
        }
        "year" => ("1y", NaiveDate::from_ymd_opt(today.year() - 1, 1, 1)?),
        _ => return None,
    };
    let text = asked.text.to_owned();
    Some(DateError::Last {
        text,
        length,
        start,
    })
}

/// A day's beginning, or a time on it.
pub(super) fn at_clock(
    day: NaiveDate,
    clock: Option<&str>,
    asked: Asked,
) -> Result<DateTime<Utc>, DateError> {
    match clock {
        None => asked.start_of(day),
        Some(clock) => asked.by_the_clocks(day.and_time(calendar::time_of_day(clock, asked)?)),
    }
}

/// Whether it begins as `10:00` does.
fn is_clock(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits == 2 && text[digits..].starts_with(':')
}

/// The day that a word names. A weekday is the last one, today included.
fn day(word: &str, asked: Asked) -> Option<NaiveDate> {
    let today = asked.zone.at(asked.now).date_naive();
    let word = word.to_ascii_lowercase();
    let back = match word.as_str() {
        "today" => 0,
        "yesterday" => 1,
        _ => {
            let weekday = weekday(&word)?;
            today.weekday().days_since(weekday).into()
        }
    };
    today.checked_sub_days(Days::new(back))
}

/// By its English name, or three letters of it.
fn weekday(word: &str) -> Option<Weekday> {
    const NAMES: [(&str, Weekday); 7] = [
        ("monday", Weekday::Mon),
        ("tuesday", Weekday::Tue),
        ("wednesday", Weekday::Wed),
        ("thursday", Weekday::Thu),
        ("friday", Weekday::Fri),
        ("saturday", Weekday::Sat),
        ("sunday", Weekday::Sun),
    ];
    let names = NAMES.iter();
    let mut found = names.filter(|(name, _)| *name == word || &name[..3] == word);
    found.next().map(|(_, weekday)| *weekday)
}

/// `1 week` of `1 week ago`.
pub(super) fn before_ago(text: &str) -> &str {
    let end = text.len().saturating_sub("ago".len());
    match text.split_at_checked(end) {
        Some((length, ago)) if ago.eq_ignore_ascii_case("ago") && length.ends_with(' ') => {
            length.trim_end()
        }
        _ => text,
    }
}
