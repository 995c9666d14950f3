//! The progress bar of long commands: on standard error, and only where that
//! is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how far a command is.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Shows nothing.
    pub fn hidden() -> Progress {
        Progress(ProgressBar::hidden())
    }

    /// Shows a bar up to a number of bytes, or what is done so far when that
    /// is unknown; nothing where standard error is not a terminal.
    pub fn on_terminal(bytes: Option<u64>) -> Progress {
        if !io::stderr().is_terminal() {
            return Progress::hidden();
        }
        let (bar, template) = match bytes {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{wide_bar} {bytes}/{total_bytes} {msg} {eta}",
            ),
            None => (
                ProgressBar::new_spinner(),
                "{spinner} {bytes} {msg} {elapsed}",
            ),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress(bar)
    }

    /// So many bytes more, so many messages in all.
    pub(crate) fn advance(&self, bytes: u64, messages: u64) {
        self.0.inc(bytes);
        self.0.set_message(format!("{messages} messages"));
    }

    /// So many bytes are done, of so many.
    pub(crate) fn reach(&self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
    }

    /// Writes a line above the bar.
    pub(crate) fn above(&self, out: &mut dyn Write, line: &str) -> io::Result<()> {
        self.0.suspend(|| writeln!(out, "{line}"))
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
