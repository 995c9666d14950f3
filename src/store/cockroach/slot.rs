//! A writer's slot: the row of the database that says whose batches are
//! stored, and the shard of the counters that they are counted in. It is
//! claimed when it is needed, extended by each batch, and taken over by others
//! once its owner falls silent. A batch goes in only while its slot is its
//! owner's, checked in the statement that stores it, so clocks need not agree.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tracing::debug;

use super::batch::Place;
use super::closed::{self, Row};
use super::conn::{Params, locked};
use super::migrate::{random_name, unix_millis};
use super::pool::Readers;
use super::retry::{Failure, Kind};
use super::sql;
use crate::domain::MessageId;
use crate::store::batch::{Ids, jitter};

/// How long one statement about slots may take.
pub(super) const ATTEMPT: Duration = Duration::from_secs(10);
/// Between two attempts that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// One writer's claim, shared with who looks after all of them.
pub(super) struct Slot {
    readers: Arc<Readers>,
    ids: Arc<Ids>,
    lease: Duration,
    /// Numbers that it may have.
    numbers: Range<i64>,
    state: watch::Sender<State>,
    wanted: Notify,
    used: Mutex<Instant>,
    /// Told of each slot that is claimed.
    claimed: Arc<Notify>,
}

/// Where the claim is.
#[derive(Debug, Clone)]
enum State {
    Wanted,
    /// The last attempt to claim a slot; there will be another.
    Failed(Failure),
    Held(Arc<Held>),
}

/// A slot that is claimed. Each claim has an owner's name of its own: what an
/// earlier one left under way on the server is not taken for this one's.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) number: i64,
    pub(super) owner: String,
    /// Up to where it was said that nothing more is stored, or is about to be.
    closed: Mutex<MessageId>,
}

impl Held {
    /// Whether ids from this one on may still be stored.
    pub(super) fn admits(&self, low: MessageId) -> bool {
        low > *locked(&self.closed)
    }

    /// Before or after it is said that all up to an id is closed.
    pub(super) fn close(&self, id: MessageId) {
        let mut closed = locked(&self.closed);
        *closed = id.max(*closed);
    }

    /// Up to where it was said that nothing more is stored.
    pub(super) fn closed(&self) -> MessageId {
        *locked(&self.closed)
    }

    /// Where to store a batch.
    pub(super) fn place(&self, lease: Duration) -> Place<'_> {
        Place::Fenced {
            slot: self.number,
            owner: &self.owner,
            until: until(lease),
        }
    }
}

/// Until when a slot is its owner's that says so now.
pub(super) fn until(lease: Duration) -> i64 {
    unix_millis() + lease.as_millis() as i64
}

impl Slot {
    /// A claim that is made once a slot is asked for.
    pub(super) fn new(
        readers: Arc<Readers>,
        ids: Arc<Ids>,
        lease: Duration,
        numbers: Range<i64>,
        claimed: Arc<Notify>,
    ) -> Slot {
        Slot {
            readers,
            ids,
            lease,
            numbers,
            state: watch::Sender::new(State::Wanted),
            wanted: Notify::new(),
            used: Mutex::new(Instant::now()),
            claimed,
        }
    }

    /// The slot to store in now; waits for a claim only.
    pub(super) async fn current(&self) -> Result<Arc<Held>, Failure> {
        *locked(&self.used) = Instant::now();
        if let Some(held) = self.held() {
            return Ok(held);
        }
        let mut state = self.state.subscribe();
        self.wanted.notify_one();
        let is_known = |state: &State| !matches!(state, State::Wanted);
        let state = state.wait_for(is_known).await;
        match state.as_deref() {
            Ok(State::Held(held)) => Ok(held.clone()),
            Ok(State::Failed(failure)) => Err(failure.clone()),
            Ok(State::Wanted) | Err(_) => {
                Err(Failure::new(Kind::Lost, "nobody claims a slot any more"))
            }
        }
    }

    /// The slot that is held, if one is.
    pub(super) fn held(&self) -> Option<Arc<Held>> {
        match &*self.state.borrow() {
            State::Held(held) => Some(held.clone()),
            State::Wanted | State::Failed(_) => None,
        }
    }

    /// Has a slot claimed, whether there is something to store or not.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    /// For how long nobody stored anything.
    pub(super) fn idle(&self) -> Duration {
        locked(&self.used).elapsed()
    }

    /// A slot that the database has as somebody else's, or as nobody's.
    pub(super) fn lose(&self, held: &Held) {
        self.state.send_if_modified(|state| match state {
            State::Held(now) if now.owner == held.owner => {
                *state = State::Wanted;
                true
            }
            State::Held(_) | State::Wanted | State::Failed(_) => false,
        });
    }

    /// Leaves a slot to others at once. Once this has returned nothing more is
    /// stored there, not even by an attempt that is still under way.
    ///
    /// # Errors
    /// It is still held.
    pub(super) async fn leave(&self, held: &Held) -> Result<(), Failure> {
        let params: Params<'_> = &[&held.number, &held.owner];
        let left = self.readers.ask_two(&sql::LEAVE_SLOT, params, ATTEMPT);
        left.await?;
        self.lose(held);
        Ok(())
    }

    /// The same at the end.
    pub(super) async fn release(&self) {
        if let Some(held) = self.held()
            && let Err(failure) = self.leave(&held).await
        {
            debug!("a slot was not released and expires: {}", failure.text);
        }
    }

    /// Claims slots when they are wanted.
    pub(super) async fn claim(self: Arc<Slot>) {
        loop {
            self.wanted.notified().await;
            let mut taken = None;
            while self.held().is_none() {
                match self.attempt(&mut taken).await {
                    Ok(held) => {
                        debug!(slot = held.number, "storing in a slot");
                        self.state.send_replace(State::Held(Arc::new(held)));
                        self.claimed.notify_one();
                    }
                    Err(failure) => {
                        debug!("no slot is claimed yet: {}", failure.text);
                        self.state.send_replace(State::Failed(failure));
                        tokio::time::sleep(jitter(PAUSE)).await;
                    }
                }
            }
        }
    }

    /// Takes a slot and then starts it above what is closed. While it is taken
    /// and not started nobody closes anything, so what is closed by then is all
    /// that ever was closed without it.
    async fn attempt(&self, taken: &mut Option<(i64, String)>) -> Result<Held, Failure> {
        let (number, owner) = match taken.take() {
            Some(taken) => taken,
            None => self.take().await?,
        };
        // Kept for the next attempt, should this one fail.
        let (number, owner) = taken.insert((number, owner));
        let rows = self.rows().await?;
        let start = match closed::start(&rows, unix_millis()) {
            Some(start) => {
                self.ids.raise(start);
                start
            }
            None => self.ids.pause().id,
        };
        let params: Params<'_> = &[number, owner, &start.to_string()];
        let started = self.readers.ask_two(&sql::START_SLOT, params, ATTEMPT);
        let is_ours = started.await?.len() == 1;
        let (number, owner) = (*number, std::mem::take(owner));
        *taken = None;
        if !is_ours {
            return Err(Failure::new(Kind::Again, "a slot was taken by another one"));
        }
        Ok(Held {
            number,
            owner,
            closed: Mutex::new(start),
        })
    }

    async fn rows(&self) -> Result<Vec<Row>, Failure> {
        let rows = self.readers.ask_two(&sql::SLOTS, &[], ATTEMPT).await?;
        Ok(closed::read(&rows)?.0)
    }

    /// Takes a slot that is free or expired, or makes one.
    async fn take(&self) -> Result<(i64, String), Failure> {
        loop {
            let owner = random_name();
            let closer = closed::starting(&owner);
            let (now, until) = (unix_millis(), until(self.lease));
            let mut rows = self.rows().await?;
            rows.retain(|row| self.numbers.contains(&row.slot));
            let next = rows.iter().map(|row| row.slot + 1).max();
            let next = next.unwrap_or(self.numbers.start);
            let (slot, taken) = match rows.iter().find(|row| row.expires_at < now) {
                Some(row) => {
                    let params: Params<'_> = &[
                        &row.slot,
                        &owner,
                        &until,
                        &closer,
                        &row.owner,
                        &row.expires_at,
                    ];
                    let taken = self.readers.ask_two(&sql::TAKE_SLOT, params, ATTEMPT);
                    (row.slot, taken.await?)
                }
                None => {
                    let params: Params<'_> = &[&next, &owner, &until, &closer];
                    let added = self.readers.ask_two(&sql::ADD_SLOT, params, ATTEMPT);
                    (next, added.await?)
                }
            };
            // Nobody else was faster, or look again.
            if taken.len() == 1 {
                return Ok((slot, owner));
            }
        }
    }
}
