//! `dunder config`: the client's settings, each with where it comes from, and
//! changes to `client.yaml`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::account::Logins;
use crate::cli::account::access::server;
use crate::cli::args::{Common, Local};
use crate::cli::command::post::editor;
use crate::cli::settings::{ALIAS, FILE_KEYS, File, Listed, Settings, edit};
use crate::cli::ui::Ui;
use crate::cli::{CliError, alias, private};
use crate::output::{columns, sanitize_line, wrap};

/// A larger file is a mistake.
const MAX_FILE: u64 = 64 * 1024;

/// What `dunder config` takes.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Settings are kept in client.yaml below your configuration directory; flags and
variables come before it. An alias is a command of your own.

  dunder config
  dunder config set limit 50
  dunder config set alias.ops 'feed -t ops -n 50'
  dunder config unset limit
  dunder config edit"
)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: Option<ConfigCommand>,

    #[command(flatten)]
    local: Local,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// List the settings in force, and where each comes from
    List(Local),
    /// Write a setting into client.yaml
    Set(SetArgs),
    /// Take a setting out of client.yaml
    Unset(UnsetArgs),
    /// Open client.yaml in $VISUAL or $EDITOR
    Edit(Local),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// As 'dunder config' lists it, or alias.NAME
    #[arg(value_name = "KEY")]
    key: String,

    /// What it is to be
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,

    #[command(flatten)]
    local: Local,
}

#[derive(Debug, Args)]
struct UnsetArgs {
    /// As 'dunder config' lists it, or alias.NAME
    #[arg(value_name = "KEY")]
    key: String,

    #[command(flatten)]
    local: Local,
}

/// Lists or changes the settings.
///
/// # Errors
/// A setting that cannot be, or a file that cannot be read or written.
pub(crate) fn run(
    args: &ConfigArgs,
    whole: fn() -> clap::Command,
    ui: &mut Ui,
) -> Result<(), CliError> {
    match &args.command {
        None => list(args.local, ui),
        Some(ConfigCommand::List(local)) => list(*local, ui),
        Some(ConfigCommand::Set(args)) => {
            check(&args.key, &args.value, whole)?;
            change(&args.key, |text| edit::set(text, &args.key, &args.value))?;
            changed(&args.key, args.local, ui)
        }
        Some(ConfigCommand::Unset(args)) => {
            change(&args.key, |text| edit::unset(text, &args.key))?;
            changed(&args.key, args.local, ui)
        }
        Some(ConfigCommand::Edit(local)) => edit_file(*local, ui),
    }
}

fn list(local: Local, ui: &mut Ui) -> Result<(), CliError> {
    let settings = Settings::load()?;
    ui.set_color(settings.color(local.color));
    let listed = listed(&settings)?;
    if local.json {
        let document = json!({ "data": { "settings": documents(&listed) } });
        return ui.print_json(&document.to_string());
    }
    if ui.is_interactive() {
        let look = ui.look(None);
        let widest = listed.iter().map(|one| columns(&sanitize_line(&one.key)));
        let side = widest.max().unwrap_or(0) + 2;
        for one in &listed {
            let key = sanitize_line(&one.key);
            let said = format!("{} ({})", one.value, one.origin);
            let said = sanitize_line(said.trim_start());
            for (at, line) in wrap(&said, look.width().saturating_sub(side))
                .iter()
                .enumerate()
            {
                let key = if at == 0 { key.as_str() } else { "" };
                let gap = side - columns(key);
                ui.write(&format!("{key}{:gap$}{line}\n", ""))?;
            }
        }
    } else {
        for one in &listed {
            let [key, value] = [&one.key, &one.value].map(|text| sanitize_line(text));
            ui.write(&format!("{key}\t{value}\t{}\n", one.origin))?;
        }
    }
    ui.finish()?;
    if let Some(path) = Settings::path() {
        ui.remark(&format!("(client.yaml is {})", path.display()));
    }
    Ok(())
}

/// What is in force; the server may be that of a login.
fn listed(settings: &Settings) -> Result<Vec<Listed>, CliError> {
    let (server, origin) = server(&Common::default(), settings, &Logins::load()?)?;
    let server = Listed {
        key: "server".to_owned(),
        value: server.to_string(),
        origin: origin.to_string(),
    };
    let rest = settings.list().into_iter();
    Ok(std::iter::once(server).chain(rest).collect())
}

fn documents(listed: &[Listed]) -> Vec<Value> {
    let document =
        |one: &Listed| json!({ "key": one.key, "value": one.value, "origin": one.origin });
    listed.iter().map(document).collect()
}

fn path() -> Result<PathBuf, CliError> {
    Settings::path().ok_or_else(|| {
        CliError::Failed(
            "no configuration directory is known; set HOME or XDG_CONFIG_HOME".to_owned(),
        )
    })
}

/// Refuses what could be written and not be used.
fn check(key: &str, value: &str, whole: fn() -> clap::Command) -> Result<(), CliError> {
    if let Some(name) = key.strip_prefix(ALIAS) {
        let why = alias::refusal(name, value, whole);
        return why.map_or(Ok(()), |why| Err(CliError::Usage(format!("{key}: {why}"))));
    }
    if key == "server" {
        Logins::load()?.server(value)?;
    }
    Ok(())
}

fn change(key: &str, by: impl Fn(&str) -> Result<String, String>) -> Result<(), CliError> {
    let path = path()?;
    let failed = |what: &str, error: std::io::Error| {
        CliError::Failed(format!("cannot {what} {}: {error}", path.display()))
    };
    let text = match private::read(&path, MAX_FILE) {
        Ok(text) => String::from_utf8(text)
            .map_err(|_| CliError::Failed(format!("{} is not UTF-8 text", path.display())))?,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed("read", error)),
    };
    let changed = by(&text).map_err(|why| CliError::Usage(format!("{key}: {why}")))?;
    let file = File::parse(&changed).map_err(CliError::Usage)?;
    // Values that are texts to the file are read as what they are.
    Settings::of(&BTreeMap::new(), file)?;
    private::write(&path, changed.as_bytes()).map_err(|error| failed("write", error))
}

/// Says what is in force now: a variable may come first.
fn changed(key: &str, local: Local, ui: &mut Ui) -> Result<(), CliError> {
    let listed = listed(&Settings::load()?)?;
    let now: Vec<Listed> = listed.into_iter().filter(|one| one.key == key).collect();
    if local.json {
        let document = json!({ "data": { "settings": documents(&now) } });
        ui.print_json_done(&document.to_string());
        return Ok(());
    }
    match now.first() {
        Some(one) => {
            let value = sanitize_line(&one.value);
            ui.say(&format!("{key} is now {value} ({})", one.origin));
        }
        None => ui.say(&format!("{key} is not set any more")),
    }
    Ok(())
}

fn edit_file(local: Local, ui: &mut Ui) -> Result<(), CliError> {
    let path = path()?;
    if !path.exists() {
        let failed = |error| CliError::Failed(format!("cannot write {}: {error}", path.display()));
        private::write(&path, template().as_bytes()).map_err(failed)?;
    }
    editor::open(&path, ui.terminal())?;
    Settings::of(&BTreeMap::new(), File::load()?)?;
    if local.json {
        let document = json!({ "data": { "file": path } });
        ui.print_json_done(&document.to_string());
    }
    Ok(())
}

/// A new file: every key as a comment.
fn template() -> String {
    let keys = FILE_KEYS.iter();
    let keys = keys.map(|(key, about)| format!("# {about}\n# {key}:\n"));
    let keys: String = keys.collect();
    format!("{keys}# commands of your own, such as ops: feed -t ops -n 50\n# alias:\n")
}
