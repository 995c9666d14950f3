//! `dunder login`: asks the server whom a token names, and keeps both; lists
//! the logins and says which one is in use.

mod kept;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::api::Whoami;
use crate::cli::account::access::{local_user, server};
use crate::cli::account::{Access, Endpoint, Login, Logins, TokenSource, name_token, token_said};
use crate::cli::args::{Common, user};
use crate::cli::client::{Answer, Client};
use crate::cli::command::whoami::who;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;
use crate::cli::{CliError, outbox};
use crate::domain::UserName;
use crate::output::sanitize_line;

/// The longest token that is read.
const MAX_TOKEN: u64 = 4096;

/// What `dunder login` takes.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_help_heading = "Logins that are kept",
    after_help = "\
The token comes from DUNDER_TOKEN, from standard input (-), or is asked for
without being shown. On a server where a name is enough (auth.mode: name),
--user NAME is the whole login. A login is kept for each server; --server takes
its name as well as its address.

  dunder login --server https://dunder.example.com --name work
  dunder login --server http://127.0.0.1:9000 --user ann
  pass show dunder | dunder login --server https://dunder.example.com -
  dunder login list
  dunder login use work"
)]
pub struct LoginArgs {
    #[command(subcommand)]
    command: Option<LoginCommand>,

    #[command(flatten)]
    start: StartArgs,
}

#[derive(Debug, Subcommand)]
enum LoginCommand {
    /// List the logins; the one in use is marked
    List(kept::ListArgs),
    /// Use a login from now on where no server is named
    Use(kept::UseArgs),
}

#[derive(Debug, Args)]
struct StartArgs {
    /// - reads the token from standard input
    #[arg(value_name = "-")]
    input: Option<String>,

    /// Your name, on a server where a name is enough
    #[arg(short, long, value_name = "NAME", value_parser = user, conflicts_with = "input")]
    user: Option<String>,

    /// What to call this login [default: the server's host]
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,

    /// Replace the token that is kept for this server, though it still works
    #[arg(long)]
    replace: bool,

    /// Refused: everyone on this machine can see it
    #[arg(long, value_name = "TOKEN", hide = true)]
    token: Option<String>,

    #[command(flatten)]
    common: Common,
}

/// A name for a login.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_alphanumeric() || "._-:".contains(c);
    let is_name = (1..=64).contains(&text.chars().count()) && text.chars().all(is_plain);
    match is_name && !text.starts_with('-') {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{} is not 1 to 64 letters, digits, '.', '_', '-' or ':'",
            crate::domain::shown(text)
        )),
    }
}

/// Logs in, or shows or changes what is kept.
///
/// # Errors
/// No token, or the server does not take it; there is no such login.
pub(crate) async fn run(args: LoginArgs, ui: &mut Ui) -> Result<(), CliError> {
    match args.command {
        None => start(args.start, ui).await,
        Some(LoginCommand::List(args)) => kept::list(&args, ui),
        Some(LoginCommand::Use(args)) => kept::use_login(&args, ui),
    }
}

async fn start(args: StartArgs, ui: &mut Ui) -> Result<(), CliError> {
    refuse_visible_token(&args)?;
    let settings = Settings::load()?;
    ui.set_color(settings.color(args.common.color));
    let mut logins = readable(ui)?;
    let (server, _) = server(&args.common, &settings, &logins)?;
    let said = settings.cacert(&args.common);
    let known = logins.of(&server).and_then(|login| login.cacert.clone());
    let cacert = said
        .map(|said| said.value)
        .map(absolute)
        .transpose()?
        .or(known);
    if !server.is_https() && !server.is_loopback() {
        ui.warn(&format!(
            "{server} is not https; anyone on the way can read the token"
        ));
    }
    let timeout = settings.timeout(args.common.timeout).value;
    let call = |token: Option<String>| {
        let access = Access {
            server: server.clone(),
            token,
            cacert: cacert.clone(),
            source: TokenSource::Login,
            user: None,
        };
        Client::new(access, timeout)
    };
    let token = token(&args, &server, &call, ui).await?;
    let client = call(Some(token.clone()))?;
    let answer = client.get("/whoami", "").await;
    let answer: Answer<Whoami> = answer.map_err(|error| untaken(error, &args, &server))?;
    may_replace(&args, &logins, &server, &token, &call, ui).await?;
    let kept = logins.of(&server).map(|login| login.name.clone());
    let name = args.name.clone().or(kept);
    let name = name.unwrap_or_else(|| logins.free_name(&server));
    if let Some(other) = logins.named(&name)
        && other.endpoint().is_ok_and(|at| at != server)
    {
        return Err(CliError::Usage(format!(
            "the name {name} is that of the login to {}; choose another with --name",
            other.server
        )));
    }
    logins.put(Login {
        name: name.clone(),
        server: server.to_string(),
        token,
        user: answer.data.user.name.to_string(),
        cacert,
    });
    let path = logins.store()?;
    if args.common.json {
        ui.print_json_done(&answer.document);
    } else {
        ui.say(&format!("the login {name} is kept in {}", path.display()));
        let who = who(&answer.data, &server.to_string(), ui);
        ui.print_done(&who);
    }
    let access = Access::to(server, None, &logins);
    outbox::send_waiting(&access, timeout, ui).await;
    Ok(())
}

/// A token among the arguments is in the shell's history and in `ps`.
fn refuse_visible_token(args: &StartArgs) -> Result<(), CliError> {
    let said = args.input.as_deref().filter(|input| *input != "-");
    if said.is_none() && args.token.is_none() {
        return Ok(());
    }
    let logins = Logins::load().unwrap_or_default();
    if let Some(login) = said.and_then(|name| logins.named(name)) {
        return Err(CliError::Usage(format!(
            "did you mean 'dunder login use {}'?",
            login.name
        )));
    }
    Err(CliError::Usage(
        "a token on the command line can be seen by everyone on this machine, and stays in the shell's history; run 'dunder login' and paste it when asked, or pipe it into 'dunder login -'".to_owned(),
    ))
}

/// The logins; a file that cannot be read is moved away, not written over.
fn readable(ui: &mut Ui) -> Result<Logins, CliError> {
    match Logins::load() {
        Ok(logins) => Ok(logins),
        Err(error) => {
            let aside = Logins::set_aside()?;
            ui.warn(&format!("{error}; it is now {}", aside.display()));
            Ok(Logins::default())
        }
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, CliError> {
    std::path::absolute(&path)
        .map_err(|error| CliError::Failed(format!("cannot use {}: {error}", path.display())))
}

/// The token, from where it is given; at a terminal the server is looked for
/// before a person is asked.
async fn token(
    args: &StartArgs,
    server: &Endpoint,
    call: &impl Fn(Option<String>) -> Result<Client, CliError>,
    ui: &mut Ui,
) -> Result<String, CliError> {
    if let Some(name) = &args.user {
        return Ok(name_token(&UserName::from_stored(name)));
    }
    if args.input.is_none()
        && let Some(token) = token_said()
    {
        return Ok(token);
    }
    if args.input.is_some() || !ui.terminal().input {
        let bytes = ui.read_input(MAX_TOKEN);
        let bytes =
            bytes.map_err(|error| CliError::Failed(format!("cannot read the token: {error}")))?;
        let token = String::from_utf8_lossy(&bytes).trim().to_owned();
        return Some(token).filter(|token| !token.is_empty()).ok_or_else(|| {
            CliError::Usage(
                "there is no token; give it on standard input or in DUNDER_TOKEN, or --user NAME where a name is enough".to_owned(),
            )
        });
    }
    let name = local_user();
    let takes_names = match &name {
        Some(name) => takes_name(name, call).await?,
        None => false,
    };
    let question = match name.as_ref().filter(|_| takes_names) {
        Some(name) => format!("Token for {server} (empty: log in by the name {name}): "),
        None => format!("Token for {server}: "),
    };
    let token = ui
        .ask_secret(&question)
        .map_err(|error| CliError::Failed(format!("cannot ask for the token: {error}")))?;
    match (token.trim(), name.filter(|_| takes_names)) {
        ("", Some(name)) => Ok(name_token(&name)),
        ("", None) => Err(CliError::Usage(format!(
            "there is no token; who runs {server} makes one with 'dunder token create NAME'"
        ))),
        (token, _) => Ok(token.to_owned()),
    }
}

/// Whether a name is enough on this server, which has to be there.
async fn takes_name(
    name: &UserName,
    call: &impl Fn(Option<String>) -> Result<Client, CliError>,
) -> Result<bool, CliError> {
    let client = call(Some(name_token(name)))?;
    let answer: Result<Answer<Whoami>, CliError> = client.get("/whoami", "").await;
    match answer {
        Ok(answer) => Ok(answer.data.mode == "name"),
        Err(CliError::Refused {
            status: 401,
            by_dunder: true,
            ..
        }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a server's refusal of the token means here.
fn untaken(error: CliError, args: &StartArgs, server: &Endpoint) -> CliError {
    let CliError::Refused {
        status: 401,
        by_dunder: true,
        ..
    } = error
    else {
        return error;
    };
    CliError::Failed(match &args.user {
        Some(_) => format!(
            "{server} takes tokens, not names; who runs it makes one with 'dunder token create NAME', then run 'dunder login --server {server}'"
        ),
        None => format!(
            "{server} does not know this token; it may be mistyped, expired or revoked. Who runs it makes one with 'dunder token create NAME'"
        ),
    })
}

/// A token that still works is the only one there is: it is shown once, where
/// it is made.
async fn may_replace(
    args: &StartArgs,
    logins: &Logins,
    server: &Endpoint,
    token: &str,
    call: &impl Fn(Option<String>) -> Result<Client, CliError>,
    ui: &mut Ui,
) -> Result<(), CliError> {
    let Some(login) = logins.of(server).filter(|login| login.token != token) else {
        return Ok(());
    };
    let is_name = login.token == name_token(&UserName::from_stored(&login.user));
    if is_name || args.replace {
        return Ok(());
    }
    let client = call(Some(login.token.clone()))?;
    let answer: Result<Answer<Whoami>, CliError> = client.get("/whoami", "").await;
    if matches!(answer, Err(CliError::Refused { status: 401, .. })) {
        return Ok(());
    }
    let user = sanitize_line(&login.user);
    let lost = format!("a token of {user} for {server} is kept and still works; it would be lost");
    if ui.terminal().input && ui.terminal().error {
        let question = format!("dunder: {lost}. Replace it?");
        if ui.confirm(&question) {
            return Ok(());
        }
        return Err(CliError::Failed("the login was left as it is".to_owned()));
    }
    Err(CliError::Usage(format!("{lost}; --replace does so")))
}
