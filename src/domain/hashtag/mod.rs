//! Hashtags: how they are written, folded to one form, and found in a text.
//!
//! `chars` says which characters a hashtag has, `fold` what is one hashtag to
//! a person, and `scan`, which asks `url` what is no text, finds hashtags.
//! Whatever `scan` finds has gone through the parser here.

mod chars;
mod fold;
mod scan;
pub(super) mod steps;
#[cfg(test)]
mod tests;
mod url;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use self::chars::{Class, can_join, class, is_hebrew, is_ignorable, is_letter};
use super::shown;

pub use self::scan::hashtags_in_text;

/// The longest hashtag, in characters.
pub const MAX_HASHTAG_CHARS: usize = 64;

/// Which folding this is. Stores keep it, and fold their names again when it
/// has risen: it does whenever [`Hashtag`] gets another form of some name.
pub const FOLDING: i64 = 1;

/// The longest way to write one: letters may come in pieces, with marks that
/// do not show.
const MAX_WRITTEN_CHARS: usize = 4 * MAX_HASHTAG_CHARS;

/// A hashtag in its one form: no `#`, lower case, plain width, nothing
/// invisible, 1 to 64 letters, digits and marks of any script, `_` and `-`,
/// and between letters what scripts join them with (`col·legi`,
/// `می‌خواهم`). Two hashtags that a person cannot tell apart are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hashtag(Arc<str>);

/// Why a text is not a hashtag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashtagError {
    /// Nothing, or a lone `#`.
    #[error("the hashtag {} is empty; write 1 to 64 letters, digits, _ or -", shown(.0))]
    Empty(String),
    /// Characters that take no ink.
    #[error("the hashtag {} has nothing that can be seen; write 1 to 64 letters, digits, _ or -", shown(.0))]
    Invisible(String),
    /// More than 64 characters.
    #[error("the hashtag {} has {} characters; at most 64 are allowed", shown(.0), .1)]
    TooLong(String, usize),
    /// A character that no hashtag has.
    #[error("the hashtag {} contains {:?}; only letters, digits, _ and - are allowed", shown(.0), .1)]
    Character(String, char),
    /// A character that stands where no hashtag has it.
    #[error("the hashtag {} contains {:?}, which is allowed after a letter only", shown(.0), .1)]
    Mark(String, char),
    /// The same of what joins letters.
    #[error("the hashtag {} contains {:?}, which is allowed between two letters only", shown(.0), .1)]
    Joiner(String, char),
}

impl Hashtag {
    /// The hashtag without `#`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, to be held on to without a copy.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Whether it has a letter: in a text, `#2019` and `#1_2` are numbers.
    pub fn has_letter(&self) -> bool {
        self.0.chars().any(is_letter)
    }

    /// A hashtag read back from a store that only holds parsed ones.
    pub fn from_stored(text: &str) -> Hashtag {
        Hashtag(text.into())
    }

    /// A hashtag of ASCII, without its sign, the way most are written.
    fn from_ascii(name: &str) -> Option<Hashtag> {
        let mut folded = [0; MAX_HASHTAG_CHARS];
        let folded = folded.get_mut(..name.len())?;
        for (folded, byte) in folded.iter_mut().zip(name.bytes()) {
            if !(byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
                return None;
            }
            *folded = byte.to_ascii_lowercase();
        }
        let folded = std::str::from_utf8(folded).ok()?;
        (!folded.is_empty()).then(|| Hashtag(folded.into()))
    }
}

impl FromStr for Hashtag {
    type Err = HashtagError;

    fn from_str(text: &str) -> Result<Self, HashtagError> {
        let name = without_sign(text);
        if let Some(tag) = Hashtag::from_ascii(name) {
            return Ok(tag);
        }
        if name.is_empty() {
            return Err(HashtagError::Empty(text.to_owned()));
        }
        let written = name.chars().count();
        if written > MAX_WRITTEN_CHARS {
            return Err(HashtagError::TooLong(text.to_owned(), written));
        }
        let folded = fold::fold(name);
        if folded.is_empty() {
            return Err(HashtagError::Invisible(text.to_owned()));
        }
        check(text, &folded)?;
        let chars = folded.chars().count();
        if chars > MAX_HASHTAG_CHARS {
            return Err(HashtagError::TooLong(text.to_owned(), chars));
        }
        Ok(Hashtag(folded.into()))
    }
}

/// The form of a stored name, where this program folds it otherwise than the
/// one that stored it. A name that is no hashtag any more has none.
pub fn refolded(name: &str) -> Option<Hashtag> {
    // No folding ever changes these.
    if name.is_ascii() {
        return None;
    }
    let form: Hashtag = name.parse().ok()?;
    (form.as_str() != name).then_some(form)
}

/// A hashtag may be pasted with a mark of direction before its sign.
fn without_sign(text: &str) -> &str {
    text.strip_prefix('#').unwrap_or_else(|| {
        let visible = text.trim_start_matches(is_ignorable);
        visible.strip_prefix(is_sign).unwrap_or(text)
    })
}

fn is_sign(c: char) -> bool {
    matches!(c, '#' | '＃')
}

/// Finds the character at fault in a folded name.
fn check(text: &str, folded: &str) -> Result<(), HashtagError> {
    let mut before: Option<char> = None;
    let mut chars = folded.chars().peekable();
    while let Some(c) = chars.next() {
        let allowed = match class(c) {
            // The folding has left those alone that show.
            Class::Word | Class::Connector | Class::Ignorable => Ok(()),
            Class::Mark if before.is_some() => Ok(()),
            Class::Geresh if is_hebrew(before) => Ok(()),
            Class::Between if can_join(before, c, chars.peek().copied()) => Ok(()),
            Class::Mark | Class::Geresh => Err(HashtagError::Mark(text.to_owned(), c)),
            Class::Between => Err(HashtagError::Joiner(text.to_owned(), c)),
            Class::Other => Err(HashtagError::Character(text.to_owned(), c)),
        };
        allowed?;
        // A joiner that shows belongs to the letter before it.
        if class(c) != Class::Ignorable {
            before = Some(c);
        }
    }
    Ok(())
}

impl fmt::Display for Hashtag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
