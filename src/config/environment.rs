//! The environment: which variables are dunder's, and which look so and are
//! not. A mistyped one stops the program, the server and the client alike.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::ConfigError;
use super::key::Key;
use super::keys::{self, CLIENT_VARIABLES, KEYS, MESSAGE_VARIABLES};

/// The part of the process's environment that settings depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Variables that start with `DUNDER_`, but those of a message.
    pub variables: BTreeMap<String, String>,
    /// Variables that every program of OpenTelemetry reads.
    pub otel: BTreeMap<String, String>,
    /// The user's data directory, where there is one.
    pub data_dir: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process.
    ///
    /// # Errors
    /// A `DUNDER_` variable is not UTF-8.
    pub fn of_process() -> Result<Environment, ConfigError> {
        let (mut variables, mut otel) = (BTreeMap::new(), BTreeMap::new());
        // One of them alone is a setting that is misspelt.
        let is_in_exec = MESSAGE_VARIABLES
            .iter()
            .all(|name| std::env::var_os(name).is_some());
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str() else {
                continue;
            };
            if name.starts_with("OTEL_") {
                otel.insert(name.to_owned(), value.to_string_lossy().into_owned());
                continue;
            }
            if !name.starts_with("DUNDER_") {
                continue;
            }
            if is_in_exec && MESSAGE_VARIABLES.contains(&name) {
                continue;
            }
            let value = value.into_string().map_err(|_| {
                ConfigError::Combination(format!("the variable {name} is not UTF-8; set it again"))
            })?;
            variables.insert(name.to_owned(), value);
        }
        Ok(Environment {
            variables,
            otel,
            data_dir: dirs::data_dir(),
        })
    }

    /// Checks the variables for a command of the client: none is misspelt,
    /// and none that the client reads is empty. The server's own are another
    /// matter.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable and says what to do.
    pub fn check_for_client(&self) -> Result<(), ConfigError> {
        for (variable, value) in &self.variables {
            let is_client = CLIENT_VARIABLES.contains(&variable.as_str());
            let is_known = is_client || KEYS.iter().any(|key| key.variable() == *variable);
            if !is_known && !is_service_link(variable) {
                return Err(unknown_variable(variable, "dunder help configuration"));
            }
            if is_client && value.is_empty() {
                return Err(ConfigError::Combination(format!(
                    "the variable {variable} is empty; give it a value or unset it"
                )));
            }
        }
        Ok(())
    }
}

/// What Kubernetes sets in every pod for a service named `dunder…`.
pub(super) fn is_service_link(variable: &str) -> bool {
    let parts = ["_SERVICE_HOST", "_SERVICE_PORT", "_TCP", "_PROTO", "_ADDR"];
    parts.iter().any(|part| variable.contains(part))
}

/// A mistyped variable is a setting that somebody believes in.
pub(super) fn unknown_variable(variable: &str, list: &str) -> ConfigError {
    let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
    let known = names.iter().map(String::as_str).chain(CLIENT_VARIABLES);
    ConfigError::Combination(match keys::closest(variable, known) {
        Some(meant) => format!("the variable {variable} is not a setting; did you mean {meant}?"),
        None => format!(
            "the variable {variable} is not a setting; unset it, or `{list}` lists those there are"
        ),
    })
}
