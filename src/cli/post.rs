//! `dunder post`: from words, hashtags and standard input to one message.

use std::io::{IsTerminal, Read};

use clap::Args;
use serde::Deserialize;

use super::args::{Common, hashtag};
use super::client::Client;
use super::credentials::{Access, TokenSource, random_name};
use super::terminal::{is_interactive, print, print_json};
use super::{CliError, terminal};
use crate::api::PostBody;
use crate::domain::{Hashtag, MAX_TEXT_BYTES, MessageText, hashtags_in_text};
use crate::render::sanitize_line;

/// What `dunder post` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Hashtags: -t tag, +tag, '#tag' in quotes, or written inside the quoted text.
Most shells take a bare # for the start of a comment, so quote it.

  dunder post 'deploy of #prod done'
  dunder post deploy done -t prod
  dunder post deploy done '#prod' +release
  git log -1 --format=%B | dunder post -t commit")]
pub struct PostArgs {
    /// The text, with or without quotes; - reads it from standard input
    #[arg(value_name = "TEXT")]
    words: Vec<String>,

    /// A hashtag; repeat it for more
    #[arg(short = 't', long = "hashtag", value_name = "TAG", value_parser = hashtag)]
    hashtags: Vec<String>,

    /// Print nothing when it is done
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    #[command(flatten)]
    common: Common,
}

/// What the server says of a message it took.
#[derive(Deserialize)]
struct Posted {
    id: String,
}

/// Posts the message.
///
/// # Errors
/// No text, or the server did not take it.
pub(super) async fn run(args: PostArgs) -> Result<(), CliError> {
    let message = Words::sort(&args.words, args.hashtags)?;
    let text = match message.text {
        Some(text) => text,
        None => from_standard_input()?,
    };
    let body = PostBody {
        text,
        hashtags: message.hashtags,
    };
    check(&body)?;
    let access = Access::of(&args.common)?;
    if access.source == TokenSource::None {
        return Err(CliError::Failed(format!(
            "you are not logged in to {0}; run 'dunder login --server {0}'",
            access.server
        )));
    }
    let client = Client::new(access, args.common.timeout)?;
    let posted = client.post::<Posted>(&body, &random_name()).await?;
    if args.common.json {
        print_json(&posted.document)
    } else if args.quiet {
        Ok(())
    } else if is_interactive() {
        hint(&body);
        print(&format!("posted {}\n", sanitize_line(&posted.data.id)))
    } else {
        print(&format!("{}\n", sanitize_line(&posted.data.id)))
    }
}

/// Someone who typed `#tag` without quotes sees a message without hashtags.
fn hint(body: &PostBody) {
    let none = body.hashtags.is_empty() && hashtags_in_text(&body.text).is_ok_and(|t| t.is_empty());
    if none && std::io::stdin().is_terminal() {
        terminal::remark(
            "(no hashtags; write them as -t tag, +tag or '#tag', the shell drops a bare #)",
        );
    }
}

/// The words of the command line, told apart.
struct Words {
    /// None: to be read from standard input.
    text: Option<String>,
    hashtags: Vec<String>,
}

impl Words {
    /// `+tag` is a hashtag anywhere. `#tag` is one at the end; before other
    /// words it is part of the sentence, and as such a hashtag too.
    fn sort(words: &[String], mut hashtags: Vec<String>) -> Result<Words, CliError> {
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
            [] | ["-"] => None,
            words if words.contains(&"-") => {
                return Err(CliError::Usage(
                    "- reads the text from standard input and stands alone; leave it or the other words out".to_owned(),
                ));
            }
            words => Some(words.join(" ")),
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

fn from_standard_input() -> Result<String, CliError> {
    let input = std::io::stdin();
    if input.is_terminal() && is_interactive() {
        terminal::remark("(write the text, end it with Ctrl-D)");
    }
    let mut bytes = Vec::new();
    input
        .lock()
        // One byte more than a text may have, and its last newline.
        .take(MAX_TEXT_BYTES as u64 + 3)
        .read_to_end(&mut bytes)
        .map_err(|error| CliError::Failed(format!("cannot read standard input: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CliError::Failed("standard input is not UTF-8 text".to_owned()))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// What the server would refuse is refused here, where it costs nothing.
fn check(body: &PostBody) -> Result<(), CliError> {
    let text = MessageText::try_from(body.text.clone());
    text.map_err(|error| CliError::Failed(error.to_string()))?;
    let found = hashtags_in_text(&body.text);
    found.map_err(|error| CliError::Failed(error.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(words: &[&str]) -> (Option<String>, Vec<String>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let sorted = Words::sort(&words, Vec::new()).unwrap();
        (sorted.text, sorted.hashtags)
    }

    #[test]
    fn words_and_hashtags_are_told_apart() {
        for (words, text, tags) in [
            (vec!["one", "two"], Some("one two"), vec![]),
            (vec!["text", "#b", "#A"], Some("text"), vec!["b", "a"]),
            (
                vec!["deploy", "of", "#prod", "done"],
                Some("deploy of #prod done"),
                vec![],
            ),
            (vec!["+c", "text", "+d"], Some("text"), vec!["c", "d"]),
            (vec!["fixes", "#42"], Some("fixes #42"), vec![]),
            (vec!["+1"], Some("+1"), vec![]),
            (vec!["c++", "is", "+", "#"], Some("c++ is + #"), vec![]),
            (vec!["#two words"], Some("#two words"), vec![]),
            (vec!["-", "+a"], None, vec!["a"]),
            (vec![], None, vec![]),
        ] {
            let expected = (
                text.map(str::to_owned),
                tags.iter().map(|t| (*t).to_owned()).collect(),
            );
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
