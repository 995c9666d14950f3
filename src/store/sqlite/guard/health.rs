//! What the writer last met, for whoever asks whether the store can serve.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::StoreError;

/// A batch that takes longer than this is stuck: the lock is given up after
/// ten seconds, and a disk that needs longer serves nobody.
const STUCK: Duration = Duration::from_secs(30);

/// Shared by the writer, who tells, and the store, who asks.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failure: Option<StoreError>,
    busy_since: Option<Instant>,
}

impl Health {
    /// The writer starts on something.
    pub(crate) fn begins(&self) {
        self.state().busy_since = Some(Instant::now());
    }

    /// The writer waits for work.
    pub(crate) fn ends(&self) {
        self.state().busy_since = None;
    }

    /// A transaction was committed.
    pub(crate) fn succeeded(&self) {
        self.state().failure = None;
    }

    /// A transaction was not committed.
    pub(crate) fn failed(&self, error: StoreError) {
        self.state().failure = Some(error);
    }

    /// Why the last transaction failed, if it did.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.state().failure.clone()
    }

    /// Since when the writer has been at one thing for too long.
    pub(crate) fn stuck(&self) -> Option<Duration> {
        let busy = self.state().busy_since.map(|since| since.elapsed());
        busy.filter(|busy| *busy > STUCK)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each field is valid by itself, whatever panicked beside it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
