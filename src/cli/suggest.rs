//! What a person meant who typed a command or an option that there is not.
//! The parser's own guesses go by letters alone and name hidden commands;
//! here other tools' words for the same thing are known, and a guess that is
//! not near is not made.

use clap::Command;
use clap::error::{ContextKind, ContextValue};

use super::near::near;

/// Words for what dunder calls otherwise: of commands.
const COMMANDS: [(&str, &str); 39] = [
    ("add", "post"),
    ("auth", "login"),
    ("cat", "show"),
    ("chart", "trend"),
    ("check", "doctor"),
    ("compose", "post"),
    ("completion", "completions"),
    ("count", "trend"),
    ("counts", "trend"),
    ("create", "post"),
    ("del", "delete"),
    ("erase", "delete"),
    ("find", "feed"),
    ("get", "show"),
    ("graph", "trend"),
    ("hashtags", "tags"),
    ("history", "feed"),
    ("list", "feed"),
    ("log", "feed"),
    ("logs", "feed"),
    ("ls", "feed"),
    ("messages", "feed"),
    ("new", "post"),
    ("outbox", "queue"),
    ("read", "feed"),
    ("remove", "delete"),
    ("retract", "delete"),
    ("rm", "delete"),
    ("say", "post"),
    ("search", "feed"),
    ("send", "post"),
    ("server", "serve"),
    ("signin", "login"),
    ("start", "serve"),
    ("stats", "trend"),
    ("timeline", "feed"),
    ("tokens", "token"),
    ("view", "show"),
    ("write", "post"),
];

/// The same of options.
const OPTIONS: [(&str, &str); 22] = [
    ("--after", "--since"),
    ("--author", "--user"),
    ("--before", "--until"),
    ("--bucket", "--aggregation"),
    ("--count", "--limit"),
    ("--end", "--until"),
    ("--exclude", "--not"),
    ("--format", "--output"),
    ("--from", "--since"),
    ("--host", "--server"),
    ("--interval", "--aggregation"),
    ("--max", "--limit"),
    ("--number", "--limit"),
    ("--or", "--any"),
    ("--page", "--cursor"),
    ("--skip", "--cursor"),
    ("--start", "--since"),
    ("--step", "--aggregation"),
    ("--tags", "--tag"),
    ("--to", "--until"),
    ("--url", "--server"),
    ("--without", "--not"),
];

/// Puts a better guess, or none, into an error of the parser. `arguments` are
/// those that it read.
pub(crate) fn improve(error: &mut clap::Error, whole: &Command, arguments: &[std::ffi::OsString]) {
    let wrong = |kind| match error.get(kind) {
        Some(ContextValue::String(name)) => Some(name.clone()),
        _ => None,
    };
    if let Some(name) = wrong(ContextKind::InvalidSubcommand) {
        let parent = at(whole, arguments);
        let known = parent.get_subcommands().filter(|one| !one.is_hide_set());
        let known: Vec<&str> = known.map(Command::get_name).collect();
        let meant = meant(&name, &COMMANDS, &known).map(str::to_owned);
        set(error, ContextKind::SuggestedSubcommand, meant);
        return;
    }
    if let Some(name) = wrong(ContextKind::InvalidArg) {
        let name = name.split('=').next().unwrap_or_default().to_owned();
        let command = at(whole, arguments);
        let visible = command.get_arguments().filter(|one| !one.is_hide_set());
        let names = visible.flat_map(|one| {
            let more = one.get_visible_aliases().unwrap_or_default();
            one.get_long().into_iter().chain(more)
        });
        let known: Vec<String> = names.map(|name| format!("--{name}")).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let meant = meant(&name, &OPTIONS, &known).map(str::to_owned);
        if error.kind() == clap::error::ErrorKind::UnknownArgument {
            set(error, ContextKind::SuggestedArg, meant);
            // It tells to pass an option as a value, which nobody meant.
            error.remove(ContextKind::Suggested);
            // The parser's own usage has its guess in it.
            let names = path(whole, arguments).join(" ");
            let usage = command.clone().bin_name(names).render_usage();
            error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
        }
    }
}

/// The names of the command that some arguments lead to.
fn path(whole: &Command, arguments: &[std::ffi::OsString]) -> Vec<String> {
    let mut command = whole;
    let mut names = vec![whole.get_name().to_owned()];
    for word in arguments.iter().skip(1).map_while(|word| word.to_str()) {
        let Some(below) = command.find_subcommand(word) else {
            break;
        };
        names.push(word.to_owned());
        command = below;
    }
    names
}

/// The command that some arguments lead to.
fn at<'a>(whole: &'a Command, arguments: &[std::ffi::OsString]) -> &'a Command {
    let words = arguments.iter().skip(1).map_while(|word| word.to_str());
    words
        .scan(whole, |command, word| {
            *command = command.find_subcommand(word)?;
            Some(*command)
        })
        .last()
        .unwrap_or(whole)
}

fn meant<'a>(wrong: &str, words: &[(&str, &'a str)], known: &[&'a str]) -> Option<&'a str> {
    let other = words.iter().find(|(word, _)| *word == wrong);
    let other = other.and_then(|(_, name)| known.iter().find(|known| *known == name));
    other
        .copied()
        .or_else(|| near(wrong, known.iter().copied()))
}

fn set(error: &mut clap::Error, kind: ContextKind, meant: Option<String>) {
    match meant {
        Some(name) if kind == ContextKind::SuggestedSubcommand => {
            error.insert(kind, ContextValue::Strings(vec![name]));
        }
        Some(name) => {
            error.insert(kind, ContextValue::String(name));
        }
        None => {
            error.remove(kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Command {
        let feed = Command::new("feed")
            .arg(clap::Arg::new("since").long("since"))
            .arg(clap::Arg::new("color").long("color"))
            .arg(
                clap::Arg::new("hashtag")
                    .long("hashtag")
                    .visible_alias("tag"),
            );
        let login = Command::new("login").subcommand(Command::new("list"));
        Command::new("dunder")
            .subcommand(feed)
            .subcommand(login)
            .subcommand(Command::new("serve"))
            .subcommand(Command::new("complete").hide(true))
    }

    #[test]
    fn a_guess_is_right_or_not_made() {
        for (line, guess) in [
            ("dunder delete", None),
            ("dunder search", Some("feed")),
            ("dunder fed", Some("feed")),
            ("dunder comple", None),
            ("dunder feed --follow", None),
            ("dunder feed --from=3d", Some("--since")),
            ("dunder feed --colour", Some("--color")),
            ("dunder feed --tags", Some("--tag")),
        ] {
            let words: Vec<std::ffi::OsString> = line.split(' ').map(Into::into).collect();
            let mut error = whole().try_get_matches_from(&words).unwrap_err();
            improve(&mut error, &whole(), &words);
            let shown = error.render().to_string();
            if line.contains("feed ") {
                assert!(shown.contains("Usage: dunder feed [OPTIONS]"), "{shown}");
            }
            match guess {
                Some(guess) => assert!(shown.contains(&format!("'{guess}'")), "{shown}"),
                None => assert!(!shown.contains("tip:"), "{shown}"),
            }
        }
    }
}
