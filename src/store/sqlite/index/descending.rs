//! The ids of one list, newest first, from all places where they may be: the
//! memtable, blocks, and rows of one id.

use std::cmp::Reverse;

use rusqlite::Connection;

use crate::domain::MessageId;
use crate::store::sqlite::id_of;
use crate::store::sqlite::index::postings::Name;
use crate::store::sqlite::sql::Sql;

/// Ids read at once: few when most of them turn out to be skipped, many when
/// lists run beside each other.
const CHUNK: std::ops::RangeInclusive<usize> = 4..=1024;

/// A list that is walked, inside a transaction.
pub(crate) struct Descending<'c> {
    connection: &'c Connection,
    rows: Sql,
    blocks: Sql,
    number: i64,
    low: MessageId,
    /// Of the chunk, falling.
    ids: Vec<MessageId>,
    at: usize,
    /// Ids of this chunk that were of use.
    hits: usize,
    chunk: usize,
    /// The ids are from the file, not from the memtable any more.
    is_read: bool,
    /// Nothing follows this chunk.
    ended: bool,
}

impl<'c> Descending<'c> {
    /// The list of a name, from `low` on: what the memtable has of it, falling,
    /// then what the file has, of which `chunk` ids are read at first.
    pub(crate) fn of(
        connection: &'c Connection,
        name: Name,
        low: MessageId,
        newest: Vec<MessageId>,
        chunk: usize,
    ) -> Descending<'c> {
        let (rows, blocks, number) = match name {
            Name::User(number) => (Sql::IdsOfUser, Sql::BlocksOfUser, number),
            Name::Hashtag(number) => (Sql::IdsOfHashtag, Sql::BlocksOfHashtag, number),
        };
        Descending {
            connection,
            rows,
            blocks,
            number,
            low,
            ids: newest,
            at: 0,
            hits: 0,
            chunk: chunk.clamp(*CHUNK.start(), *CHUNK.end()),
            is_read: false,
            ended: false,
        }
    }

    /// The largest id below `below`, which falls from call to call.
    pub(crate) fn next_below(&mut self, below: MessageId) -> rusqlite::Result<Option<MessageId>> {
        loop {
            while let Some(&id) = self.ids.get(self.at) {
                if id < below {
                    self.hits += 1;
                    return Ok(Some(id));
                }
                self.at += 1;
            }
            if self.ended {
                return Ok(None);
            }
            self.read(below)?;
        }
    }

    /// Reads the next chunk. What the memtable had is through: it is newer than
    /// anything in the file's lists.
    fn read(&mut self, below: MessageId) -> rusqlite::Result<()> {
        if self.is_read {
            let wanted = if self.hits * 4 >= self.chunk {
                self.chunk * 2
            } else {
                self.chunk / 2
            };
            self.chunk = wanted.clamp(*CHUNK.start(), *CHUNK.end());
        }
        (self.at, self.hits, self.is_read) = (0, 0, true);
        self.ids.clear();
        self.read_blocks(below)?;
        let of_blocks = self.ids.len();
        self.read_rows(below)?;
        if of_blocks > 0 && of_blocks < self.ids.len() {
            self.ids.sort_unstable_by_key(|id| Reverse(*id));
        }
        // Each gave as many as were wanted, or all it has.
        self.ended = self.ids.len() < self.chunk;
        self.ids.truncate(self.chunk);
        Ok(())
    }

    fn read_blocks(&mut self, below: MessageId) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(self.blocks.text())?;
        let mut blocks = statement.query((self.number, below.to_bytes()))?;
        while self.ids.len() < self.chunk
            && let Some(row) = blocks.next()?
        {
            // Only the newest of them reaches beyond `below`.
            for id in row.get_ref(0)?.as_blob()?.chunks(16).rev() {
                let id = id_of(id)?;
                if id < self.low {
                    return Ok(());
                }
                if id < below {
                    self.ids.push(id);
                }
            }
        }
        Ok(())
    }

    fn read_rows(&mut self, below: MessageId) -> rusqlite::Result<()> {
        let range = (
            self.low.to_bytes(),
            below.to_bytes(),
            self.chunk as i64,
            self.number,
        );
        let mut statement = self.connection.prepare_cached(self.rows.text())?;
        let mut rows = statement.query(range)?;
        while let Some(row) = rows.next()? {
            self.ids.push(id_of(row.get_ref(0)?.as_blob()?)?);
        }
        Ok(())
    }
}
