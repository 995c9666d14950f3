//! The gate between the readers and the log: while the writer wants to start
//! the log anew, long reads that have not begun wait here, so that the moment
//! comes at which none of them reads from it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the gate stays closed when the writer does not come back to it:
/// without posts the log does not grow.
const CLOSED: Duration = Duration::from_millis(200);

/// Counts the long reads under way, and holds back further ones.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    /// Reads under way have to end now.
    cleared: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    reading: usize,
    closed_until: Option<Instant>,
}

/// A read that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Reading<'g>(&'g Gate);

impl Gate {
    /// Begins a read, once the gate is open.
    pub(crate) fn enter(&self) -> Reading<'_> {
        let mut state = self.state();
        while let Some(left) = state.closed_until.and_then(left_until) {
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.reading += 1;
        Reading(self)
    }

    /// Holds back further reads for a short time, and says whether none is
    /// under way.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state();
        state.closed_until = Some(Instant::now() + CLOSED);
        state.reading == 0
    }

    /// Holds back further reads and waits until none is under way; those that
    /// take longer than `patience` are ended. Not when one does not end
    /// within as long again.
    pub(crate) fn clear(&self, patience: Duration) -> bool {
        let start = Instant::now();
        while !self.close() {
            let waited = start.elapsed();
            if waited >= patience {
                self.cleared.store(true, Ordering::Relaxed);
            }
            if waited >= 2 * patience + CLOSED {
                return false;
            }
            let state = self.state();
            if state.reading > 0 {
                // Less than the gate stays closed by itself.
                drop(self.changed.wait_timeout(state, CLOSED / 4));
            }
        }
        true
    }

    /// Lets reads begin again.
    pub(crate) fn open(&self) {
        self.cleared.store(false, Ordering::Relaxed);
        self.state().closed_until = None;
        self.changed.notify_all();
    }

    /// Whether reads under way have to end.
    pub(crate) fn is_cleared(&self) -> bool {
        self.cleared.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.reading -= 1;
        let tell = state.reading == 0 && state.closed_until.is_some();
        drop(state);
        if tell {
            self.0.changed.notify_all();
        }
    }
}

fn left_until(end: Instant) -> Option<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn a_closed_gate_holds_reads_back_until_it_is_opened() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter();
        assert!(!gate.close(), "a read is under way");
        drop(first);
        assert!(gate.close());
        let late = thread::spawn({
            let gate = Arc::clone(&gate);
            move || drop(gate.enter())
        });
        while !late.is_finished() {
            gate.open();
            thread::yield_now();
        }
        late.join().unwrap();
    }

    #[test]
    fn a_gate_that_the_writer_forgot_opens_by_itself() {
        let gate = Gate::default();
        assert!(gate.close());
        drop(gate.enter());
    }

    #[test]
    fn reads_that_take_too_long_are_told_to_end() {
        let gate = Arc::new(Gate::default());
        let (say, entered) = std::sync::mpsc::channel();
        let read = thread::spawn({
            let gate = Arc::clone(&gate);
            move || {
                let reading = gate.enter();
                say.send(()).unwrap();
                while !gate.is_cleared() {
                    thread::yield_now();
                }
                drop(reading);
            }
        });
        entered.recv().unwrap();
        while !gate.clear(Duration::ZERO) {}
        assert!(gate.close(), "none is under way");
        gate.open();
        assert!(!gate.is_cleared());
        read.join().unwrap();
    }
}
