//! `client.yaml`, which a person writes by hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::Settings;
use crate::cli::args::ColorWhen;
use crate::cli::{CliError, private};

/// A larger file is a mistake.
const MAX_FILE: u64 = 64 * 1024;

/// The keys of the file, each with what it is for.
pub(in crate::cli) const FILE_KEYS: [(&str, &str); 9] = [
    ("server", "the address of a server, or the name of a login"),
    ("timeout", "how long to wait for the server, such as 10s"),
    ("cacert", "a PEM file of authorities to trust too"),
    ("queue", "true keeps messages for a server that is away"),
    ("color", "auto, always or never"),
    ("limit", "how many messages feed shows"),
    (
        "output",
        "how lists look on a terminal: table, card, oneline, lines, csv, ndjson or json",
    ),
    (
        "time_format",
        "auto, relative, clock, absolute, iso, unix or a strftime pattern",
    ),
    ("pager", "false never starts one"),
];

/// What stands before the name of an alias in a key.
pub(in crate::cli) const ALIAS: &str = "alias.";

/// What the file can say.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::cli) struct File {
    /// Address of a server, or the name of a login.
    pub server: Option<String>,
    /// How long to wait for the server.
    pub timeout: Option<String>,
    /// Authorities to trust too.
    pub cacert: Option<PathBuf>,
    /// Keep messages for a server that is away.
    pub queue: Option<bool>,
    /// When colours are used.
    pub color: Option<ColorWhen>,
    /// Messages of a feed.
    pub limit: Option<u64>,
    /// How lists look on a terminal.
    pub output: Option<String>,
    /// How times look.
    pub time_format: Option<String>,
    /// Whether one may be started.
    pub pager: Option<bool>,
    /// Commands of the person's own: a name, and what it stands for.
    pub alias: BTreeMap<String, String>,
}

impl File {
    /// What the file says; nothing when there is none.
    ///
    /// # Errors
    /// It cannot be read, or says something unknown.
    pub fn load() -> Result<File, CliError> {
        let Some(path) = Settings::path() else {
            return Ok(File::default());
        };
        let refused = |why: &str| CliError::Usage(format!("{}: {why}", path.display()));
        let text = match private::read(&path, MAX_FILE) {
            Ok(text) => String::from_utf8(text).map_err(|_| refused("it is not UTF-8 text"))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(File::default());
            }
            Err(error) => return Err(refused(&error.to_string())),
        };
        File::parse(&text).map_err(|why| refused(&why))
    }

    /// What an alias stands for.
    pub fn alias(&self, name: &str) -> Option<&str> {
        self.alias.get(name).map(String::as_str)
    }

    pub fn parse(text: &str) -> Result<File, String> {
        // A file of comments alone says nothing.
        let said = |line: &str| !matches!(line.trim_start().as_bytes(), [] | [b'#', ..]);
        if !text.lines().any(said) {
            return Ok(File::default());
        }
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let why = error.without_snippet().to_string();
            // The parser's advice is for programmers.
            let why = why
                .replace(", set DuplicateKeyPolicy in Options if acceptable", "")
                .replace("invalid u64", "not a whole number")
                .replace(
                    "invalid boolean (strict mode expects true/false)",
                    "neither true nor false",
                );
            format!("{why}; see 'dunder help configuration'")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_unknown_keys_are_named() {
        let queue = |text: &str| File::parse(text).unwrap().queue;
        assert_eq!(queue("queue: true\n"), Some(true));
        assert_eq!(queue("queue: false"), Some(false));
        assert_eq!(queue("# queue: true\n\n"), None);
        assert_eq!(queue(""), None);
        let file = File::parse("alias:\n  ops: feed -t ops\noutput: csv\ncolor: never").unwrap();
        assert_eq!(file.alias("ops"), Some("feed -t ops"));
        assert_eq!(file.output.as_deref(), Some("csv"));
        let error = File::parse("queue: true\nqueeu: true\n").unwrap_err();
        assert!(
            error.contains("queeu") && error.contains("line 2"),
            "{error}"
        );
        let error = File::parse("queue: true\nqueue: true").unwrap_err();
        assert!(
            error.contains("duplicate") && error.contains("line 2"),
            "{error}"
        );
        assert!(!error.contains("Policy"), "{error}");
        for wrong in [
            "queue: maybe",
            "queue: true\nqueue: false",
            "- queue",
            "limit: -1",
        ] {
            assert!(File::parse(wrong).is_err(), "{wrong}");
        }
    }
}
