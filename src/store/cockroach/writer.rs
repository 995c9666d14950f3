//! A writer: takes work from the queue and stores it over a connection of
//! its own, in its own slot of the counters. Several run side by side, each
//! with one batch in flight and each at another host first. A batch keeps its
//! ids through all retries, so whatever an earlier attempt did is not done
//! twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::debug;

use crate::domain::{Imported, Message, MessageId, PostError, Record, StoreError};
use crate::store::batch::{Assigned, Backoff, Batch, Batcher, Work, jitter};

use super::batch::{self, KnownUsers};
use super::conn::{Conn, within};
use super::connect::{SharedConnector, Turn};
use super::import;
use super::pool::Readers;
use super::retry::{Failure, Kind};
use super::slot::Slot;

/// Between two attempts of an idle writer to get its connection.
const RECONNECT: Duration = Duration::from_millis(500);

/// Records to import, and who waits for what becomes of them.
pub(super) struct Import {
    pub(super) records: Vec<Record>,
    pub(super) reply: oneshot::Sender<Result<Vec<Imported>, StoreError>>,
}

/// What all writers work with.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) connector: SharedConnector,
    pub(super) readers: Arc<Readers>,
    pub(super) batcher: Arc<Batcher<Import>>,
    pub(super) users: Arc<KnownUsers>,
}

/// One writer.
pub(super) struct Writer {
    shared: Shared,
    slot: Slot,
    turn: Turn,
    conn: Option<Conn>,
}

impl Writer {
    /// The `n`th of the writers.
    pub(super) fn new(shared: Shared, n: usize) -> Writer {
        let lease = shared.connector.options.slot_lease;
        Writer {
            slot: Slot::new(shared.readers.clone(), lease),
            shared,
            turn: Turn::of(n),
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
                // Nobody waits for a database that is away.
                if let Err(away) = self.shared.connector.refuse_while_away() {
                    self.shared.batcher.refuse(&away).await;
                }
                tokio::time::sleep(jitter(RECONNECT)).await;
                continue;
            }
            match self.shared.batcher.next().await {
                Some(Work::Posts(batch)) => self.post(batch).await,
                Some(Work::Other(Import { records, reply })) => {
                    let imported = self.import(&records).await;
                    // Who no longer waits can import again.
                    let _ = reply.send(imported.map_err(StoreError::from));
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
                let connecting = Box::pin(self.shared.connector.connect(&self.turn));
                Ok(empty.insert(connecting.await?))
            }
        }
    }

    async fn post(&mut self, Batch { posts, in_flight }: Batch) {
        let records: Vec<&Record> = posts.iter().map(|post| &post.record).collect();
        let stored = self.store(&records).await;
        drop(in_flight);
        match stored {
            Ok(mut first) => {
                for Assigned { record, reply } in posts {
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

    /// Stores records under their ids. Answers, for those whose key was used
    /// before, the message it was used for.
    async fn store(&mut self, records: &[&Record]) -> Result<HashMap<MessageId, Message>, Failure> {
        let connector = self.shared.connector.clone();
        let mut backoff = Backoff::new("store a batch", connector.options.write_limit);
        loop {
            let limit = backoff.remaining().min(connector.options.write_attempt);
            let attempt = within(limit, self.try_store(records));
            match connector.writes.watch(attempt).await {
                Ok(first) => return Ok(first),
                Err(failure) => self.recover(failure, &mut backoff).await?,
            }
        }
    }

    async fn try_store(
        &mut self,
        records: &[&Record],
    ) -> Result<HashMap<MessageId, Message>, Failure> {
        self.connect().await?;
        let Some(conn) = &self.conn else {
            return Err(Failure::new(Kind::Lost, "no connection"));
        };
        let slot = self.slot.current().await?;
        // One after the other: who waited for another writer of the same
        // key finds its message only once the own statement has ended.
        batch::write(conn, records, &self.shared.users, slot).await?;
        self.shared.users.add(records);
        batch::first_under_keys(conn, records).await
    }

    /// Imports records in one transaction.
    async fn import(&mut self, records: &[Record]) -> Result<Vec<Imported>, Failure> {
        let connector = self.shared.connector.clone();
        let limit = connector.options.write_limit * 4;
        let mut backoff = Backoff::new("import records", limit);
        let mut first_plan = None;
        loop {
            let attempt = async {
                self.connect().await?;
                let Some(conn) = &self.conn else {
                    return Err(Failure::new(Kind::Lost, "no connection"));
                };
                let slot = self.slot.current().await?;
                import::attempt(conn, records, &self.shared.users, slot, &mut first_plan).await
            };
            // What stalls must leave time for another attempt.
            let most = connector.options.write_limit;
            let attempt = within(backoff.remaining().min(most), attempt);
            match connector.writes.watch(attempt).await {
                Ok(imported) => return Ok(imported),
                Err(failure) => {
                    // A transaction may still be open on it.
                    self.conn = None;
                    self.recover(failure, &mut backoff).await?;
                }
            }
        }
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
        backoff.wait(failure).await
    }
}

/// What a post is told: its message, or what its key was used for before.
fn answer(sent: Message, first: Option<Message>) -> Result<Message, PostError> {
    match first {
        None => Ok(sent),
        Some(first) if first.same_content(&sent) => Ok(first),
        Some(first) => Err(PostError::KeyReused { first: first.id }),
    }
}
