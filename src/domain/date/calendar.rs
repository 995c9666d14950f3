//! `2019-09-23`, alone or with a time and an offset, as RFC 3339, ISO 8601,
//! `date -I`, databases and programming languages write it; `2019-09`; the same
//! without leading zeros or with `/`, as long as the year comes first; and the
//! dates of mails and HTTP headers (RFC 2822).

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, TimeZone, Utc};

use super::{Asked, DateError, clamped};

/// `None` when the text does not begin as a calendar date.
pub(super) fn read(trimmed: &str, asked: Asked) -> Result<Option<DateTime<Utc>>, DateError> {
    if let Some(written_out) = extended(trimmed).or_else(|| filled(trimmed)) {
        return read(&written_out, asked);
    }
    let Some((year, month, rest)) = year_and_month(trimmed) else {
        let mail = mail(trimmed);
        return mail.map(|date| asked.in_range(Some(date))).transpose();
    };
    if rest.is_empty() {
        return asked.start_of(day(year, month, 1, asked)?).map(Some);
    }
    let Some((number, rest)) = rest.strip_prefix('-').and_then(two_digits) else {
        return Err(asked.wrong_form());
    };
    let day = day(year, month, number, asked)?;
    if rest.is_empty() {
        return asked.start_of(day).map(Some);
    }
    let clock = rest
        .strip_prefix(['T', 't', ' '])
        .ok_or_else(|| asked.wrong_form())?;
    let end = clock.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ',')));
    let (clock, offset) = clock.split_at(end.unwrap_or(clock.len()));
    let moment = day.and_time(time_of_day(clock, asked)?);
    if offset.is_empty() {
        return asked.by_the_clocks(moment).map(Some);
    }
    let offset = fixed_offset(offset).ok_or_else(|| asked.wrong_form())?;
    let date = offset.from_local_datetime(&moment).single();
    let date = date.map(|date| date.with_timezone(&Utc));
    asked.in_range(Some(moment.and_utc()))?;
    Ok(date.map(clamped))
}

/// `20190923T100000Z` with what belongs between its digits.
fn extended(text: &str) -> Option<String> {
    let (day, clock) = text.split_once(['T', 't'])?;
    let is_basic = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let end = clock.find(|c: char| !c.is_ascii_digit());
    let (clock, rest) = clock.split_at(end.unwrap_or(clock.len()));
    if day.len() != 8 || !is_basic(day) || !matches!(clock.len(), 4 | 6) {
        return None;
    }
    let clock: Vec<&str> = (0..clock.len())
        .step_by(2)
        .map(|at| &clock[at..at + 2])
        .collect();
    let clock = clock.join(":");
    Some(format!(
        "{}-{}-{}T{clock}{rest}",
        &day[..4],
        &day[4..6],
        &day[6..]
    ))
}

/// `2018/3/5` and `2018-3` as `2018-03-05` and `2018-03`; what follows a blank
/// or a T stays. `None` when there is nothing to write out.
fn filled(text: &str) -> Option<String> {
    let end = text.find([' ', 'T', 't']).unwrap_or(text.len());
    let (day, clock) = text.split_at(end);
    let separator = if day.contains('/') { '/' } else { '-' };
    let parts: Vec<&str> = day.split(separator).collect();
    let is_number = |part: &&str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let (year, rest) = parts.split_first()?;
    let is_date = year.len() == 4
        && is_number(year, 4)
        && matches!(rest.len(), 1 | 2)
        && rest.iter().all(|part| is_number(part, 2));
    let rest: Vec<String> = rest.iter().map(|part| format!("{part:0>2}")).collect();
    let filled = format!("{year}-{}{clock}", rest.join("-"));
    (is_date && filled != text).then_some(filled)
}

/// `Mon, 23 Sep 2019 10:00:00 +0200`, where two blanks before the offset are
/// one and the plus that a query string turned into a blank.
fn mail(text: &str) -> Option<DateTime<Utc>> {
    if !text.is_ascii() || !text.contains(':') {
        return None;
    }
    let with_plus = match text.rsplit_once("  ") {
        Some((before, offset)) if offset.len() == 4 => format!("{before} +{offset}"),
        _ => text.to_owned(),
    };
    let date = DateTime::parse_from_rfc2822(&with_plus).ok()?;
    Some(date.with_timezone(&Utc))
}

fn year_and_month(text: &str) -> Option<(i32, u32, &str)> {
    let (year, rest) = text.split_at_checked(4)?;
    let is_year = year.bytes().all(|b| b.is_ascii_digit());
    let (month, rest) = rest.strip_prefix('-').and_then(two_digits)?;
    is_year.then_some((year.parse().ok()?, month, rest))
}

fn two_digits(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(2)?;
    let is_number = number.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some((number.parse().ok()?, rest))
}

/// The months' English names.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day, or why there is none.
pub(super) fn day(year: i32, month: u32, day: u32, asked: Asked) -> Result<NaiveDate, DateError> {
    if let Some(day) = NaiveDate::from_ymd_opt(year, month, day) {
        return Ok(day);
    }
    let name = (month as usize)
        .checked_sub(1)
        .and_then(|at| MONTHS.get(at));
    Err(asked.does_not_exist(match name {
        None => format!("the months are 01 to 12, not {month:02}"),
        Some(_) if day == 0 => "a month begins with day 01".to_owned(),
        Some(name) => {
            let first = NaiveDate::from_ymd_opt(year, month, 1);
            let days = first.map_or(31, |first| u32::from(first.num_days_in_month()));
            format!("{name} {year} has {days} days")
        }
    }))
}

/// `HH[:MM[:SS[.fff]]]`, the fraction after a point or a comma. Of a fraction
/// nine digits count; second 60 is a leap second, and the one after 59.
pub(super) fn time_of_day(clock: &str, asked: Asked) -> Result<NaiveTime, DateError> {
    let wrong = || asked.wrong_form();
    let (whole, fraction) = match clock.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (clock, None),
    };
    let mut numbers = [0, 0, 0];
    let mut parts = 0;
    for part in whole.split(':') {
        let place = numbers.get_mut(parts).ok_or_else(wrong)?;
        *place = match two_digits(part) {
            Some((number, "")) => number,
            _ => return Err(wrong()),
        };
        parts += 1;
    }
    let [hour, minute, second] = numbers;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if fraction.is_some_and(|fraction| parts < 3 || !is_number(fraction)) {
        return Err(wrong());
    }
    let why = match (hour, minute, second) {
        (24, 0, 0) => "24:00 is 00:00 of the next day".to_owned(),
        (24.., ..) => format!("the hours of a day are 00 to 23, not {hour}"),
        (_, 60.., _) => format!("the minutes of an hour are 00 to 59, not {minute}"),
        (.., 61..) => format!("the seconds of a minute are 00 to 59, not {second}"),
        _ => String::new(),
    };
    if !why.is_empty() {
        return Err(asked.does_not_exist(why));
    }
    let nanos = fraction.map_or(0, nanos);
    let time = match second {
        60 => NaiveTime::from_hms_nano_opt(hour, minute, 59, 999_999_999),
        _ => NaiveTime::from_hms_nano_opt(hour, minute, second, nanos),
    };
    time.ok_or_else(wrong)
}

/// Digits after a point, in nanoseconds; those beyond the ninth are cut.
pub(super) fn nanos(fraction: &str) -> u32 {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'))
}

/// `Z`, `UTC`, `+02:00`, `-0700`, `+02`, each after blanks or none, and
/// ` 02:00` for the `+02:00` it was. A zone's abbreviation may follow, as Go
/// writes it: the offset says it all.
fn fixed_offset(text: &str) -> Option<FixedOffset> {
    let text = text.trim_start();
    if ["z", "utc", "gmt"]
        .iter()
        .any(|name| text.eq_ignore_ascii_case(name))
    {
        return FixedOffset::east_opt(0);
    }
    let (text, name) = text.split_once(' ').unwrap_or((text, "UTC"));
    if !(1..=5).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, rest) = two_digits(digits)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        rest => match two_digits(rest)? {
            (minutes, "") => minutes,
            _ => return None,
        },
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60) as i32)
}
