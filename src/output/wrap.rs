//! Breaking text into lines of so many terminal columns.
//!
//! The unit is the grapheme, what a reader sees as one character: a wide
//! character is never cut in half, a mark never parts from its letter. Lines
//! break at blanks and between wide characters, and inside a word only when
//! it is longer than a line. Each grapheme of a text is looked at once, and
//! lines beyond those that are wanted are counted and not kept.

use std::ops::Range;

use unicode_segmentation::{GraphemeIndices, UnicodeSegmentation};
use unicode_width::UnicodeWidthStr;

use crate::output::links::{self, Urls};

const TAB: usize = 8;

/// The columns a text on one line takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// The first lines of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// As many as were wanted, or all there are.
    pub lines: Vec<String>,
    /// How many more there would be.
    pub more: usize,
}

/// The lines of a sanitised text at `width` columns: its own lines, and where
/// one is too long, several. Indentation stays; blanks where a line breaks go.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_first(text, width, usize::MAX, Urls::Broken).lines
}

/// The first `most` lines of what [`wrap`] gives; the others are counted.
pub fn wrap_first(text: &str, width: usize, most: usize, urls: Urls) -> Wrapped {
    // One wide character has to fit.
    let mut wrapper = Wrapper::new(width.max(2), most, urls);
    for line in text.trim_end_matches('\n').split('\n') {
        wrapper.line(line);
    }
    Wrapped {
        lines: wrapper.lines,
        more: wrapper.more,
    }
}

/// The columns of the longest line of a sanitised text, looking at the first
/// `most` lines alone.
pub(crate) fn longest_line(text: &str, most: usize) -> usize {
    let lines = text.trim_end_matches('\n').split('\n').take(most);
    let widths = lines.map(|line| {
        let mut at = 0;
        for part in line.trim_end_matches([' ', '\t']).split_inclusive('\t') {
            match part.strip_suffix('\t') {
                Some(cells) => at = next_stop(at + columns(cells)),
                None => at += columns(part),
            }
        }
        at
    });
    widths.max().unwrap_or(0)
}

/// Where a tab at this column reaches to.
fn next_stop(at: usize) -> usize {
    at - at % TAB + TAB
}

struct Wrapper {
    width: usize,
    most: usize,
    urls: Urls,
    lines: Vec<String>,
    more: usize,
    /// The line that is being filled, and its columns.
    current: String,
    used: usize,
    /// Blanks that stand only if something follows them on this line.
    blanks: usize,
    /// Whether this is the start of a line of the text: indentation stays.
    fresh: bool,
    /// What opens the link that is being written.
    link: Option<String>,
}

impl Wrapper {
    fn new(width: usize, most: usize, urls: Urls) -> Wrapper {
        Wrapper {
            width,
            most,
            urls,
            lines: Vec::new(),
            more: 0,
            current: String::new(),
            used: 0,
            blanks: 0,
            fresh: true,
            link: None,
        }
    }

    /// Breaks one line of the text.
    fn line(&mut self, line: &str) {
        (self.used, self.blanks, self.fresh) = (0, 0, true);
        for piece in Pieces::of(line) {
            if piece.blank {
                self.blanks += piece.width;
            } else {
                self.word(&piece);
            }
        }
        self.break_here();
    }

    fn word(&mut self, piece: &Piece<'_>) {
        let is_first = self.used == 0;
        if self.used + self.blanks + piece.width > self.width
            && !(self.fresh && is_first && self.blanks == 0)
        {
            // Indentation that leaves no room for its word is given up.
            if !(self.fresh && is_first) {
                self.break_here();
            }
            (self.used, self.blanks, self.fresh) = (0, 0, false);
        }
        if self.used > 0 || self.fresh {
            if self.is_kept() {
                let blanks = std::iter::repeat_n(' ', self.blanks);
                self.current.extend(blanks);
            }
            self.used += self.blanks;
        }
        self.blanks = 0;
        let link = match self.urls {
            Urls::Broken => None,
            Urls::Whole | Urls::Linked => links::find(piece.text),
        };
        match link {
            Some(link) if self.urls == Urls::Linked => self.linked(piece, link),
            Some(_) => self.push(piece.text, piece.width),
            None => self.parts(piece.text, piece.width),
        }
    }

    /// A word, the address in it a link.
    fn linked(&mut self, piece: &Piece<'_>, link: Range<usize>) {
        let (before, rest) = piece.text.split_at(link.start);
        let (address, after) = rest.split_at(link.end - link.start);
        let open = links::open(address);
        self.parts(before, columns(before));
        self.link = Some(open.clone());
        self.push(&open, 0);
        self.parts(address, columns(address));
        self.push(links::CLOSE, 0);
        self.link = None;
        self.parts(after, columns(after));
    }

    /// A word or a part of one, broken if it is longer than a line.
    fn parts(&mut self, text: &str, width: usize) {
        if self.used + width <= self.width {
            self.push(text, width);
            return;
        }
        let width = self.width;
        for part in text.graphemes(true).flat_map(|one| split(one, width)) {
            count_a_step();
            let columns = columns(part);
            if self.used + columns > self.width && self.used > 0 {
                self.break_word();
            }
            self.push(part, columns);
        }
    }

    /// Goes on with a word on the next line, and with the link it is in.
    fn break_word(&mut self) {
        let link = self.link.clone();
        if link.is_some() {
            self.push(links::CLOSE, 0);
        }
        self.break_here();
        (self.used, self.fresh) = (0, false);
        if let Some(open) = link {
            self.push(&open, 0);
        }
    }

    fn push(&mut self, text: &str, width: usize) {
        if self.is_kept() {
            self.current.push_str(text);
        }
        self.used += width;
    }

    fn break_here(&mut self) {
        if self.is_kept() {
            self.lines.push(std::mem::take(&mut self.current));
        } else {
            self.more += 1;
        }
    }

    /// Whether the line that is being filled is wanted.
    fn is_kept(&self) -> bool {
        self.lines.len() < self.most
    }
}

/// A grapheme, or its characters if it is wider than a line: conjoining
/// letters and spacing marks can be strung together without end.
fn split(grapheme: &str, width: usize) -> impl Iterator<Item = &str> {
    let is_whole = columns(grapheme) <= width;
    grapheme.split_inclusive(move |_| !is_whole)
}

/// A piece that is not broken unless it must be, and whether it is a blank.
struct Piece<'a> {
    text: &'a str,
    width: usize,
    blank: bool,
}

/// Words, blanks, and wide characters one by one (scripts that write without
/// blanks break between any two). A tab is a blank as wide as it shows.
struct Pieces<'a> {
    line: &'a str,
    graphemes: std::iter::Peekable<GraphemeIndices<'a>>,
    /// The column of the unbroken line that comes next.
    at: usize,
}

impl<'a> Pieces<'a> {
    fn of(line: &'a str) -> Pieces<'a> {
        Pieces {
            line,
            graphemes: line.grapheme_indices(true).peekable(),
            at: 0,
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let (start, first) = self.graphemes.next()?;
        count_a_step();
        let mut width = match first {
            "\t" => next_stop(self.at) - self.at,
            _ => columns(first),
        };
        let blank = is_blank(first);
        let mut end = start + first.len();
        if !blank && width <= 1 {
            while let Some(&(at, next)) = self.graphemes.peek() {
                let columns = columns(next);
                if is_blank(next) || columns > 1 {
                    break;
                }
                count_a_step();
                width += columns;
                end = at + next.len();
                self.graphemes.next();
            }
        }
        self.at += width;
        Some(Piece {
            text: &self.line[start..end],
            width,
            blank,
        })
    }
}

fn is_blank(grapheme: &str) -> bool {
    matches!(grapheme, " " | "\t" | "\u{3000}")
}

#[cfg(test)]
thread_local! {
    /// Graphemes looked at by this thread.
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn count_a_step() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

/// At most `width` columns of a text on one line, `mark` at its end if
/// anything was left out.
pub(crate) fn shortened(text: &str, width: usize, mark: &str) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(columns(mark));
    let mut short = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += columns(grapheme);
        if used > room {
            break;
        }
        short.push_str(grapheme);
    }
    short + mark
}

#[cfg(test)]
mod tests;
