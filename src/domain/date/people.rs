//! Dates in the orders of people: `5 Mar 2018`, `Mar 5, 2018`, and
//! `31/12/2018`, whose year comes last. What can be read in two ways is refused
//! with both.

use chrono::{DateTime, NaiveDate, Utc};

use super::calendar::{MONTHS, day};
use super::words::at_clock;
use super::{Asked, DateError};

/// `None` when the text is no such date.
pub(super) fn read(trimmed: &str, asked: Asked) -> Result<Option<DateTime<Utc>>, DateError> {
    match named_month(trimmed, asked)? {
        Some(date) => Ok(Some(date)),
        None => year_last(trimmed, asked),
    }
}

/// `5 Mar 2018`, `March 5, 2018`, `Mar 2018`, with a time of day or without:
/// where the month is a name, no order of the others is mistaken.
fn named_month(text: &str, asked: Asked) -> Result<Option<DateTime<Utc>>, DateError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let bare = |word: &&str| word.trim_end_matches(',').to_ascii_lowercase();
    let year = |word: &&str| {
        let year = word.parse().ok();
        year.filter(|_| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit()))
    };
    let number = |word: &String| {
        let ending = ["st", "nd", "rd", "th"].iter();
        let mut plain = ending.filter_map(|ending| word.strip_suffix(ending));
        let digits = plain.next().unwrap_or(word);
        digits.parse::<u32>().ok().filter(|_| digits.len() <= 2)
    };
    let first = words.first().map(bare);
    let second = words.get(1).map(bare);
    let (Some(first), Some(second)) = (first, second) else {
        return Ok(None);
    };
    let (month, number, rest) = match (month(&first), month(&second)) {
        (Some(month), _) if words.get(1).and_then(year).is_some() => (month, 1, &words[1..]),
        (Some(month), _) => match number(&second) {
            Some(number) => (month, number, &words[2..]),
            None => return Ok(None),
        },
        (None, Some(month)) => match number(&first) {
            Some(number) => (month, number, &words[2..]),
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    let (Some(year), more) = (
        rest.first().and_then(year),
        rest.get(1..).unwrap_or_default(),
    ) else {
        return Ok(None);
    };
    let clock = match more {
        [] => None,
        [clock] => Some(*clock),
        // The dates of programs have more, and are read elsewhere.
        _ => return Ok(None),
    };
    let date = day(year, month, number, asked)?;
    at_clock(date, clock, asked).map(Some)
}

/// The number of a month, by its English name or three letters of it.
fn month(word: &str) -> Option<u32> {
    let is_named = |name: &&str| {
        let name = name.to_ascii_lowercase();
        name == word || name[..3] == *word
    };
    let at = MONTHS.iter().position(is_named)?;
    u32::try_from(at + 1).ok()
}

/// `31/12/2018` with a time of day or without; `.` and `-` are as good as `/`.
fn year_last(text: &str, asked: Asked) -> Result<Option<DateTime<Utc>>, DateError> {
    let (date, clock) = match text.split_once(' ') {
        Some((date, clock)) => (date, Some(clock.trim_start())),
        None => (text, None),
    };
    let parts: Vec<&str> = date.split(['/', '.', '-']).collect();
    let [first, second, year] = parts.as_slice() else {
        return Ok(None);
    };
    let number = |part: &str, most: usize| {
        let is_number = part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u32>()
            .ok()
            .filter(|_| is_number && part.len() <= most)
    };
    let (Some(first), Some(second), 4) = (number(first, 2), number(second, 2), year.len()) else {
        return Ok(None);
    };
    let Some(year) = number(year, 4).and_then(|year| i32::try_from(year).ok()) else {
        return Ok(None);
    };
    let read = |month, day| NaiveDate::from_ymd_opt(year, month, day);
    match (read(second, first), read(first, second)) {
        (Some(one), Some(other)) if one != other => Err(DateError::DayOrMonth {
            text: asked.text.to_owned(),
            readings: (one, other),
        }),
        (Some(day), _) | (None, Some(day)) => at_clock(day, clock, asked).map(Some),
        (None, None) => Ok(None),
    }
}
