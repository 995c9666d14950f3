//! Following: the events of a server in order, each once, however often the
//! connection is lost.
//!
//! [`Follower`] keeps the position behind the last event that it read, and goes
//! on from there on every new connection. So nothing is missed that the server
//! still has, and what comes again is dropped. A connection on which nothing
//! comes, not even the server's heartbeat, is given up.

mod event;
mod wait;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::CliError;
use super::client::Client;
use super::client::stream::{Broken, Lines, NotOpened};
use crate::api::{StreamEvent, StreamQuery};
use crate::domain::MessageId;
use event::Line;
pub(crate) use wait::Backoff;

/// Heartbeats after which a connection without any counts as dead.
const MISSED: u32 = 3;
/// How long a connection may be silent at first: so many heartbeats of a
/// server that is not told otherwise.
const PATIENCE: Duration = Duration::from_secs(45);
/// The same of one that says how often it speaks, at least: networks hold
/// things up.
const LEAST_PATIENCE: Duration = Duration::from_secs(5);
/// The most that is waited for a server that is told otherwise.
const MOST_PATIENCE: Duration = Duration::from_secs(600);

/// What a follower tells.
#[derive(Debug)]
pub(crate) enum Step {
    /// Something happened on the server, and where to go on once that has been
    /// dealt with.
    Event(StreamEvent, MessageId),
    /// The server can be heard: for the first time, or again after so long.
    Connected(Option<Duration>),
    /// The server cannot be heard any more; why, in half a sentence. Not said
    /// again until it was heard.
    Lost(String),
}

/// Follows one server.
pub(crate) struct Follower<'a> {
    client: &'a Client,
    /// What is followed, and where it begins.
    query: StreamQuery,
    /// Behind the last event that was read.
    position: Option<MessageId>,
    lines: Option<Lines>,
    backoff: Backoff,
    /// When the server may be asked again.
    next_try: Option<Instant>,
    /// Since when the server has not been heard, once it was.
    lost: Option<Instant>,
    /// Whether the server was heard on any connection.
    was_heard: bool,
    /// Since when it has been heard on this one.
    heard: Option<Instant>,
    /// How long a connection may be silent. It doubles each time that one was
    /// silent for longer, as this server may speak less often, until a
    /// heartbeat tells how often it does.
    patience: Duration,
    /// Whether the server has said how often it does.
    is_told: bool,
    queued: VecDeque<Step>,
}

impl Follower<'_> {
    /// Follows what `query` asks for. Nothing is called yet.
    pub fn new(client: &Client, query: StreamQuery) -> Follower<'_> {
        Follower {
            client,
            query,
            position: None,
            lines: None,
            backoff: Backoff::default(),
            next_try: None,
            lost: None,
            was_heard: false,
            heard: None,
            patience: PATIENCE,
            is_told: false,
            queued: VecDeque::new(),
        }
    }

    /// Whether the next step is here already.
    pub fn is_ready(&mut self) -> bool {
        !self.queued.is_empty() || self.lines.as_mut().is_some_and(Lines::has_line)
    }

    /// The next step. Waits as long as it takes; what was begun is not lost
    /// when it is dropped.
    ///
    /// # Errors
    /// The server refuses to be followed, speaks another language, or could
    /// not be reached at the very first attempt.
    pub async fn next(&mut self) -> Result<Step, CliError> {
        loop {
            if let Some(step) = self.queued.pop_front() {
                return Ok(step);
            }
            let done = match self.lines.is_some() {
                true => self.listen().await?,
                false => self.connect().await?,
            };
            if let Some(step) = done {
                return Ok(step);
            }
        }
    }

    /// One attempt, when it is time for it.
    async fn connect(&mut self) -> Result<Option<Step>, CliError> {
        if let Some(at) = self.next_try {
            sleep_until(at).await;
            self.next_try = None;
        }
        match self.client.lines("/message/stream", &self.query()).await {
            Ok(lines) => {
                if let Some(heartbeat) = lines.heartbeat() {
                    let patience = heartbeat.saturating_mul(MISSED);
                    self.patience = patience.clamp(LEAST_PATIENCE, MOST_PATIENCE);
                }
                self.is_told = lines.heartbeat().is_some();
                self.lines = Some(lines);
                Ok(None)
            }
            Err(NotOpened {
                error,
                is_for_later,
                retry_after,
            }) => {
                // A server that asks for patience is there.
                let is_known = self.was_heard || retry_after.is_some();
                if !is_for_later || !is_known {
                    return Err(error);
                }
                Ok(self.wait(error.to_string(), retry_after))
            }
        }
    }

    /// One line.
    async fn listen(&mut self) -> Result<Option<Step>, CliError> {
        let Some(lines) = &mut self.lines else {
            return Ok(None);
        };
        let asked = Instant::now();
        let line = match timeout(self.patience, lines.next()).await {
            Ok(Ok(line)) => Line::parse(line),
            Ok(Err(Broken::Ended)) => {
                return Ok(self.wait("the server ended the connection".to_owned(), None));
            }
            Ok(Err(Broken::Lost)) => {
                return Ok(self.wait("the connection was lost".to_owned(), None));
            }
            Ok(Err(Broken::TooLong)) => Err("a line is longer than 1 MiB".to_owned()),
            Err(_) => {
                let silence = format!("nothing was heard for {} s", self.patience.as_secs());
                self.patience = (self.patience * 2).min(MOST_PATIENCE);
                return Ok(self.wait(silence, None));
            }
        };
        let line = line.map_err(|why| {
            CliError::Failed(format!(
                "{} did not answer as a dunder server does ({why}); check the address",
                self.client.access().server
            ))
        })?;
        if let Some(Line {
            event: StreamEvent::Heartbeat { .. },
            ..
        }) = line
            && !self.is_told
        {
            self.patience = PATIENCE.max(asked.elapsed() * MISSED);
        }
        Ok(self.hear(line))
    }

    /// Takes a line in, or a sign of life without one.
    fn hear(&mut self, line: Option<Line>) -> Option<Step> {
        if self.heard.is_none() {
            self.was_heard = true;
            self.heard = Some(Instant::now());
            let after = self.lost.take().map(|since| since.elapsed());
            self.queued.push_back(Step::Connected(after));
        }
        if let Some(Line { event, position }) = line {
            let is_new = self.position.is_none_or(|last| last < position);
            if is_new {
                self.position = Some(position);
            }
            match event {
                // It came before, on this connection or another.
                StreamEvent::Message { .. } | StreamEvent::Deleted { .. } if !is_new => {}
                StreamEvent::Bye { retry, .. } => {
                    let retry = Duration::from_millis(retry);
                    let told = self.wait("the server stops".to_owned(), Some(retry));
                    self.queued.extend(told);
                }
                event => self.queued.push_back(Step::Event(event, position)),
            }
        }
        self.queued.pop_front()
    }

    /// Lets go of the connection and leaves the server alone for a while, at
    /// least for as long as it wants. What to say, if it has not been said.
    fn wait(&mut self, reason: String, wanted: Option<Duration>) -> Option<Step> {
        self.lines = None;
        let now = Instant::now();
        let held = self.heard.take().map(|heard| now - heard);
        self.next_try = Some(now + self.backoff.wait(held, wanted));
        let is_news = self.lost.is_none();
        self.lost.get_or_insert(now);
        is_news.then_some(Step::Lost(reason))
    }

    /// The query of the next connection.
    fn query(&self) -> String {
        let Some(position) = self.position else {
            return self.query.to_query_string();
        };
        let query = StreamQuery {
            after: Some(position.to_string()),
            from_date: None,
            last: None,
            ..self.query.clone()
        };
        query.to_query_string()
    }
}
