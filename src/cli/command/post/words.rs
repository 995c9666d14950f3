//! From the words of the command line to a text and hashtags.

use std::ffi::OsString;

use crate::cli::CliError;
use crate::domain::{Hashtag, hashtags_in_text};

/// Stands before a word that starts with a dash and is text, so that the
/// parser of options passes it on. No argument of a process can hold it.
const TEXT: char = '\0';

/// Where a text is to come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// The command line has it.
    Given(String),
    /// `-`: standard input.
    Dash,
    /// There are words, and all of them are `+tag`.
    OnlyHashtags,
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
    /// words, or with no others, it is part of the text, and as such a
    /// hashtag too.
    ///
    /// # Errors
    /// A `-` beside other words.
    pub fn sort(words: &[String], mut hashtags: Vec<String>) -> Result<Words, CliError> {
        let mut text: Vec<&str> = Vec::new();
        for word in words {
            match plus_tag(word) {
                Some(tag) => hashtags.push(tag),
                None => text.push(word.strip_prefix(TEXT).unwrap_or(word)),
            }
        }
        let end = text.iter().rposition(|word| hash_tag(word).is_none());
        if let Some(end) = end {
            let last = text.split_off(end + 1);
            hashtags.extend(last.into_iter().filter_map(hash_tag));
        }
        let text = match text.as_slice() {
            [] if words.is_empty() => Text::Missing,
            [] => Text::OnlyHashtags,
            ["-"] => Text::Dash,
            words if words.contains(&"-") => {
                return Err(CliError::Usage(
                    "- reads the text from standard input and stands alone; leave it or the other words out".to_owned(),
                ));
            }
            words => Text::Given(without_mark(&words.join(" ")).to_owned()),
        };
        Ok(Words { text, hashtags })
    }
}

/// A text without the byte order mark that some programs write before it.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The hashtag in a word such as `+tag`. It begins with a letter: `+2h` and
/// `+1` are text.
fn plus_tag(word: &str) -> Option<String> {
    let name = word.strip_prefix('+')?;
    if !name.starts_with(char::is_alphabetic) {
        return None;
    }
    let tag: Hashtag = name.parse().ok()?;
    Some(tag.to_string())
}

/// The hashtag in a word such as `#tag`, if it is one inside a text too.
fn hash_tag(word: &str) -> Option<String> {
    let name = word.strip_prefix('#')?;
    let tag: Hashtag = name.parse().ok()?;
    let found = hashtags_in_text(word);
    found.contains(&tag).then(|| tag.to_string())
}

/// The arguments of a process with the words of `dunder post` marked that
/// start with a dash and cannot be options: `"- fixed"`, `"->"`, `"-5 degrees"`.
/// `command` is the whole command line, asked which options take a value.
pub(crate) fn mark_text(
    arguments: impl Iterator<Item = OsString>,
    command: fn() -> clap::Command,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_none_or(|command| command != "post") {
        return arguments;
    }
    let end = arguments.iter().position(|argument| argument == "--");
    for at in 2..end.unwrap_or(arguments.len()) {
        let Some(word) = arguments[at].to_str().filter(|word| is_text(word)) else {
            continue;
        };
        let marked = format!("{TEXT}{word}");
        if !takes_value(&command(), arguments[at - 1].to_str()) {
            arguments[at] = marked.into();
        }
    }
    arguments
}

/// Whether a word that starts with a dash can be no option: no letter follows,
/// or a blank that is not in a value.
fn is_text(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    if name.len() == word.len() || word == "-" || word == "--" {
        return false;
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return true;
    }
    let is_short = word.len() - name.len() == 1;
    let blank = name.find(char::is_whitespace);
    blank.is_some_and(|blank| {
        let takes_rest = is_short && name.starts_with('t');
        !takes_rest && !name[..blank].contains('=')
    })
}

fn takes_value(whole: &clap::Command, argument: Option<&str>) -> bool {
    let Some(post) = whole.find_subcommand("post") else {
        return false;
    };
    let names = |option: &clap::Arg| {
        let long = option.get_long().map(|name| format!("--{name}"));
        let more = option.get_all_aliases().unwrap_or_default();
        let short = option.get_short().map(|name| format!("-{name}"));
        let more = more.into_iter().map(|name| format!("--{name}"));
        let names: Vec<String> = long.into_iter().chain(short).chain(more).collect();
        names
    };
    post.get_arguments().any(|option| {
        let needs_value = option.get_action().takes_values() && !option.is_require_equals_set();
        needs_value && argument.is_some_and(|said| names(option).iter().any(|name| name == said))
    })
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
            (
                vec!["delayed", "by", "+2h"],
                given("delayed by +2h"),
                vec![],
            ),
            (vec!["+2fa", "+東京"], given("+2fa"), vec!["東京"]),
            (vec!["#lunch"], given("#lunch"), vec![]),
            (vec!["#a", "#b", "+c"], given("#a #b"), vec!["c"]),
            (vec!["+a", "+b"], Text::OnlyHashtags, vec!["a", "b"]),
            (vec!["\u{feff}marked"], given("marked"), vec![]),
            (vec!["\0- fixed", "it"], given("- fixed it"), vec![]),
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
    fn words_that_can_be_no_options_are_marked() {
        let command = || {
            clap::Command::new("dunder").subcommand(
                clap::Command::new("post")
                    .arg(
                        clap::Arg::new("tag")
                            .short('t')
                            .long("hashtag")
                            .alias("tag"),
                    )
                    .arg(
                        clap::Arg::new("queue")
                            .long("queue")
                            .require_equals(true)
                            .num_args(0..=1),
                    ),
            )
        };
        let marked = |line: &[&str]| {
            let line = line.iter().map(OsString::from);
            let marked = mark_text(line, command);
            let marked = marked.into_iter().map(|word| word.into_string().unwrap());
            marked.collect::<Vec<_>>()
        };
        for word in [
            "- fixed",
            "-- note",
            "->",
            "---",
            "-5 degrees",
            "-fixed it",
            "--dry-run fails",
            "-é",
        ] {
            let expected = format!("\0{word}");
            let line = marked(&["dunder", "post", "--queue", word]);
            assert_eq!(line[3], expected);
        }
        for word in [
            "-",
            "--",
            "-t",
            "-tops",
            "-t ops",
            "--hashtag=a b",
            "--json",
            "text",
            "a - b",
        ] {
            assert_eq!(marked(&["dunder", "post", word])[2], word);
            assert_eq!(marked(&["dunder", "feed", "- x"])[2], "- x");
        }
        assert_eq!(marked(&["dunder", "post", "-t", "- x"])[3], "- x");
        assert_eq!(marked(&["dunder", "post", "--tag", "- x"])[3], "- x");
        assert_eq!(marked(&["dunder", "post", "--", "- x"])[3], "- x");
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
