//! Sending what waits, in order. A message that the server refuses is set
//! aside with its reason and the next one goes; when the server is away, so is
//! the turn of everything else that waits for it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::cli::CliError;
use crate::cli::client::Client;
use crate::cli::outbox::deliver::Posted;
use crate::cli::outbox::store::{Store, Turn};
use crate::cli::outbox::waiting::{Author, Waiting};
use crate::output::counted;

/// Which messages, and for how long.
pub(crate) struct Plan<'a> {
    /// Whether a message is to go now.
    pub wanted: &'a dyn Fn(u64, &Waiting) -> bool,
    /// Those that were refused too.
    pub refused_too: bool,
    /// How long one message may take.
    pub each: Duration,
    /// When to stop in any case.
    pub deadline: Option<Instant>,
}

/// What became of the messages.
#[derive(Default)]
pub(crate) struct Drained {
    /// Number and id of those the server has now.
    pub sent: Vec<(u64, String)>,
    /// Number and reason of those it refused just now.
    pub refused: Vec<(u64, String)>,
    /// Those that wait for someone who is not logged in here.
    pub foreign: Vec<(u64, Waiting)>,
    /// For each server that was away: the first message that could not go,
    /// and why.
    pub stopped: Vec<Stop>,
    /// For each file that cannot be taken: why.
    pub stuck: Vec<CliError>,
}

/// Why nothing more goes to a server.
pub(crate) struct Stop {
    /// The server.
    pub server: String,
    /// Whose message was the first that could not go.
    pub author: Author,
    /// What happened to it.
    pub error: CliError,
}

impl Drained {
    /// One line for the person; `None` when nothing has changed.
    pub fn line(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.sent.is_empty() {
            let count = counted(self.sent.len() as u64, "message");
            parts.push(format!("sent {count} that had waited"));
        }
        if let Some((number, reason)) = self.refused.first() {
            let count = counted(self.refused.len() as u64, "message");
            parts.push(format!(
                "{count} that had waited {} refused (number {number}: {reason}), see 'dunder queue'",
                if self.refused.len() == 1 { "was" } else { "were" }
            ));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Sends what is wanted; `_turn` is the right to.
///
/// # Errors
/// The queue itself cannot be used.
pub(crate) async fn drain(
    store: &Store,
    _turn: &Turn,
    plan: &Plan<'_>,
) -> Result<Drained, CliError> {
    let mut drained = Drained::default();
    let mut clients: HashMap<(String, String), Client> = HashMap::new();
    for number in store.present()? {
        // Whoever writes a message right now sends it too.
        let held = match store.hold(number) {
            Ok(Some(held)) => held,
            Ok(None) => continue,
            // One file that is amiss must not keep all others waiting.
            Err(error) => {
                drained.stuck.push(error);
                continue;
            }
        };
        let Some(Ok(mut waiting)) = store.entry(number).map(|entry| entry.waiting) else {
            continue;
        };
        let is_stopped = drained.stopped.iter().any(|s| s.server == waiting.server);
        let is_aside = waiting.refused.is_some() && !plan.refused_too;
        if is_stopped || is_aside || !(plan.wanted)(number, &waiting) {
            continue;
        }
        let client = match client_of(&mut clients, &waiting, plan.each) {
            Ok(Some(client)) => client,
            Ok(None) => {
                drained.foreign.push((number, waiting));
                continue;
            }
            Err(error) => {
                drained.stop(&waiting, error);
                continue;
            }
        };
        let deadline = client.deadline();
        let deadline = plan.deadline.map_or(deadline, |end| end.min(deadline));
        let key = &waiting.idempotency_key;
        match client.post::<Posted>(&waiting.message, key, deadline).await {
            Ok(answer) => {
                held.remove()?;
                drained.sent.push((number, answer.data.id));
            }
            Err(error) => match refusal(&error) {
                Some(reason) => {
                    waiting.refused = Some(reason.clone());
                    held.rewrite(&waiting)?;
                    drained.refused.push((number, reason));
                }
                None => drained.stop(&waiting, error),
            },
        }
    }
    Ok(drained)
}

impl Drained {
    fn stop(&mut self, waiting: &Waiting, error: CliError) {
        self.stopped.push(Stop {
            server: waiting.server.clone(),
            author: waiting.author.clone(),
            error,
        });
    }
}

/// One client, and with it one connection, for all messages of an author.
fn client_of<'a>(
    clients: &'a mut HashMap<(String, String), Client>,
    waiting: &Waiting,
    timeout: Duration,
) -> Result<Option<&'a Client>, CliError> {
    let key = (
        waiting.server.clone(),
        format!("{:?} {:?}", waiting.author, waiting.cacert),
    );
    if !clients.contains_key(&key) {
        let Some(access) = waiting.access()? else {
            return Ok(None);
        };
        clients.insert(key.clone(), Client::new(access, timeout)?);
    }
    Ok(clients.get(&key))
}

/// What the server itself said against the message. What another program at
/// its address says is not its word, and too many posts are not too many
/// later.
fn refusal(error: &CliError) -> Option<String> {
    match error {
        CliError::Refused {
            status: 408 | 425 | 429,
            ..
        } => None,
        CliError::Refused {
            status: 400..500,
            by_dunder: true,
            sentence,
        } => Some(sentence.clone()),
        CliError::Refused { .. }
        | CliError::Failed(_)
        | CliError::Usage(_)
        | CliError::Unreachable(_)
        | CliError::ClosedPipe => None,
    }
}
