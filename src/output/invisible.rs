//! What cannot be seen itself but shows in what stands around it.
//!
//! Joiners between emoji, and after letters of scripts that join; breaks
//! between words of scripts without blanks; the marks of direction, which do
//! what any letter of theirs does; the sign of a variant after what varies;
//! the flags of England, Scotland and Wales. Between others (`pay\u{200d}pal`),
//! and more than one at a place, they would hide.

use crate::domain::is_invisible;

const ZWSP: char = '\u{200b}';
const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';

/// What stands around a character.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// The letter that marks would stand on.
    pub letter: Option<char>,
    /// Whether none do.
    pub is_bare: bool,
    /// What was shown last.
    pub before: Option<char>,
    /// What comes next.
    pub after: Option<char>,
}

/// Whether a reader cannot see it. Some signs of Arabic and Kaithi are format
/// characters and have a shape.
pub(super) fn is_unseen(c: char) -> bool {
    let has_shape = matches!(c,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{110bd}' | '\u{110cd}');
    !has_shape && (is_invisible(c) || is_selector(c))
}

/// Takes no column of its own: a combining mark, a vowel or consonant that
/// merges with what stands before it.
pub(super) fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
        || unicode_width::UnicodeWidthChar::width(c) == Some(0)
}

/// Whether it chooses between two pictures of the character before it.
pub(super) fn is_selector(c: char) -> bool {
    matches!(c,
        '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whether a character that cannot be seen shows where it stands.
pub(super) fn shows(c: char, around: Around) -> bool {
    let letter = around.letter;
    match c {
        ZWJ | ZWNJ => {
            let joins_emoji = c == ZWJ
                && letter.is_some_and(is_pictograph)
                && around.after.is_some_and(is_pictograph);
            let is_latin = around.after.is_some_and(|c| c.is_ascii_alphanumeric());
            joins_emoji || (letter.is_some_and(is_of_joining_script) && !is_latin)
        }
        ZWSP => {
            let is_letter = |c: char| is_of_script_without_blanks(c) && !is_mark(c);
            around.before.is_some_and(is_of_script_without_blanks)
                && around.after.is_some_and(is_letter)
        }
        '\u{200e}' | '\u{200f}' | '\u{61c}' => directs(around),
        '\u{180e}' => letter.is_some_and(is_mongolian) && around.after.is_some_and(is_mongolian),
        _ if is_selector(c) => {
            around.is_bare && letter.is_some_and(|letter| has_variants(c, letter))
        }
        _ => false,
    }
}

/// Whether a mark of direction is one, and does more than part two letters
/// that read from left to right.
fn directs(around: Around) -> bool {
    let reads_right = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !reads_left(c));
    let is_second = around.before.is_some_and(is_invisible);
    let parts = reads_right(around.before) && reads_right(around.after);
    !is_second && !parts
}

/// Letters of Hebrew, Arabic and the other scripts from right to left.
fn reads_left(c: char) -> bool {
    matches!(c,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Emoji, and the signs that stand in emoji sequences.
fn is_pictograph(c: char) -> bool {
    matches!(c,
        '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}'
        | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Letters of Arabic, Syriac, N'Ko, the scripts of India and the countries
/// around it, and Mongolian.
fn is_of_joining_script(c: char) -> bool {
    !is_invisible(c)
        && matches!(c,
            '\u{600}'..='\u{7ff}' | '\u{840}'..='\u{dff}' | '\u{f00}'..='\u{109f}'
            | '\u{1780}'..='\u{18af}' | '\u{1b00}'..='\u{1c4f}' | '\u{a840}'..='\u{abff}'
            | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{11000}'..='\u{1193f}')
}

/// Thai, Lao, Tibetan, Burmese, Khmer, Tai Le, Tai Lue, Tai Tham, Balinese,
/// Javanese, and what belongs to them.
fn is_of_script_without_blanks(c: char) -> bool {
    !is_invisible(c)
        && matches!(c,
            '\u{e00}'..='\u{eff}' | '\u{f00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
            | '\u{1950}'..='\u{19ff}' | '\u{1a20}'..='\u{1aaf}' | '\u{1b00}'..='\u{1b7f}'
            | '\u{a980}'..='\u{a9df}' | '\u{aa60}'..='\u{aa7f}')
}

fn is_mongolian(c: char) -> bool {
    matches!(c, '\u{1807}' | '\u{1820}'..='\u{18aa}')
}

/// Whether a letter has variants of this kind; a Latin one has none.
fn has_variants(selector: char, letter: char) -> bool {
    match selector {
        '\u{fe00}'..='\u{fe0f}' => !letter.is_ascii_alphabetic(),
        '\u{e0100}'..='\u{e01ef}' => matches!(letter,
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{323af}'),
        _ => is_mongolian(letter),
    }
}

/// The flag that a text begins with, of the three that are made of tags and
/// have a picture everywhere (Unicode's emoji-sequences.txt). Any other would
/// be a black flag that hides what follows it.
pub(super) fn flag(text: &str) -> Option<&str> {
    const FLAGS: [&str; 3] = [
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
    ];
    FLAGS.into_iter().find(|flag| text.starts_with(flag))
}
