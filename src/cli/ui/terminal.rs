//! Where output goes: how wide it is, what it can show, whether colours are
//! wanted, and the writing itself.

use std::io::{BufWriter, IsTerminal, StdoutLock, Write};

use crate::cli::CliError;
use crate::cli::args::{ColorWhen, Common};
use crate::output::{Charset, Look, Urls};

/// Columns when nothing says how many there are.
const DEFAULT_WIDTH: usize = 80;

/// Whether a person at a terminal reads the output.
pub(crate) fn is_interactive() -> bool {
    std::io::stdout().is_terminal()
}

/// How output is to look here.
pub(crate) fn look(common: &Common, width: Option<u16>) -> Look {
    look_for(common.color, width)
}

/// The same, for a command that calls no server.
pub(crate) fn look_for(color: ColorWhen, width: Option<u16>) -> Look {
    let color = match color {
        ColorWhen::Always => {
            // The flag beats NO_COLOR.
            crossterm::style::force_color_output(true);
            true
        }
        ColorWhen::Never => false,
        ColorWhen::Auto => is_interactive() && !is_set("NO_COLOR") && !is_dumb(),
    };
    // Where there is a link, it is shown over several lines.
    let urls = match supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout) {
        true => Urls::Linked,
        false => Urls::Whole,
    };
    Look::new(width.map_or_else(columns, usize::from), color, charset()).with_urls(urls)
}

/// The columns of the terminal, else of `COLUMNS`, else 80.
pub(crate) fn columns() -> usize {
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal
        .or_else(said)
        .filter(|&columns| columns > 0)
        .unwrap_or(DEFAULT_WIDTH)
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// What the locale says.
pub(crate) fn charset() -> Charset {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    match said {
        Some(locale) if is_utf8(&locale) && !is_dumb() => Charset::Unicode,
        Some(locale) if !is_utf8(&locale) && is_interactive() => Charset::AsciiOnly,
        Some(_) | None => Charset::AsciiDrawing,
    }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Standard output, buffered; nothing is lost if [`Output::finish`] succeeds.
pub(crate) struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    pub fn new() -> Output {
        Output(BufWriter::new(std::io::stdout().lock()))
    }

    /// Writes a text.
    ///
    /// # Errors
    /// The reader has gone, or the disk is full.
    pub fn write(&mut self, text: &str) -> Result<(), CliError> {
        Ok(self.0.write_all(text.as_bytes())?)
    }

    /// Writes what is still held.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn finish(mut self) -> Result<(), CliError> {
        Ok(self.0.flush()?)
    }
}

/// Writes one text to standard output.
///
/// # Errors
/// As [`Output::write`].
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut output = Output::new();
    output.write(text)?;
    output.finish()
}

/// Writes a JSON document: exact, and on a terminal what it would obey is
/// escaped the way JSON allows, which is the same document.
///
/// # Errors
/// As [`Output::write`].
pub(crate) fn print_json(document: &str) -> Result<(), CliError> {
    let mut output = Output::new();
    output.write(&json(document))?;
    if !document.ends_with('\n') {
        output.write("\n")?;
    }
    output.finish()
}

/// A JSON document as standard output may show it.
pub(crate) fn json(document: &str) -> std::borrow::Cow<'_, str> {
    if is_interactive() {
        crate::output::sanitize::sanitize_json(document).into()
    } else {
        document.into()
    }
}

/// What a person must not miss, wherever standard error goes.
pub(crate) fn warning(text: &str) {
    // Who closed standard error wants no warnings.
    let _ = writeln!(std::io::stderr(), "dunder: {text}");
}

/// A remark for the person at the terminal; nothing when standard error goes
/// elsewhere.
pub(crate) fn remark(text: &str) {
    let mut error = std::io::stderr().lock();
    if error.is_terminal() {
        // There is nobody to tell that telling failed.
        let _ = writeln!(error, "{text}");
    }
}

/// One line on standard error that is replaced as work goes on, and gone when
/// this is dropped. Only while the output goes elsewhere: on the same terminal
/// it would stand in the middle of it.
pub(crate) struct Progress {
    wanted: bool,
}

impl Progress {
    pub fn new() -> Progress {
        Progress {
            wanted: std::io::stderr().is_terminal() && !is_interactive() && !is_dumb(),
        }
    }

    /// Shows a text in place of the one before.
    pub fn show(&self, text: &str) {
        if self.wanted {
            // There is nobody to tell that telling failed.
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}
