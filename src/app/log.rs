//! The server's log: lines for a person on a terminal, JSON for a machine
//! otherwise, on standard error. Never a token or the text of a message.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::LogLevel;

/// The filter of a level.
fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Starts logging for the rest of the process. A second call changes nothing.
pub fn start(level: LogLevel) {
    // Libraries below us may log what they are given: bodies, statements.
    let ours = tracing_subscriber::filter::Targets::new().with_target("dunder", filter(level));
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
