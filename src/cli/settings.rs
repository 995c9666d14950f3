//! `client.yaml`: what a person sets once for all commands of the client,
//! beside the login in the configuration directory. An unknown key is an
//! error: a typo must not leave a setting at its default.

use std::path::PathBuf;

use serde::Deserialize;

use super::{CliError, private};

/// A larger file is a mistake.
const MAX_FILE: u64 = 64 * 1024;

/// What the file can say.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    /// Keep a message when the server cannot be reached.
    pub queue: bool,
}

impl Settings {
    /// Where the file is, if it is there.
    pub fn path() -> Option<PathBuf> {
        Some(dirs::config_dir()?.join("dunder").join("client.yaml"))
    }

    /// What the file says; the defaults when there is none.
    ///
    /// # Errors
    /// It cannot be read, or says something unknown: wrong usage.
    pub fn load() -> Result<Settings, CliError> {
        let Some(path) = Settings::path() else {
            return Ok(Settings::default());
        };
        let refused = |why: &str| CliError::Usage(format!("{}: {why}", path.display()));
        let text = match private::read(&path, MAX_FILE) {
            Ok(text) => String::from_utf8(text).map_err(|_| refused("it is not UTF-8 text"))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Settings::default());
            }
            Err(error) => return Err(refused(&error.to_string())),
        };
        Settings::parse(&text).map_err(|why| refused(&why))
    }

    fn parse(text: &str) -> Result<Settings, String> {
        // A file of comments alone says nothing.
        let said = |line: &str| !matches!(line.trim_start().as_bytes(), [] | [b'#', ..]);
        if !text.lines().any(said) {
            return Ok(Settings::default());
        }
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            format!(
                "{}; the keys are: queue (true or false)",
                error.without_snippet()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_unknown_ones_named() {
        let parse = Settings::parse;
        assert!(parse("queue: true\n").unwrap().queue);
        assert!(!parse("queue: false").unwrap().queue);
        assert!(!parse("# queue: true\n\n").unwrap().queue);
        assert!(!parse("").unwrap().queue);
        let error = parse("queue: true\nqueeu: true\n").unwrap_err();
        assert!(
            error.contains("queeu") && error.contains("line 2"),
            "{error}"
        );
        assert!(parse("queue: maybe").is_err());
        assert!(parse("queue: true\nqueue: false").is_err());
        assert!(parse("- queue").is_err());
    }
}
