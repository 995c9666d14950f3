//! A writer: takes work from the queue and stores it over a connection of
//! its own, in a slot of its own. Several run side by side, each with one batch
//! in flight and each at another host first. A batch keeps its ids through all
//! retries, so whatever an earlier attempt did is not done twice; it gets
//! others only where its slot was lost, and nothing of it is or will be stored
//! under the first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use crate::domain::{Imported, Message, MessageId, PostError, Record, StoreError};
use crate::store::batch::{Assigned, Backoff, Batch, Batcher, Work, batch_span, jitter};

use crate::trace;
use crate::trace::OpenSpan;

use super::batch::{self, First, KnownUsers};
use super::conn::{Conn, within};
use super::connect::{SharedConnector, Turn};
use super::import;
use super::removal;
use super::removal::{Removed, Removing};
use super::retry::{Failure, Kind};
use super::slot::{Held, Slot};
use super::task::{Alone, Task};

/// Between two attempts of an idle writer to get its connection.
const RECONNECT: Duration = Duration::from_millis(500);

/// What all writers work with.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) connector: SharedConnector,
    pub(super) batcher: Arc<Batcher<Task>>,
    pub(super) users: Arc<KnownUsers>,
}

/// One writer.
pub(super) struct Writer {
    shared: Shared,
    lane: usize,
    slot: Arc<Slot>,
    turn: Turn,
    conn: Option<Conn>,
}

impl Writer {
    /// The `n`th of the writers, with its slot.
    pub(super) fn new(shared: Shared, lane: usize, slot: Arc<Slot>) -> Writer {
        Writer {
            shared,
            lane,
            slot,
            turn: Turn::of(lane),
            conn: None,
        }
    }

    /// Works until the store is closed and everything taken in is answered.
    pub(super) async fn run(mut self) {
        loop {
            // A writer that cannot connect leaves the work to those who can.
            if let Err(failure) = self.connect().await
                && !self.shared.batcher.is_closed().await
            {
                debug!("a writer has no connection: {}", failure.text);
                // Nobody waits for a database that takes nothing.
                if let Err(away) = self.shared.connector.refuse_writes() {
                    self.shared.batcher.refuse(&away).await;
                }
                tokio::time::sleep(jitter(RECONNECT)).await;
                continue;
            }
            match self.shared.batcher.next(self.lane).await {
                Some(Work::Posts(batch)) => self.post(batch).await,
                // Who no longer waits can have it done again.
                Some(Work::Other(Task::Import(records, reply))) => {
                    let imported = self.import(&records).await;
                    let _ = reply.send(imported.map_err(StoreError::from));
                }
                Some(Work::Other(Task::Delete(ids, archived, deleter, now, reply))) => {
                    let work = Removing::Messages(&ids, &archived, &deleter, now);
                    let deleted = self.remove(work).await.map(Removed::deletions);
                    let _ = reply.send(deleted.map_err(StoreError::from));
                }
                Some(Work::Other(Task::Tombstones(tombstones, reply))) => {
                    let work = Removing::Tombstones(&tombstones);
                    let imported = self.remove(work).await.map(Removed::imports);
                    let _ = reply.send(imported.map_err(StoreError::from));
                }
                Some(Work::Other(Task::Evict(ids, by, reply))) => {
                    let evicted = self.alone(Alone::Evict(&ids, by.as_ref())).await;
                    let _ = reply.send(evicted.map_err(StoreError::from));
                }
                Some(Work::Other(Task::Compact(part, reply))) => {
                    let gone = self.alone(Alone::Compact(&part)).await;
                    let _ = reply.send(gone.map_err(StoreError::from));
                }
                None => break,
            }
        }
        let limit = self.shared.connector.options.connect_timeout;
        let _ = tokio::time::timeout(limit, self.slot.release()).await;
    }

    async fn connect(&mut self) -> Result<&Conn, Failure> {
        let fit = match &self.conn {
            Some(conn) => conn.is_fit().await,
            None => false,
        };
        if !fit {
            // The old one goes first: there may be no room for two.
            self.conn = None;
        }
        match &mut self.conn {
            Some(conn) => Ok(conn),
            empty => {
                // Boxed: connecting is rare, and large.
                let connector = &self.shared.connector;
                match Box::pin(connector.connect(&self.turn)).await {
                    Ok(conn) => {
                        connector.unconnected.is_over(self.lane);
                        Ok(empty.insert(conn))
                    }
                    Err(failure) => {
                        connector.unconnected.note(self.lane, failure.clone());
                        Err(failure)
                    }
                }
            }
        }
    }

    async fn post(&mut self, batch: Batch) {
        let Batch {
            mut posts,
            in_flight,
        } = batch;
        let begun = self.shared.batcher.metrics().now();
        let waiting = posts.iter_mut().filter_map(|post| post.waiting.take());
        let span = batch_span(waiting);
        let active = span.as_ref().map(OpenSpan::active);
        let stored = trace::Within::new(active, self.store(&mut posts)).await;
        trace::end(span, stored.is_err());
        drop(in_flight);
        match stored {
            Ok(mut first) => {
                self.shared.batcher.metrics().commit(posts.len(), begun);
                for Assigned { record, reply, .. } in posts {
                    let first = first.remove(&record.message.id);
                    // Who no longer waits has lost only the answer.
                    let _ = reply.send(answer(record.message, first));
                }
            }
            Err(failure) => {
                let error = StoreError::from(failure);
                for post in posts {
                    let _ = post.reply.send(Err(error.clone().into()));
                }
            }
        }
    }

    /// Stores posts. Answers, for those whose key was used before, the message
    /// it was used for.
    async fn store(
        &mut self,
        posts: &mut [Assigned],
    ) -> Result<HashMap<MessageId, First>, Failure> {
        let connector = self.shared.connector.clone();
        let mut backoff = Backoff::new("store a batch", connector.options.write_limit);
        let mut sent_as = None;
        loop {
            let limit = backoff.remaining().min(connector.options.write_attempt);
            let attempt = within(limit, self.try_store(posts, &mut sent_as));
            match connector.writes.watch(attempt).await {
                Ok(first) => return Ok(first),
                Err(failure) => self.recover(failure, &mut backoff).await?,
            }
        }
    }

    /// One attempt; `sent_as` has the owner's name of an earlier one that may
    /// have stored the posts under the ids that they have.
    async fn try_store(
        &mut self,
        posts: &mut [Assigned],
        sent_as: &mut Option<String>,
    ) -> Result<HashMap<MessageId, First>, Failure> {
        self.connect().await?;
        let Some(conn) = &self.conn else {
            return Err(Failure::new(Kind::Lost, "no connection"));
        };
        let held = self.slot.current().await?;
        if !self.admit(conn, &held, posts, sent_as).await? {
            // An earlier attempt, before the slot was lost.
            return batch::first_under_keys(conn, &records_of(posts)).await;
        }
        let records = records_of(posts);
        let last = posts.last().map(|post| post.record.message.id);
        *sent_as = Some(held.owner.clone());
        let place = held.place(self.shared.connector.options.slot_lease);
        // One after the other: who waited for another writer of the same
        // key finds its message only once the own statement has ended.
        if let Err(failure) = batch::write(conn, &records, &self.shared.users, place).await {
            if !batch::is_refused(&failure) {
                return Err(failure);
            }
            if !batch::is_last(conn, &held, last).await? {
                self.slot.leave(&held).await?;
                let why = "the slot was taken from this writer, which was silent for too long";
                return Err(Failure::new(Kind::Again, why));
            }
        }
        held.close(last.unwrap_or(MessageId::MIN));
        self.shared.users.add(&records);
        batch::first_under_keys(conn, &records).await
    }

    /// Gives posts other ids where a slot is closed for those they have.
    /// Says whether they are still to be stored. Earlier attempts in another
    /// slot, which is not this writer's any more, are not under way, but one of
    /// them may have stored the posts, and somebody deleted some of these since:
    /// sent again they would be back.
    async fn admit(
        &self,
        conn: &Conn,
        held: &Held,
        posts: &mut [Assigned],
        sent_as: &mut Option<String>,
    ) -> Result<bool, Failure> {
        let admits = |posts: &[Assigned]| {
            let low = posts.first().map(|post| post.record.message.id);
            low.is_none_or(|low| held.admits(low))
        };
        let is_elsewhere = sent_as.as_ref().is_some_and(|owner| *owner != held.owner);
        if admits(posts) && !is_elsewhere {
            return Ok(true);
        }
        if sent_as.is_some() && batch::is_stored(conn, &records_of(posts)).await? {
            return Ok(false);
        }
        *sent_as = None;
        if admits(posts) {
            return Ok(true);
        }
        self.shared.batcher.ids().renew(posts);
        if admits(posts) {
            return Ok(true);
        }
        self.slot.leave(held).await?;
        let why = "this server's clock was ahead and is right again; another slot is needed";
        Err(Failure::new(Kind::Again, why))
    }

    /// Imports records in one transaction.
    async fn import(&mut self, records: &[Record]) -> Result<Vec<Imported>, Failure> {
        let options = &self.shared.connector.options;
        let (limit, attempt) = (options.write_limit * 4, options.write_limit);
        let mut backoff = Backoff::new("import records", limit);
        let mut first_plan = None;
        loop {
            let attempted = self.transact(&backoff, attempt, async |writer, conn, held| {
                let users = &writer.shared.users;
                import::attempt(conn, records, users, held.number, &mut first_plan).await
            });
            match attempted.await {
                Ok(imported) => return Ok(imported),
                Err(failure) => self.recover(failure, &mut backoff).await?,
            }
        }
    }

    /// Does it. What an attempt did whose answer was lost is not counted.
    async fn alone(&mut self, work: Alone<'_>) -> Result<u64, Failure> {
        let connector = self.shared.connector.clone();
        let mut backoff = Backoff::new(work.name(), connector.options.write_limit);
        loop {
            let attempt = async {
                self.connect().await?;
                let Some(conn) = &self.conn else {
                    return Err(Failure::new(Kind::Lost, "no connection"));
                };
                work.attempt(conn).await
            };
            let most = connector.options.write_attempt;
            let attempt = within(backoff.remaining().min(most), attempt);
            match connector.writes.watch(attempt).await {
                Ok(done) => return Ok(done),
                Err(failure) => {
                    // A transaction may still be open on it.
                    self.conn = None;
                    self.recover(failure, &mut backoff).await?;
                }
            }
        }
    }

    /// Removes messages in one transaction.
    async fn remove(&mut self, work: Removing<'_>) -> Result<Removed, Failure> {
        let options = &self.shared.connector.options;
        let (limit, attempt, lease) = (
            options.write_limit,
            options.write_attempt,
            options.slot_lease,
        );
        let ids = self.shared.batcher.ids().clone();
        // Its positions are in flight until this ends.
        let _taken = ids.take(self.lane);
        let mut backoff = Backoff::new("delete messages", limit);
        let mut given = HashSet::new();
        loop {
            let attempted = self.transact(&backoff, attempt, async |writer, conn, held| {
                let mut place = removal::Place {
                    held,
                    ids: &ids,
                    lease,
                    given: &mut given,
                };
                let done = work.attempt(conn, &mut place).await;
                // Refused, or below what the slot has closed: then the clock
                // was ahead and is right again.
                if let Err(failure) = &done
                    && (batch::is_refused(failure) || ids.pause().id < held.closed())
                {
                    writer.slot.leave(held).await?;
                    let why =
                        "another slot is needed: this one was taken, or is ahead of the clock";
                    return Err(Failure::new(Kind::Again, why));
                }
                done
            });
            match attempted.await {
                Ok(done) => return Ok(done),
                Err(failure) => self.recover(failure, &mut backoff).await?,
            }
        }
    }

    /// One attempt at work that takes a transaction: what stalls leaves time
    /// for another one.
    async fn transact<T>(
        &mut self,
        backoff: &Backoff,
        most: Duration,
        work: impl AsyncFnOnce(&Writer, &Conn, &Held) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let connector = self.shared.connector.clone();
        let attempt = async {
            self.connect().await?;
            let Some(conn) = &self.conn else {
                return Err(Failure::new(Kind::Lost, "no connection"));
            };
            let held = self.slot.current().await?;
            work(self, conn, &held).await
        };
        let attempt = within(backoff.remaining().min(most), attempt);
        let done = connector.writes.watch(attempt).await;
        if done.is_err() {
            // A transaction may still be open on it.
            self.conn = None;
        }
        done
    }

    async fn recover(&mut self, failure: Failure, backoff: &mut Backoff) -> Result<(), Failure> {
        match failure.kind {
            Kind::Lost | Kind::Away | Kind::ReadOnly | Kind::NoDatabase => {
                // Also when it was still being opened: a host that hangs uses
                // up the attempt before connecting has moved on by itself.
                self.conn = None;
                self.turn.move_on();
            }
            Kind::Again | Kind::Stale | Kind::Corrupt | Kind::Fatal => {}
        }
        let kind = failure.kind;
        backoff.wait(failure).await?;
        self.shared.connector.retries.count(kind);
        Ok(())
    }
}

fn records_of(posts: &[Assigned]) -> Vec<&Record> {
    posts.iter().map(|post| &post.record).collect()
}

/// What a post is told: its message, or what its key was used for before.
fn answer(sent: Message, first: Option<First>) -> Result<Message, PostError> {
    match first {
        None => Ok(sent),
        Some(First::Message(first)) if first.same_content(&sent) => Ok(first),
        Some(First::Message(first)) => Err(PostError::KeyReused { first: first.id }),
        Some(First::Deleted(first)) => Err(PostError::Deleted { first }),
        Some(First::Evicted) => {
            let why = "the message of an idempotency key was evicted while the key was used again";
            Err(StoreError::Conflict(why.to_owned()).into())
        }
    }
}
