//! A writer's slot in the counters: claimed in the database for a while,
//! renewed while the writer stores, taken over by others once expired. Two
//! writers in one slot would still count right, only slower, so clocks need
//! not agree, and no batch waits for a renewal: that is done in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tracing::debug;

use super::conn::{Params, column};
use super::migrate::{random_name, unix_millis};
use super::pool::Readers;
use super::retry::{Failure, Kind};
use super::sql;
use crate::store::batch::jitter;

/// How long one statement about slots may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Between two attempts that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// One writer's claim.
pub(super) struct Slot {
    claim: Arc<Claim>,
    state: watch::Receiver<State>,
    keeping: JoinHandle<()>,
}

/// Where the claim is.
#[derive(Debug, Clone)]
enum State {
    Wanted,
    /// The last attempt to claim a slot; there will be another.
    Failed(Failure),
    Held(i64),
}

/// What the writer and the background share.
struct Claim {
    owner: String,
    readers: Arc<Readers>,
    lease: Duration,
    wanted: Notify,
    used: AtomicBool,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

impl Slot {
    /// A claim that is made once a slot is asked for.
    pub(super) fn new(readers: Arc<Readers>, lease: Duration) -> Slot {
        let claim = Arc::new(Claim {
            owner: random_name(),
            readers,
            lease,
            wanted: Notify::new(),
            used: AtomicBool::new(false),
        });
        let (say, state) = watch::channel(State::Wanted);
        let keeping = tokio::spawn(claim.clone().keep(say));
        Slot {
            claim,
            state,
            keeping,
        }
    }

    /// The slot to add to now; waits for the first claim only.
    pub(super) async fn current(&mut self) -> Result<i64, Failure> {
        self.claim.used.store(true, Ordering::Relaxed);
        self.claim.wanted.notify_one();
        let is_known = |state: &State| !matches!(state, State::Wanted);
        let state = self.state.wait_for(is_known).await;
        match state.as_deref() {
            Ok(State::Held(slot)) => Ok(*slot),
            Ok(State::Failed(failure)) => Err(failure.clone()),
            Ok(State::Wanted) | Err(_) => {
                Err(Failure::new(Kind::Lost, "nobody claims a slot any more"))
            }
        }
    }

    /// Leaves the slot to others at once.
    pub(super) async fn release(self) {
        self.keeping.abort();
        let state = self.state.borrow().clone();
        if let State::Held(slot) = state
            && let Err(failure) = self.claim.renew(slot, 0).await
        {
            debug!(
                "a counter slot was not released and expires: {}",
                failure.text
            );
        }
    }
}

impl Claim {
    /// Claims a slot when one is wanted, and renews it as long as it is used.
    async fn keep(self: Arc<Claim>, say: watch::Sender<State>) {
        loop {
            self.wanted.notified().await;
            let claimed = loop {
                match self.claim().await {
                    Ok(claimed) => break claimed,
                    Err(failure) => {
                        debug!("no counter slot is claimed yet: {}", failure.text);
                        say.send_replace(State::Failed(failure));
                        tokio::time::sleep(jitter(PAUSE)).await;
                    }
                }
            };
            say.send_replace(State::Held(claimed));
            self.hold(claimed).await;
            say.send_replace(State::Wanted);
        }
    }

    /// Returns once the slot is no longer used, or is somebody else's.
    async fn hold(&self, slot: i64) {
        let mut idle = Duration::ZERO;
        loop {
            let wait = self.lease / 3;
            tokio::time::sleep(wait).await;
            idle = match self.used.swap(false, Ordering::Relaxed) {
                true => Duration::ZERO,
                false => idle + wait,
            };
            if idle >= self.lease {
                return;
            }
            while idle.is_zero() {
                match self.renew(slot, self.until()).await {
                    Ok(1) => break,
                    Ok(_) => return,
                    Err(failure) => {
                        debug!("a counter slot is not renewed yet: {}", failure.text);
                        tokio::time::sleep(jitter(PAUSE)).await;
                    }
                }
            }
        }
    }

    fn until(&self) -> i64 {
        unix_millis() + self.lease.as_millis() as i64
    }

    async fn renew(&self, slot: i64, until: i64) -> Result<usize, Failure> {
        let params: Params<'_> = &[&slot, &self.owner, &until];
        let renewed = self
            .readers
            .ask_two(&sql::RENEW_SLOT, params, ATTEMPT)
            .await?;
        Ok(renewed.len())
    }

    async fn claim(&self) -> Result<i64, Failure> {
        loop {
            let (now, until) = (unix_millis(), self.until());
            let mut next = 0;
            let mut expired = None;
            for row in &self.readers.ask_two(&sql::SLOTS, &[], ATTEMPT).await? {
                let slot: i64 = column(row, 0)?;
                let (owner, expires): (String, i64) = (column(row, 1)?, column(row, 2)?);
                next = next.max(slot + 1);
                if expires < now && expired.is_none() {
                    expired = Some((slot, owner, expires));
                }
            }
            let (slot, claimed) = match expired {
                Some((slot, owner, expires)) => {
                    let params: Params<'_> = &[&slot, &self.owner, &until, &owner, &expires];
                    (
                        slot,
                        self.readers
                            .ask_two(&sql::TAKE_SLOT, params, ATTEMPT)
                            .await?,
                    )
                }
                None => {
                    let params: Params<'_> = &[&next, &self.owner, &until];
                    (
                        next,
                        self.readers
                            .ask_two(&sql::ADD_SLOT, params, ATTEMPT)
                            .await?,
                    )
                }
            };
            // Nobody else was faster, or look again.
            if claimed.len() == 1 {
                debug!(slot, "counting in a slot of the counters");
                return Ok(slot);
            }
        }
    }
}
