//! A new post, with the queue before and behind it.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::api::PostBody;
use crate::cli::CliError;
use crate::cli::account::Access;
use crate::cli::client::{Answer, Client};
use crate::cli::outbox::drain::{Drained, Plan, drain};
use crate::cli::outbox::store::{Held, Store};
use crate::cli::outbox::waiting::{Author, Waiting};
use crate::cli::private::random_name;
use crate::cli::ui::Ui;

/// How long a command puts its own work off for what waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the server says of a message it took.
#[derive(Deserialize)]
pub(crate) struct Posted {
    /// Its ULID.
    pub id: String,
}

/// What became of a message.
pub(crate) enum Delivery {
    /// The server has it.
    Posted(Answer<Posted>),
    /// It waits.
    Kept {
        /// What the queue calls it.
        number: u64,
        /// Why it could not go.
        because: CliError,
    },
}

/// Posts a message behind everything of its author's that waits for the same
/// server. With `keep` it is in the queue from the start, and stays there
/// if the server is away.
///
/// # Errors
/// The server did not take it, or, without `keep`, was not reached.
pub(crate) async fn deliver(
    client: &Client,
    body: &PostBody,
    keep: bool,
    ui: &mut Ui,
) -> Result<Delivery, CliError> {
    let deadline = client.deadline();
    let mut key = random_name();
    let (store, own) = match Waiting::new(client.access(), body).filter(|_| keep) {
        Some(waiting) => {
            let store = Store::open()?;
            let held = store.add(&waiting)?;
            key = waiting.idempotency_key;
            (Some(store), Some(held))
        }
        None => (Store::existing(), None),
    };
    let answer = match store {
        Some(store) => match before(&store, client, deadline, ui).await {
            Ok(()) => client.post(body, &key, deadline).await,
            Err(error) if own.is_some() => return kept(own, error),
            Err(error) => {
                return Err(error.with("older messages wait for it, see 'dunder queue'"));
            }
        },
        None => client.post(body, &key, deadline).await,
    };
    match (answer, own) {
        (Ok(answer), own) => {
            // The message is there. If its file cannot be removed, it is sent
            // once more under its key and stays one message.
            if let Some(Err(error)) = own.map(Held::remove) {
                ui.warn(&error.to_string());
            }
            Ok(Delivery::Posted(answer))
        }
        (Err(error), own) if error.is_for_later() => kept(own, error),
        (Err(error), own) => {
            own.map_or(Ok(()), Held::remove)?;
            Err(error)
        }
    }
}

fn kept(own: Option<Held>, because: CliError) -> Result<Delivery, CliError> {
    match own {
        Some(held) => Ok(Delivery::Kept {
            number: held.number,
            because,
        }),
        None => Err(because),
    }
}

/// Sends what waits for the client's server, so that a new post can follow.
async fn before(
    store: &Store,
    client: &Client,
    deadline: Instant,
    ui: &mut Ui,
) -> Result<(), CliError> {
    let access = client.access();
    let server = access.server.to_string();
    let author = Author::of(access);
    let waits = |_: u64, waiting: &Waiting| waiting.server == server;
    if !is_any(store, &waits)? {
        return Ok(());
    }
    let Some(turn) = store.turn(deadline).await? else {
        return Err(CliError::Unreachable(format!(
            "another dunder is still sending what waits for {server}; a new message goes behind that, try again"
        )));
    };
    let plan = Plan {
        wanted: &waits,
        refused_too: false,
        each: client.timeout(),
        deadline: Some(deadline),
    };
    let drained = drain(store, &turn, &plan).await?;
    say(&drained, ui);
    let stop = drained.stopped.into_iter().next();
    match stop.filter(|stop| Some(&stop.author) == author.as_ref()) {
        Some(stop) => Err(stop.error),
        None => Ok(()),
    }
}

/// Whether there is anything to send that no other process is at.
fn is_any(store: &Store, wanted: &dyn Fn(u64, &Waiting) -> bool) -> Result<bool, CliError> {
    for number in store.present()? {
        let Some(Ok(waiting)) = store.entry(number).map(|entry| entry.waiting) else {
            continue;
        };
        if waiting.refused.is_none()
            && wanted(number, &waiting)
            && matches!(store.hold(number), Ok(Some(_)))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn say(drained: &Drained, ui: &mut Ui) {
    if let Some(line) = drained.line() {
        ui.say(&format!("dunder: {}", crate::output::sanitize_line(&line)));
    }
}

/// For a command that is about to call a server: sends what waits for it, if
/// that is soon done, so that the command finds it there. Whatever goes wrong
/// is for the next command.
pub(crate) async fn send_waiting(access: &Access, timeout: Duration, ui: &mut Ui) {
    let Some(store) = Store::existing() else {
        return;
    };
    let server = access.server.to_string();
    let wanted = |_: u64, waiting: &Waiting| waiting.server == server;
    if !is_any(&store, &wanted).unwrap_or(false) {
        return;
    }
    let now = Instant::now();
    let Ok(Some(turn)) = store.turn(now).await else {
        return;
    };
    let plan = Plan {
        wanted: &wanted,
        refused_too: false,
        each: timeout.min(PATIENCE),
        deadline: Some(now + PATIENCE),
    };
    if let Ok(drained) = drain(&store, &turn, &plan).await {
        say(&drained, ui);
    }
}

/// How many messages wait for a login as this user.
pub(crate) fn count_waiting_as(user: &str) -> usize {
    let entries = Store::existing().and_then(|store| store.entries().ok());
    let author = Author::Login(user.to_owned());
    entries.map_or(0, |entries| {
        let waiting = entries
            .iter()
            .filter_map(|entry| entry.waiting.as_ref().ok());
        waiting.filter(|waiting| waiting.author == author).count()
    })
}
