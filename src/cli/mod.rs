//! The console client: `post`, `feed`, `trend`, `show`, `login` and what
//! belongs to them.
//!
//! [`run`] is the only way in: it runs one command on a runtime of one
//! thread, says what went wrong on standard error, and gives the exit code
//! (see [`CliError::exit_code`]). Results go to standard output, everything
//! else to standard error.

mod account;
mod args;
mod client;
mod command;
mod complete;
mod error;
mod outbox;
mod private;
mod settings;
mod state;
mod ui;
pub(crate) mod zone;

use std::process::ExitCode;

use clap::Subcommand;

pub use account::endpoint::{DEFAULT_SERVER, Endpoint, EndpointError};
use args::Common;
pub use command::completions::generate as generate_completions;
pub(crate) use command::post::words::mark_text;
use command::{
    account as login, completions, doctor, feed, help, man, post, queue, show, tags, trend,
};
use complete::shell;
pub use error::CliError;

/// The client's commands.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Post a message
    Post(post::PostArgs),
    /// Show messages, the newest first
    Feed(feed::FeedArgs),
    /// Chart how many messages there were over time
    Trend(trend::TrendArgs),
    /// List the busiest hashtags
    Tags(tags::TagsArgs),
    /// Show one message
    Show(show::ShowArgs),
    /// List, send or drop messages that wait for a server
    Queue(queue::QueueArgs),
    /// Keep a server and a token for the commands that follow
    Login(login::LoginArgs),
    /// Forget the server and the token
    Logout(login::LogoutArgs),
    /// Say who you are to the server
    Whoami(login::WhoamiArgs),
    /// Check settings, server and connection
    Doctor(doctor::DoctorArgs),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
    /// Write the manual pages
    Man(man::ManArgs),
    /// Explain a command, or a topic such as dates
    Help(help::HelpArgs),
    /// What completion scripts call
    #[command(hide = true)]
    Complete(complete::CompleteArgs),
    /// Quote the bare hashtags of a command line, for the shell integration
    #[command(hide = true)]
    ShellLine(shell::ShellLineArgs),
}

/// Runs a command; `whole` is the program's whole command line, which
/// completions are made from.
pub fn run(command: ClientCommand, whole: fn() -> clap::Command) -> ExitCode {
    let reaches = command.reaches().cloned();
    let done = match command {
        ClientCommand::Completions(args) => completions::run(&args, whole()),
        ClientCommand::Man(args) => man::run(&args, &whole()),
        ClientCommand::Help(args) => help::run(&args, whole()),
        ClientCommand::ShellLine(args) => shell::run(&args),
        ClientCommand::Logout(args) => login::logout(&args),
        ClientCommand::Queue(args) => block_on(queue::run(args)),
        ClientCommand::Post(args) => block_on(post::run(args)),
        ClientCommand::Feed(args) => block_on(feed::run(args)),
        ClientCommand::Trend(args) => block_on(trend::run(args)),
        ClientCommand::Tags(args) => block_on(tags::run(args)),
        ClientCommand::Show(args) => block_on(show::run(args)),
        ClientCommand::Complete(args) => block_on(complete::run(args)),
        ClientCommand::Doctor(args) => block_on(doctor::run(args)),
        ClientCommand::Login(args) => block_on(login::login(args)),
        ClientCommand::Whoami(args) => block_on(login::whoami(args)),
    };
    let done = done.and_then(|()| match reaches {
        Some(common) => block_on(async {
            outbox::after_success(&common).await;
            Ok(())
        }),
        None => Ok(()),
    });
    let Err(error) = done else {
        return ExitCode::SUCCESS;
    };
    if !matches!(error, CliError::ClosedPipe) {
        eprintln!("dunder: {error}");
    }
    ExitCode::from(error.exit_code())
}

impl ClientCommand {
    /// The connection of a command that has reached its server when it
    /// succeeds; what waits for that server can go then. A post sends what
    /// waits itself, before its own message.
    fn reaches(&self) -> Option<&Common> {
        match self {
            ClientCommand::Feed(args) => Some(&args.common),
            ClientCommand::Trend(args) => Some(&args.common),
            ClientCommand::Tags(args) => Some(&args.common),
            ClientCommand::Show(args) => Some(&args.common),
            ClientCommand::Login(args) => Some(&args.common),
            ClientCommand::Whoami(args) => Some(&args.common),
            ClientCommand::Post(_)
            | ClientCommand::Queue(_)
            | ClientCommand::Logout(_)
            | ClientCommand::Completions(_)
            | ClientCommand::Complete(_)
            | ClientCommand::Doctor(_)
            | ClientCommand::Man(_)
            | ClientCommand::Help(_)
            | ClientCommand::ShellLine(_) => None,
        }
    }
}

/// One thread is enough for one call, and the quickest to start.
fn block_on(command: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    let done = runtime.block_on(command);
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    done
}
