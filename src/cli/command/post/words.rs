//! From the words of the command line to a text and hashtags.

use crate::cli::CliError;
use crate::domain::Hashtag;

/// Where a text is to come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// The command line has it.
    Given(String),
    /// `-`: standard input.
    Dash,
    /// Nothing was said.
    Missing,
}

/// The words of the command line, told apart.
#[derive(Debug)]
pub(crate) struct Words {
    /// Where the text is.
    pub text: Text,
    /// Those of `-t` first.
    pub hashtags: Vec<String>,
}

impl Words {
    /// `+tag` is a hashtag anywhere. `#tag` is one at the end; before other
    /// words it is part of the sentence, and as such a hashtag too.
    ///
    /// # Errors
    /// A `-` beside other words.
    pub fn sort(words: &[String], mut hashtags: Vec<String>) -> Result<Words, CliError> {
        let mut text: Vec<&str> = Vec::new();
        for word in words {
            match tag_of(word, '+') {
                Some(tag) => hashtags.push(tag),
                None => text.push(word),
            }
        }
        let mut last = Vec::new();
        while let Some(tag) = text.last().and_then(|word| tag_of(word, '#')) {
            last.push(tag);
            text.pop();
        }
        hashtags.extend(last.into_iter().rev());
        let text = match text.as_slice() {
            [] => Text::Missing,
            ["-"] => Text::Dash,
            words if words.contains(&"-") => {
                return Err(CliError::Usage(
                    "- reads the text from standard input and stands alone; leave it or the other words out".to_owned(),
                ));
            }
            words => Text::Given(words.join(" ")),
        };
        Ok(Words { text, hashtags })
    }
}

/// The hashtag in a word such as `+tag`; numbers (`+1`, `#42`) are text.
fn tag_of(word: &str, sign: char) -> Option<String> {
    let name = word.strip_prefix(sign)?;
    if name.starts_with(['#', '+']) || name.chars().all(char::is_numeric) {
        return None;
    }
    let tag: Hashtag = name.parse().ok()?;
    Some(tag.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(words: &[&str]) -> (Text, Vec<String>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let sorted = Words::sort(&words, Vec::new()).unwrap();
        (sorted.text, sorted.hashtags)
    }

    fn given(text: &str) -> Text {
        Text::Given(text.to_owned())
    }

    #[test]
    fn words_and_hashtags_are_told_apart() {
        for (words, text, tags) in [
            (vec!["one", "two"], given("one two"), vec![]),
            (vec!["text", "#b", "#A"], given("text"), vec!["b", "a"]),
            (
                vec!["deploy", "of", "#prod", "done"],
                given("deploy of #prod done"),
                vec![],
            ),
            (vec!["+c", "text", "+d"], given("text"), vec!["c", "d"]),
            (vec!["fixes", "#42"], given("fixes #42"), vec![]),
            (vec!["+1"], given("+1"), vec![]),
            (vec!["c++", "is", "+", "#"], given("c++ is + #"), vec![]),
            (vec!["#two words"], given("#two words"), vec![]),
            (vec!["-", "+a"], Text::Dash, vec!["a"]),
            (vec![], Text::Missing, vec![]),
        ] {
            let expected = (text, tags.iter().map(|t| (*t).to_owned()).collect());
            assert_eq!(sorted(&words), expected, "{words:?}");
        }
    }

    #[test]
    fn a_dash_beside_words_is_refused() {
        let words = ["-".to_owned(), "more".to_owned()];
        assert!(matches!(
            Words::sort(&words, Vec::new()),
            Err(CliError::Usage(_))
        ));
    }
}
