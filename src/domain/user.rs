//! User names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::ink::hidden_in_name;
use super::shown;

/// The longest user name, in characters.
pub const MAX_USER_NAME_CHARS: usize = 64;

/// Who wrote a message: 1 to 64 characters without blanks, control characters
/// or characters that cannot be seen, except where a script is written with
/// them. Kept exactly as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Arc<str>);

/// Why a text is not a user name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// Nothing.
    #[error("the user name is empty; write 1 to 64 characters")]
    Empty,
    /// More than 64 characters.
    #[error("the user name {} has {} characters; at most 64 are allowed", shown(.0), .1)]
    TooLong(String, usize),
    /// A blank, a control character or one that cannot be seen.
    #[error("the user name {} contains {:?}; blanks, control and invisible characters are not allowed", shown(.0), .1)]
    Character(String, char),
}

impl UserName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, to be held on to without a copy.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// A name read back from a store that only holds parsed ones.
    pub fn from_stored(text: &str) -> UserName {
        UserName(text.into())
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, UserNameError> {
        if text.is_empty() {
            return Err(UserNameError::Empty);
        }
        let blank = |c: &char| c.is_control() || c.is_whitespace();
        let refused = text.chars().find(blank).or_else(|| hidden_in_name(text));
        if let Some(c) = refused {
            return Err(UserNameError::Character(text.to_owned(), c));
        }
        let chars = text.chars().count();
        if chars > MAX_USER_NAME_CHARS {
            return Err(UserNameError::TooLong(text.to_owned(), chars));
        }
        Ok(UserName(text.into()))
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_people_use_are_kept_exactly() {
        for name in [
            "john@example.com",
            "Jürgen",
            "李",
            "a",
            "o'neil",
            "\u{645}\u{200c}\u{627}",
        ] {
            assert_eq!(name.parse::<UserName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn blanks_controls_and_too_many_characters_are_refused() {
        for name in [
            "",
            " ",
            "a b",
            "a\n",
            "a\u{a0}b",
            "\u{1b}[31m",
            "a\u{202e}b",
            "jo\u{200d}hn",
            "a\0",
        ] {
            assert!(name.parse::<UserName>().is_err(), "{name:?}");
        }
        assert!("é".repeat(64).parse::<UserName>().is_ok());
        assert!("é".repeat(65).parse::<UserName>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_a_refusal(text: String) {
            if let Ok(name) = text.parse::<UserName>() {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
