//! The job of `dunder serve`: every minute one server of a cluster looks for
//! what is too old.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::watch;

use crate::app::retention::{Count, Due, evicted_up_to};
use crate::domain::{Job, Rule, Store, StoreError};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(60);
/// Between two looks from the beginning: what imports brought of old messages
/// is before what was evicted last.
const FROM_THE_BEGINNING: Duration = Duration::from_secs(6 * 60 * 60);
/// How long the work is one server's, which says so again after a third of it.
const LEASE: Duration = Duration::from_secs(90);
/// What the work is called.
const WORK: &str = "evict messages";

/// What outlives a run.
struct Retention {
    store: Arc<dyn Store>,
    rules: Vec<(Rule, Duration)>,
    owner: String,
    began: Mutex<Option<Instant>>,
}

/// Evicts what is older than the rules say, until the server stops.
pub(crate) fn job(
    store: &Arc<dyn Store>,
    rules: Vec<(Rule, Duration)>,
    stop: watch::Receiver<bool>,
) -> Job {
    let random = getrandom::u64().unwrap_or_default();
    let retention = Arc::new(Retention {
        store: Arc::clone(store),
        rules,
        owner: format!("{}-{random:016x}", std::process::id()),
        began: Mutex::new(None),
    });
    Job::new("evict old messages", move || {
        let (retention, mut stop) = (Arc::clone(&retention), stop.clone());
        async move {
            while !*stop.borrow() {
                let done = retention.round(&stop).await;
                if let Err(error) = done
                    && !*stop.borrow()
                {
                    tracing::warn!(%error, "old messages were not evicted; tried again in a minute");
                }
                tokio::select! {
                    () = tokio::time::sleep(PERIOD) => {}
                    Ok(_) = stop.wait_for(|stop| *stop) => {}
                }
            }
            retention.release().await;
        }
    })
}

impl Retention {
    /// Whether the work is this program's, for a while from now on.
    async fn lease(&self) -> Result<bool, StoreError> {
        let until = Utc::now() + LEASE;
        self.store.lease(WORK, &self.owner, until).await
    }

    /// Leaves the work to another server, at once.
    async fn release(&self) {
        if let Err(error) = self.store.release(WORK, &self.owner).await {
            tracing::debug!(%error, "the work is left to others once its lease is over");
        }
    }

    async fn round(&self, stop: &watch::Receiver<bool>) -> Result<(), StoreError> {
        if !self.lease().await? {
            // Whoever takes it over later has not looked for long.
            *self.began() = None;
            return Ok(());
        }
        let is_from_the_beginning = self.is_due_from_the_beginning();
        let begun = Instant::now();
        for due in Due::at(&self.rules, Utc::now()) {
            let mut after = match is_from_the_beginning {
                true => None,
                false => evicted_up_to(self.store.as_ref(), &due.rule).await?,
            };
            let (mut gone, mut leased) = (Count::default(), Instant::now());
            while due.step(self.store.as_ref(), &mut after, &mut gone).await? {
                if *stop.borrow() {
                    return Ok(());
                }
                if leased.elapsed() >= LEASE / 3 {
                    leased = Instant::now();
                    if !self.lease().await? {
                        return Ok(());
                    }
                }
            }
            if gone.messages > 0 {
                let (rule, messages) = (due.rule.to_string(), gone.messages);
                tracing::info!(rule, messages, "evicted messages that were too old");
            }
        }
        if is_from_the_beginning {
            *self.began() = Some(begun);
        }
        Ok(())
    }

    fn is_due_from_the_beginning(&self) -> bool {
        self.began()
            .is_none_or(|began| began.elapsed() >= FROM_THE_BEGINNING)
    }

    fn began(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.began.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
