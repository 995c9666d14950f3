//! Hashtags: how they are written, folded to one form, and found in a text.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::shown;

/// The longest hashtag, in characters.
pub const MAX_HASHTAG_CHARS: usize = 64;

/// A hashtag in its one form: no `#`, NFKC, lower case, 1 to 64 letters and
/// digits of any script, `_` and `-`. Marks that belong to a letter (as in
/// Devanagari or Thai) count as part of the script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hashtag(Arc<str>);

/// Why a text is not a hashtag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashtagError {
    /// Nothing, or a lone `#`.
    #[error("the hashtag {} is empty; write 1 to 64 letters, digits, _ or -", shown(.0))]
    Empty(String),
    /// More than 64 characters.
    #[error("the hashtag {} has {} characters; at most 64 are allowed", shown(.0), .1)]
    TooLong(String, usize),
    /// A character that no hashtag has.
    #[error("the hashtag {} contains {:?}; only letters, digits, _ and - are allowed", shown(.0), .1)]
    Character(String, char),
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

    /// A hashtag read back from a store that only holds parsed ones.
    pub fn from_stored(text: &str) -> Hashtag {
        Hashtag(text.into())
    }
}

impl FromStr for Hashtag {
    type Err = HashtagError;

    fn from_str(text: &str) -> Result<Self, HashtagError> {
        let name = text.strip_prefix('#').unwrap_or(text);
        let folded = fold(name);
        let chars = folded.chars().count();
        if chars == 0 {
            return Err(HashtagError::Empty(text.to_owned()));
        }
        let wrong = folded
            .chars()
            .enumerate()
            .find(|&(at, c)| !(is_word(c) && (at > 0 || !is_combining_mark(c))));
        if let Some((_, c)) = wrong {
            return Err(HashtagError::Character(text.to_owned(), c));
        }
        if chars > MAX_HASHTAG_CHARS {
            return Err(HashtagError::TooLong(text.to_owned(), chars));
        }
        Ok(Hashtag(folded.into()))
    }
}

impl fmt::Display for Hashtag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// NFKC and lower case until neither changes anything: lower-casing can bring
/// up characters that NFKC composes again.
fn fold(name: &str) -> String {
    // The common case costs no normalisation.
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let mut folded: String = name.nfkc().collect();
    for _ in 0..4 {
        let again: String = folded.to_lowercase().nfkc().collect();
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-' || (!c.is_ascii() && is_combining_mark(c))
}

/// The hashtags written inside a text, in order, repeats kept. A `#` counts
/// where a word starts (at the start, after white space, or after an opening
/// bracket or quote), unless all that follows it is digits.
///
/// # Errors
/// A word after `#` that is longer than a hashtag may be: losing it silently
/// would lose a tag.
pub fn hashtags_in_text(text: &str) -> Result<Vec<Hashtag>, HashtagError> {
    let mut found = Vec::new();
    let mut before = ' ';
    let mut rest = text;
    while let Some(at) = rest.find('#') {
        before = rest[..at].chars().next_back().unwrap_or(before);
        let after = &rest[at + 1..];
        let end = after.find(|c| !is_word(c)).unwrap_or(after.len());
        let (word, next) = after.split_at(end);
        let opens = before.is_whitespace() || "([{<\"'“‘«¿¡「『（".contains(before);
        let counts = word.chars().any(char::is_alphanumeric)
            && !word.chars().all(char::is_numeric)
            && !word.starts_with(is_combining_mark);
        if opens && counts {
            found.push(word.parse()?);
        }
        before = word.chars().next_back().unwrap_or('#');
        rest = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(text: &str) -> Vec<String> {
        let found = hashtags_in_text(text).unwrap();
        found.iter().map(Hashtag::to_string).collect()
    }

    #[test]
    fn one_leading_hash_is_dropped_and_the_rest_folded() {
        for (written, tag) in [
            ("Prod", "prod"),
            ("#prod", "prod"),
            ("ＰＲＯＤ", "prod"),
            ("a_b-C1", "a_b-c1"),
            ("ÉTÉ", "été"),
            ("हिन्दी", "हिन्दी"),
            ("Straße", "straße"),
        ] {
            assert_eq!(written.parse::<Hashtag>().unwrap().as_str(), tag);
        }
    }

    #[test]
    fn a_refused_hashtag_is_named_with_its_fault() {
        for (written, fault) in [
            ("", "empty"),
            ("#", "empty"),
            ("##a", "'#'"),
            ("a b", "' '"),
            ("a.b", "'.'"),
            ("a\u{202e}b", "202e"),
            ("\u{301}a", "301"),
        ] {
            let error = written.parse::<Hashtag>().unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
        assert!("x".repeat(64).parse::<Hashtag>().is_ok());
        assert!("é".repeat(64).parse::<Hashtag>().is_ok());
        let error = "x".repeat(65).parse::<Hashtag>().unwrap_err().to_string();
        assert!(error.contains("65 characters"), "{error}");
    }

    #[test]
    fn hashtags_in_a_text_count_where_a_word_starts() {
        assert_eq!(tags("deploy of #prod done"), ["prod"]);
        assert_eq!(tags("#Start, (#mid) and #end."), ["start", "mid", "end"]);
        assert_eq!(
            tags("fixes #123, see a#b, http://x/#frag ##c # &#39; #-- #"),
            [""; 0]
        );
        assert_eq!(tags("#2024-q1 #été #1a"), ["2024-q1", "été", "1a"]);
        assert_eq!(tags("line\n#two\tand\u{3000}#three"), ["two", "three"]);
    }

    #[test]
    fn a_hashtag_in_a_text_that_is_too_long_is_an_error() {
        assert!(hashtags_in_text(&format!("see #{}", "x".repeat(65))).is_err());
    }

    proptest! {
        #[test]
        fn folding_is_stable(text in "\\PC{0,70}") {
            if let Ok(tag) = text.parse::<Hashtag>() {
                prop_assert_eq!(tag.as_str().parse::<Hashtag>(), Ok(tag.clone()));
                prop_assert!(tag.as_str().chars().count() <= MAX_HASHTAG_CHARS);
            }
        }

        #[test]
        fn any_text_can_be_searched(text: String) {
            let _ = hashtags_in_text(&text);
        }

        #[test]
        fn a_tag_written_in_a_text_is_the_tag_given_beside_it(word in "[a-zA-Zé_-]{1,20}[a-z]") {
            let found = hashtags_in_text(&format!("x #{word} y")).unwrap();
            prop_assert_eq!(found, vec![word.parse::<Hashtag>().unwrap()]);
        }
    }
}
