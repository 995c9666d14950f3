//! Settings as flags. The arguments are built from the list of keys rather
//! than derived from a struct: a second list could differ from the first.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::key::{Fallback, Key, Kind};
use super::keys::KEYS;

/// What was given on the command line, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags(pub(super) BTreeMap<&'static str, Vec<String>>);

/// Every setting of the server, for `dunder serve`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServeArgs(pub Flags);

/// The settings that say where messages are kept, for commands that open the
/// store themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreArgs(pub Flags);

/// The settings that say where messages are kept and for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionArgs(pub Flags);

impl Flags {
    /// Flags given as pairs of a key and a value, as tests write them.
    pub fn from_pairs(pairs: &[(&'static str, &str)]) -> Flags {
        let mut flags = Flags::default();
        for (name, value) in pairs {
            let values = flags.0.entry(name).or_default();
            values.push((*value).to_owned());
        }
        flags
    }

    fn from_matches(matches: &ArgMatches, keys: impl Iterator<Item = &'static Key>) -> Flags {
        let given = keys.filter_map(|key| {
            let values = matches.get_many::<String>(key.name)?;
            Some((key.name, values.cloned().collect()))
        });
        Flags(given.collect())
    }
}

fn server_keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter()
}

fn store_keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| key.is_for_store())
}

fn retention_keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| key.is_for_retention())
}

fn argument(key: &'static Key) -> Arg {
    let default = match key.default {
        Fallback::Value(value) | Fallback::Depends(value) => value,
    };
    let variable = key.variable();
    let arg = Arg::new(key.name)
        .long(key.name)
        .value_name(key.value)
        .help(format!(
            "{} [default: {default}] [env: {variable}]",
            key.help
        ))
        .help_heading(match key.section() {
            None => "Settings",
            Some("cockroach") => "Settings: CockroachDB",
            Some("sqlite") => "Settings: embedded store",
            Some("tls") => "Settings: TLS",
            Some("retention") => "Settings: how long messages are kept",
            Some("archive") => "Settings: archive",
            Some("auth") => "Settings: who may do what",
            Some(_) => "Settings: limits",
        });
    match key.kind {
        Kind::Text | Kind::Secret => arg.action(ArgAction::Set),
        Kind::Bool => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .default_missing_value("true"),
        Kind::List | Kind::Map => arg.action(ArgAction::Append),
    }
}

fn augment(command: Command, keys: impl Iterator<Item = &'static Key>) -> Command {
    command.args(keys.map(argument))
}

impl FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(ServeArgs(Flags::from_matches(matches, server_keys())))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ServeArgs {
    fn augment_args(command: Command) -> Command {
        augment(command, server_keys())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StoreArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(StoreArgs(Flags::from_matches(matches, store_keys())))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for StoreArgs {
    fn augment_args(command: Command) -> Command {
        augment(command, store_keys())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RetentionArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(RetentionArgs(Flags::from_matches(
            matches,
            retention_keys(),
        )))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for RetentionArgs {
    fn augment_args(command: Command) -> Command {
        augment(command, retention_keys())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
