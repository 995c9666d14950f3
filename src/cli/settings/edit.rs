//! Changes to the text of `client.yaml` that leave the rest of it, comments
//! too, as a person wrote it.

use crate::cli::settings::file::{ALIAS, FILE_KEYS, File};
use crate::domain::shown;

/// The text with a key set to a value. `alias.NAME` is a key too.
///
/// # Errors
/// There is no such key, or it does not take the value.
pub(crate) fn set(text: &str, key: &str, value: &str) -> Result<String, String> {
    let changed = match key.strip_prefix(ALIAS) {
        Some(name) => with_alias(text, name, Some(value))?,
        None => replaced(
            text,
            known(key)?,
            &[format!("{key}: {}", scalar(key, value))],
        ),
    };
    // What cannot be read must not be written.
    match File::parse(&changed) {
        Ok(_) => Ok(changed),
        Err(why) => Err(format!("{key} cannot be {}: {why}", shown(value))),
    }
}

/// The text without a key.
///
/// # Errors
/// There is no such key.
pub(crate) fn unset(text: &str, key: &str) -> Result<String, String> {
    let changed = match key.strip_prefix(ALIAS) {
        Some(name) => with_alias(text, name, None)?,
        None => replaced(text, known(key)?, &[]),
    };
    File::parse(&changed).map(|_| changed)
}

fn known(key: &str) -> Result<&str, String> {
    let mut names = FILE_KEYS.iter().map(|(name, _)| *name);
    names.find(|name| *name == key).ok_or_else(|| {
        let names = FILE_KEYS.iter().map(|(name, _)| *name);
        let meant = match crate::cli::near::near(key, names) {
            Some(name) => format!("did you mean {name}?"),
            None => "'dunder config' lists those there are".to_owned(),
        };
        format!("{} is not a setting; {meant}", shown(key))
    })
}

/// A value as YAML has it: numbers and booleans of the keys that take them as
/// they are, everything else in quotes.
fn scalar(key: &str, value: &str) -> String {
    let is_text = !matches!(key, "queue" | "limit" | "pager");
    if is_text {
        // A JSON string is one of YAML's.
        serde_json::Value::from(value).to_string()
    } else {
        value.trim().to_owned()
    }
}

/// All aliases written anew, with one of them changed.
fn with_alias(text: &str, name: &str, value: Option<&str>) -> Result<String, String> {
    let is_plain = |c: char| c.is_alphanumeric() || "_-".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(format!(
            "{} is no name for an alias; use letters, digits, _ and -",
            shown(name)
        ));
    }
    let mut aliases = File::parse(text)?.alias;
    match value {
        Some(value) => aliases.insert(name.to_owned(), value.to_owned()),
        None => aliases.remove(name),
    };
    let mut lines = Vec::new();
    if !aliases.is_empty() {
        lines.push("alias:".to_owned());
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let entries = aliases.iter();
        lines.extend(entries.map(|(name, value)| format!("  {name}: {}", quoted(value))));
    }
    Ok(replaced(text, "alias", &lines))
}

/// The text with the lines of a key replaced; at its end if it is not there.
fn replaced(text: &str, key: &str, by: &[String]) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let starts = |line: &str| {
        let rest = line.strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
    };
    let from = lines.iter().position(|line| starts(line));
    let from = from.unwrap_or(lines.len());
    // What is indented below a key belongs to it.
    let below = |line: &&&str| line.starts_with([' ', '\t']);
    let more = lines.iter().skip(from + 1).take_while(below).count();
    let to = (from + 1 + more).min(lines.len());
    let kept = lines[..from].iter().map(|line| (*line).to_owned());
    let rest = lines[to..].iter().map(|line| (*line).to_owned());
    let all: Vec<String> = kept.chain(by.iter().cloned()).chain(rest).collect();
    all.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_the_rest_as_it_was_written() {
        let text = "# mine\nqueue: true\nalias: {ops: feed -t ops}\n# the end\n";
        let text = set(text, "limit", "50").unwrap();
        assert!(text.ends_with("# the end\nlimit: 50\n"), "{text}");
        let text = set(&text, "server", "https://a.example").unwrap();
        let text = set(&text, "queue", "false").unwrap();
        let text = set(&text, "alias.me", "feed -u \"ann b\"").unwrap();
        let text = unset(&text, "limit").unwrap();
        assert_eq!(
            text,
            "# mine\nqueue: false\nalias:\n  me: \"feed -u \\\"ann b\\\"\"\n  ops: \"feed -t ops\"\n# the end\nserver: \"https://a.example\"\n"
        );
        let text = unset(&text, "alias.ops").unwrap();
        let text = unset(&text, "alias.me").unwrap();
        assert!(!text.contains("alias"), "{text}");
        assert_eq!(set("", "color", "never").unwrap(), "color: \"never\"\n");
    }

    #[test]
    fn what_could_not_be_read_is_not_written() {
        for (key, value, said) in [
            ("limit", "many", "limit"),
            ("queue", "true\nlimit: 1", "limit"),
            ("colr", "never", "did you mean color?"),
            ("color", "red", "red"),
            ("alias.a b", "feed", "\"a b\""),
        ] {
            match set("limit: 3\n", key, value) {
                Err(error) => assert!(error.contains(said), "{error}"),
                Ok(text) => panic!("{key}: {text}"),
            }
        }
    }
}
