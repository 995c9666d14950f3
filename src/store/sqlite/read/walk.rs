//! Walks along ids, newest first: lists of which one is enough as one walk, and
//! what several walks have in common. Each is in memory a chunk at a time.

use rusqlite::Connection;

use crate::domain::MessageId;
use crate::store::sqlite::id_of;
use crate::store::sqlite::index::descending::Descending;
use crate::store::sqlite::sql::Sql;

/// Ids of the table read at once, at most.
const CHUNK: usize = 1024;

/// The ids of some messages, each once, inside a transaction.
pub(crate) enum Walk<'c> {
    /// Those that are in at least one of these lists.
    Lists(Vec<Descending<'c>>),
    /// All there are.
    Everything(Table<'c>),
}

/// The table of messages.
pub(crate) struct Table<'c> {
    connection: &'c Connection,
    low: MessageId,
    /// Of the chunk, falling.
    ids: Vec<MessageId>,
    at: usize,
    chunk: usize,
    ended: bool,
}

impl<'c> Walk<'c> {
    /// What is in any of some lists.
    pub(crate) fn along(lists: Vec<Descending<'c>>) -> Walk<'c> {
        Walk::Lists(lists)
    }

    /// All messages from `low` on, of which `chunk` ids are read at first.
    pub(crate) fn everything(connection: &'c Connection, low: MessageId, chunk: usize) -> Walk<'c> {
        Walk::Everything(Table {
            connection,
            low,
            ids: Vec::new(),
            at: 0,
            chunk: chunk.clamp(1, CHUNK),
            ended: false,
        })
    }

    /// The largest id below `below`, which falls from call to call.
    fn next_below(&mut self, below: MessageId) -> rusqlite::Result<Option<MessageId>> {
        match self {
            Walk::Everything(table) => table.next_below(below),
            Walk::Lists(lists) => {
                let mut largest = None;
                for list in lists {
                    largest = largest.max(list.next_below(below)?);
                }
                Ok(largest)
            }
        }
    }

    /// Whether an id is on the way; asked of ever smaller ones.
    fn has(&mut self, id: MessageId) -> rusqlite::Result<bool> {
        Ok(self.next_below(id.successor())? == Some(id))
    }
}

impl Table<'_> {
    fn next_below(&mut self, below: MessageId) -> rusqlite::Result<Option<MessageId>> {
        loop {
            while let Some(&id) = self.ids.get(self.at) {
                if id < below {
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

    fn read(&mut self, below: MessageId) -> rusqlite::Result<()> {
        let range = (self.low.to_bytes(), below.to_bytes(), self.chunk as i64);
        let mut statement = self.connection.prepare_cached(Sql::FeedIds.text())?;
        let mut rows = statement.query(range)?;
        self.at = 0;
        self.ids.clear();
        while let Some(row) = rows.next()? {
            self.ids.push(id_of(row.get_ref(0)?.as_blob()?)?);
        }
        self.ended = self.ids.len() < self.chunk;
        self.chunk = (self.chunk * 2).min(CHUNK);
        Ok(())
    }
}

/// The largest ids below `below` that all of some walks have, and `left_out`
/// has not, falling.
pub(crate) fn common(
    walks: &mut [Walk<'_>],
    left_out: &mut Walk<'_>,
    mut below: MessageId,
    limit: usize,
) -> rusqlite::Result<Vec<MessageId>> {
    let mut found = Vec::new();
    let mut turn = 0;
    while found.len() < limit {
        let Some(mut candidate) = walks[turn].next_below(below)? else {
            break;
        };
        let mut agreed = 1;
        while agreed < walks.len() {
            turn = (turn + 1) % walks.len();
            match walks[turn].next_below(candidate.successor())? {
                None => return Ok(found),
                Some(id) if id == candidate => agreed += 1,
                Some(id) => (candidate, agreed) = (id, 1),
            }
        }
        if !left_out.has(candidate)? {
            found.push(candidate);
        }
        below = candidate;
    }
    Ok(found)
}
