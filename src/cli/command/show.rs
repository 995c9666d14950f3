//! `dunder show`: messages by their ids.

use clap::Args;

use crate::cli::CliError;
use crate::cli::args::Common;
use crate::cli::command::feed::TimeArgs;
use crate::cli::command::form::{FormArgs, list_format};
use crate::cli::reference::Reference;
use crate::cli::session::Session;
use crate::cli::ui::Ui;
use crate::output::format::{Format, Listing};
use crate::output::records::MESSAGES;

/// What `dunder show` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The start of an id is enough if no other message's id starts so. -1 is the
message you posted last, -2 the one before it.

  dunder show -1
  dunder feed -n 5 | cut -f 2 | xargs dunder show")]
pub struct ShowArgs {
    /// Ids of messages, starts of ids, or -1
    #[arg(value_name = "ID", required = true, allow_negative_numbers = true)]
    ids: Vec<Reference>,

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
    common: Common,
}

/// Prints the messages, in the order of their naming.
///
/// # Errors
/// There is no such message, or no answer.
pub(crate) async fn run(args: ShowArgs, ui: &mut Ui) -> Result<(), CliError> {
    let Session { settings, client } = Session::open(&args.common, ui).await?;
    let format = args.form.format(args.output, args.common.json, "card", ui);
    let is_document = args
        .form
        .is_document(format, args.times.time_format.as_ref())?;
    if let ([id], true) = (args.ids.as_slice(), is_document) {
        let answer = id.find(&client).await?;
        return ui.print_json(&answer.document);
    }
    let mut messages = Vec::new();
    for id in &args.ids {
        messages.push(id.find(&client).await?.data.message);
    }
    if is_document {
        let document = serde_json::json!({ "data": { "messages": messages } });
        return ui.print_json(&document.to_string());
    }
    let listing = Listing::of(&MESSAGES);
    let printed = args.times.printed(listing, format, &settings);
    let mut printer = args.form.printer(printed, &settings, ui)?;
    printer.rows(&messages)?;
    printer.finish(None)
}
