//! The statement that stores a batch, over a connection of its own: no queue,
//! no retry, nobody to answer. What a writer does is measured against it.

use super::batch::{self, KnownUsers, Place};
use super::conn::Conn;
use super::connect::{Connector, Turn};
use super::{CockroachOptions, OpenError};
use crate::domain::{Record, StoreError};

/// A connection to a database that is up to date.
pub struct BareWriter {
    conn: Conn,
    users: KnownUsers,
    slot: i64,
}

impl BareWriter {
    /// Connects. No two writers may have one slot.
    ///
    /// # Errors
    /// [`OpenError`]: wrong options, or the database cannot be reached.
    pub async fn connect(options: CockroachOptions, slot: i64) -> Result<BareWriter, OpenError> {
        let connector = Connector::new(options)?;
        Ok(BareWriter {
            conn: connector.connect(&Turn::default()).await?,
            users: KnownUsers::default(),
            slot,
        })
    }

    /// Stores records that have no keys, in one transaction.
    ///
    /// # Errors
    /// Whatever the database says, at the first attempt.
    pub async fn write(&self, records: &[Record]) -> Result<(), StoreError> {
        let records: Vec<&Record> = records.iter().collect();
        let written = batch::write(&self.conn, &records, &self.users, Place::Counted(self.slot));
        written.await?;
        self.users.add(&records);
        Ok(())
    }
}
