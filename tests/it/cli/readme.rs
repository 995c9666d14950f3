//! The README tells people to type nothing that cannot be typed, and shows what
//! the program prints.

mod blocks;

use clap::CommandFactory;
use dunder::app::command::Cli;

/// The commands in the blocks of a document, each as a shell would split it.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut is_block = false;
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            is_block = !is_block && (kind == "sh" || kind == "console");
            continue;
        }
        let line = line.strip_prefix("$ ").unwrap_or(line);
        // What is typed into a container.
        let line = line.rsplit_once(" -- ").map_or(line, |(_, typed)| typed);
        if is_block && (line.starts_with("dunder ") || line.contains("| dunder ")) {
            commands.extend(split(line));
        }
    }
    commands
}

/// The commands of a line, those of other programs left out.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '|' | '&' | ';' | '<' | '>') => {
                let last = commands.last_mut().unwrap();
                last.extend(word.take());
                if c != ' ' {
                    commands.push(Vec::new());
                }
            }
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    commands.retain(|words| words.first().is_some_and(|name| name == "dunder"));
    commands
}

#[test]
fn every_command_in_the_readme_and_for_operators_is_one_that_can_be_typed() {
    let readme = commands(include_str!("../../../README.md"));
    let operating = commands(include_str!("../../../docs/operating.md"));
    assert!(readme.len() > 40, "{}", readme.len());
    assert!(operating.len() > 8, "{}", operating.len());
    for words in readme.into_iter().chain(operating) {
        // An alias that the README makes is one.
        if words.get(1).is_some_and(|name| name == "ops") {
            continue;
        }
        let parsed = Cli::command().try_get_matches_from(&words);
        let is_help = |error: &clap::Error| !error.use_stderr();
        if let Err(error) = parsed
            && !is_help(&error)
        {
            panic!("{words:?}: {error}");
        }
    }
}

/// `make readme` writes what this test compares.
#[test]
fn the_blocks_of_the_readme_are_what_the_program_prints() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let written = std::fs::read_to_string(file).unwrap();
    let made = blocks::made_anew(&written);
    if std::env::var_os("README").is_some_and(|value| value == "write") {
        std::fs::write(file, made).unwrap();
        return;
    }
    for (number, (written, made)) in written.lines().zip(made.lines()).enumerate() {
        assert_eq!(
            written,
            made,
            "line {} of the README is not what the program prints; if that is as it should be: make readme",
            number + 1
        );
    }
    assert_eq!(written.lines().count(), made.lines().count());
}
