//! One who follows: the pieces of an endless answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use crate::api::StreamEvent;
use crate::domain::{Event, FeedLimit, FollowFilter, Passage, Position, StoreError};
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::follow::encoding::{Encoding, PIECE, position_text};
use crate::server::follow::reading::Reading;
use crate::server::follow::ring::Entry;
use crate::server::follow::{Subscription, Taken};
use crate::server::response::stream::{Boxed, Made, Source};

/// How long clients wait before they come back, in milliseconds: each its own
/// time, so that they do not all come at once.
const RETRY: (u64, u64) = (500, 5_000);
/// Messages read from the store at first for one piece.
const FIRST: u16 = 32;
/// Heartbeats between two looks whether one may still read, and how long it is
/// between them at most, if heartbeats come as often.
const LOOKS: u32 = 4;
const LOOK: Duration = Duration::from_secs(60);

/// Where an answer is.
pub(crate) struct Follower {
    context: Arc<Context>,
    subscription: Subscription,
    filter: Arc<FollowFilter>,
    encoding: Encoding,
    /// Where it began: what was gone before is nothing to it.
    began: Option<Position>,
    /// Everything up to here was told, or is not wanted.
    position: Option<Position>,
    /// What was stored when the follower came: history up to here.
    live_from: Option<Position>,
    is_caught_up: bool,
    has_ended: bool,
    /// What it reads, where that takes longer than a heartbeat.
    reading: Option<Box<Reading>>,
    /// Messages that are likely to fill a piece.
    batch: u16,
    last_sent: Instant,
    /// What the client was told at the beginning, whatever a reload changes.
    heartbeat: Duration,
    /// What the client has shown, and when it is looked at again.
    shown: Option<(Box<str>, Instant)>,
    /// Goes off for a heartbeat; when it was too early it is set again.
    timer: Pin<Box<Sleep>>,
    /// Told when the client has closed its side.
    doubt: Arc<Notify>,
    /// Whether it has.
    is_doubted: bool,
}

/// Waits until it is time for a heartbeat. What was sent since the timer was
/// set puts that off.
async fn due(timer: &mut Pin<Box<Sleep>>, last_sent: Instant, heartbeat: Duration) {
    loop {
        timer.as_mut().await;
        let (due, now) = (last_sent + heartbeat, Instant::now());
        if now >= due {
            timer.as_mut().reset(now + heartbeat);
            return;
        }
        timer.as_mut().reset(due);
    }
}

/// A time within [`RETRY`].
pub(crate) fn retry() -> u64 {
    let random = getrandom::u64().unwrap_or_default();
    RETRY.0 + random % (RETRY.1 - RETRY.0)
}

impl Follower {
    /// A follower behind a position that is not behind `closed`, which was the
    /// closed one just before.
    pub(crate) fn new(
        context: &Arc<Context>,
        filter: FollowFilter,
        encoding: Encoding,
        (position, closed): (Option<Position>, Option<Position>),
        shown: Option<Box<str>>,
    ) -> Follower {
        let filter = Arc::new(filter);
        let heartbeat = context.limits_now().heartbeat;
        let now = Instant::now();
        Follower {
            context: Arc::clone(context),
            subscription: context.followers.subscribe(Arc::clone(&filter)),
            filter,
            encoding,
            began: position,
            position,
            live_from: closed,
            is_caught_up: false,
            has_ended: false,
            reading: None,
            batch: FIRST,
            last_sent: now,
            heartbeat,
            shown: shown.map(|shown| (shown, now + (heartbeat * LOOKS).min(LOOK))),
            timer: Box::pin(tokio::time::sleep_until(now + heartbeat)),
            doubt: Arc::default(),
            is_doubted: false,
        }
    }

    /// The next piece. An empty one says that there is nothing to say, and
    /// that the answer goes on.
    async fn piece(&mut self) -> Result<Bytes, ApiError> {
        let piece = loop {
            if !self.may_read().await {
                break self.end();
            }
            if !self.is_caught_up && self.position >= self.live_from {
                break self.catch_up();
            }
            // What would show that the client is there is not written to it.
            if self.is_caught_up && self.is_doubted && !self.encoding.has_heartbeat() {
                break self.end();
            }
            // History in which little is wanted is read for long.
            if Instant::now() >= self.last_sent + self.heartbeat {
                break self.beat();
            }
            let piece = match self.take().await {
                None => self.beat(),
                Some(Taken::Events(entries, reached)) => {
                    let piece = self.encode(&entries);
                    self.position = reached;
                    piece
                }
                Some(Taken::Behind(position, until)) => {
                    self.position = position;
                    self.read(until).await?
                }
                Some(Taken::Closing) => break self.end(),
            };
            if !piece.is_empty() {
                break piece;
            }
            // Others have their turn, however long nothing is found.
            tokio::task::yield_now().await;
        };
        self.last_sent = Instant::now();
        Ok(piece)
    }

    /// To be told that the client has closed its side. Some have left, and some
    /// have only said all that they had to say: a heartbeat at once shows
    /// which. Without heartbeats it is told what there was, and no more.
    pub(crate) fn doubt(&self) -> Arc<Notify> {
        Arc::clone(&self.doubt)
    }

    /// How long it is silent before it says that there is nothing to say.
    pub(crate) fn heartbeat(&self) -> Duration {
        self.heartbeat
    }

    /// Whether what the client has shown is still good, as far as the store
    /// says: a token may be revoked meanwhile.
    async fn may_read(&mut self) -> bool {
        let again = Instant::now() + (self.heartbeat * LOOKS).min(LOOK);
        let Some((shown, due)) = &mut self.shown else {
            return true;
        };
        if Instant::now() < *due {
            return true;
        }
        *due = again;
        let auth = &self.context.auth;
        let looked = auth.may_still_read(&self.context, shown).await;
        looked.unwrap_or(true)
    }

    /// What there is; `None` where it is time for a heartbeat first.
    async fn take(&mut self) -> Option<Taken> {
        let (position, live_from) = (self.position, self.live_from);
        let subscription = &self.subscription;
        let due = due(&mut self.timer, self.last_sent, self.heartbeat);
        tokio::select! {
            biased;
            taken = poll_fn(|task| subscription.poll_take(task, position, live_from)) => {
                return Some(taken);
            }
            () = self.doubt.notified() => self.is_doubted = true,
            () = due => {}
        }
        None
    }

    /// Events of the ring. A single one is shared with all who are told of it.
    fn encode(&self, entries: &[Arc<Entry>]) -> Bytes {
        if let [entry] = entries {
            return entry.encoded(self.encoding);
        }
        let mut out = Vec::new();
        for entry in entries {
            out.extend_from_slice(&entry.encoded(self.encoding));
        }
        out.into()
    }

    /// Reads the store, which has everything up to `until`; a heartbeat where
    /// that takes longer.
    async fn read(&mut self, until: Option<Position>) -> Result<Bytes, ApiError> {
        let begun = self.reading.take();
        let begun = begun.filter(|reading| reading.from == self.position);
        let mut reading = begun.unwrap_or_else(|| Box::new(self.begin_reading(until)));
        let due = due(&mut self.timer, self.last_sent, self.heartbeat);
        let read = tokio::select! {
            biased;
            read = &mut reading.done => Some(read),
            () = self.doubt.notified() => {
                self.is_doubted = true;
                None
            }
            () = due => None,
        };
        let Some(read) = read else {
            self.reading = Some(Box::new(reading.detached()));
            return Ok(self.beat());
        };
        let Some(read) = read else {
            return Ok(self.end());
        };
        let passage = match read {
            Ok(Ok(passage)) => passage,
            // The client comes back to where it was.
            Ok(Err(
                error @ (StoreError::Unavailable(_)
                | StoreError::TooSlow(_)
                | StoreError::Conflict(_)),
            )) => return Ok(self.give_up(&error.to_string())),
            Err(_) => return Ok(self.give_up("the store does not answer")),
            Ok(Err(error)) => return Err(error.into()),
        };
        Ok(self.write(&passage, reading.until))
    }

    fn begin_reading(&self, until: Option<Position>) -> Reading {
        let filter = FollowFilter {
            is_live: self.is_caught_up,
            limit: FeedLimit::new(self.batch).unwrap_or_default(),
            ..FollowFilter::clone(&self.filter)
        };
        Reading::new(&self.context, (self.position, until), filter)
    }

    /// Writes what was read, until a piece is full. Behind its history comes
    /// what is live, which was not read as such.
    fn write(&mut self, passage: &Passage, until: Option<Position>) -> Bytes {
        let mut out = Vec::new();
        let mut written = 0;
        for event in &passage.events {
            let position = Some(event.position());
            if !self.is_caught_up && position > self.live_from {
                self.position = self.live_from;
                return out.into();
            }
            if out.len() >= PIECE {
                break;
            }
            self.encoding.write(&mut out, &event.since(self.began));
            self.position = position;
            written += 1;
        }
        self.fit_batch(written, out.len(), &passage.events);
        if written == passage.events.len() {
            let reached = match passage.is_caught_up {
                true => passage.position.max(until),
                false => passage.position,
            };
            self.position = self.position.max(reached);
            if !self.is_caught_up {
                self.position = self.position.min(self.live_from);
            }
        }
        out.into()
    }

    /// As many messages next time as would have filled this piece.
    fn fit_batch(&mut self, written: usize, bytes: usize, events: &[Event]) {
        if !events.is_empty() {
            let fitting = (PIECE * written.max(1)).div_ceil(bytes.max(1));
            self.batch = u16::try_from(fitting).unwrap_or(u16::MAX).clamp(1, 256);
        }
    }

    fn catch_up(&mut self) -> Bytes {
        self.is_caught_up = true;
        let position = position_text(self.position.max(self.live_from));
        self.said(&StreamEvent::CaughtUp { position })
    }

    fn beat(&mut self) -> Bytes {
        self.position = self.subscription.reached(self.position);
        let position = position_text(self.position);
        self.said(&StreamEvent::Heartbeat { position })
    }

    fn end(&mut self) -> Bytes {
        self.has_ended = true;
        let position = position_text(self.position);
        let retry = retry();
        self.said(&StreamEvent::Bye { position, retry })
    }

    fn give_up(&mut self, error: &str) -> Bytes {
        tracing::warn!(error, "a follower is sent away: the store cannot be read");
        self.end()
    }

    fn said(&self, event: &StreamEvent) -> Bytes {
        let mut out = Vec::new();
        self.encoding.say(&mut out, event);
        out.into()
    }
}

impl Source for Follower {
    fn next(mut self: Box<Self>) -> Boxed<Made> {
        Box::pin(async move {
            let piece = self.piece().await?;
            let rest: Option<Box<dyn Source>> = if self.has_ended { None } else { Some(self) };
            Ok((piece, rest))
        })
    }
}
