//! What is logged: a level for all of dunder, and others for parts of it.

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use crate::config::LogLevel;
use crate::domain::shown;

/// The root of what may be logged. Libraries below us may log what they are
/// given: bodies, statements.
const ROOT: &str = "dunder";

/// Levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Levels {
    all: LevelFilter,
    parts: Vec<(String, LevelFilter)>,
}

impl Levels {
    /// One for everything.
    pub(super) fn of(level: LogLevel) -> Levels {
        let all = match level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        };
        let parts = Vec::new();
        Levels { all, parts }
    }

    /// Reads `debug`, `dunder::request=off`, or several of them with commas.
    /// The level of all stays where none is given for it.
    ///
    /// # Errors
    /// What is not one of them, and what is.
    pub(super) fn changed(&self, text: &str) -> Result<Levels, String> {
        let (mut all, mut parts) = (self.all, Vec::new());
        for directive in text.split(',').map(str::trim) {
            let (target, level) = match directive.split_once('=') {
                Some((target, level)) => (target.trim(), level.trim()),
                None => (ROOT, directive),
            };
            let level = level_of(level).ok_or_else(|| {
                format!(
                    "{} is not a level; write off, error, warn, info, debug or trace, or dunder::request=off for a part, several with commas",
                    shown(level)
                )
            })?;
            match target.strip_prefix(ROOT) {
                Some("") => all = level,
                Some(part) if part.starts_with("::") => parts.push((target.to_owned(), level)),
                Some(_) | None => {
                    return Err(format!(
                        "{} is no part of dunder; write one such as dunder::request or dunder::server (other libraries may log what they are given, and are not logged)",
                        shown(target)
                    ));
                }
            }
        }
        Ok(Levels { all, parts })
    }

    pub(super) fn filter(&self) -> Targets {
        let parts = self.parts.iter().cloned();
        Targets::new()
            .with_target(ROOT, self.all)
            .with_targets(parts)
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.all)?;
        let mut parts = self.parts.iter();
        parts.try_for_each(|(target, level)| write!(f, ",{target}={level}"))
    }
}

fn level_of(text: &str) -> Option<LevelFilter> {
    // It would take numbers, too, and nothing at all.
    let is_word = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic());
    match text.to_ascii_lowercase().as_str() {
        "warning" => Some(LevelFilter::WARN),
        other if is_word => other.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_level_is_of_all_and_a_part_has_its_own() {
        let info = Levels::of(LogLevel::Info);
        for (text, is) in [
            ("debug", "debug"),
            ("WARNING", "warn"),
            ("dunder=trace", "trace"),
            ("dunder::request=off", "info,dunder::request=off"),
            (
                " error , dunder::store::sqlite = debug ",
                "error,dunder::store::sqlite=debug",
            ),
            ("off", "off"),
        ] {
            let changed = info.changed(text).unwrap();
            assert_eq!(changed.to_string(), is);
            assert_eq!(info.changed(is), Ok(changed));
        }
        let filter = info.changed("dunder::request=off").unwrap().filter();
        assert!(filter.would_enable("dunder::server", &Level::INFO));
        assert!(!filter.would_enable("dunder::request", &Level::ERROR));
        assert!(!filter.would_enable("hyper", &Level::ERROR));
    }

    #[test]
    fn what_is_no_level_or_not_ours_is_named() {
        let info = Levels::of(LogLevel::Info);
        for (text, named) in [
            ("", "\"\""),
            ("loud", "\"loud\""),
            ("3", "\"3\""),
            ("debug,", "\"\""),
            ("dunder::request", "\"dunder::request\""),
            ("hyper=trace", "\"hyper\""),
            ("dunderx=trace", "\"dunderx\""),
            ("dunder[span]=trace", "\"dunder[span]\""),
        ] {
            let why = info.changed(text).unwrap_err();
            assert!(why.starts_with(named) && why.contains("write"), "{why}");
        }
    }
}
