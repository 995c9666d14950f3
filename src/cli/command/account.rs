//! `dunder login`, `logout` and `whoami`.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use clap::Args;

use crate::api::Whoami;
use crate::cli::CliError;
use crate::cli::account::credentials::{
    Access, Credentials, TokenSource, default_server, local_user, name_token,
};
use crate::cli::args::{Common, user};
use crate::cli::client::{Answer, Client};
use crate::cli::outbox::count_waiting_as;
use crate::cli::ui::terminal;
use crate::cli::ui::terminal::is_interactive;
use crate::domain::UserName;
use crate::output::{counted, sanitize_line};

/// The longest token that is read.
const MAX_TOKEN: u64 = 4096;

/// What `dunder login` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The token comes from DUNDER_TOKEN, from standard input (-), or is asked for
without being shown. On a server where a name is enough (auth.mode: name),
--user NAME is the whole login.

  dunder login --server https://dunder.example.com
  dunder login --server http://127.0.0.1:9000 --user ann
  pass show dunder | dunder login --server https://dunder.example.com -")]
pub struct LoginArgs {
    /// - reads the token from standard input
    #[arg(value_name = "-", value_parser = ["-"])]
    input: Option<String>,

    /// Your name, on a server where a name is enough
    #[arg(short, long, value_name = "NAME", value_parser = user, conflicts_with = "input")]
    user: Option<String>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// What `dunder logout` takes.
#[derive(Debug, Args)]
pub struct LogoutArgs {}

/// What `dunder whoami` takes.
#[derive(Debug, Args)]
pub struct WhoamiArgs {
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Asks the server whom the token names, and keeps both.
///
/// # Errors
/// No token, or the server does not take it.
pub(crate) async fn login(args: LoginArgs) -> Result<(), CliError> {
    // A stored login that cannot be read is replaced.
    let stored = Credentials::load().unwrap_or(None);
    let server = match args.common.server.clone() {
        Some(server) => server,
        None => stored
            .and_then(|login| login.server.parse().ok())
            .unwrap_or_else(default_server),
    };
    let cacert = args.common.cacert.clone().map(absolute).transpose()?;
    let token = token(&args, &server.to_string())?;
    if !server.is_https() && !server.is_loopback() {
        eprintln!("dunder: warning: {server} is not https; anyone on the way can read the token");
    }
    let access = Access {
        server,
        token: Some(token.clone()),
        cacert: cacert.clone(),
        source: TokenSource::Login,
        user: None,
    };
    let client = Client::new(access, args.common.timeout)?;
    let answer: Answer<Whoami> = client.get("/whoami", "").await.map_err(login_hint)?;
    let server = client.access().server.to_string();
    let kept = Credentials {
        server: server.clone(),
        token,
        user: answer.data.user.name.to_string(),
        cacert,
    };
    let path = kept.store()?;
    if args.common.json {
        return terminal::print_json(&answer.document);
    }
    eprintln!("the login is kept in {}", path.display());
    terminal::print(&who(&answer.data, &server))
}

/// At a login, "see login" helps nobody.
fn login_hint(error: CliError) -> CliError {
    match error {
        CliError::Refused {
            status,
            by_dunder,
            sentence,
            ..
        } => CliError::Refused {
            status,
            by_dunder,
            sentence,
            hint: Some("the server does not know this token"),
        },
        CliError::Failed(_)
        | CliError::Usage(_)
        | CliError::Unreachable(_)
        | CliError::ClosedPipe => error,
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, CliError> {
    std::path::absolute(&path)
        .map_err(|error| CliError::Failed(format!("cannot use {}: {error}", path.display())))
}

fn token(args: &LoginArgs, server: &str) -> Result<String, CliError> {
    if let Some(name) = &args.user {
        return Ok(name_token(&UserName::from_stored(name)));
    }
    if args.input.is_none()
        && let Ok(token) = std::env::var("DUNDER_TOKEN")
        && !token.is_empty()
    {
        return Ok(token.trim().to_owned());
    }
    let token = if args.input.is_some() || !std::io::stdin().is_terminal() {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .take(MAX_TOKEN)
            .read_to_string(&mut text)
            .map_err(|error| CliError::Failed(format!("cannot read the token: {error}")))?;
        text
    } else {
        let question = match local_user() {
            Some(name) => format!("Token for {server} (empty: log in by the name {name}): "),
            None => format!("Token for {server}: "),
        };
        rpassword::prompt_password(question)
            .map_err(|error| CliError::Failed(format!("cannot ask for the token: {error}")))?
    };
    match (token.trim(), local_user()) {
        ("", Some(name)) if args.input.is_none() && std::io::stdin().is_terminal() => {
            Ok(name_token(&name))
        }
        ("", _) => Err(CliError::Usage(
            "there is no token; give it on standard input or in DUNDER_TOKEN, or --user NAME where a name is enough".to_owned(),
        )),
        (token, _) => Ok(token.to_owned()),
    }
}

/// Forgets the stored login.
///
/// # Errors
/// The file cannot be removed.
pub(crate) fn logout(_: &LogoutArgs) -> Result<(), CliError> {
    let user = Credentials::load().ok().flatten().map(|login| login.user);
    if Credentials::remove()? {
        eprintln!("logged out");
        if let Some(user) = user
            && let waiting @ 1.. = count_waiting_as(&user)
        {
            let waiting = counted(waiting as u64, "message");
            let user = sanitize_line(&user);
            eprintln!("{waiting} by {user} still unsent until the next login, see 'dunder queue'");
        }
    } else {
        eprintln!("you were not logged in");
    }
    if std::env::var_os("DUNDER_TOKEN").is_some_and(|token| !token.is_empty()) {
        eprintln!("DUNDER_TOKEN is still set");
    }
    Ok(())
}

/// Prints who the server takes the caller for.
///
/// # Errors
/// Nobody is logged in, or no answer.
pub(crate) async fn whoami(args: WhoamiArgs) -> Result<(), CliError> {
    let access = Access::of(&args.common)?;
    access.check_login()?;
    let client = Client::new(access, args.common.timeout)?;
    let answer: Answer<Whoami> = client.get("/whoami", "").await?;
    if args.common.json {
        return terminal::print_json(&answer.document);
    }
    terminal::print(&who(&answer.data, &client.access().server.to_string()))
}

fn who(whoami: &Whoami, server: &str) -> String {
    let name = sanitize_line(&whoami.user.name);
    let mode = sanitize_line(&whoami.mode);
    if is_interactive() {
        format!("{name} on {server} (by {mode})\n")
    } else {
        format!("{name}\t{server}\t{mode}\n")
    }
}
