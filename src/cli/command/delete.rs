//! `dunder delete`: takes messages back.

use chrono::Utc;
use clap::Args;
use serde_json::json;

use crate::api::{Message, ShownMessage};
use crate::cli::CliError;
use crate::cli::args::Common;
use crate::cli::client::{Answer, Client};
use crate::cli::reference::Reference;
use crate::cli::session::Session;
use crate::cli::ui::Ui;
use crate::cli::zone;
use crate::output::format::{Format, Listing, Options, write_all};
use crate::output::records::MESSAGES;
use crate::output::{Clock, counted};

/// What `dunder delete` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Messages of your own: those of others are deleted by their operator ('dunder
admin delete', on the server's machine). The start of an id is enough if no
other message's id starts so. -1 is the message you posted last.

On a terminal the messages are shown, and you are asked. A deleted message is
not brought back by anything; what was copied from it before stays with those
who copied it.

  dunder delete -1
  dunder delete --yes 01M8741VA955XG9NXY6T855T8K")]
pub struct DeleteArgs {
    /// Ids of messages, starts of ids, or -1
    #[arg(value_name = "ID", required = true, allow_negative_numbers = true)]
    ids: Vec<Reference>,

    /// Delete without asking
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    common: Common,
}

/// Lines of a text that are shown before it is asked about.
const LINES: usize = 10;

/// A message that is to be deleted.
struct Target {
    id: String,
    /// `None` where it is gone already.
    message: Option<Message>,
}

/// Deletes the messages, in the order of their naming.
///
/// # Errors
/// A message is not there or somebody else's, nobody said yes, or no answer.
pub(crate) async fn run(args: DeleteArgs, ui: &mut Ui) -> Result<(), CliError> {
    let can_ask = ui.terminal().input && ui.terminal().error;
    if !args.yes && !can_ask {
        return Err(CliError::Usage(
            "there is no terminal to ask on whether to delete; say --yes".to_owned(),
        ));
    }
    let Session { client, .. } = Session::open(&args.common, ui).await?;
    let targets = find(&args.ids, &client).await?;
    if !args.yes && !is_confirmed(&targets, ui) {
        return Err(CliError::Failed("nothing was deleted".to_owned()));
    }
    let mut deleted = Vec::new();
    let mut done = Ok(());
    for Target { id, .. } in &targets {
        done = client.delete(&format!("/message/{id}")).await;
        if done.is_err() {
            break;
        }
        deleted.push(id.as_str());
    }
    report(&args, &deleted, ui);
    done
}

/// The messages that are meant, each once. All are found before the first is
/// deleted: who mistypes one has deleted none.
async fn find(ids: &[Reference], client: &Client) -> Result<Vec<Target>, CliError> {
    let mut targets: Vec<Target> = Vec::new();
    for reference in ids {
        let id = reference.id(client).await?;
        if targets.iter().any(|target| target.id == id) {
            continue;
        }
        let answer: Result<Answer<ShownMessage>, _> =
            client.get(&format!("/message/{id}"), "").await;
        let message = match answer {
            Ok(answer) => Some(answer.data.message),
            // To delete it again is no fault.
            Err(CliError::Refused { status: 410, .. }) => None,
            Err(error) => return Err(error),
        };
        targets.push(Target { id, message });
    }
    Ok(targets)
}

/// Shows what is to be deleted, on standard error like the question.
fn is_confirmed(targets: &[Target], ui: &mut Ui) -> bool {
    let messages = targets.iter().filter_map(|target| target.message.clone());
    let messages: Vec<Message> = messages.collect();
    if messages.is_empty() {
        return true;
    }
    let clock = Clock {
        now: Utc::now(),
        zone: zone::here().clone(),
    };
    let options = Options::new(ui.look(None).with_lines(LINES), clock);
    // There is a form of this name.
    let card = Format::named("card").unwrap_or(Format::JSON);
    let shown = write_all(card.open(Listing::of(&MESSAGES), options), &messages);
    ui.say(&format!("{}\n", String::from_utf8_lossy(&shown).trim_end()));
    ui.confirm(&match messages.len() {
        1 => "Delete this message?".to_owned(),
        several => format!("Delete these {}?", counted(several as u64, "message")),
    })
}

/// They are deleted, whether or not this can be written.
fn report(args: &DeleteArgs, deleted: &[&str], ui: &mut Ui) {
    if args.common.json {
        let document = json!({ "data": { "deleted": deleted } });
        return ui.print_json_done(&document.to_string());
    }
    let said = if ui.is_interactive() { "deleted " } else { "" };
    let lines: String = deleted.iter().map(|id| format!("{said}{id}\n")).collect();
    ui.print_done(&lines);
}
