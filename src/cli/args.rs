//! What every client command takes, and how its values are read.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::zone;
use crate::domain::{parse_date, parse_duration};
use crate::output::{MAX_WIDTH, MIN_WIDTH};

/// Options of every command that calls a server.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection and output")]
pub struct Common {
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,

    /// Use colours; NO_COLOR switches them off too
    #[arg(long, value_name = "WHEN", value_enum)]
    pub color: Option<ColorWhen>,

    /// The server: its address, or the name of a login; otherwise that of the
    /// login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]
    #[arg(long, value_name = "URL|NAME")]
    pub server: Option<String>,

    /// How long to wait for the server in all [default: 10s]
    /// [env: DUNDER_TIMEOUT]
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    pub timeout: Option<Duration>,

    /// Trust the certificates in this PEM file too [env: DUNDER_CACERT]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub cacert: Option<PathBuf>,
}

/// Options of a command that calls no server.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Local {
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,

    /// Use colours; NO_COLOR switches them off too
    #[arg(long, value_name = "WHEN", value_enum)]
    pub color: Option<ColorWhen>,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorWhen {
    /// On a terminal that has them.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How long to wait for a server; a number alone is seconds.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map(Duration::from_secs);
    let length = match seconds {
        Ok(seconds) => seconds,
        Err(_) => parse_duration(text).map_err(|error| error.to_string())?,
    };
    if length.is_zero() || length > Duration::from_secs(86_400) {
        return Err(format!("{text:?} is not between 1ms and 24h"));
    }
    Ok(length)
}

/// A date as the person writes it, in their own zone. `-3d` is `3d`: so long
/// ago.
pub(super) fn date(text: &str) -> Result<DateTime<Utc>, String> {
    let age = text.strip_prefix('-');
    let age = age.filter(|age| age.starts_with(|c: char| c.is_ascii_digit()));
    parse_date(age.unwrap_or(text), Utc::now(), zone::here()).map_err(|error| error.to_string())
}

/// The same of a start: nothing was written at a time of day that is still to
/// come.
pub(super) fn start(text: &str) -> Result<DateTime<Utc>, String> {
    let date = date(text)?;
    if is_to_come(text, date, Utc::now()) {
        let text = text.trim();
        return Err(format!(
            "{text} is later today; for that of the day before write 'yesterday {text}'"
        ));
    }
    Ok(date)
}

/// Whether a text is a time of day alone, and that time of today is not yet.
fn is_to_come(text: &str, date: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let text = text.trim();
    let is_clock = text.starts_with(|c: char| c.is_ascii_digit()) && text.find(':') == Some(2);
    is_clock && date > now
}

/// A date, and how it was written: what `1d` means changes with the time.
#[derive(Debug, Clone)]
pub(super) struct WrittenDate {
    at: DateTime<Utc>,
    text: String,
}

impl WrittenDate {
    /// Reads a date as [`start`] does.
    pub fn read(text: &str) -> Result<WrittenDate, String> {
        let at = start(text)?;
        let text = text.to_owned();
        Ok(WrittenDate { at, text })
    }

    /// The date when it was read.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A hashtag, with or without `#`.
pub(super) fn hashtag(text: &str) -> Result<String, String> {
    let tag: Result<crate::domain::Hashtag, _> = text.parse();
    tag.map(|tag| tag.to_string())
        .map_err(|error| error.to_string())
}

/// A user's name.
pub(super) fn user(text: &str) -> Result<String, String> {
    let name: Result<crate::domain::UserName, _> = text.parse();
    name.map(|name| name.to_string())
        .map_err(|error| error.to_string())
}

/// How many.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|&number: &u64| number > 0);
    number.ok_or_else(|| format!("{text:?} is not a number from 1 on"))
}

/// How many hashtags: what the server lists at once.
pub(super) fn count_of_tags(text: &str) -> Result<u16, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=1000).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a number from 1 to 1000"))
}

/// Columns to draw in.
pub(super) fn width(text: &str) -> Result<u16, String> {
    let width = text.parse().ok();
    let in_range = |&width: &u16| (MIN_WIDTH..=MAX_WIDTH).contains(&usize::from(width));
    let refused = || format!("{text:?} is not a width between {MIN_WIDTH} and {MAX_WIDTH}");
    width.filter(in_range).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_of_day_alone_is_to_come() {
        let now: DateTime<Utc> = "2026-11-24T09:00:00Z".parse().unwrap();
        let later = now + chrono::Duration::hours(1);
        for (text, date, is_to_come) in [
            ("10:00", later, true),
            (" 10:00:30", later, true),
            ("08:00", now - chrono::Duration::hours(1), false),
            ("today 10:00", later, false),
            ("2026-11-24 10:00", later, false),
        ] {
            assert_eq!(super::is_to_come(text, date, now), is_to_come, "{text}");
        }
    }
}
