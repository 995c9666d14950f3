//! The server's log: lines for a person on a terminal, JSON for a machine
//! otherwise, on standard error. Never a token or the text of a message.

use std::io::{self, IsTerminal};
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What was refused or tried again, too.
    Warn,
    /// One line a request, too.
    #[default]
    Info,
    /// How connections end, too.
    Debug,
    /// Everything of dunder's own.
    Trace,
}

/// Not a level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a log level; write error, warn, info, debug or trace")]
pub struct LogLevelError(String);

impl FromStr for LogLevel {
    type Err = LogLevelError;

    fn from_str(text: &str) -> Result<Self, LogLevelError> {
        match text {
            "error" => Ok(LogLevel::Error),
            "warn" => Ok(LogLevel::Warn),
            "info" => Ok(LogLevel::Info),
            "debug" => Ok(LogLevel::Debug),
            "trace" => Ok(LogLevel::Trace),
            other => Err(LogLevelError(other.to_owned())),
        }
    }
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> LevelFilter {
        match level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

/// Starts logging for the rest of the process. A second call changes nothing.
pub fn start(level: LogLevel) {
    // Libraries below us may log what they are given: bodies, statements.
    let ours =
        tracing_subscriber::filter::Targets::new().with_target("dunder", LevelFilter::from(level));
    let registry = tracing_subscriber::registry();
    let started = if io::stderr().is_terminal() {
        let lines = fmt::layer().with_writer(io::stderr).with_target(false);
        registry.with(lines.with_filter(ours)).try_init()
    } else {
        let json = fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(io::stderr);
        registry.with(json.with_filter(ours)).try_init()
    };
    if let Err(error) = started {
        eprintln!("dunder: logging is already set up: {error}");
    }
}
