//! `dunder post`: from words, hashtags, standard input or an editor to one
//! message, sent or kept.

pub(crate) mod editor;
mod text;
pub(crate) mod words;

use clap::Args;
use serde_json::json;

use crate::api::PostBody;
use crate::cli::args::{Common, hashtag};
use crate::cli::client::{Answer, Client};
use crate::cli::command::completions;
use crate::cli::command::post::text::Origin;
use crate::cli::command::post::words::{Text, Words};
use crate::cli::outbox;
use crate::cli::outbox::{Delivery, Posted};
use crate::cli::session::Session;
use crate::cli::ui::{Ui, said};
use crate::cli::{CliError, state};
use crate::domain::hashtags_in_text;
use crate::output::sanitize_line;

/// Set by the shell integration.
const SHELL_INTEGRATION: &str = "DUNDER_SHELL_INTEGRATION";

/// What `dunder post` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Hashtags: -t tag, +tag, '#tag' in quotes, or written inside the quoted text.
Most shells take a bare # for the start of a comment, so quote it, or let
the shell do so: see 'dunder completions --help'.

With no words at all the text is read from a pipe; at a terminal the editor
opens, $VISUAL or $EDITOR. Leaving it without a text posts nothing.

  dunder post 'deploy of #prod done'
  dunder post deploy done -t prod
  dunder post deploy done '#prod' +release
  dunder post -t ops          (opens the editor)
  git log -1 --format=%B | dunder post -t commit
  dunder post --queue 'written on a train'")]
pub struct PostArgs {
    /// The text, with or without quotes; - reads it from standard input.
    /// Without any it is read from a pipe, or written in $VISUAL or $EDITOR
    #[arg(value_name = "TEXT", allow_negative_numbers = true)]
    words: Vec<String>,

    /// A hashtag; repeat it for more
    #[arg(short = 't', long = "hashtag", visible_alias = "tag", value_name = "TAG", value_parser = hashtag)]
    hashtags: Vec<String>,

    /// Print nothing when it is done
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// Keep the message if the server cannot be reached, and send it later;
    /// 'queue: true' in client.yaml does so always [env: DUNDER_QUEUE]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    queue: Option<bool>,

    #[command(flatten)]
    common: Common,
}

/// Posts the message, or keeps it when that is wanted and the server is away.
///
/// # Errors
/// No text, or the server did not take it.
pub(crate) async fn run(args: PostArgs, ui: &mut Ui) -> Result<(), CliError> {
    let words = Words::sort(&args.words, args.hashtags.clone())?;
    if let Text::Given(text) = &words.text {
        text::check(&body(text, &words.hashtags), &Origin::CommandLine)?;
    }
    let Session { settings, client } = Session::start(&args.common, ui)?;
    let keep = settings.queue(args.queue).value;
    client.access().check_login()?;
    let (text, origin) = text::read(words.text, &words.hashtags, &client, ui)?;
    let body = body(&text, &words.hashtags);
    text::check(&body, &origin).map_err(|error| origin.keep(error))?;
    match deliver(&client, &body, keep, &origin, ui).await {
        Ok(Delivery::Posted(answer)) => {
            origin.done();
            report(&args, &body, &answer, ui);
            Ok(())
        }
        Ok(Delivery::Kept { number, because }) => {
            origin.done();
            report_kept(&args, &client, number, because, ui);
            Ok(())
        }
        Err(error) => Err(origin.keep(error)),
    }
}

fn body(text: &str, hashtags: &[String]) -> PostBody {
    PostBody {
        text: text.to_owned(),
        hashtags: hashtags.to_vec(),
    }
}

/// An interruption loses neither a text from an editor nor a message that is
/// to be kept; without these it ends the program at once, as always.
async fn deliver(
    client: &Client,
    body: &PostBody,
    keep: bool,
    origin: &Origin,
    ui: &mut Ui,
) -> Result<Delivery, CliError> {
    let delivery = outbox::deliver(client, body, keep, ui);
    match origin {
        Origin::CommandLine | Origin::Input if !keep => return delivery.await,
        Origin::CommandLine | Origin::Input | Origin::Editor(_) => {}
    }
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        done = delivery => done,
        () = interrupted => Err(CliError::Failed(if keep {
            "interrupted; the message waits in the queue, see 'dunder queue'".to_owned()
        } else {
            "interrupted; the message may have been posted or not".to_owned()
        })),
    }
}

/// The message is posted, whether or not this can be written.
fn report(args: &PostArgs, body: &PostBody, answer: &Answer<Posted>, ui: &mut Ui) {
    let id = sanitize_line(&answer.data.id);
    if args.common.json {
        ui.print_json_done(&answer.document);
    } else if args.quiet {
    } else if ui.is_interactive() {
        hint(body, ui);
        ui.print_done(&format!("posted {id}\n"));
    } else {
        ui.print_done(&format!("{id}\n"));
    }
}

/// The message is kept: its number in the queue stands where its id would.
fn report_kept(args: &PostArgs, client: &Client, number: u64, because: CliError, ui: &mut Ui) {
    if args.quiet {
        return;
    }
    let error = because.with(&format!(
        "kept as {number} and sent by the next command that reaches it, with the time of its arrival, see 'dunder queue'"
    ));
    ui.say(&format!("dunder: {error}"));
    if args.common.json {
        let server = client.access().server.to_string();
        let document =
            json!({ "data": { "state": "queued", "queue_id": number, "server": server } });
        ui.print_json_done(&document.to_string());
    } else if ui.is_interactive() {
        ui.print_done(&format!("kept as {number}\n"));
    } else {
        ui.print_done(&format!("{number}\n"));
    }
}

/// Someone who typed `#tag` without quotes sees a message without hashtags.
/// Told once, and not to those whose shell knows better.
fn hint(body: &PostBody, ui: &mut Ui) {
    let none = body.hashtags.is_empty() && hashtags_in_text(&body.text).is_empty();
    let is_person = ui.terminal().input && ui.terminal().error;
    if none
        && is_person
        && said(SHELL_INTEGRATION).is_none()
        && state::is_first_time("bare-hashtags")
    {
        let shell = said("SHELL").unwrap_or_default();
        ui.remark(&format!(
            "(no hashtags? write them as -t tag, +tag or '#tag', the shell drops a bare #;\n to type it bare, {}. This is said once.)",
            completions::how_to_install(&shell)
        ));
    }
}
