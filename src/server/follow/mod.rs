//! Following: what is stored is told, once and in order, to those who asked
//! for it.
//!
//! The `reader` reads what is new from the store, once for all, as long as
//! anybody follows, and puts it into the `ring`. An `index` says who may want
//! an event; the positions of those they want wait in a mailbox for each. A
//! `follower` makes an answer of it, and reads the store by itself while what
//! it needs is not in the ring: history, or what a slow client missed. An
//! `encoding` writes events.
//!
//! Nobody waits for a follower: a mailbox that is full is emptied, and its
//! follower looks through the ring, or the store, from where it was. So what
//! one takes is bounded: a piece on its way, and a mailbox.

pub(crate) mod encoding;
pub(crate) mod follower;
mod index;
pub(crate) mod reader;
mod reading;
mod ring;
mod subscriber;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use self::index::{Id, Index};
use self::ring::{Entry, Ring};
use self::subscriber::Subscriber;
use crate::domain::{Event, FollowFilter, Passage, Position};
use crate::metrics::Page;

/// Followers that read the store at once; others wait for their turn.
const READS: usize = 8;
/// Events put into the ring before others get their turn at it.
const AT_ONCE: usize = 16;

/// All who follow.
pub(crate) struct Followers {
    state: Mutex<State>,
    /// Somebody has come.
    come: Notify,
    /// Turns to read the store.
    turns: Semaphore,
}

#[derive(Default)]
struct State {
    ring: Ring,
    /// Whether the reader puts everything into the ring.
    is_live: bool,
    /// Whether the server stops.
    is_closing: bool,
    next: Id,
    subscribers: HashMap<Id, Subscriber>,
    index: Index,
}

impl Default for Followers {
    fn default() -> Followers {
        Followers::with_ring(Ring::default())
    }
}

impl Followers {
    fn with_ring(ring: Ring) -> Followers {
        let state = State {
            ring,
            ..State::default()
        };
        Followers {
            state: Mutex::new(state),
            come: Notify::new(),
            turns: Semaphore::new(READS),
        }
    }
}

/// What there is for a follower.
pub(crate) enum Taken {
    /// Events, maybe none, and where that leads.
    Events(Vec<Arc<Entry>>, Option<Position>),
    /// The ring does not reach back to the first of these: the store has
    /// everything up to the second.
    Behind(Option<Position>, Option<Position>),
    /// The server stops.
    Closing,
}

impl Followers {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is valid after every single step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody that the server stops.
    pub(crate) fn close(&self) {
        // Those who wait to read the store hear of it as well.
        self.turns.close();
        let mut state = self.state();
        state.is_closing = true;
        let wakers = state.take_wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits for a turn to read the store; none where the server stops.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Counts a follower, until what is returned is dropped.
    fn subscribe(self: &Arc<Self>, filter: Arc<FollowFilter>) -> Subscription {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.index.insert(&filter, id);
        state.subscribers.insert(id, Subscriber::new(filter));
        drop(state);
        self.come.notify_one();
        let followers = Arc::clone(self);
        Subscription { followers, id }
    }

    /// Ends once anybody follows.
    async fn wanted(&self) {
        while self.state().subscribers.is_empty() {
            self.come.notified().await;
        }
    }

    /// Begins to put everything behind a position into the ring.
    fn begin(&self, at: Option<Position>) {
        let mut state = self.state();
        let head = state.ring.head();
        for subscriber in state.subscribers.values_mut() {
            subscriber.stop_listening(head);
        }
        state.ring.begin(at);
        state.is_live = true;
        let wakers = state.take_wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends that, if nobody follows any more; whether it did.
    fn rest(&self) -> bool {
        let mut state = self.state();
        let is_over = state.subscribers.is_empty();
        if is_over {
            state.is_live = false;
            state.ring.begin(None);
        }
        is_over
    }

    /// Writes how many follow, and how far they are behind.
    pub(crate) fn measure(&self, page: &mut Page) {
        let state = self.state();
        let (count, held) = (state.subscribers.len(), state.ring.len());
        let lags = state.subscribers.values();
        let lags = lags.map(|subscriber| subscriber.lag(&state.ring));
        let (lag, behind) = lags.fold((0, 0), |(most, behind), lag| match lag {
            Some(lag) => (most.max(lag), behind),
            None => (held, behind + 1),
        });
        drop(state);
        let help = "Clients that follow.";
        page.gauge("dunder_followers", help, &[], count as f64);
        let help = "Followers that read the store: history, or what they missed.";
        page.gauge("dunder_followers_behind", help, &[], behind as f64);
        let help = "Events kept for those who follow.";
        page.gauge("dunder_follower_ring_messages", help, &[], held as f64);
        let help = "Events that the slowest follower has not taken; of one that reads the store, all that are kept.";
        page.gauge("dunder_follower_lag_messages", help, &[], lag as f64);
    }

    /// Where the ring ends.
    fn head(&self) -> Option<Position> {
        self.state().ring.head()
    }

    /// Puts what was read into the ring, and tells those who want it.
    fn push(&self, passage: Passage) {
        let mut events = passage.events.into_iter().peekable();
        let mut wakers = Vec::new();
        loop {
            let mut state = self.state();
            for event in events.by_ref().take(AT_ONCE) {
                state.push(event, &mut wakers);
            }
            let is_last = events.peek().is_none();
            if is_last {
                state.ring.reach(passage.position);
            }
            drop(state);
            wakers.drain(..).for_each(Waker::wake);
            if is_last {
                return;
            }
        }
    }
}

impl State {
    fn take_wakers(&mut self) -> Vec<Waker> {
        let subscribers = self.subscribers.values_mut();
        subscribers.filter_map(Subscriber::take_waker).collect()
    }

    fn push(&mut self, event: Event, wakers: &mut Vec<Waker>) {
        let position = event.position();
        let wants = |id: &Id| {
            let subscriber = self.subscribers.get(id);
            subscriber.is_some_and(|subscriber| subscriber.wants(&event))
        };
        // A message is wanted by few, the others may concern anybody.
        let wanted: Vec<Id> = match &event {
            Event::Posted(message) => self.index.candidates(message).filter(wants).collect(),
            Event::Deleted(_) | Event::Gap { .. } => {
                self.subscribers.keys().copied().filter(wants).collect()
            }
        };
        self.ring.push(event);
        for id in wanted {
            let subscriber = self.subscribers.get_mut(&id);
            wakers.extend(subscriber.and_then(|subscriber| subscriber.put(position)));
        }
    }
}

/// A follower's part in it.
pub(crate) struct Subscription {
    followers: Arc<Followers>,
    id: Id,
}

impl Subscription {
    /// What follows a position. Up to `live_from` that is history, which is read
    /// from the store: what imports brought is not in the ring.
    fn poll_take(
        &self,
        task: &mut Task<'_>,
        position: Option<Position>,
        live_from: Option<Position>,
    ) -> Poll<Taken> {
        let mut state = self.followers.state();
        let state = &mut *state;
        let Some(subscriber) = state.subscribers.get_mut(&self.id) else {
            return Poll::Ready(Taken::Closing);
        };
        if state.is_closing {
            return Poll::Ready(Taken::Closing);
        }
        if position < live_from {
            return Poll::Ready(Taken::Behind(position, live_from));
        }
        if !state.is_live {
            subscriber.wait(task);
            return Poll::Pending;
        }
        subscriber.poll_take(task, &state.ring, position)
    }

    /// How far a follower at a position has come that has taken all there is.
    fn reached(&self, position: Option<Position>) -> Option<Position> {
        let state = self.followers.state();
        let subscriber = state.subscribers.get(&self.id);
        match subscriber.is_some_and(Subscriber::has_taken_all) {
            true => position.max(state.ring.head()),
            false => position,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.followers.state();
        if let Some(subscriber) = state.subscribers.remove(&self.id) {
            state.index.remove(subscriber.filter(), self.id);
        }
    }
}

#[cfg(test)]
mod tests;
