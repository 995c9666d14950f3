//! `dunder help`: a command's help, or a topic that belongs to several.
//!
//! The topics are text files beside this one: a title, a blank line, and what
//! there is to say. A test runs every example in them.

use clap::Args;

use crate::cli::CliError;
use crate::cli::near::near;
use crate::cli::ui::Ui;
use crate::domain::shown;

/// A topic: its name, and its text.
pub struct Topic {
    /// As it is asked for.
    pub name: &'static str,
    text: &'static str,
}

/// All topics, in the order a newcomer may read them.
pub const TOPICS: [Topic; 7] = [
    topic("hashtags", include_str!("hashtags.txt")),
    topic("dates", include_str!("dates.txt")),
    topic("output", include_str!("output.txt")),
    topic("following", include_str!("following.txt")),
    topic("exit-codes", include_str!("exit-codes.txt")),
    topic("configuration", include_str!("configuration.txt")),
    topic("curl", include_str!("curl.txt")),
];

const fn topic(name: &'static str, text: &'static str) -> Topic {
    Topic { name, text }
}

impl Topic {
    /// Its first line.
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default()
    }

    /// What follows the title.
    pub fn body(&self) -> &'static str {
        let rest = self.text.strip_prefix(self.title());
        rest.unwrap_or_default().trim_start()
    }
}

/// What `dunder help` takes.
#[derive(Debug, Args)]
pub struct HelpArgs {
    /// A command, or a topic such as dates
    #[arg(value_name = "COMMAND|TOPIC")]
    words: Vec<String>,
}

/// Prints the help.
///
/// # Errors
/// There is nothing by that name, or the output is closed.
pub(crate) fn run(args: &HelpArgs, mut whole: clap::Command, ui: &mut Ui) -> Result<(), CliError> {
    if is_command(&whole, &args.words) {
        let words = args.words.iter().map(String::as_str);
        let line = std::iter::once("dunder").chain(words).chain(["--help"]);
        return match whole.try_get_matches_from_mut(line) {
            // Help is an error to clap.
            Err(help) => Ok(help.print()?),
            Ok(_) => Ok(()),
        };
    }
    let name = args.words.join(" ");
    match TOPICS.iter().find(|topic| topic.name == name) {
        Some(topic) => ui.print(topic.text),
        None => Err(unknown(&name, &whole)),
    }
}

fn is_command(whole: &clap::Command, words: &[String]) -> bool {
    let found = words
        .iter()
        .try_fold(whole, |command, word| command.find_subcommand(word));
    found.is_some()
}

fn unknown(name: &str, whole: &clap::Command) -> CliError {
    let commands = whole.get_subcommands().filter(|one| !one.is_hide_set());
    let commands: Vec<&str> = commands.map(clap::Command::get_name).collect();
    let topics: Vec<&str> = TOPICS.iter().map(|topic| topic.name).collect();
    let names = commands.iter().chain(&topics).copied();
    let meant = near(name, names).map_or(String::new(), |known| format!("; did you mean {known}?"));
    CliError::Usage(format!(
        "there is no help on {}{meant} The topics are {}; 'dunder --help' lists the commands",
        shown(name),
        topics.join(", "),
        meant = if meant.is_empty() {
            ".".to_owned()
        } else {
            meant
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_title_and_a_text_for_80_columns() {
        for topic in TOPICS {
            assert!(!topic.title().is_empty() && !topic.body().is_empty());
            let examples = |line: &&str| !line.starts_with("  ");
            for line in topic.body().lines().filter(examples) {
                assert!(line.chars().count() < 80, "{}: {line}", topic.name);
            }
        }
    }
}
