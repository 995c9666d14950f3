//! The command line as a whole: which command runs, on which runtime, and how
//! a failure ends the process.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::admin::{self, AdminCommand};
use crate::config::ServeArgs;
use crate::serve;

/// Messages with hashtags, and their trends, from the terminal.
#[derive(Debug, Parser)]
#[command(name = "dunder", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; with no settings, over an embedded file on 127.0.0.1:9000
    Serve(ServeArgs),
    #[command(flatten)]
    Admin(AdminCommand),
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Serve(arguments) => ended(run_server(&arguments).map(|()| 0), |error| {
            // Wrong settings are wrong usage.
            if error.is::<crate::config::ConfigError>() {
                2
            } else {
                1
            }
        }),
        Command::Admin(command) => ended(run_admin(command), |error| {
            error.downcast_ref().map_or(1, admin::AdminError::exit_code)
        }),
    }
}

/// The one place where an error is printed.
fn ended(done: anyhow::Result<u8>, code: impl Fn(&anyhow::Error) -> u8) -> ExitCode {
    match done {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("dunder: {error:#}");
            code(&error).into()
        }
    }
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

fn run_admin(command: AdminCommand) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(admin::run(command))?)
}
