//! The characters of a hashtag, in the one place that the parser, the folding
//! and the scanner of texts ask.

use icu_properties::props::{DefaultIgnorableCodePoint, JoiningType, SoftDotted};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

pub(super) const NON_JOINER: char = '\u{200c}';
pub(super) const JOINER: char = '\u{200d}';
const GERSHAYIM: char = '\u{5f4}';

/// What a character is to a hashtag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A letter or a digit of any script.
    Word,
    /// Belongs to the character before it, so it cannot be the first.
    Mark,
    /// `_` and `-`, in any width: anywhere.
    Connector,
    /// Written between two letters only, such as the dot of `col·legi`.
    Between,
    /// The geresh: follows a Hebrew letter, also at the end.
    Geresh,
    /// Takes no ink.
    Ignorable,
    /// Of no hashtag.
    Other,
}

/// What a character is. Special characters are those of
/// <https://github.com/twitter/twitter-text>, `hashtagSpecialChars`, and `-`.
pub(super) fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            '_' | '-' => Class::Connector,
            _ if c.is_ascii_alphanumeric() => Class::Word,
            _ => Class::Other,
        };
    }
    match c {
        // Low lines and hyphens of other widths, and U+2010, which looks like `-`.
        '\u{fe33}' | '\u{fe34}' | '\u{fe4d}'..='\u{fe4f}' | '\u{ff3f}' => Class::Connector,
        '\u{2010}' | '\u{2011}' | '\u{fe63}' | '\u{ff0d}' => Class::Connector,
        // Catalan and Greek dots, maqaf, tsheg, kavyka, wave dashes, the double
        // hyphen and the dots of Katakana.
        '\u{b7}' | '\u{387}' | '\u{5be}' | GERSHAYIM | '\u{f0b}' | '\u{f0c}' | '\u{a67e}'
        | '\u{301c}' | '\u{ff5e}' | '\u{30a0}' | '\u{30fb}' | '\u{ff65}' => Class::Between,
        '\u{5f3}' => Class::Geresh,
        // The ditto mark, and the sound marks of Kana that stand alone.
        '\u{3003}' | '\u{309b}' | '\u{309c}' => Class::Mark,
        _ if is_ignorable(c) => Class::Ignorable,
        _ if is_combining_mark(c) => Class::Mark,
        _ if c.is_alphanumeric() => Class::Word,
        _ => Class::Other,
    }
}

/// Whether a character leaves nothing on paper and moves nothing: the
/// default-ignorable ones of Unicode but [`is_reordering`], and the blanks
/// among Egyptian and Khitan letters.
pub(super) fn is_ignorable(c: char) -> bool {
    if c.is_ascii() || is_reordering(c) {
        return false;
    }
    matches!(c, '\u{13441}' | '\u{13442}' | '\u{16fe4}')
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether an ignorable character stands where a word ends: the space of
/// scripts that are written without spaces, marks of direction, a BOM.
pub(super) fn ends_word(c: char) -> bool {
    matches!(
        c,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}'
    )
}

/// Embeddings, overrides and isolates: what a person sees after one is not in
/// the order in which it is written.
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A letter, and no mark and no number.
pub(super) fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic()
        || (!c.is_ascii() && c.is_alphabetic() && !c.is_numeric() && !is_combining_mark(c))
}

/// Whether a mark as between two words may stand between these two.
pub(super) fn can_join(before: Option<char>, mark: char, after: Option<char>) -> bool {
    let joined =
        |c: Option<char>, classes: &[Class]| c.is_some_and(|c| classes.contains(&class(c)));
    joined(before, &[Class::Word, Class::Mark, Class::Geresh])
        && joined(after, &[Class::Word])
        && (mark != GERSHAYIM || (is_hebrew(before) && is_hebrew(after)))
}

/// A letter or a point of the Hebrew script.
pub(super) fn is_hebrew(c: Option<char>) -> bool {
    c.is_some_and(|c| matches!(c, '\u{591}'..='\u{5ef}' | '\u{fb1d}'..='\u{fb4f}'))
}

/// The sign that ends a consonant's vowel in Indic scripts; a joiner after it
/// shows.
pub(super) fn is_virama(c: char) -> bool {
    const VIRAMA: u8 = 9;
    canonical_combining_class(c) == VIRAMA
}

/// Whether a letter has a dot that it loses under an accent.
pub(super) fn is_soft_dotted(c: char) -> bool {
    CodePointSetData::new::<SoftDotted>().contains(c)
}

/// How a letter joins its neighbours.
pub(super) fn joining(c: char) -> JoiningType {
    CodePointMapData::<JoiningType>::new().get(c)
}
