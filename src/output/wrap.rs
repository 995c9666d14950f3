//! Breaking text into lines of so many terminal columns.
//!
//! The unit is the grapheme, what a reader sees as one character: a wide
//! character is never cut in half, a mark never parts from its letter. Lines
//! break at blanks and between wide characters, and inside a word only when
//! it is longer than a line.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

const TAB: usize = 8;

/// The columns a text on one line takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// The lines of a sanitised text at `width` columns: its own lines, and where
/// one is too long, several. Indentation stays; blanks where a line breaks go.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    // One wide character has to fit.
    let width = width.max(2);
    let mut lines = Vec::new();
    for line in text.trim_end_matches('\n').split('\n') {
        wrap_line(&untabbed(line), width, &mut lines);
    }
    lines
}

/// Tabs as the blanks they show as.
fn untabbed(line: &str) -> String {
    if !line.contains('\t') {
        return line.to_owned();
    }
    let mut plain = String::with_capacity(line.len() + TAB);
    let mut at = 0;
    for part in line.split_inclusive('\t') {
        let cells = part.strip_suffix('\t').unwrap_or(part);
        plain.push_str(cells);
        at += columns(cells);
        if cells.len() < part.len() {
            let blanks = TAB - at % TAB;
            plain.extend(std::iter::repeat_n(' ', blanks));
            at += blanks;
        }
    }
    plain
}

/// A piece that is not broken unless it must be, and whether it is a blank.
struct Piece<'a> {
    text: &'a str,
    width: usize,
    blank: bool,
}

fn wrap_line(line: &str, width: usize, lines: &mut Vec<String>) {
    let mut current = String::new();
    let mut used = 0;
    // Blanks that stand only if something follows them on this line.
    let mut blanks = 0;
    let mut fresh = true;
    for piece in pieces(line) {
        if piece.blank {
            blanks += piece.width;
            continue;
        }
        if used + blanks + piece.width > width && !(fresh && used == 0 && blanks == 0) {
            let indent_only = fresh && used == 0;
            if !indent_only {
                lines.push(std::mem::take(&mut current));
            }
            // Indentation that leaves no room for its word is given up.
            (used, blanks, fresh) = (0, 0, false);
        }
        if used > 0 || fresh {
            current.extend(std::iter::repeat_n(' ', blanks));
            used += blanks;
        }
        blanks = 0;
        if used + piece.width <= width {
            current.push_str(piece.text);
            used += piece.width;
            continue;
        }
        for part in piece.text.graphemes(true).flat_map(|g| split(g, width)) {
            let columns = columns(part);
            if used + columns > width && used > 0 {
                lines.push(std::mem::take(&mut current));
                (used, fresh) = (0, false);
            }
            current.push_str(part);
            used += columns;
        }
    }
    lines.push(current);
}

/// A grapheme, or its characters if it is wider than a line: conjoining
/// letters and spacing marks can be strung together without end.
fn split(grapheme: &str, width: usize) -> Vec<&str> {
    if columns(grapheme) <= width {
        return vec![grapheme];
    }
    grapheme.split_inclusive(|_| true).collect()
}

/// Words, blanks, and wide characters one by one (scripts that write without
/// blanks break between any two).
fn pieces(line: &str) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut start = 0;
    let mut open = false;
    for (at, grapheme) in line.grapheme_indices(true) {
        let width = columns(grapheme);
        let blank = grapheme == " " || grapheme == "\u{3000}";
        if blank || width > 1 {
            open = false;
        } else if open {
            let last = pieces.len() - 1;
            pieces[last].text = &line[start..at + grapheme.len()];
            pieces[last].width += width;
            continue;
        } else {
            start = at;
            open = true;
        }
        pieces.push(Piece {
            text: grapheme,
            width,
            blank,
        });
    }
    pieces
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
        fn nothing_but_blanks_is_lost(text in "[a-z世é👍🏽\u{301} \n]{0,200}", width in 2usize..30) {
            let clean = sanitize(&text);
            let inked = |text: &str| text.replace([' ', '\n'], "");
            prop_assert_eq!(inked(&wrap(&clean, width).concat()), inked(&clean));
        }
    }
}
