//! The command line as a whole: which command runs, on which runtime, and how
//! a failure ends the process.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::app::admin::{self, AdminCommand, AdminError};
use crate::app::log;
use crate::app::serve::{self, ServeError};
use crate::cli::{self, ClientCommand};
use crate::config::{Environment, ServeArgs};
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
Topics:  dunder help hashtags, dates, output, exit-codes, configuration, curl"
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
    let command = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli.command,
        Err(error) => return misread(&error),
    };
    let done = match command {
        Command::Serve(arguments) => run_server(&arguments),
        Command::Client(command) => match environment(&command) {
            Ok(()) => return cli::run(*command, Cli::command),
            Err(failure) => Err(failure),
        },
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

fn fail(failure: &Failure) -> ExitCode {
    // There is nobody to tell that telling failed.
    let _ = writeln!(io::stderr(), "dunder: {}", sanitize(&failure.sentence));
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
    // Clap takes variables for flags: a value nobody wrote is blamed on a
    // flag nobody gave.
    let is_value = matches!(
        error.kind(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation
    );
    if let (true, Err(failure)) = (is_value, variables()) {
        return fail(&failure);
    }
    if error.use_stderr() && !std::env::args_os().all(is_plain) {
        let sentence = sanitize(&error.render().to_string());
        let _ = write!(io::stderr(), "{sentence}");
    } else {
        // A reader that has left needs no help.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// A misspelt variable is a setting that somebody believes in; what answers
/// from the program itself, the shell's questions above all, works all the
/// same.
fn environment(command: &ClientCommand) -> Result<(), Failure> {
    match command {
        ClientCommand::Post(_)
        | ClientCommand::Feed(_)
        | ClientCommand::Trend(_)
        | ClientCommand::Tags(_)
        | ClientCommand::Show(_)
        | ClientCommand::Queue(_)
        | ClientCommand::Login(_)
        | ClientCommand::Logout(_)
        | ClientCommand::Whoami(_)
        | ClientCommand::Doctor(_) => variables(),
        ClientCommand::Completions(_)
        | ClientCommand::Man(_)
        | ClientCommand::Help(_)
        | ClientCommand::Complete(_)
        | ClientCommand::ShellLine(_) => Ok(()),
    }
}

fn variables() -> Result<(), Failure> {
    let checked = Environment::of_process().and_then(|environment| environment.check_for_client());
    checked.map_err(|error| Failure {
        sentence: error.to_string(),
        code: 2,
    })
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
