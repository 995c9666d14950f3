//! A writer: takes work from the intake and stores it over a connection of
//! its own, in its own slot of the counters. Several run side by side, each
//! with one batch in flight. A batch keeps its ids through all retries, so
//! whatever an earlier attempt did is not done twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use crate::domain::{Message, MessageId, PostError, Record, StoreError};

use super::batch::{self, KnownUsers};
use super::connect::{Conn, SharedConnector, within};
use super::import;
use super::intake::{Assigned, Batch, Intake, Work};
use super::retry::{Backoff, Failure, Kind, jitter};
use super::slot::Slot;

/// Between two attempts of an idle writer to get its connection.
const RECONNECT: Duration = Duration::from_millis(500);

/// One writer and what it works with.
pub(super) struct Lane {
    connector: SharedConnector,
    intake: Arc<Intake>,
    users: Arc<KnownUsers>,
    slot: Slot,
    conn: Option<Conn>,
}

impl Lane {
    pub(super) fn new(
        connector: SharedConnector,
        intake: Arc<Intake>,
        users: Arc<KnownUsers>,
    ) -> Lane {
        Lane {
            connector,
            intake,
            users,
            slot: Slot::new(),
            conn: None,
        }
    }

    /// Works until the store is closed and everything taken in is answered.
    pub(super) async fn run(mut self) {
        loop {
            // A writer that cannot connect leaves the work to those who can.
            if let Err(failure) = self.connect().await
                && !self.intake.is_closed().await
            {
                debug!("a writer has no connection: {}", failure.text);
                tokio::time::sleep(jitter(RECONNECT)).await;
                continue;
            }
            match self.intake.next().await {
                Some(Work::Posts(batch)) => self.post(batch).await,
                Some(Work::Import(records, reply)) => {
                    let imported = self.import(&records).await;
                    // Whoever no longer waits can import again.
                    let _ = reply.send(imported.map_err(StoreError::from));
                }
                None => break,
            }
        }
        if let Some(conn) = &self.conn {
            let limit = self.connector.options.connect_timeout;
            let _ = tokio::time::timeout(limit, self.slot.release(conn)).await;
        }
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
            empty => Ok(empty.insert(self.connector.connect().await?)),
        }
    }

    async fn post(&mut self, Batch { posts, under_way }: Batch) {
        let records: Vec<&Record> = posts.iter().map(|post| &post.record).collect();
        let stored = self.store(&records).await;
        drop(under_way);
        match stored {
            Ok(mut first) => {
                for Assigned { record, reply } in posts {
                    let first = first.remove(&record.message.id);
                    // Whoever no longer waits has lost only the answer.
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
        let mut backoff = Backoff::new("store a batch", self.connector.options.write_limit);
        loop {
            let attempt = backoff
                .remaining()
                .min(self.connector.options.write_attempt);
            match within(attempt, self.try_store(records)).await {
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
        let slot = self.slot.current(conn).await?;
        // One after the other: whoever waited for another writer of the same
        // key finds its message only once the own statement has ended.
        batch::write(conn, records, &self.users, slot).await?;
        batch::first_under_keys(conn, records).await
    }

    /// Imports records in one transaction.
    async fn import(
        &mut self,
        records: &[Record],
    ) -> Result<Vec<crate::domain::Imported>, Failure> {
        let limit = self.connector.options.write_limit * 4;
        let mut backoff = Backoff::new("import records", limit);
        let mut first_plan = None;
        loop {
            let attempt = async {
                self.connect().await?;
                let Some(conn) = &self.conn else {
                    return Err(Failure::new(Kind::Lost, "no connection"));
                };
                let slot = self.slot.current(conn).await?;
                import::attempt(conn, records, &self.users, slot, &mut first_plan).await
            };
            match within(backoff.remaining(), attempt).await {
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
            Kind::Lost | Kind::Away | Kind::NoDatabase => {
                if self.conn.take().is_some() {
                    self.connector.prefer_next_host();
                }
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
