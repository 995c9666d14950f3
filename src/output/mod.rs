//! What is listed, in every form there is: [`row`] says what it is, [`records`]
//! what its columns are, [`mod@format`] has the list of forms, and each form
//! is a leaf that knows rows and nothing else.
//!
//! Everything here is pure, value and [`Look`] to text, so that the console
//! client and the server's answers are one. Text that came from other people
//! passes through [`sanitize`] on every way out; JSON does not, it is exact.

mod abbreviation;
mod card;
pub mod chart;
pub mod checks;
mod csv;
pub mod format;
mod invisible;
mod json;
mod lines;
mod links;
mod ndjson;
mod oneline;
mod paint;
pub mod queue;
pub mod records;
pub mod row;
pub mod sanitize;
mod table;
pub mod tags;
pub mod template;
mod times;
mod wrap;

pub use links::Urls;
pub use sanitize::{sanitize, sanitize_line};
pub use times::{Clock, TimeFormat};
pub use wrap::{Wrapped, columns, wrap, wrap_first};

/// The narrowest output that is drawn; a terminal that is narrower wraps it.
pub const MIN_WIDTH: usize = 20;
/// The widest output that is drawn: on a wider terminal lines would be too
/// long to read, and a request could ask for any width.
pub const MAX_WIDTH: usize = 400;

/// Which characters a reader's terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Everything.
    Unicode,
    /// Texts as they are, tables and charts drawn in ASCII: a dumb terminal,
    /// or one that says nothing about its encoding.
    AsciiDrawing,
    /// ASCII only: in another encoding than UTF-8 the bytes of a text could
    /// be read as control characters. Others are shown as `\u{e9}`.
    AsciiOnly,
}

/// How output is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns to draw in.
    width: usize,
    /// Whether ANSI colours may be used. Nothing depends on them.
    pub color: bool,
    /// Which characters may be used.
    pub charset: Charset,
    /// What becomes of long addresses in texts.
    urls: Urls,
    /// Lines of a text in a table; how many more there are is said.
    lines: usize,
}

impl Look {
    /// A look of `width` columns, moved to between [`MIN_WIDTH`] and
    /// [`MAX_WIDTH`].
    pub fn new(width: usize, color: bool, charset: Charset) -> Look {
        Look {
            width: width.clamp(MIN_WIDTH, MAX_WIDTH),
            color,
            charset,
            urls: Urls::default(),
            lines: usize::MAX,
        }
    }

    /// Long addresses in texts as said.
    pub fn with_urls(self, urls: Urls) -> Look {
        Look { urls, ..self }
    }

    /// At most so many lines of each text in a table, at least one.
    pub fn with_lines(self, lines: usize) -> Look {
        Look {
            lines: lines.max(1),
            ..self
        }
    }

    /// Whether texts are cut at all.
    pub(crate) fn is_cut(self) -> bool {
        self.lines != usize::MAX
    }

    /// What stands for what was left out.
    pub(crate) fn dots(self) -> &'static str {
        if self.draws_unicode() { "…" } else { "..." }
    }

    /// The columns that [`Look::cut`] needs to break no line of a text, and to
    /// say on one line how many it leaves out.
    pub(crate) fn wanted(self, text: &str) -> usize {
        const CUT: usize = "... 10,000 more lines".len();
        let longest = wrap::longest_line(text, self.lines);
        let is_cut = text
            .trim_end_matches('\n')
            .matches('\n')
            .nth(self.lines - 1);
        if is_cut.is_some() {
            longest.max(CUT)
        } else {
            longest
        }
    }

    /// The lines of a sanitised text that are shown, and below them how many
    /// are not.
    pub(crate) fn cut(self, text: &str, width: usize) -> Vec<String> {
        let Wrapped { mut lines, more } = wrap_first(text, width, self.lines, self.urls);
        if more > 0 {
            let left = counted(more as u64, "more line");
            lines.extend(wrap(&format!("{} {left}", self.dots()), width));
        }
        lines
    }

    /// Columns to draw in.
    pub fn width(self) -> usize {
        self.width
    }

    /// Whether lines and blocks may be drawn with Unicode.
    pub fn draws_unicode(self) -> bool {
        self.charset == Charset::Unicode
    }

    /// A text of several lines as this reader can see it.
    pub(crate) fn text(self, text: &str) -> String {
        self.encoded(sanitize(text))
    }

    /// A text on one line as this reader can see it.
    pub(crate) fn line(self, text: &str) -> String {
        self.encoded(sanitize_line(text))
    }

    fn encoded(self, text: String) -> String {
        match self.charset {
            Charset::Unicode | Charset::AsciiDrawing => text,
            Charset::AsciiOnly => sanitize::ascii_only(&text),
        }
    }

    /// A line of dunder's own between those of others.
    pub fn remark(self, text: &str) -> String {
        self.painted(&format!("({text})"), "2")
    }

    /// `text` between the ANSI codes `start` and reset.
    pub(crate) fn painted(self, text: &str, start: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{start}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A count with thousands separated: `1,234,567`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message`, `1,234 messages`.
pub fn counted(count: u64, one: &str) -> String {
    format!(
        "{} {one}{}",
        thousands(count),
        if count == 1 { "" } else { "s" }
    )
}

/// A stable number for a name, for picking its colour.
pub(crate) fn palette_index(name: &str, colors: usize) -> usize {
    let hash = name.bytes().fold(0x811c_9dc5u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    // The low bits of FNV mix badly for short names.
    (hash >> 16 ^ hash) as usize % colors.max(1)
}

#[cfg(test)]
mod tests;
