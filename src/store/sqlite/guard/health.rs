//! What the writer last met, for whoever asks whether the store can serve, and
//! how often it did what.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::StoreError;
use crate::metrics::{Counter, Page};
use crate::store::batch::Supervision;

/// A batch that takes longer than this is stuck: the lock is given up after
/// ten seconds, and a disk that needs longer serves nobody.
const STUCK: Duration = Duration::from_secs(30);

/// Shared by the writer, who tells, and the store, who asks.
#[derive(Debug, Default)]
pub(crate) struct Health {
    state: Mutex<State>,
    supervision: Arc<Supervision>,
    pub(crate) counts: Counts,
}

/// How often the writer did what.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// The memtable was written.
    pub(crate) flushes: Counter,
    /// The log was copied into the file.
    pub(crate) checkpoints: Counter,
    /// It was large, and somebody kept it from being started anew.
    pub(crate) blocked: Counter,
    /// It could not be copied.
    pub(crate) failed: Counter,
}

impl Counts {
    /// Writes all of them.
    pub(crate) fn measure(&self, page: &mut Page) {
        page.counter(
            "dunder_store_flushes_total",
            "Times that lists and counters were written for what was posted.",
            &[],
            self.flushes.count(),
        );
        for (result, count) in [
            ("ok", &self.checkpoints),
            ("blocked", &self.blocked),
            ("failed", &self.failed),
        ] {
            page.counter(
                "dunder_store_checkpoints_total",
                "Copies of the log into the file.",
                &[("result", result)],
                count.count(),
            );
        }
    }
}

#[derive(Debug, Default)]
struct State {
    failure: Option<StoreError>,
    log_failure: Option<StoreError>,
    busy_since: Option<Instant>,
}

impl Health {
    /// Of the writer.
    pub(crate) fn supervision(&self) -> &Arc<Supervision> {
        &self.supervision
    }

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

    /// What copying from the log into the file came to, the last time. Said
    /// once, until it works again.
    pub(crate) fn log(&self, failure: Option<StoreError>) {
        let mut state = self.state();
        match (&state.log_failure, &failure) {
            (None, Some(error)) => {
                tracing::error!(%error, "the store's log cannot be copied into its file; it grows until it can");
            }
            (Some(_), None) => tracing::info!("the store's log is copied into its file again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        state.log_failure = failure;
    }

    /// Why the log could not be copied into the file, if it could not.
    pub(crate) fn log_failure(&self) -> Option<StoreError> {
        self.state().log_failure.clone()
    }

    /// Since when the writer has been at one thing for too long.
    pub(crate) fn stuck(&self) -> Option<Duration> {
        let busy = self.state().busy_since.map(|since| since.elapsed());
        busy.filter(|busy| *busy > STUCK)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each field is valid by itself, whatever panicked beside it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
