//! The logins that are kept: listing them, and choosing the one in use.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::account::{Login, Logins};
use crate::cli::args::{Common, Local};
use crate::cli::command::logout::unknown;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;
use crate::output::sanitize_line;

/// What `dunder login list` takes.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    local: Local,
}

/// What `dunder login use` takes.
#[derive(Debug, Args)]
pub(super) struct UseArgs {
    /// As 'dunder login list' names it
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    local: Local,
}

/// Lists the logins, without their tokens.
///
/// # Errors
/// The file cannot be read, or the output is closed.
pub(super) fn list(args: &ListArgs, ui: &mut Ui) -> Result<(), CliError> {
    let logins = Logins::load()?;
    let in_use = logins.current().map(|login| login.name.as_str());
    if args.local.json {
        let shown: Vec<Value> = logins
            .all()
            .iter()
            .map(|login| {
                json!({
                    "name": login.name,
                    "server": login.server,
                    "user": login.user,
                    "in_use": Some(login.name.as_str()) == in_use,
                })
            })
            .collect();
        return ui.print_json(&json!({ "data": { "logins": shown } }).to_string());
    }
    if logins.all().is_empty() {
        ui.remark("(none; 'dunder login' makes one)");
    }
    let widest = |of: fn(&Login) -> &str| {
        let all = logins.all().iter();
        all.map(|login| sanitize_line(of(login)).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (names, users) = (widest(|login| &login.name), widest(|login| &login.user));
    for login in logins.all() {
        let mark = if Some(login.name.as_str()) == in_use {
            "*"
        } else {
            " "
        };
        let [name, user, server] =
            [&login.name, &login.user, &login.server].map(|text| sanitize_line(text));
        let line = if ui.is_interactive() {
            format!("{mark} {name:<names$}  {user:<users$}  {server}\n")
        } else {
            let mark = if mark == "*" { "in use" } else { "" };
            format!("{name}\t{user}\t{server}\t{mark}\n")
        };
        ui.write(&line)?;
    }
    ui.finish()
}

/// Uses another login from now on.
///
/// # Errors
/// There is none of this name, or the file cannot be written.
pub(super) fn use_login(args: &UseArgs, ui: &mut Ui) -> Result<(), CliError> {
    let mut logins = Logins::load()?;
    if !logins.use_login(&args.name) {
        return Err(unknown(&args.name, &logins));
    }
    logins.store()?;
    let server = logins.current().map_or("", |login| &login.server);
    if args.local.json {
        let document = json!({ "data": { "in_use": args.name, "server": server } });
        ui.print_json_done(&document.to_string());
    } else {
        let server = sanitize_line(server);
        ui.say(&format!("{} is in use: {server}", args.name));
    }
    let overruled = Settings::load()?.server(&Common::default());
    if let Some(said) = overruled {
        ui.warn(&format!(
            "{} names the server {}, which comes first",
            said.origin, said.value
        ));
    }
    Ok(())
}
