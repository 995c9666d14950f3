//! The command line as a whole: which command runs, on which runtime, and how
//! a failure ends the process.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::app::admin::{self, AdminCommand, AdminError};
use crate::app::log;
use crate::app::serve::{self, ServeError};
use crate::cli::{self, ClientCommand};
use crate::config::ServeArgs;
use crate::output::sanitize;
use crate::store::OpenError;

/// How long the end of a command waits for a log that nobody reads.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Messages with hashtags, and their trends, from the terminal.
#[derive(Debug, Parser)]
#[command(
    name = "dunder",
    version,
    about,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = "\
Start:   dunder serve
Then:    dunder post 'deploy of #prod done'
         dunder feed
Topics:  dunder help hashtags, dates, output, following, exit-codes,
         configuration, curl"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; with no settings, over an embedded file on 127.0.0.1:9000
    Serve(ServeArgs),
    #[command(flatten)]
    Client(Box<ClientCommand>),
    #[command(flatten)]
    Admin(AdminCommand),
}

/// A command that ended otherwise than well: what to say, and the exit code.
struct Failure {
    sentence: String,
    code: u8,
}

/// Settings that are wrong end with 2, as a wrong command line does.
impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Failure {
        let code = match &error {
            ServeError::Config(_)
            | ServeError::OpenSocket { .. }
            | ServeError::Open(OpenError::Settings(_)) => 2,
            ServeError::Open(_)
            | ServeError::Tls(_)
            | ServeError::Traces(_)
            | ServeError::Listen { .. }
            | ServeError::Socket(_)
            | ServeError::Start(_) => 1,
        };
        let sentence = error.to_string();
        Failure { sentence, code }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Failure {
        Failure {
            code: error.exit_code(),
            sentence: error.to_string(),
        }
    }
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    let arguments = cli::mark_text(std::env::args_os(), Cli::command);
    let command = match parse(arguments) {
        Ok(cli) => cli.command,
        Err(error) => return misread(&error),
    };
    let done = match command {
        Command::Serve(arguments) => run_server(&arguments),
        Command::Client(command) => return cli::run(*command, Cli::command),
        Command::Admin(command) => run_admin(command),
    };
    // The log comes before what is said last, and its last lines are kept,
    // unless nobody reads them.
    log::flush(LAST_LINES);
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => fail(&failure),
    }
}

/// Reads the command line; an unknown command may be a person's own.
fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut error = match Cli::try_parse_from(&arguments) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(arguments) = cli::expand_alias(&arguments)
    {
        let arguments = cli::mark_text(arguments.into_iter(), Cli::command);
        return Cli::try_parse_from(arguments);
    }
    cli::improve_guess(&mut error, &Cli::command(), &arguments);
    Err(error)
}

fn fail(failure: &Failure) -> ExitCode {
    // There is nobody to tell that telling failed.
    let sentence = format!("dunder: {}", sanitize(&failure.sentence));
    let _ = writeln!(io::stderr(), "{}", cli::told(&sentence));
    ExitCode::from(failure.code)
}

/// Says what cannot be read in the command line, or prints the help. Clap
/// repeats arguments as they are, and these may have been pasted: if one of
/// them is not plain text, it is said without clap's colours.
fn misread(error: &clap::Error) -> ExitCode {
    let is_plain = |argument: std::ffi::OsString| {
        let text = argument.to_string_lossy();
        sanitize(&text) == text
    };
    if error.use_stderr() && !std::env::args_os().all(is_plain) {
        let sentence = sanitize(&error.render().to_string());
        let _ = write!(io::stderr(), "{sentence}");
    } else if error.use_stderr() && io::stderr().is_terminal() && !is_narrow(error) {
        let sentence = error.render().to_string();
        let lines: Vec<String> = sentence.lines().map(cli::told).collect();
        let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
    } else {
        // A reader that has left needs no help.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Whether every line of an error fits the terminal, colours and all.
fn is_narrow(error: &clap::Error) -> bool {
    let sentence = error.render().to_string();
    sentence.lines().all(|line| cli::told(line) == line)
}

fn run_admin(command: AdminCommand) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(AdminError::io("cannot start"))?;
    let done = runtime.block_on(admin::run(command));
    // Nobody waits for a reader that waits for input.
    runtime.shutdown_background();
    Ok(done?)
}

fn run_server(arguments: &ServeArgs) -> Result<u8, Failure> {
    let config = arguments.load().map_err(ServeError::from)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::from)?;
    let served = runtime.block_on(serve::serve(config, arguments.clone()));
    // What did not finish in time is not waited for.
    runtime.shutdown_background();
    served.map(|()| 0).map_err(Failure::from)
}
