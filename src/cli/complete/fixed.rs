//! Words that need no server: examples of dates and durations, and the logins
//! that are kept.

use chrono::Local;

use crate::cli::account::Logins;
use crate::cli::complete::cache::Name;
use crate::cli::complete::line::Kind;
use crate::cli::settings::FILE_KEYS;

/// The words of a kind; `None` where the server has to be asked.
pub(crate) fn candidates(kind: Kind) -> Option<Vec<Name>> {
    match kind {
        Kind::Hashtag | Kind::User | Kind::Message => None,
        Kind::Date => Some(dates()),
        Kind::Bucket => Some(examples(&[
            ("1m", "a minute"),
            ("15m", "15 minutes"),
            ("1h", "an hour"),
            ("24h", "a day"),
            ("day", "a day of the calendar"),
            ("week", "from Monday on"),
            ("month", "a month of the calendar"),
        ])),
        Kind::Wait => Some(examples(&[
            ("2s", "two seconds"),
            ("10s", "the default"),
            ("1m", "a minute"),
        ])),
        Kind::Server => Some(servers()),
        Kind::Login => Some(logins()),
        Kind::Setting => Some(examples(&FILE_KEYS)),
    }
}

fn name(name: impl Into<String>, about: impl Into<String>) -> Name {
    Name {
        name: name.into(),
        about: Some(about.into()),
    }
}

fn examples(pairs: &[(&str, &str)]) -> Vec<Name> {
    let named = pairs.iter().map(|(word, about)| name(*word, *about));
    named.collect()
}

fn dates() -> Vec<Name> {
    let today = Local::now().format("%Y-%m-%d").to_string();
    let mut dates = examples(&[
        ("today", "from midnight on"),
        ("yesterday", "from its midnight on"),
        ("1h", "an hour ago"),
        ("24h", "a day ago"),
        ("7d", "a week ago"),
        ("30d", "a month ago"),
    ]);
    dates.push(name(today, "a day, from its midnight on"));
    dates
}

fn servers() -> Vec<Name> {
    let logins = Logins::load().unwrap_or_default();
    let kept = logins.all().iter();
    let mut servers: Vec<Name> = kept
        .map(|login| name(&*login.name, format!("{} as {}", login.server, login.user)))
        .collect();
    servers.push(name("http://127.0.0.1:9000", "this machine"));
    servers
}

fn logins() -> Vec<Name> {
    let logins = Logins::load().unwrap_or_default();
    let kept = logins.all().iter();
    kept.map(|login| name(&*login.name, format!("{} as {}", login.server, login.user)))
        .collect()
}
