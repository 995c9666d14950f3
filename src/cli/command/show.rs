//! `dunder show`: one message.

use clap::Args;

use crate::api::ShownMessage;
use crate::cli::CliError;
use crate::cli::account::credentials::Access;
use crate::cli::args::{Common, ulid};
use crate::cli::client::{Answer, Client};
use crate::cli::command::feed::TimeArgs;
use crate::cli::command::form::{FormArgs, list_format};
use crate::cli::ui::terminal;
use crate::output::format::{Format, Listing};
use crate::output::records::MESSAGES;

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
        value_name = "FORMAT",
        value_parser = list_format(),
        conflicts_with = "json"
    )]
    output: Option<&'static Format>,

    #[command(flatten)]
    times: TimeArgs,

    #[command(flatten)]
    form: FormArgs,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// Prints the message.
///
/// # Errors
/// There is no such message, or no answer.
pub(crate) async fn run(args: ShowArgs) -> Result<(), CliError> {
    let client = Client::new(Access::of(&args.common)?, args.common.timeout)?;
    let answer: Answer<ShownMessage> = client.get(&format!("/message/{}", args.id), "").await?;
    let format = args.form.format(args.output, args.common.json, "card");
    if args.form.is_document(format) {
        return terminal::print_json(&answer.document);
    }
    let printed = args.times.printed(Listing::of(&MESSAGES), format);
    let mut printer = args.form.printer(printed, &args.common)?;
    printer.rows(&[answer.data.message])?;
    printer.finish(None)
}
