//! The server's log: lines for a person on a terminal, JSON for a machine
//! otherwise, on standard error. Never a token or the text of a message.
//!
//! Logging never waits for whoever reads it ([`buffer`]), and nothing in a
//! line is obeyed by a terminal ([`line`]).

mod buffer;
mod filter;
mod line;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use self::buffer::{Buffer, LIMIT};
use self::filter::Levels;
use self::line::{JsonLines, Lines, fields};
use crate::config::LogLevel;

/// The process's log, once it runs.
static LOG: OnceLock<Arc<Buffer>> = OnceLock::new();

/// What is logged, which may change while the process runs.
static FILTER: OnceLock<Filter> = OnceLock::new();

struct Filter {
    handle: reload::Handle<Targets, Registry>,
    levels: Mutex<Levels>,
}

impl Filter {
    fn levels(&self) -> MutexGuard<'_, Levels> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, levels: Levels) {
        match self.handle.reload(levels.filter()) {
            Ok(()) => *self.levels() = levels,
            Err(error) => tracing::error!(%error, "the log's level stays"),
        }
    }
}

/// Logs at another level from here on.
pub fn set_level(level: LogLevel) {
    if let Some(filter) = FILTER.get() {
        filter.change(Levels::of(level));
    }
}

/// What is logged, as [`set_levels`] takes it.
pub(super) fn levels() -> String {
    let filter = FILTER.get();
    filter.map_or_else(String::new, |filter| filter.levels().to_string())
}

/// Logs at other levels from here on: one for all, or for parts of dunder.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub(super) fn set_levels(text: &str) -> Result<(), String> {
    if let Some(filter) = FILTER.get() {
        let changed = filter.levels().changed(text)?;
        filter.change(changed);
    }
    Ok(())
}

/// Lines that were lost because nobody read them in time.
pub(super) fn dropped_lines() -> u64 {
    LOG.get().map_or(0, |buffer| buffer.dropped_lines())
}

/// Starts logging for the rest of the process; [`flush`] before it ends. A
/// second call changes nothing.
///
/// # Errors
/// The system gives no thread or no descriptor for it.
pub fn start(level: LogLevel) -> io::Result<()> {
    // A descriptor of its own: who waits in a write to the standard one holds
    // the lock that every other writer takes.
    let stream = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let buffer = Buffer::start(LIMIT, stream, say_dropped)?;
    if LOG.set(Arc::clone(&buffer)).is_err() {
        return Ok(());
    }
    let levels = Levels::of(level);
    let (ours, handle) = reload::Layer::new(levels.filter());
    let levels = Mutex::new(levels);
    let _ = FILTER.set(Filter { handle, levels });
    let registry = tracing_subscriber::registry();
    let started = if io::stderr().is_terminal() {
        let lines = fmt::layer()
            .fmt_fields(fields())
            .with_writer(Lines(buffer))
            .with_target(false);
        registry.with(lines.with_filter(ours)).try_init()
    } else {
        let json = fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(JsonLines(buffer));
        registry.with(json.with_filter(ours)).try_init()
    };
    started.map_err(io::Error::other)
}

/// Waits until everything logged so far was written, at most for `patience`.
pub fn flush(patience: Duration) {
    if let Some(buffer) = LOG.get() {
        buffer.flush(patience);
    }
}

fn say_dropped(lines: u64) {
    tracing::error!(lines, "log lines were dropped, nobody read them in time");
}

/// Panics are logged instead of written to standard error, which may block.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let backtrace = std::backtrace::Backtrace::capture();
    let is_wanted = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
    tracing::error!(
        thread = thread.name().unwrap_or("unnamed"),
        location = panic.location().map(tracing::field::display),
        backtrace = is_wanted.then(|| tracing::field::display(&backtrace)),
        "panicked, a defect of dunder: {}",
        panic.payload_as_str().unwrap_or("a panic without words"),
    );
}
