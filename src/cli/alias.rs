//! A person's own commands: `alias: {ops: feed -t ops -n 50}` in client.yaml
//! makes `dunder ops` one. A name of dunder's own is never one, so the file is
//! looked at only when a command is unknown.

use std::ffi::OsString;

use super::complete::words;
use super::settings::File;

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
