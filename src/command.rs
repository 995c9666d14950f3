//! The command line as a whole: which command runs, on which runtime, and how
//! a failure ends the process.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Serve(arguments) => run_server(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dunder: {error:#}");
            ExitCode::FAILURE
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
