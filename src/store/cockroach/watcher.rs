//! Looks at the slots of all servers, so that followers know up to where
//! nothing more is stored, while anybody follows: closes ids for this server's
//! writers that store nothing, and takes slots from those who fell silent.
//!
//! While nobody follows it looks now and then as long as this server has a
//! slot, for somebody on another server may begin to; and then not at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use super::closed::{self, Closed, Row, Standing};
use super::conn::{Params, locked};
use super::migrate::unix_millis;
use super::pool::Readers;
use super::retry::{Failure, Kind};
use super::slot::{ATTEMPT, Held, Slot, until};
use super::sql;
use crate::domain::{MessageId, StoreError};
use crate::store::batch::Ids;

/// Between two looks while somebody follows: what is posted waits for two at
/// most, one of its own server and one of the follower's.
const OFTEN: Duration = Duration::from_millis(50);
/// Between two looks while nobody does.
const SELDOM: Duration = Duration::from_secs(1);
/// Between two looks while somebody is about to start.
const SOON: Duration = Duration::from_millis(20);
/// Ids are closed so often where nothing was posted: as a sign of life, and
/// for a quiet follower's position to move on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// Who follows says so this often,
const SAY: Duration = Duration::from_secs(3);
/// and is believed for so long.
const BELIEVE: Duration = Duration::from_secs(10);
/// After such a pause nothing is known of how long others were silent.
const GAP: Duration = Duration::from_secs(3);
/// A server of an older release that stores anything says so every 20 s.
const OLD_SILENCE: Duration = Duration::from_secs(90);

/// The result of a look.
#[derive(Debug, Clone)]
struct Look {
    /// When it began.
    at: Option<Instant>,
    closed: Result<Option<MessageId>, Failure>,
}

/// What followers ask and the background answers.
pub(super) struct Watcher {
    readers: Arc<Readers>,
    ids: Arc<Ids>,
    slots: Vec<Arc<Slot>>,
    lease: Duration,
    silence: Duration,
    look: watch::Sender<Look>,
    asked: Mutex<Option<Instant>>,
    /// Something is to be looked at now.
    wake: Arc<Notify>,
    is_stopped: AtomicBool,
}

/// What is remembered from look to look.
#[derive(Default)]
struct Memory {
    last: Option<Instant>,
    said: Option<Instant>,
    /// The beat of those who follow, and when it last rose.
    beat: Option<(i64, Instant)>,
    /// Each slot, as it has been since then.
    seen: HashMap<i64, (Row, Instant)>,
    /// When this server's slots were last closed.
    closed: Option<Instant>,
    was_followed: bool,
    is_starting: bool,
    is_old: bool,
}

impl Watcher {
    pub(super) fn new(
        readers: Arc<Readers>,
        ids: Arc<Ids>,
        slots: Vec<Arc<Slot>>,
        (lease, silence): (Duration, Duration),
        wake: Arc<Notify>,
    ) -> Watcher {
        let nothing = Look {
            at: None,
            closed: Ok(None),
        };
        Watcher {
            readers,
            ids,
            slots,
            lease,
            silence,
            look: watch::Sender::new(nothing),
            asked: Mutex::new(None),
            wake,
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Looks no more.
    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// The closed id as of now or later.
    pub(super) async fn closed(&self) -> Result<Option<MessageId>, StoreError> {
        self.closed_since(Instant::now()).await
    }

    /// The closed id as it is known, if that is of use behind this position;
    /// else as of now.
    pub(super) async fn closed_behind(
        &self,
        position: Option<MessageId>,
    ) -> Result<Option<MessageId>, StoreError> {
        *locked(&self.asked) = Some(Instant::now());
        let known = {
            let look = self.look.borrow();
            let is_fresh = look.at.is_some_and(|at| at.elapsed() < SELDOM);
            look.closed.as_ref().ok().filter(|_| is_fresh).copied()
        };
        match known {
            Some(closed) if closed >= position => Ok(closed),
            Some(_) | None => self.closed().await,
        }
    }

    async fn closed_since(&self, since: Instant) -> Result<Option<MessageId>, StoreError> {
        self.readers.refuse()?;
        *locked(&self.asked) = Some(Instant::now());
        let mut look = self.look.subscribe();
        self.wake.notify_one();
        // Where nothing was ever stored a slot is being claimed.
        let is_new =
            |look: &Look| look.at.is_some_and(|at| at >= since) && !matches!(look.closed, Ok(None));
        let limit = self.readers.limit();
        match tokio::time::timeout(limit, look.wait_for(is_new)).await {
            Ok(Ok(look)) => Ok(look.closed.clone()?),
            Ok(Err(_)) | Err(_) => Err(StoreError::Unavailable(
                "it is not known up to where all is stored".to_owned(),
            )),
        }
    }

    /// How old what is closed is, while somebody follows on this server.
    pub(super) fn age(&self) -> Option<Duration> {
        if !self.is_asked() {
            return None;
        }
        let closed = self.look.borrow().closed.clone().ok()??;
        let age = chrono::Utc::now() - closed.created_at();
        Some(age.to_std().unwrap_or_default())
    }

    /// Ends with the next look, whatever it sees.
    pub(super) async fn looked(&self) {
        // Nobody sends any more only once the watcher is gone.
        let _ = self.look.subscribe().changed().await;
    }

    /// Whether somebody follows on this server.
    fn is_asked(&self) -> bool {
        locked(&self.asked).is_some_and(|asked| asked.elapsed() < BELIEVE)
    }

    fn held(&self) -> impl Iterator<Item = (usize, &Arc<Slot>, Arc<Held>)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(lane, slot)| Some((lane, slot, slot.held()?)))
    }

    /// Looks, again and again.
    pub(super) async fn run(self: Arc<Watcher>) {
        let mut memory = Memory::default();
        loop {
            let wait = match (self.is_asked() || memory.is_followed(), self.held().next()) {
                (true, _) if memory.is_starting => Some(SOON),
                (true, _) => Some(OFTEN),
                (false, Some(_)) => Some(SELDOM),
                (false, None) => None,
            };
            match wait {
                Some(wait) => drop(tokio::time::timeout(wait, self.wake.notified()).await),
                None => {
                    self.wake.notified().await;
                    memory = Memory::default();
                }
            }
            if self.is_stopped.load(Ordering::Relaxed) {
                return std::future::pending().await;
            }
            let began = Instant::now();
            match self.round(&mut memory).await {
                Ok(Some(closed)) => self.say(began, Ok(closed)),
                Ok(None) => {}
                // Lost against another server that says the same: those who
                // ask wait for the next look.
                Err(failure) if failure.kind == Kind::Again => {
                    debug!("the slots are looked at again: {}", failure.text);
                    tokio::time::sleep(SOON).await;
                }
                Err(failure) => {
                    debug!("the slots are not known: {}", failure.text);
                    self.say(began, Err(failure));
                    tokio::time::sleep(SOON).await;
                }
            }
        }
    }

    /// What is closed never goes back: a position is behind it.
    fn say(&self, began: Instant, closed: Result<Option<MessageId>, Failure>) {
        self.look.send_modify(|look| {
            look.at = Some(began);
            look.closed = match (closed, &look.closed) {
                (Ok(now), Ok(before)) => Ok(now.max(*before)),
                (now, _) => now,
            };
        });
    }

    /// Looks once and does what is to be done; says what is closed, if that is
    /// known.
    async fn round(&self, memory: &mut Memory) -> Result<Option<Option<MessageId>>, Failure> {
        let is_asked = self.is_asked();
        if is_asked && memory.said.is_none_or(|said| said.elapsed() >= SAY) {
            self.readers.ask_two(&sql::FOLLOW, &[], ATTEMPT).await?;
            memory.said = Some(Instant::now());
        }
        // Those that are claimed meanwhile may not be in what is read.
        let held: Vec<_> = self.held().collect();
        let mut rows = self.look_at(memory).await?;
        lose(held, &rows);
        let is_followed = is_asked || memory.is_followed();
        if is_followed {
            if self.close(&rows, memory).await? {
                rows = self.look_at(memory).await?;
            }
            self.free_silent(memory).await?;
        } else {
            self.leave_idle().await;
        }
        memory.was_followed = is_followed;
        let is_live = |row: &Row| row.standing() == Standing::Live;
        if is_asked
            && !rows.iter().any(is_live)
            && let Some(slot) = self.slots.first()
        {
            // Somebody has to close ids.
            slot.want();
        }
        self.known(&rows, memory)
    }

    async fn look_at(&self, memory: &mut Memory) -> Result<Vec<Row>, Failure> {
        let rows = self.readers.ask_two(&sql::SLOTS, &[], ATTEMPT).await?;
        let (rows, beat) = closed::read(&rows)?;
        memory.note(&rows, beat);
        Ok(rows)
    }

    fn known(
        &self,
        rows: &[Row],
        memory: &mut Memory,
    ) -> Result<Option<Option<MessageId>>, Failure> {
        let closed = closed::closed(rows, unix_millis());
        memory.is_starting = closed == Closed::Starting;
        let was_old = std::mem::replace(&mut memory.is_old, closed == Closed::Old);
        if memory.is_old && !was_old {
            warn!("a server of an older release stores messages: nobody can follow beside it");
        } else if was_old && !memory.is_old {
            info!("no server of an older release stores messages any more: all can be followed");
        }
        match closed {
            Closed::At(closed) => Ok(Some(closed)),
            Closed::Starting => Ok(None),
            Closed::Old => Err(Failure::new(
                Kind::Away,
                "a server of an older release stores messages; nobody can follow until it is updated",
            )),
        }
    }

    /// Closes ids for those writers of this server that have nothing in
    /// flight, where others have posted beyond what they have closed, and as a
    /// sign of life. Says whether it did.
    async fn close(&self, rows: &[Row], memory: &mut Memory) -> Result<bool, Failure> {
        let now = unix_millis();
        let posted = closed::posted(rows, now);
        if let Some(posted) = posted {
            self.ids.raise(posted);
        }
        let is_silent = memory.closed.is_none_or(|at| at.elapsed() >= SIGN_OF_LIFE);
        let is_behind = |held: &Held| posted.is_some_and(|posted| held.closed() < posted);
        if !is_silent && !self.held().any(|(_, _, held)| is_behind(&held)) {
            return Ok(false);
        }
        let pause = self.ids.pause();
        let (mut slots, mut owners, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        let held: Vec<_> = self
            .held()
            .filter(|(lane, ..)| !pause.is_busy(*lane))
            .collect();
        for (_, slot, held) in &held {
            if pause.id < held.closed() {
                // This server's clock was wrong, and ids follow it again.
                slot.leave(held).await?;
                continue;
            }
            held.close(pause.id);
            slots.push(held.number);
            owners.push(held.owner.as_str());
            ids.push(pause.id.to_string());
        }
        if slots.is_empty() {
            // What a writer has in flight closes its ids and is its sign.
            memory.closed = Some(Instant::now());
            return Ok(false);
        }
        let until = vec![until(self.lease); slots.len()];
        let params: Params<'_> = &[&slots, &owners, &until, &ids];
        memory.closed = None;
        self.readers.ask_two(&sql::CLOSE, params, ATTEMPT).await?;
        memory.closed = Some(Instant::now());
        Ok(true)
    }

    /// Takes slots from owners that were silent for too long, as this server
    /// saw them: only from then on they no longer count.
    async fn free_silent(&self, memory: &Memory) -> Result<(), Failure> {
        for (row, since) in memory.seen.values() {
            let limit = match row.standing() {
                Standing::Free => continue,
                Standing::Starting | Standing::Live => self.silence,
                Standing::Old => OLD_SILENCE,
            };
            let is_ours = self.held().any(|(_, _, held)| held.owner == row.owner);
            if is_ours || since.elapsed() < limit {
                continue;
            }
            let params: Params<'_> = &[&row.slot, &row.owner, &row.expires_at, &row.closed];
            let freed = self.readers.ask_two(&sql::FREE_SLOT, params, ATTEMPT);
            if freed.await?.len() == 1 {
                info!(
                    slot = row.slot,
                    "a slot was taken from a writer that fell silent"
                );
            }
        }
        Ok(())
    }

    /// Leaves slots that nobody has use for.
    async fn leave_idle(&self) {
        for (_, slot, held) in self.held() {
            if slot.idle() >= self.lease
                && let Err(failure) = slot.leave(&held).await
            {
                debug!("an idle slot is kept: {}", failure.text);
            }
        }
    }
}

/// Lets go of slots, of those that were held, that the database has as
/// somebody else's.
fn lose(held: Vec<(usize, &Arc<Slot>, Arc<Held>)>, rows: &[Row]) {
    for (_, slot, held) in held {
        let has = |row: &Row| row.slot == held.number && row.owner == held.owner;
        if !rows.iter().any(has) {
            debug!(slot = held.number, "a slot was taken by another server");
            slot.lose(&held);
        }
    }
}

impl Memory {
    /// Whether somebody follows on any server.
    fn is_followed(&self) -> bool {
        self.beat
            .is_some_and(|(_, since)| since.elapsed() < BELIEVE)
    }

    fn note(&mut self, rows: &[Row], beat: i64) {
        let now = Instant::now();
        // Where nothing was read, or nobody followed, silence says nothing.
        if !self.was_followed || self.last.is_none_or(|last| now - last > GAP) {
            self.seen.clear();
        }
        self.last = Some(now);
        // The first time it may just have risen, unless nobody ever followed.
        if beat > 0 && self.beat.is_none_or(|(before, _)| before != beat) {
            self.beat = Some((beat, now));
        }
        for row in rows {
            let seen = self.seen.get(&row.slot);
            if seen.is_none_or(|(before, _)| before != row) {
                self.seen.insert(row.slot, (row.clone(), now));
            }
        }
    }
}
