//! Where values come from: flags beat variables, variables beat the file.
//! Every value keeps its origin, for messages and for `dunder doctor`.

use std::collections::BTreeMap;
use std::fmt;

use super::environment::{is_service_link, unknown_variable};
use super::file::{self, ConfigFile};
use super::key::{Fallback, Key, Kind};
use super::keys::{self, CLIENT_VARIABLES, KEYS};
use super::{ConfigError, Environment, Flags, shown};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A flag, with its dashes.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// The configuration file and the line.
    File(String, u64),
    /// Nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => write!(f, "the flag {flag}"),
            Origin::Variable(name) => write!(f, "the variable {name}"),
            Origin::File(name, line) => write!(f, "{name} line {line}"),
            Origin::Default => f.write_str("the default"),
        }
    }
}

/// A setting as it was written, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Written {
    texts: Vec<String>,
    origin: Origin,
}

/// What was written, everywhere, with what is doubtful about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    written: BTreeMap<&'static str, Written>,
    warnings: Vec<String>,
}

/// Shows no value: some are secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.written.keys()).finish()
    }
}

/// One setting as a person may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The key.
    pub key: &'static str,
    /// Its value; `…` for a secret; for a default that depends on other
    /// settings, on which.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
}

impl Settings {
    /// Puts the sources together.
    pub(super) fn gather(
        flags: &Flags,
        environment: &Environment,
        file: Option<&ConfigFile>,
    ) -> Result<Settings, ConfigError> {
        let mut settings = Settings {
            written: BTreeMap::new(),
            warnings: Vec::new(),
        };
        if let Some(file) = file {
            settings.add_file(file)?;
        }
        settings.add_variables(environment)?;
        for (name, texts) in &flags.0 {
            let origin = Origin::Flag(format!("--{name}"));
            settings.put(name, texts.clone(), origin);
            if let Some(key) = keys::find(name).filter(|key| key.kind == Kind::Secret) {
                settings.warnings.push(format!(
                    "--{name} is visible to everyone on this machine (ps); use {} or the configuration file",
                    key.variable()
                ));
            }
        }
        for (name, written) in &settings.written {
            if written.texts.iter().any(String::is_empty) && *name != "cockroach.password" {
                return Err(ConfigError::Empty {
                    key: name,
                    origin: written.origin.clone(),
                });
            }
        }
        Ok(settings)
    }

    fn put(&mut self, name: &'static str, texts: Vec<String>, origin: Origin) {
        let is_list =
            keys::find(name).is_some_and(|key| matches!(key.kind, Kind::List | Kind::Map));
        let texts = if is_list {
            let parts = texts.iter().flat_map(|text| text.split(','));
            parts.map(|part| part.trim().to_owned()).collect()
        } else {
            texts
        };
        self.written.insert(name, Written { texts, origin });
    }

    fn add_file(&mut self, file: &ConfigFile) -> Result<(), ConfigError> {
        let mut entries = file::read(file)?;
        let place = |line| Origin::File(file.name.clone(), line);
        let both = |key, other| {
            Err(ConfigError::Combination(format!(
                "{} has both {key} and {other}, which say the same thing; keep one",
                file.name
            )))
        };
        if let Some(debug) = entries.remove("debug") {
            let text = debug.texts.concat();
            let origin = place(debug.line);
            let wanted = super::value::boolean(&text)
                .map_err(|reason| ConfigError::value("debug", shown(&text), &origin, reason))?;
            if entries.contains_key("log_level") {
                return both("debug", "log_level");
            }
            if wanted {
                self.put("log_level", vec!["debug".to_owned()], origin);
            }
        }
        if let Some(hosts) = entries.remove("cockroach.hosts") {
            if entries.contains_key("cockroach.host") {
                return both("cockroach.hosts", "cockroach.host");
            }
            entries.insert("cockroach.host", hosts);
        }
        for (name, entry) in entries {
            self.put(name, entry.texts, place(entry.line));
        }
        Ok(())
    }

    fn add_variables(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        for (variable, text) in &environment.variables {
            if let Some(key) = KEYS.iter().find(|key| key.variable() == *variable) {
                let origin = Origin::Variable(variable.clone());
                self.put(key.name, vec![text.clone()], origin);
            } else if is_service_link(variable) {
                self.warnings.push(format!(
                    "the variable {variable} is not a setting; it looks like a Kubernetes service link, which `enableServiceLinks: false` in the pod turns off"
                ));
            } else if !CLIENT_VARIABLES.contains(&variable.as_str()) {
                return Err(unknown_variable(variable, "dunder serve --help"));
            }
        }
        Ok(())
    }

    /// What should be said though it stops nothing.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Where a key was written.
    pub fn origin(&self, name: &str) -> Origin {
        self.written
            .get(name)
            .map_or(Origin::Default, |written| written.origin.clone())
    }

    /// Whether a key was written anywhere.
    pub fn is_written(&self, name: &str) -> bool {
        self.written.contains_key(name)
    }

    /// Every setting with its value and origin, secrets hidden.
    pub fn shown(&self) -> Vec<Shown> {
        let show = |key: &'static Key| {
            let value = match (self.written.get(key.name), key.kind, key.default) {
                (Some(_), Kind::Secret, _) => "…".to_owned(),
                (Some(written), Kind::Text | Kind::Bool | Kind::List | Kind::Map, _) => {
                    written.texts.join(", ")
                }
                (None, _, Fallback::Value(value) | Fallback::Depends(value)) => value.to_owned(),
            };
            Shown {
                key: key.name,
                value,
                origin: self.origin(key.name),
            }
        };
        KEYS.iter().map(show).collect()
    }

    /// The first key that was written among those a condition picks, and
    /// where.
    pub(super) fn first_written(
        &self,
        picks: impl Fn(&Key) -> bool,
    ) -> Option<(&'static str, Origin)> {
        let key = KEYS
            .iter()
            .find(|key| picks(key) && self.is_written(key.name))?;
        Some((key.name, self.origin(key.name)))
    }

    /// The values of a key, if it was written.
    pub(super) fn written_list<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(written) = self.written.get(name) else {
            return Ok(None);
        };
        let is_secret = keys::find(name).is_some_and(|key| key.kind == Kind::Secret);
        let read_one = |text: &String| {
            let seen = if is_secret {
                "…".to_owned()
            } else {
                shown(text)
            };
            read(text).map_err(|reason| ConfigError::value(name, seen, &written.origin, reason))
        };
        written
            .texts
            .iter()
            .map(read_one)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The value of a key, if it was written.
    pub(super) fn written<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        Ok(self
            .written_list(name, read)?
            .and_then(|mut values| values.pop()))
    }

    /// The value of a key, or its default.
    pub(super) fn value<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        if let Some(value) = self.written(name, &read)? {
            return Ok(value);
        }
        let default = keys::find(name).map_or("", |key| match key.default {
            Fallback::Value(value) | Fallback::Depends(value) => value,
        });
        read(default)
            .map_err(|reason| ConfigError::value(name, shown(default), &Origin::Default, reason))
    }
}
