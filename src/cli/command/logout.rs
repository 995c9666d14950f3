//! `dunder logout`: forgets logins.

use clap::Args;
use serde_json::json;

use crate::cli::account::{Login, Logins, token_said};
use crate::cli::args::Local;
use crate::cli::outbox::count_waiting_as;
use crate::cli::ui::Ui;
use crate::cli::{CliError, near};
use crate::output::{counted, sanitize_line};

/// What `dunder logout` takes.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// The login, as 'dunder login list' names it, or its server's address
    /// [default: the one in use]
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// The same, as other commands are told it
    #[arg(long, value_name = "URL|NAME", conflicts_with = "name")]
    server: Option<String>,

    /// Forget all logins
    #[arg(long, conflicts_with_all = ["name", "server"])]
    all: bool,

    #[command(flatten)]
    local: Local,
}

/// Forgets the logins that are named.
///
/// # Errors
/// There is none of that name, or the file cannot be written.
pub(crate) fn run(args: &LogoutArgs, ui: &mut Ui) -> Result<(), CliError> {
    let mut logins = Logins::load()?;
    let names = wanted(args, &logins)?;
    let gone: Vec<Login> = names
        .iter()
        .filter_map(|name| logins.remove(name))
        .collect();
    if !gone.is_empty() {
        logins.store()?;
    }
    if args.local.json {
        let names: Vec<&str> = gone.iter().map(|login| &*login.name).collect();
        let document = json!({ "data": { "logged_out": names } });
        ui.print_json_done(&document.to_string());
    } else {
        say(&gone, &logins, ui);
    }
    if token_said().is_some() {
        ui.say("DUNDER_TOKEN is still set");
    }
    Ok(())
}

fn wanted(args: &LogoutArgs, logins: &Logins) -> Result<Vec<String>, CliError> {
    if args.all {
        return Ok(logins
            .all()
            .iter()
            .map(|login| login.name.clone())
            .collect());
    }
    let Some(said) = args.name.as_ref().or(args.server.as_ref()) else {
        // With one login there is no doubt.
        let only = logins.all().first().filter(|_| logins.all().len() == 1);
        let login = logins.current().or(only);
        if login.is_none() && !logins.all().is_empty() {
            return Err(CliError::Usage(format!(
                "no login is in use; name the one to forget ({}) or --all",
                names(logins)
            )));
        }
        return Ok(login.map(|login| login.name.clone()).into_iter().collect());
    };
    let of_server = said.parse().ok().and_then(|server| logins.of(&server));
    match logins.named(said).or(of_server) {
        Some(login) => Ok(vec![login.name.clone()]),
        None => Err(unknown(said, logins)),
    }
}

/// There is no login of this name.
pub(crate) fn unknown(said: &str, logins: &Logins) -> CliError {
    let known = logins.all().iter().map(|login| &*login.name);
    let hint = match near::near(said, known) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("those there are: {}", names(logins)),
    };
    CliError::Failed(format!(
        "there is no login {}; {hint}",
        crate::domain::shown(said)
    ))
}

fn names(logins: &Logins) -> String {
    let names: Vec<&str> = logins.all().iter().map(|login| &*login.name).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

fn say(gone: &[Login], logins: &Logins, ui: &mut Ui) {
    if gone.is_empty() {
        ui.say("you were not logged in");
    }
    for login in gone {
        ui.say(&format!("logged out from {}", sanitize_line(&login.server)));
        if let waiting @ 1.. = count_waiting_as(&login.user) {
            let waiting = counted(waiting as u64, "message");
            let user = sanitize_line(&login.user);
            ui.say(&format!(
                "{waiting} by {user} still unsent until the next login, see 'dunder queue'"
            ));
        }
    }
    if !gone.is_empty() && !logins.all().is_empty() && logins.current().is_none() {
        ui.say(&format!(
            "no login is in use now; 'dunder login use NAME' takes one of {}",
            names(logins)
        ));
    }
}
