//! What every client command takes, and how its values are read.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};

use super::zone;
use crate::cli::account::endpoint::Endpoint;
use crate::domain::{parse_date, parse_duration};
use crate::output::{MAX_WIDTH, MIN_WIDTH};

/// Options of every client command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection and output")]
pub struct Common {
    /// Print the server's own JSON, one document
    #[arg(long)]
    pub json: bool,

    /// Use colours; NO_COLOR switches them off too
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto)]
    pub color: ColorWhen,

    /// The server; otherwise that of the last login, else http://127.0.0.1:9000
    #[arg(long, value_name = "URL", env = "DUNDER_SERVER")]
    pub server: Option<Endpoint>,

    /// How long to wait for the server in all
    #[arg(long, value_name = "DURATION", env = "DUNDER_TIMEOUT",
        default_value = "10s", value_parser = timeout)]
    pub timeout: Duration,

    /// Trust the certificates in this PEM file too
    #[arg(long, value_name = "FILE", env = "DUNDER_CACERT")]
    pub cacert: Option<PathBuf>,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal that has them.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How long to wait for a server.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text).map_err(|error| error.to_string())?;
    if length.is_zero() || length > Duration::from_secs(86_400) {
        return Err(format!("{text:?} is not between 1ms and 24h"));
    }
    Ok(length)
}

/// A date as the person writes it, in their own zone.
pub(super) fn date(text: &str) -> Result<DateTime<Utc>, String> {
    parse_date(text, Utc::now(), zone::here()).map_err(|error| error.to_string())
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

/// A message's id.
pub(super) fn ulid(text: &str) -> Result<String, String> {
    let id: Result<crate::domain::MessageId, _> = text.parse();
    id.map(|id| id.to_string())
        .map_err(|error| error.to_string())
}

/// Columns to draw in.
pub(super) fn width(text: &str) -> Result<u16, String> {
    let refused = || format!("{text:?} is not a width between {MIN_WIDTH} and {MAX_WIDTH}");
    let width: u16 = text.parse().map_err(|_| refused())?;
    if (MIN_WIDTH..=MAX_WIDTH).contains(&usize::from(width)) {
        Ok(width)
    } else {
        Err(refused())
    }
}
