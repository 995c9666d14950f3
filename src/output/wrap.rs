//! Breaking text into lines of so many terminal columns.
//!
//! The unit is the grapheme, what a reader sees as one character: a wide
//! character is never cut in half, a mark never parts from its letter. Lines
//! break at blanks and between wide characters, and inside a word only when
//! it is longer than a line. Each grapheme of a text is looked at once, and
//! lines beyond those that are wanted are counted and not kept.

use unicode_segmentation::{GraphemeIndices, UnicodeSegmentation};
use unicode_width::UnicodeWidthStr;

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
    wrap_first(text, width, usize::MAX).lines
}

/// The first `most` lines of what [`wrap`] gives; the others are counted.
pub fn wrap_first(text: &str, width: usize, most: usize) -> Wrapped {
    // One wide character has to fit.
    let mut wrapper = Wrapper::new(width.max(2), most);
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
    lines: Vec<String>,
    more: usize,
    /// The line that is being filled, and its columns.
    current: String,
    used: usize,
    /// Blanks that stand only if something follows them on this line.
    blanks: usize,
    /// Whether this is the start of a line of the text: indentation stays.
    fresh: bool,
}

impl Wrapper {
    fn new(width: usize, most: usize) -> Wrapper {
        Wrapper {
            width,
            most,
            lines: Vec::new(),
            more: 0,
            current: String::new(),
            used: 0,
            blanks: 0,
            fresh: true,
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
        if self.used + piece.width <= self.width {
            self.push(piece.text, piece.width);
            return;
        }
        let width = self.width;
        let graphemes = piece.text.graphemes(true);
        for part in graphemes.flat_map(|one| split(one, width)) {
            count_a_step();
            let columns = columns(part);
            if self.used + columns > self.width && self.used > 0 {
                self.break_here();
                (self.used, self.fresh) = (0, false);
            }
            self.push(part, columns);
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
mod tests {
    use super::*;
    use crate::output::sanitize;
    use proptest::prelude::*;

    #[test]
    fn lines_break_at_blanks_and_keep_their_own_breaks() {
        assert_eq!(
            wrap("one two three\n\n  four five", 9),
            ["one two", "three", "", "  four", "five"]
        );
    }

    #[test]
    fn wide_characters_are_never_cut() {
        assert_eq!(wrap("世界世界世", 5), ["世界", "世界", "世"]);
        assert_eq!(wrap("ab世界", 3), ["ab", "世", "界"]);
        assert_eq!(
            wrap("👩\u{200d}💻👩\u{200d}💻", 3),
            ["👩\u{200d}💻", "👩\u{200d}💻"]
        );
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken_and_nothing_is_lost() {
        let word = "x".repeat(8192);
        let lines = wrap(&word, 37);
        assert_eq!(lines.len(), 8192usize.div_ceil(37));
        assert_eq!(lines.concat(), word);
    }

    #[test]
    fn letters_that_join_without_end_still_fit() {
        let jamo = "\u{1100}".repeat(50);
        let lines = wrap(&jamo, 10);
        assert!(lines.iter().all(|line| columns(line) <= 10), "{lines:?}");
        assert_eq!(lines.concat(), jamo);
    }

    #[test]
    fn tabs_reach_to_the_next_stop() {
        assert_eq!(wrap("a\tb", 40), ["a       b"]);
    }

    #[test]
    fn lines_that_are_not_wanted_are_counted() {
        let text = format!("{}\n{}", "x".repeat(25), "\n".repeat(10) + "end");
        let Wrapped { lines, more } = wrap_first(&text, 10, 2);
        assert_eq!(lines, ["x".repeat(10), "x".repeat(10)]);
        assert_eq!(lines.len() + more, wrap(&text, 10).len());
        assert_eq!(wrap_first("a\nb\n\n", 10, 2).more, 0);
    }

    #[test]
    fn each_grapheme_of_a_text_costs_at_most_two_steps() {
        for text in [
            "\t".repeat(8_189) + "x",
            " ".repeat(8_190) + "x",
            "x\n".repeat(4_095),
            "x".repeat(8_192),
            "世".repeat(2_730),
            "\u{1100}".repeat(2_730),
            "a\u{301}".repeat(2_730),
        ] {
            for width in [2, 40, 400] {
                STEPS.set(0);
                let kept = wrap_first(&text, width, 10).lines;
                assert!(STEPS.get() <= 2 * text.chars().count(), "{}", STEPS.get());
                let bytes: usize = kept.iter().map(String::len).sum();
                assert!(kept.len() <= 10 && bytes <= 10 * 4 * width, "{bytes}");
            }
        }
    }

    #[test]
    fn what_is_shortened_fits_and_says_so() {
        assert_eq!(shortened("世界世界", 5, "…"), "世界…");
        assert_eq!(shortened("世界", 4, "…"), "世界");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(text: String, width in 2usize..100) {
            for line in wrap(&sanitize(&text), width) {
                prop_assert!(columns(&line) <= width, "{line:?}");
            }
        }

        #[test]
        fn the_first_lines_are_those_of_the_whole(text: String, width in 2usize..50, most in 0usize..9) {
            let all = wrap(&text, width);
            let first = wrap_first(&text, width, most);
            prop_assert_eq!(first.lines.as_slice(), &all[..most.min(all.len())]);
            prop_assert_eq!(first.more, all.len() - first.lines.len());
        }

        #[test]
        fn the_longest_line_is_the_widest_of_the_unbroken_ones(text in "[a世é \t\n]{0,60}") {
            let widest = wrap(&text, usize::MAX).iter().map(|line| columns(line)).max();
            prop_assert_eq!(longest_line(&text, usize::MAX), widest.unwrap_or(0));
        }

        #[test]
        fn nothing_but_blanks_is_lost(text in "[a-z世é👍🏽\u{301} \n]{0,200}", width in 2usize..30) {
            let clean = sanitize(&text);
            let inked = |text: &str| text.replace([' ', '\n'], "");
            prop_assert_eq!(inked(&wrap(&clean, width).concat()), inked(&clean));
        }
    }
}
