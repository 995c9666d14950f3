//! The command line as a whole: which command runs, on which runtime, and how
//! a failure ends the process.

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use crate::app::admin;
use crate::app::admin::{AdminCommand, AdminError};
use crate::app::{log, serve};
use crate::cli::{self, ClientCommand};
use crate::config::{ConfigError, ServeArgs};
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
    Client(ClientCommand),
    #[command(flatten)]
    Admin(AdminCommand),
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    let arguments = cli::mark_text(std::env::args_os(), Cli::command);
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return misread(&error),
    };
    let done = match cli.command {
        Command::Serve(arguments) => run_server(&arguments).map(|()| 0),
        Command::Client(command) => return cli::run(command, Cli::command),
        Command::Admin(command) => run_admin(command),
    };
    // The log comes before what is said last, and its last lines are kept,
    // unless nobody reads them.
    log::flush(LAST_LINES);
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("dunder: {}", sanitize(&format!("{error:#}")));
            ExitCode::from(exit_code(&error))
        }
    }
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
        eprint!("{}", sanitize(&error.render().to_string()));
    } else {
        // A reader that has left needs no help.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// 2 when the command or its settings are wrong, 1 for what failed.
fn exit_code(error: &anyhow::Error) -> u8 {
    let settings = |error: &OpenError| matches!(error, OpenError::Settings(_));
    if error.is::<ConfigError>() || error.downcast_ref().is_some_and(settings) {
        return 2;
    }
    error
        .downcast_ref::<AdminError>()
        .map_or(1, AdminError::exit_code)
}

fn run_admin(command: AdminCommand) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(admin::run(command));
    // Nobody waits for a reader that waits for input.
    runtime.shutdown_background();
    Ok(done?)
}

fn run_server(arguments: &ServeArgs) -> anyhow::Result<()> {
    let config = arguments.load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve::serve(config));
    // What did not finish in time is not waited for.
    runtime.shutdown_background();
    served
}
