//! Finds the hashtags written inside a text, in one walk: every character is
//! looked at a bounded number of times, whatever the text.
//!
//! Where a hashtag can begin is as in twitter-text
//! (<https://github.com/twitter/twitter-text>, `validHashtag`): after anything
//! but a word or `&`. Unlike there, `-` belongs to a hashtag inside of it, a
//! second `#` before it makes it none, and what joins letters (`・`) is
//! punctuation before it.

use super::chars::{Class, JOINER, can_join, class, ends_word, is_hebrew, is_virama};
use super::url::Urls;
use super::{Hashtag, is_sign, steps};

/// The hashtags written inside a text, in order, repeats kept.
///
/// A `#` or `＃` counts where a word may begin, outside of URLs, when a letter
/// follows it somewhere in its word. What follows it and is no hashtag, such
/// as a word of more than 64 characters, is text.
pub fn hashtags_in_text(text: &str) -> Vec<Hashtag> {
    candidates(text)
        .filter_map(|word| word.parse().ok())
        .filter(Hashtag::has_letter)
        .collect()
}

/// The words after signs.
pub(super) fn candidates(text: &str) -> impl Iterator<Item = &str> {
    let mut signs = Signs::new(text);
    let mut urls = Urls::new(text);
    std::iter::from_fn(move || {
        loop {
            let (at, after) = signs.next()?;
            let length = word_length(&text[after..]);
            if length > 0
                && starts_word(&text[..at])
                && !text[after + length..].starts_with("://")
                && !urls.hold(at)
            {
                return Some(&text[after..after + length]);
            }
        }
    })
}

/// Where the signs of a text are: from and to.
struct Signs<'t> {
    text: &'t str,
    at: usize,
    /// Of each sign, the next one.
    next: [Option<usize>; 2],
}

const SIGNS: [char; 2] = ['#', '＃'];

impl<'t> Signs<'t> {
    fn new(text: &'t str) -> Signs<'t> {
        steps::count(2 * text.len());
        let wide = (!text.is_ascii()).then(|| text.find(SIGNS[1])).flatten();
        Signs {
            text,
            at: 0,
            next: [text.find(SIGNS[0]), wide],
        }
    }
}

impl Iterator for Signs<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let which = match self.next {
            [Some(narrow), Some(wide)] => usize::from(wide < narrow),
            [narrow, _] => usize::from(narrow.is_none()),
        };
        let at = self.next[which]?;
        self.at = at + SIGNS[which].len_utf8();
        let rest = &self.text[self.at..];
        self.next[which] = rest.find(SIGNS[which]).map(|next| self.at + next);
        Some((at, self.at))
    }
}

/// Whether a word may begin after this.
fn starts_word(before: &str) -> bool {
    match before.as_bytes().last() {
        None => return true,
        Some(last) if last.is_ascii() => {
            return !(last.is_ascii_alphanumeric() || matches!(last, b'_' | b'&' | b'#'));
        }
        Some(_) => {}
    }
    // A selector or a joiner shows in the character before it, if at all.
    let shown = before.chars().rev().inspect(|_| steps::count(1));
    let last = shown
        .clone()
        .find(|&c| class(c) != Class::Ignorable || ends_word(c));
    let Some(last) = last else {
        return true;
    };
    match class(last) {
        Class::Word => is_emoji(last),
        Class::Mark => last == '\u{20e3}',
        Class::Connector => !matches!(last, '_' | '\u{ff3f}'),
        Class::Between | Class::Geresh | Class::Ignorable => true,
        Class::Other => last != '&' && !is_sign(last),
    }
}

/// Letters in squares, some of which are emoji, count as letters in Unicode.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1f130}'..='\u{1f189}')
}

/// How many bytes of a text are the word that it begins with, up to its last
/// letter, digit or mark.
fn word_length(text: &str) -> usize {
    let mut length = 0;
    for (at, byte) in text.bytes().enumerate() {
        steps::count(1);
        match byte {
            b'_' => {}
            b'-' if at > 0 => {}
            _ if byte.is_ascii_alphanumeric() => length = at + 1,
            _ if byte.is_ascii() => return length,
            _ => return any_word_length(text),
        }
    }
    length
}

/// The same of a word that is not of ASCII alone.
fn any_word_length(text: &str) -> usize {
    let mut length = 0;
    // The last one that takes ink.
    let mut before: Option<char> = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        steps::count(1);
        let ends_here = match class(c) {
            Class::Word => true,
            Class::Mark if before.is_some() => true,
            Class::Connector if before.is_some() || c == '_' || c == '\u{ff3f}' => false,
            Class::Between if can_join(before, c, chars.peek().map(|&(_, next)| next)) => false,
            Class::Geresh if is_hebrew(before) => true,
            Class::Ignorable if before.is_some() && !ends_word(c) => {
                if c == JOINER && before.is_some_and(is_virama) {
                    length = at + c.len_utf8();
                }
                continue;
            }
            _ => break,
        };
        before = Some(c);
        if ends_here {
            length = at + c.len_utf8();
        }
    }
    length
}
