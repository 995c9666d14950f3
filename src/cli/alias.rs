//! A person's own commands: `alias: {ops: feed -t ops -n 50}` in client.yaml
//! makes `dunder ops` one. A name of dunder's own is never one, so the file is
//! looked at only when a command is unknown.

use std::ffi::OsString;

use clap::Command;
use clap::error::ErrorKind;

use super::complete::words;
use super::mark_text;
use super::near::near;
use super::settings::File;
use crate::domain::shown;

/// The arguments with the alias in the place of a command put out; `None` when
/// there is none of that name.
pub(crate) fn expand(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let name = arguments.get(1)?.to_str()?;
    let file = File::load().ok()?;
    Some(put_out(arguments, file.alias(name)?))
}

fn put_out(arguments: &[OsString], stands_for: &str) -> Vec<OsString> {
    let words = words(stands_for.trim_end()).into_iter().map(OsString::from);
    let program = arguments.iter().take(1).cloned();
    program
        .chain(words)
        .chain(arguments.iter().skip(2).cloned())
        .collect()
}

/// Why an alias would never be of use: its name is that of a command, or it
/// stands for something that is none. What it leaves out may follow it later.
pub(crate) fn refusal(name: &str, stands_for: &str, whole: fn() -> Command) -> Option<String> {
    let command = whole();
    let known = |word: &str| command.find_subcommand(word).is_some();
    if known(name) {
        return Some(format!(
            "{name} is a command of dunder's own, which comes first; choose another name"
        ));
    }
    let words = words(stands_for.trim_end());
    let Some(first) = words.first().filter(|word| !word.is_empty()) else {
        return Some("it stands for nothing; write a command, such as 'feed -t ops'".to_owned());
    };
    if !known(first) {
        let visible = command.get_subcommands().filter(|one| !one.is_hide_set());
        let meant = match near(first, visible.map(Command::get_name)) {
            Some(meant) => format!("did you mean {meant}?"),
            None => "it begins with one of those that 'dunder help' lists".to_owned(),
        };
        return Some(format!("{} is not a command; {meant}", shown(first)));
    }
    let line = put_out(&["dunder", name].map(OsString::from), stands_for);
    let error = whole()
        .try_get_matches_from(mark_text(line.into_iter(), whole))
        .err()?;
    let is_wrong = !matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::TooFewValues
    );
    let said = error.to_string();
    let said = said.lines().next().unwrap_or_default();
    let said = said.strip_prefix("error: ").unwrap_or(said).to_owned();
    is_wrong.then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_words_and_what_follows_it_follows_them() {
        let arguments = ["dunder", "ops", "-n", "5"].map(OsString::from);
        let line = put_out(&arguments, "feed -t ops --since '2 days ago' ");
        let line: Vec<&str> = line.iter().map(|word| word.to_str().unwrap()).collect();
        let expected = [
            "dunder",
            "feed",
            "-t",
            "ops",
            "--since",
            "2 days ago",
            "-n",
            "5",
        ];
        assert_eq!(line, expected);
    }
}
