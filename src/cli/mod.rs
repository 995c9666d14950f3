//! The console client: `post`, `feed`, `trend`, `show`, `login` and what
//! belongs to them.
//!
//! [`run`] is the only way in: it runs one command on a runtime of one
//! thread, says what went wrong on standard error, and gives the exit code
//! (see [`CliError::exit_code`]). A command is handed the one [`ui::Ui`] of
//! the process and, where it calls a server, starts a [`session::Session`].

mod account;
mod alias;
mod args;
mod client;
mod command;
mod complete;
mod error;
mod follow;
mod near;
mod outbox;
mod private;
mod reference;
mod session;
mod settings;
mod state;
mod stop;
mod suggest;
mod ui;
pub(crate) mod zone;

use std::process::ExitCode;

use clap::Subcommand;

pub use account::endpoint::{DEFAULT_SERVER, Endpoint, EndpointError};
pub(crate) use alias::expand as expand_alias;
pub use command::completions::generate as generate_completions;
pub(crate) use command::form::list_format;
pub(crate) use command::post::words::mark_text;
use command::{
    completions, config, delete, doctor, feed, help, login, logout, man, post, queue, show, tags,
    trend, whoami,
};
use complete::shell;
pub use error::CliError;
pub(crate) use suggest::improve as improve_guess;
use ui::Ui;
pub(crate) use ui::told;

use crate::output::Look;

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
    /// Show messages by their ids
    Show(show::ShowArgs),
    /// Take messages of yours back
    Delete(delete::DeleteArgs),
    /// List, send or drop messages that wait for a server
    Queue(queue::QueueArgs),
    /// Keep a server and a token; list the logins, use another
    Login(login::LoginArgs),
    /// Forget a login
    Logout(logout::LogoutArgs),
    /// Say who you are to the server
    Whoami(whoami::WhoamiArgs),
    /// List the client's settings and where each comes from, or change them
    Config(config::ConfigArgs),
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
    let mut ui = Ui::of_process();
    let done = dispatch(command, whole, &mut ui);
    // A pager is left before anything is said below it.
    let written = ui.finish();
    let Err(error) = done.and(written) else {
        return ExitCode::SUCCESS;
    };
    if !matches!(error, CliError::ClosedPipe) {
        ui.tell(&format!("dunder: {error}"));
    }
    ExitCode::from(error.exit_code())
}

fn dispatch(
    command: ClientCommand,
    whole: fn() -> clap::Command,
    ui: &mut Ui,
) -> Result<(), CliError> {
    match command {
        ClientCommand::Completions(args) => completions::run(&args, whole(), ui),
        ClientCommand::Man(args) => man::run(&args, &whole(), ui),
        ClientCommand::Help(args) => help::run(&args, whole(), ui),
        ClientCommand::ShellLine(args) => shell::run(&args, ui),
        ClientCommand::Logout(args) => logout::run(&args, ui),
        ClientCommand::Config(args) => block_on(async { config::run(&args, whole, ui) }),
        ClientCommand::Queue(args) => block_on(queue::run(args, ui)),
        ClientCommand::Post(args) => block_on(post::run(args, ui)),
        ClientCommand::Feed(args) => block_on(feed::run(args, ui)),
        ClientCommand::Trend(args) => block_on(trend::run(args, ui)),
        ClientCommand::Tags(args) => block_on(tags::run(args, ui)),
        ClientCommand::Show(args) => block_on(show::run(args, ui)),
        ClientCommand::Delete(args) => block_on(delete::run(args, ui)),
        ClientCommand::Complete(args) => block_on(complete::run(args, ui)),
        ClientCommand::Doctor(args) => block_on(doctor::run(args, ui)),
        ClientCommand::Login(args) => block_on(login::run(args, ui)),
        ClientCommand::Whoami(args) => block_on(whoami::run(args, ui)),
    }
}

/// How output of a command that calls no server is to look here.
pub(crate) fn look() -> Look {
    Ui::of_process().look(None)
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
