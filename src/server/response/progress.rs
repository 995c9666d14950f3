//! How far an answer has got with its client.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

/// Of one answer at a time: the one being written on a connection of
/// HTTP/1.1, or on a stream of HTTP/2.
#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    /// A piece was handed to the connection and has not left it.
    is_out: bool,
    /// When the client last took something, while there is an answer.
    since: Option<Instant>,
    /// It has no end, and may have nothing to say for long.
    is_endless: bool,
    waiting: Option<Waker>,
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer begins, with an end or without one.
    pub(crate) fn begin(&self, is_endless: bool) {
        let mut state = self.state();
        state.since = Some(Instant::now());
        state.is_endless = is_endless;
    }

    /// The answer is written, or given up.
    pub(crate) fn end(&self) {
        self.state().since = None;
    }

    /// Whether an answer is being written.
    pub(crate) fn is_writing(&self) -> bool {
        self.state().since.is_some()
    }

    /// The client has taken all there was.
    pub(crate) fn moved(&self) {
        let mut state = self.state();
        state.since = state.since.map(|_| Instant::now());
    }

    /// A piece is handed to the connection.
    pub(crate) fn send(self: &Arc<Self>) -> Arc<Self> {
        let mut state = self.state();
        state.is_out = true;
        if state.is_endless {
            state.since = Some(Instant::now());
        }
        drop(state);
        Arc::clone(self)
    }

    /// The piece has left, or was given up with its connection.
    pub(crate) fn left(&self) {
        let waiting = {
            let mut state = self.state();
            state.is_out = false;
            state.since = state.since.map(|_| Instant::now());
            state.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// Whether no piece is on its way.
    pub(crate) fn has_left(&self) -> bool {
        !self.state().is_out
    }

    /// The same, waited for.
    pub(crate) fn poll_left(&self, task: &mut Task<'_>) -> Poll<()> {
        let mut state = self.state();
        if !state.is_out {
            return Poll::Ready(());
        }
        state.waiting = Some(task.waker().clone());
        Poll::Pending
    }

    /// Ends when the client took nothing of an answer for so long. Looks no
    /// more often than that, so it may end up to twice as late.
    pub(crate) async fn stalled(&self, patience: Duration) {
        let mut due = Instant::now() + patience;
        loop {
            tokio::time::sleep_until(due).await;
            match self.due(Instant::now(), patience) {
                Some(later) => due = later,
                None => return,
            }
        }
    }

    /// When to look again; `None` when the client has stalled.
    fn due(&self, now: Instant, patience: Duration) -> Option<Instant> {
        // While an answer is not begun, or has nothing to say, the client owes
        // nothing.
        let state = self.state();
        let owes = state.is_out || !state.is_endless;
        let since = state.since.filter(|_| owes).unwrap_or(now);
        Some(since + patience).filter(|due| *due > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_moves_is_waited_for_and_one_that_stands_is_not() {
        let patience = Duration::from_secs(10);
        let progress = Arc::new(Progress::default());
        let now = Instant::now();
        assert_eq!(progress.due(now, patience), Some(now + patience));
        progress.begin(false);
        let begun = Instant::now();
        assert_eq!(progress.due(begun + patience, patience), None);
        assert!(progress.due(begun + patience / 2, patience).is_some());
        while Instant::now() == begun {}
        progress.send().left();
        assert!(progress.due(begun + patience, patience).is_some());
        progress.end();
        assert!(progress.due(begun + patience * 9, patience).is_some());
        progress.begin(true);
        let late = || Instant::now() + patience * 9;
        assert!(progress.due(late(), patience).is_some());
        let piece = progress.send();
        assert!(progress.due(late(), patience).is_none());
        piece.left();
        assert!(progress.due(late(), patience).is_some());
    }
}
