//! What a person sets once for all commands of the client: `client.yaml`
//! beside the logins, and the environment. Flags beat variables, variables
//! beat the file, and every value knows where it comes from.
//!
//! An unknown key or variable is an error, and so is an empty variable: a
//! typo must not leave a setting at its default.

pub(super) mod edit;
mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::CliError;
use super::args::{ColorWhen, Common, timeout};
use crate::config::{CLIENT_VARIABLES, ConfigError, Environment};
use clap::ValueEnum;

use crate::domain::{format_duration, shown};
use crate::output::TimeFormat;
use crate::output::format::Format;
pub(super) use file::{ALIAS, FILE_KEYS, File};

/// How long a command waits when nobody says.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag, with its dashes.
    Flag(&'static str),
    /// A variable.
    Variable(&'static str),
    /// `client.yaml`.
    File,
    /// The login in use.
    Login,
    /// Nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) | Origin::Variable(name) => f.write_str(name),
            Origin::File => f.write_str("client.yaml"),
            Origin::Login => f.write_str("dunder login"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said<T> {
    /// The value.
    pub value: T,
    /// Who says so.
    pub origin: Origin,
}

/// The environment and the file, read once a command.
#[derive(Debug, Default, Clone)]
pub(crate) struct Settings {
    variables: BTreeMap<&'static str, String>,
    file: File,
    timeout: Option<Said<Duration>>,
    queue: Option<Said<bool>>,
    time_format: Option<TimeFormat>,
    output: Option<&'static Format>,
}

impl Settings {
    /// Where the file is, or would be.
    pub fn path() -> Option<PathBuf> {
        Some(dirs::config_dir()?.join("dunder").join("client.yaml"))
    }

    /// What the environment and the file say.
    ///
    /// # Errors
    /// One of them cannot be read, or says something unknown: wrong usage.
    pub fn load() -> Result<Settings, CliError> {
        let wrong = |error: ConfigError| CliError::Usage(error.to_string());
        let environment = Environment::of_process().map_err(wrong)?;
        environment.check_for_client().map_err(wrong)?;
        Settings::of(&environment.variables, File::load()?)
    }

    /// What some variables and a file say.
    pub fn of(variables: &BTreeMap<String, String>, file: File) -> Result<Settings, CliError> {
        let of_client = |name: &'static str| Some((name, variables.get(name)?.clone()));
        let mut settings = Settings {
            variables: CLIENT_VARIABLES.into_iter().filter_map(of_client).collect(),
            file,
            ..Settings::default()
        };
        settings.read()?;
        Ok(settings)
    }

    /// Reads the values that are more than texts.
    fn read(&mut self) -> Result<(), CliError> {
        let refused = |origin: &Origin, why: String| CliError::Usage(format!("{origin}: {why}"));
        let said = self.text("DUNDER_TIMEOUT", self.file.timeout.as_deref());
        if let Some(Said { value, origin }) = said {
            let value = timeout(&value).map_err(|why| refused(&origin, why))?;
            self.timeout = Some(Said { value, origin });
        }
        if let Some(text) = self.variables.get("DUNDER_QUEUE") {
            let origin = Origin::Variable("DUNDER_QUEUE");
            let value = boolean(text).map_err(|why| refused(&origin, why))?;
            self.queue = Some(Said { value, origin });
        }
        if let Some(text) = &self.file.time_format {
            let format = text.parse::<TimeFormat>();
            let format = format.map_err(|why| refused(&Origin::File, why.to_string()))?;
            self.time_format = Some(format);
        }
        if let Some(name) = &self.file.output {
            let format = Format::named(name).filter(|format| !format.needs_range);
            let refused = || {
                refused(
                    &Origin::File,
                    format!("output: {} is no form of lists", shown(name)),
                )
            };
            self.output = Some(format.ok_or_else(refused)?);
        }
        if self.file.limit == Some(0) {
            let why = "limit: 0 is not a number from 1 on".to_owned();
            return Err(refused(&Origin::File, why));
        }
        Ok(())
    }

    fn text(&self, variable: &'static str, in_file: Option<&str>) -> Option<Said<String>> {
        let said = self.variables.get(variable).map(|value| Said {
            value: value.clone(),
            origin: Origin::Variable(variable),
        });
        said.or_else(|| {
            in_file.map(|value| Said {
                value: value.to_owned(),
                origin: Origin::File,
            })
        })
    }

    /// The server, if anything but a login names one.
    pub fn server(&self, common: &Common) -> Option<Said<String>> {
        let flag = common.server.clone().map(|value| Said {
            value,
            origin: Origin::Flag("--server"),
        });
        flag.or_else(|| self.text("DUNDER_SERVER", self.file.server.as_deref()))
    }

    /// Further authorities to trust.
    pub fn cacert(&self, common: &Common) -> Option<Said<PathBuf>> {
        let flag = common.cacert.clone().map(|value| Said {
            value,
            origin: Origin::Flag("--cacert"),
        });
        let file = self.file.cacert.as_ref().and_then(|path| path.to_str());
        flag.or_else(|| {
            self.text("DUNDER_CACERT", file).map(|said| Said {
                value: said.value.into(),
                origin: said.origin,
            })
        })
    }

    /// How long a command waits for the server.
    pub fn timeout(&self, flag: Option<Duration>) -> Said<Duration> {
        let flag = flag.map(|value| Said {
            value,
            origin: Origin::Flag("--timeout"),
        });
        flag.or_else(|| self.timeout.clone()).unwrap_or(Said {
            value: DEFAULT_TIMEOUT,
            origin: Origin::Default,
        })
    }

    /// How long TAB waits, if it is said.
    pub fn completion_wait(&self) -> Option<Duration> {
        timeout(self.variables.get("DUNDER_COMPLETION_WAIT")?).ok()
    }

    /// Whether messages for a server that is away are kept.
    pub fn queue(&self, flag: Option<bool>) -> Said<bool> {
        let flag = flag.map(|value| Said {
            value,
            origin: Origin::Flag("--queue"),
        });
        let file = self.file.queue.map(|value| Said {
            value,
            origin: Origin::File,
        });
        flag.or_else(|| self.queue.clone())
            .or(file)
            .unwrap_or(Said {
                value: false,
                origin: Origin::Default,
            })
    }

    /// When colours are used.
    pub fn color(&self, flag: Option<ColorWhen>) -> ColorWhen {
        flag.or(self.file.color).unwrap_or(ColorWhen::Auto)
    }

    /// How many messages a feed shows, if it is said.
    pub fn limit(&self) -> Option<u64> {
        self.file.limit
    }

    /// How lists look on a terminal, if it is said.
    pub fn output(&self) -> Option<&'static Format> {
        self.output
    }

    /// How times look, if it is said.
    pub fn time_format(&self) -> Option<&TimeFormat> {
        self.time_format.as_ref()
    }

    /// All that is in force but the server, which a login may name.
    pub fn list(&self) -> Vec<Listed> {
        let listed = |key: &str, value: String, origin: &Origin| Listed {
            key: key.to_owned(),
            value,
            origin: origin.to_string(),
        };
        let of_file = |key: &str, value: Option<String>, default: &str| {
            let origin = if value.is_some() {
                Origin::File
            } else {
                Origin::Default
            };
            listed(key, value.unwrap_or_else(|| default.to_owned()), &origin)
        };
        let name = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
            value().map(|value| value.get_name().to_owned())
        };
        let file = &self.file;
        let timeout = self.timeout(None);
        let queue = self.queue(None);
        let cacert = self.cacert(&Common::default());
        let mut all = vec![listed(
            "timeout",
            format_duration(timeout.value),
            &timeout.origin,
        )];
        all.push(match cacert {
            Some(said) => listed("cacert", said.value.display().to_string(), &said.origin),
            None => listed("cacert", String::new(), &Origin::Default),
        });
        all.push(listed("queue", queue.value.to_string(), &queue.origin));
        let color = name(&|| file.color?.to_possible_value());
        all.push(of_file("color", color, "auto"));
        all.push(of_file(
            "limit",
            file.limit.map(|limit| limit.to_string()),
            "20",
        ));
        all.push(of_file("output", file.output.clone(), "table"));
        all.push(of_file("time_format", file.time_format.clone(), "auto"));
        all.push(of_file(
            "pager",
            file.pager.map(|pager| pager.to_string()),
            "true",
        ));
        let aliases = file.alias.iter();
        all.extend(aliases.map(|(name, stands_for)| {
            listed(&format!("alias.{name}"), stands_for.clone(), &Origin::File)
        }));
        all
    }

    /// Whether a pager may be started.
    pub fn pager(&self) -> bool {
        self.file.pager.unwrap_or(true)
    }
}

/// A setting as a person may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The key of the file.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Where that comes from.
    pub origin: String,
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("{} is neither true nor false", shown(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)], file: &str) -> Result<Settings, CliError> {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables = variables.collect();
        Settings::of(&variables, File::parse(file).unwrap())
    }

    #[test]
    fn flags_beat_variables_and_these_the_file() {
        let file = "server: https://file.example\ntimeout: 3s\nqueue: true";
        let both = settings(
            &[
                ("DUNDER_SERVER", "https://variable.example"),
                ("DUNDER_TIMEOUT", "4s"),
            ],
            file,
        )
        .unwrap();
        let common = Common::default();
        let server = both.server(&common).unwrap();
        assert_eq!(server.value, "https://variable.example");
        assert_eq!(server.origin.to_string(), "DUNDER_SERVER");
        assert_eq!(both.timeout(None).value, Duration::from_secs(4));
        let flagged = Common {
            server: Some("https://flag.example".to_owned()),
            ..Common::default()
        };
        assert_eq!(
            both.server(&flagged).unwrap().origin.to_string(),
            "--server"
        );
        let alone = settings(&[], file).unwrap();
        assert_eq!(
            alone.server(&common).unwrap().origin.to_string(),
            "client.yaml"
        );
        assert_eq!(alone.timeout(None).value, Duration::from_secs(3));
        assert!(alone.queue(None).value && !alone.queue(Some(false)).value);
        let none = settings(&[], "").unwrap();
        assert_eq!(none.timeout(None).origin, Origin::Default);
        assert!(none.server(&common).is_none());
    }

    #[test]
    fn a_value_that_cannot_be_read_names_where_it_is_from() {
        for (variables, file, said) in [
            (
                &[("DUNDER_QUEUE", "maybe")][..],
                "",
                "DUNDER_QUEUE: \"maybe\"",
            ),
            (&[("DUNDER_TIMEOUT", "soon")], "", "DUNDER_TIMEOUT: "),
            (&[], "timeout: soon", "client.yaml: "),
            (&[], "limit: 0", "client.yaml: limit"),
        ] {
            let error = settings(variables, file).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(said), "{error}");
        }
        let queue = settings(&[("DUNDER_QUEUE", "yes")], "").unwrap();
        assert!(queue.queue(None).value);
    }
}
