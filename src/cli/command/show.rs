//! `dunder show`: one message.

use clap::{Args, ValueEnum};

use crate::api::ShownMessage;
use crate::cli::CliError;
use crate::cli::account::credentials::Access;
use crate::cli::args::{Common, ulid, width};
use crate::cli::client::{Answer, Client};
use crate::cli::command::feed::TimeArgs;
use crate::cli::ui::terminal;
use crate::cli::ui::terminal::is_interactive;
use crate::output::feed::message_card;
use crate::output::lines::message_line;

/// What `dunder show` takes.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The message's id, as post and feed -o lines print it
    #[arg(value_name = "ULID", value_parser = ulid)]
    id: String,

    /// How to print [default: card on a terminal, else lines]
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        conflicts_with = "json"
    )]
    output: Option<ShowFormat>,

    #[command(flatten)]
    times: TimeArgs,

    /// Draw so wide [default: the terminal's width]
    #[arg(long, value_name = "COLUMNS", value_parser = width)]
    width: Option<u16>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// How a message is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShowFormat {
    /// For people.
    Card,
    /// One line, as feed prints it.
    Lines,
    /// One document.
    Json,
}

/// Prints the message.
///
/// # Errors
/// There is no such message, or no answer.
pub(crate) async fn run(args: ShowArgs) -> Result<(), CliError> {
    let client = Client::new(Access::of(&args.common)?, args.common.timeout)?;
    let answer: Answer<ShownMessage> = client.get(&format!("/message/{}", args.id), "").await?;
    let message = &answer.data.message;
    let format = match args.output {
        Some(format) => format,
        None if args.common.json => ShowFormat::Json,
        None if is_interactive() => ShowFormat::Card,
        None => ShowFormat::Lines,
    };
    match format {
        ShowFormat::Json => terminal::print_json(&answer.document),
        ShowFormat::Lines => {
            let times = args.times.for_programs();
            terminal::print(&message_line(message, times.clock, &times.format))
        }
        ShowFormat::Card => {
            let look = terminal::look(&args.common, args.width);
            terminal::print(&message_card(message, args.times.clock(), look))
        }
    }
}
