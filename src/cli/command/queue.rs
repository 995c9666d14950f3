//! `dunder queue`: what waits, sending it, dropping it.

use std::time::Duration;

use chrono::Utc;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cli::CliError;
use crate::cli::args::{Local, timeout};
use crate::cli::outbox::drain::{Drained, Plan, drain};
use crate::cli::outbox::store::{Entry, Store};
use crate::cli::outbox::waiting::Waiting;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;
use crate::cli::ui::printer::Printer;
use crate::cli::zone;
use crate::output::format::{Format, Listing, Options};
use crate::output::queue::{QUEUE, QueueRow};
use crate::output::{Clock, counted, sanitize_line};

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
    list: Local,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// List what waits, and what was refused and why
    List(Local),
    /// Send what waits now, to every server; refused ones are tried again
    Send(SendArgs),
    /// Forget messages without sending them
    Drop(DropArgs),
}

#[derive(Debug, Args)]
struct SendArgs {
    /// Only these
    #[arg(value_name = "ID")]
    numbers: Vec<u64>,

    /// How long to wait for the server, for each message [default: 10s]
    /// [env: DUNDER_TIMEOUT]
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    timeout: Option<Duration>,

    #[command(flatten)]
    local: Local,
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

    #[command(flatten)]
    local: Local,
}

/// Runs the command.
///
/// # Errors
/// The queue cannot be used, a message it names is not there, or sending
/// failed.
pub(crate) async fn run(args: QueueArgs, ui: &mut Ui) -> Result<(), CliError> {
    let settings = Settings::load()?;
    match args.command {
        None => list(args.list, &settings, ui),
        Some(QueueCommand::List(local)) => list(local, &settings, ui),
        Some(QueueCommand::Send(args)) => {
            let timeout = settings.timeout(args.timeout).value;
            send(&args, timeout, ui).await
        }
        Some(QueueCommand::Drop(args)) => drop_entries(&args, ui),
    }
}

fn list(args: Local, settings: &Settings, ui: &mut Ui) -> Result<(), CliError> {
    ui.set_color(settings.color(args.color));
    let entries = match Store::existing() {
        Some(store) => store.entries()?,
        None => Vec::new(),
    };
    if args.json {
        let messages: Vec<Value> = entries.iter().map(document).collect();
        return ui.print_json(&json!({ "data": { "messages": messages } }).to_string());
    }
    let rows: Vec<QueueRow> = entries.iter().map(row).collect();
    if rows.is_empty() {
        if ui.is_interactive() {
            ui.remark("(nothing waits)");
        }
        return Ok(());
    }
    let clock = Clock {
        now: Utc::now(),
        zone: zone::here().clone(),
    };
    let name = if ui.is_interactive() {
        "table"
    } else {
        "lines"
    };
    let format = Format::named(name).unwrap_or(Format::JSON);
    let options = Options::new(ui.look(None), clock);
    let writer = format.open(Listing::of(&QUEUE), options);
    let mut printer = Printer::new(ui, writer, format);
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

async fn send(args: &SendArgs, timeout: Duration, ui: &mut Ui) -> Result<(), CliError> {
    let Some(store) = Store::existing() else {
        return nothing(args, ui);
    };
    all_present(&store, &args.numbers)?;
    if store.present()?.is_empty() {
        return nothing(args, ui);
    }
    let Some(turn) = store.turn(Instant::now() + timeout).await? else {
        return Err(CliError::Failed(
            "another dunder is sending what waits; try again".to_owned(),
        ));
    };
    let wanted =
        |number: u64, _: &Waiting| args.numbers.is_empty() || args.numbers.contains(&number);
    let plan = Plan {
        wanted: &wanted,
        refused_too: true,
        each: timeout,
        deadline: None,
    };
    let drained = drain(&store, &turn, &plan).await?;
    report(args, &drained, ui);
    outcome(drained)
}

fn nothing(args: &SendArgs, ui: &mut Ui) -> Result<(), CliError> {
    if let Some(number) = args.numbers.first() {
        return Err(unknown(*number));
    }
    if args.local.json {
        report(args, &Drained::default(), ui);
    } else {
        ui.remark("(nothing waits)");
    }
    Ok(())
}

/// What was sent is sent, whether or not this can be written.
fn report(args: &SendArgs, drained: &Drained, ui: &mut Ui) {
    if args.local.json {
        let sent = drained.sent.iter();
        let refused = drained.refused.iter();
        let document = json!({ "data": {
            "sent": sent.map(|(n, id)| json!({ "queue_id": n, "id": id })).collect::<Vec<_>>(),
            "refused": refused.map(|(n, why)| json!({ "queue_id": n, "error": why })).collect::<Vec<_>>(),
        }});
        return ui.print_json_done(&document.to_string());
    }
    let word = if ui.is_interactive() { "posted " } else { "" };
    let lines = drained.sent.iter();
    let lines = lines.map(|(_, id)| format!("{word}{}\n", sanitize_line(id)));
    ui.print_done(&lines.collect::<String>());
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

fn drop_entries(args: &DropArgs, ui: &mut Ui) -> Result<(), CliError> {
    let Some(store) = Store::existing() else {
        if let Some(number) = args.numbers.first() {
            return Err(unknown(*number));
        }
        report_dropped(args, &[], ui);
        return Ok(());
    };
    all_present(&store, &args.numbers)?;
    let numbers = if args.all {
        store.present()?
    } else {
        args.numbers.clone()
    };
    let mut dropped = Vec::new();
    let mut busy = Vec::new();
    for number in numbers {
        match store.hold(number)? {
            Some(held) => {
                held.remove()?;
                dropped.push(number);
            }
            None if store.entry(number).is_some() => busy.push(number.to_string()),
            None => {}
        }
    }
    report_dropped(args, &dropped, ui);
    if busy.is_empty() {
        return Ok(());
    }
    Err(CliError::Failed(format!(
        "being sent right now and not dropped: {}",
        busy.join(", ")
    )))
}

fn report_dropped(args: &DropArgs, dropped: &[u64], ui: &mut Ui) {
    if args.local.json {
        let document = json!({ "data": { "dropped": dropped } });
        return ui.print_json_done(&document.to_string());
    }
    let line = format!("dropped {}", counted(dropped.len() as u64, "message"));
    if dropped.is_empty() {
        ui.remark(&line);
    } else {
        ui.say(&line);
    }
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
