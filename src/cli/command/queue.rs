//! `dunder queue`: what waits, sending it, dropping it.

use std::io::IsTerminal;
use std::time::Duration;

use chrono::Utc;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cli::CliError;
use crate::cli::args::{ColorWhen, timeout};
use crate::cli::outbox::drain::{Drained, Plan, drain};
use crate::cli::outbox::store::{Entry, Store};
use crate::cli::outbox::waiting::Waiting;
use crate::cli::ui::printer::Printer;
use crate::cli::ui::terminal;
use crate::cli::ui::terminal::{is_interactive, print, print_json};
use crate::output::format::{Format, Listing, Options};
use crate::output::queue::{QUEUE, QueueRow};
use crate::output::{Clock, Zone, counted, sanitize_line};

/// What `dunder queue` takes.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Messages get here by 'dunder post --queue' (or DUNDER_QUEUE=true, or the line
'queue: true' in client.yaml) when the server cannot be reached. The next
command that reaches it sends them, in order, each to the server and as the
user it was written for. Their time on the server is that of their arrival.

  dunder queue
  dunder queue send
  dunder queue drop 3 4"
)]
pub struct QueueArgs {
    #[command(subcommand)]
    command: Option<QueueCommand>,

    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// List what waits, and what was refused and why
    List(ListArgs),
    /// Send what waits now, to every server; refused ones are tried again
    Send(SendArgs),
    /// Forget messages without sending them
    Drop(DropArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Print one JSON document, the texts whole
    #[arg(long)]
    json: bool,

    /// Use colours; NO_COLOR switches them off too
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto)]
    color: ColorWhen,
}

#[derive(Debug, Args)]
struct SendArgs {
    /// Only these
    #[arg(value_name = "ID")]
    numbers: Vec<u64>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    /// How long to wait for the server, for each message
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = timeout)]
    timeout: Duration,
}

#[derive(Debug, Args)]
struct DropArgs {
    /// Those to forget
    #[arg(
        value_name = "ID",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    numbers: Vec<u64>,

    /// Forget all
    #[arg(long)]
    all: bool,
}

/// Runs the command.
///
/// # Errors
/// The queue cannot be used, a message it names is not there, or sending
/// failed.
pub(crate) async fn run(args: QueueArgs) -> Result<(), CliError> {
    match args.command {
        None => list(&args.list),
        Some(QueueCommand::List(args)) => list(&args),
        Some(QueueCommand::Send(args)) => send(&args).await,
        Some(QueueCommand::Drop(args)) => drop_entries(&args),
    }
}

fn list(args: &ListArgs) -> Result<(), CliError> {
    let entries = match Store::existing() {
        Some(store) => store.entries()?,
        None => Vec::new(),
    };
    if args.json {
        let messages: Vec<Value> = entries.iter().map(document).collect();
        return print_json(&json!({ "data": { "messages": messages } }).to_string());
    }
    let rows: Vec<QueueRow> = entries.iter().map(row).collect();
    if rows.is_empty() {
        if is_interactive() {
            terminal::remark("(nothing waits)");
        }
        return Ok(());
    }
    let clock = Clock {
        now: Utc::now(),
        zone: Zone::Local,
    };
    let name = if is_interactive() { "table" } else { "lines" };
    let format = Format::named(name).unwrap_or(Format::JSON);
    let options = Options::new(terminal::look_for(args.color, None), clock);
    let writer = format.open(Listing::of(&QUEUE), options);
    let mut printer = Printer::new(writer, format);
    printer.rows(&rows)?;
    printer.finish(None)
}

fn document(entry: &Entry) -> Value {
    match &entry.waiting {
        Ok(waiting) => json!({
            "queue_id": entry.number,
            "state": waiting.state(),
            "refused": waiting.refused,
            "server": waiting.server,
            "user": waiting.author.name(),
            "written_at": crate::api::time::format_millis(&waiting.written_at),
            "text": waiting.message.text,
            "hashtags": waiting.message.hashtags,
        }),
        Err(reason) => json!({ "queue_id": entry.number, "state": reason }),
    }
}

fn row(entry: &Entry) -> QueueRow {
    match &entry.waiting {
        Ok(waiting) => QueueRow {
            number: entry.number,
            written_at: Some(waiting.written_at),
            server: waiting.server.clone(),
            user: waiting.author.name().to_owned(),
            state: waiting.state(),
            hashtags: waiting.message.hashtags.clone(),
            text: waiting.message.text.clone(),
        },
        Err(reason) => QueueRow {
            number: entry.number,
            state: reason.clone(),
            ..QueueRow::default()
        },
    }
}

async fn send(args: &SendArgs) -> Result<(), CliError> {
    let Some(store) = Store::existing() else {
        return nothing(args);
    };
    all_present(&store, &args.numbers)?;
    if store.present()?.is_empty() {
        return nothing(args);
    }
    let Some(turn) = store.turn(Instant::now() + args.timeout).await? else {
        return Err(CliError::Failed(
            "another dunder is sending what waits; try again".to_owned(),
        ));
    };
    let wanted =
        |number: u64, _: &Waiting| args.numbers.is_empty() || args.numbers.contains(&number);
    let plan = Plan {
        wanted: &wanted,
        refused_too: true,
        each: args.timeout,
        deadline: None,
    };
    let drained = drain(&store, &turn, &plan).await?;
    report(args, &drained)?;
    outcome(drained)
}

fn nothing(args: &SendArgs) -> Result<(), CliError> {
    if let Some(number) = args.numbers.first() {
        return Err(unknown(*number));
    }
    if args.json {
        return report(args, &Drained::default());
    }
    terminal::remark("(nothing waits)");
    Ok(())
}

fn report(args: &SendArgs, drained: &Drained) -> Result<(), CliError> {
    if args.json {
        let sent = drained.sent.iter();
        let refused = drained.refused.iter();
        let document = json!({ "data": {
            "sent": sent.map(|(n, id)| json!({ "queue_id": n, "id": id })).collect::<Vec<_>>(),
            "refused": refused.map(|(n, why)| json!({ "queue_id": n, "error": why })).collect::<Vec<_>>(),
        }});
        return print_json(&document.to_string());
    }
    let word = if is_interactive() { "posted " } else { "" };
    let lines = drained.sent.iter();
    let lines = lines.map(|(_, id)| format!("{word}{}\n", sanitize_line(id)));
    print(&lines.collect::<String>())
}

/// The exit code: whatever did not go makes it a failure.
fn outcome(drained: Drained) -> Result<(), CliError> {
    let mut sentences: Vec<String> = drained
        .refused
        .iter()
        .map(|(number, why)| format!("message {number} was refused: {why}"))
        .collect();
    sentences.extend(
        drained
            .foreign
            .iter()
            .map(|(number, waiting)| format!("message {number} {}", waiting.state())),
    );
    sentences.extend(drained.stuck.iter().map(CliError::to_string));
    let mut away = None;
    for stop in drained.stopped {
        sentences.push(stop.error.to_string());
        away = Some(stop.error);
    }
    match (sentences.len(), away) {
        (0, _) => Ok(()),
        (1, Some(error)) => Err(error),
        _ => Err(CliError::Failed(sentences.join("; "))),
    }
}

fn drop_entries(args: &DropArgs) -> Result<(), CliError> {
    let Some(store) = Store::existing() else {
        return args.numbers.first().map_or(Ok(()), |n| Err(unknown(*n)));
    };
    all_present(&store, &args.numbers)?;
    let numbers = if args.all {
        store.present()?
    } else {
        args.numbers.clone()
    };
    let mut dropped = 0;
    let mut busy = Vec::new();
    for number in numbers {
        match store.hold(number)? {
            Some(held) => {
                held.remove()?;
                dropped += 1;
            }
            None if store.entry(number).is_some() => busy.push(number.to_string()),
            None => {}
        }
    }
    if std::io::stderr().is_terminal() || dropped > 0 {
        eprintln!("dropped {}", counted(dropped, "message"));
    }
    if busy.is_empty() {
        return Ok(());
    }
    Err(CliError::Failed(format!(
        "being sent right now and not dropped: {}",
        busy.join(", ")
    )))
}

/// All of them or nothing: a mistyped number must not drop the others.
fn all_present(store: &Store, numbers: &[u64]) -> Result<(), CliError> {
    let present = store.present()?;
    match numbers.iter().find(|number| !present.contains(number)) {
        Some(number) => Err(unknown(*number)),
        None => Ok(()),
    }
}

fn unknown(number: u64) -> CliError {
    CliError::Failed(format!(
        "no message {number} waits; 'dunder queue' lists what does"
    ))
}
