//! The ids of all batches of a store: given out in order, to whichever writer
//! forms one, and known to be in flight until it is stored or given up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;

use super::Assigned;
use crate::domain::{IdClock, MessageId};

/// Gives out ids, and knows which writers have some in flight.
pub(crate) struct Ids(Mutex<State>);

struct State {
    clock: IdClock,
    /// Batches that each writer has in flight.
    in_flight: Vec<usize>,
}

/// A moment between two ids.
pub(crate) struct Pause {
    /// All ids given out later are larger, unless the clock was wrong by more
    /// than ten minutes and is right again.
    pub(crate) id: MessageId,
    busy: Vec<usize>,
}

/// One batch of a writer, until this is dropped.
pub(crate) struct Taken {
    ids: Arc<Ids>,
    lane: usize,
}

impl Ids {
    pub(crate) fn new(clock: IdClock) -> Ids {
        Ids(Mutex::new(State {
            clock,
            in_flight: Vec::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks a batch of a writer as in flight, before its ids are given out.
    pub(crate) fn take(self: &Arc<Ids>, lane: usize) -> Taken {
        let mut state = self.state();
        if state.in_flight.len() <= lane {
            state.in_flight.resize(lane + 1, 0);
        }
        state.in_flight[lane] += 1;
        drop(state);
        Taken {
            ids: self.clone(),
            lane,
        }
    }

    /// The next id.
    pub(crate) fn next(&self) -> MessageId {
        let now = Utc::now().timestamp_millis();
        self.state().clock.next(now)
    }

    /// Gives posts other ids, in the same order, larger than all before.
    pub(crate) fn renew(&self, posts: &mut [Assigned]) {
        let now = Utc::now().timestamp_millis();
        let mut state = self.state();
        for post in posts {
            post.record.message.id = state.clock.next(now);
        }
    }

    /// Keeps later ids above one that somebody else gave out, unless a clock
    /// that was wrong gave that.
    pub(crate) fn raise(&self, id: MessageId) {
        let now = Utc::now().timestamp_millis();
        self.state().clock.raise(id, now);
    }

    /// A moment after all that was given out so far.
    pub(crate) fn pause(&self) -> Pause {
        let now = Utc::now().timestamp_millis();
        let mut state = self.state();
        let busy = state.in_flight.iter().enumerate();
        let busy = busy.filter(|(_, batches)| **batches > 0);
        Pause {
            busy: busy.map(|(lane, _)| lane).collect(),
            id: state.clock.pass(now),
        }
    }
}

impl Pause {
    /// Whether a writer has ids from before in flight.
    pub(crate) fn is_busy(&self, lane: usize) -> bool {
        self.busy.contains(&lane)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.ids.state().in_flight[self.lane] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_after_a_pause_are_larger_and_those_before_it_known_to_be_in_flight() {
        let ids = Arc::new(Ids::new(IdClock::after(None)));
        let batch = ids.take(1);
        let before = ids.next();
        let pause = ids.pause();
        assert!(pause.id >= before);
        assert!(pause.is_busy(1) && !pause.is_busy(0));
        assert!(ids.next() > pause.id);
        drop(batch);
        let pause = ids.pause();
        assert!(!pause.is_busy(1));
        ids.raise(pause.id.successor());
        assert!(ids.next() > pause.id.successor());
    }
}
