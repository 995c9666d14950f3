//! One form for all that a person cannot tell apart: case, width,
//! compatibility forms that stay letters, and characters that take no ink.
//!
//! One round decomposes, maps and composes again. What comes out can be open
//! to another round (a letter that composes has a case of its own), so rounds
//! follow until one changes nothing.

use icu_properties::props::JoiningType;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{
    canonical_combining_class, decompose_compatible, is_combining_mark,
};

use super::chars::{
    Class, JOINER, NON_JOINER, class, is_ignorable, is_soft_dotted, is_virama, joining,
};
use super::steps;

const DOT_ABOVE: char = '\u{307}';

/// Rounds at most; two or three do.
const ROUNDS: usize = 8;

/// The one form.
pub(super) fn fold(name: &str) -> String {
    if name.chars().all(is_plain) {
        return name.to_ascii_lowercase();
    }
    let mut folded = round(name);
    for _ in 1..ROUNDS {
        let again = round(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

/// Whether a character stays as it is, ASCII in lower case, where all its
/// neighbours do so, too: the letters of which most hashtags consist.
pub(super) fn is_plain(c: char) -> bool {
    c.is_ascii()
        || matches!(c, 'ß'..='ö' | 'ø'..='ÿ' | 'а'..='џ' | 'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー')
        || matches!(c, '一'..='鿿' | '가'..='힣')
}

pub(super) fn round(name: &str) -> String {
    steps::count(name.len());
    let mut mapped = String::with_capacity(name.len());
    for c in name.chars() {
        compatible(c, |c| lower(c, |c| mapped.push(c)));
    }
    let mut round = Round::default();
    mapped.nfd().for_each(|c| round.take(c));
    round.trim();
    round.out.into_iter().nfc().collect()
}

/// The plain form of a compatibility character, where that is one of letters:
/// `ｱ`, `ﬁ`, `ℌ` and not `½` or `ﷺ`, which would get a fraction slash or
/// blanks. Of Thai and Lao *am* the plain form is shown wrongly.
fn compatible(c: char, mut emit: impl FnMut(char)) {
    match c {
        _ if c.is_ascii() => emit(c),
        '\u{e33}' | '\u{eb3}' => emit(c),
        '\u{2010}' | '\u{2011}' => emit('-'),
        '\u{309b}' => emit('\u{3099}'),
        '\u{309c}' => emit('\u{309a}'),
        '\u{ff5e}' => emit('\u{301c}'),
        _ if class(c) == Class::Other => emit(c),
        _ => {
            let mut stays = true;
            decompose_compatible(c, |part| stays &= class(part) != Class::Other);
            if stays {
                decompose_compatible(c, emit);
            } else {
                emit(c);
            }
        }
    }
}

/// Lower case, and of several lower-case forms of one letter (`σ` and `ς`)
/// that of its capital. The dotless `ı` keeps apart from `i`.
fn lower(c: char, mut emit: impl FnMut(char)) {
    if c.is_ascii() {
        return emit(c.to_ascii_lowercase());
    }
    for c in c.to_lowercase() {
        let mut upper = c.to_uppercase();
        emit(match (upper.next(), upper.next()) {
            (Some(capital), None) if c != 'ı' && !is_combining_mark(c) => {
                let mut lower = capital.to_lowercase();
                match (lower.next(), lower.next()) {
                    (Some(only), None) => only,
                    _ => c,
                }
            }
            _ => c,
        });
    }
}

/// One walk over decomposed characters.
#[derive(Default)]
struct Round {
    out: Vec<char>,
    /// A joiner or non-joiner, kept if it shows before the next character.
    pending: Option<char>,
    /// The last letter has a dot that no accent has replaced yet.
    has_dot: bool,
    /// The last letter joins the next.
    joins: bool,
}

impl Round {
    fn take(&mut self, c: char) {
        match c {
            JOINER if self.follows_virama() => self.out.push(c),
            JOINER | NON_JOINER => self.pending = self.pending.or(Some(c)),
            _ if is_ignorable(c) => {}
            DOT_ABOVE if self.has_dot => {}
            DOT_ABOVE if self.out.last() == Some(&'ı') => self.replace_last('i'),
            DOT_ABOVE if self.out.last() == Some(&'ȷ') => self.replace_last('j'),
            _ => self.push(c),
        }
    }

    fn push(&mut self, c: char) {
        let joining = joining(c);
        let shows = |this: &Round| {
            (this.follows_virama() && class(c) == Class::Word)
                || (this.joins
                    && matches!(
                        joining,
                        JoiningType::RightJoining | JoiningType::DualJoining
                    ))
        };
        if self.pending.take() == Some(NON_JOINER) && shows(self) {
            self.out.push(NON_JOINER);
        }
        self.joins = match joining {
            JoiningType::Transparent => self.joins,
            JoiningType::LeftJoining | JoiningType::DualJoining | JoiningType::JoinCausing => true,
            _ => false,
        };
        const ABOVE: u8 = 230;
        self.has_dot = match canonical_combining_class(c) {
            0 => is_soft_dotted(c),
            place => self.has_dot && place != ABOVE,
        };
        match c {
            '\u{e32}' => self.push_am('\u{e4d}', '\u{e48}'..='\u{e4b}', c, '\u{e33}'),
            '\u{eb2}' => self.push_am('\u{ecd}', '\u{ec8}'..='\u{ecb}', c, '\u{eb3}'),
            _ => self.out.push(c),
        }
    }

    /// Thai and Lao: a ring and the letter *aa* are the letter *am*, whose
    /// place is after a tone.
    fn push_am(&mut self, ring: char, tones: std::ops::RangeInclusive<char>, aa: char, am: char) {
        let tone = self.out.pop_if(|last| tones.contains(last));
        let last = self.out.pop_if(|last| *last == ring).map_or(aa, |_| am);
        self.out.extend(tone);
        self.out.push(last);
    }

    fn replace_last(&mut self, c: char) {
        self.out.pop();
        self.push(c);
    }

    fn follows_virama(&self) -> bool {
        self.out.last().is_some_and(|&last| is_virama(last))
    }

    /// What joins letters joins nothing at the end: a word in Tibetan is the
    /// same with and without its last dot.
    fn trim(&mut self) {
        while self
            .out
            .pop_if(|last| class(*last) == Class::Between)
            .is_some()
        {}
    }
}
