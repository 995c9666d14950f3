//! The memtable: the newest messages, which lists and counters in the file do not
//! know yet. Whoever reads a list or a counter adds what the memtable has.
//!
//! Where it begins is written in the file (`settled`), and the rows of its
//! messages are; what is kept here is derived from them, and derived again
//! after a start or when another program wrote. Rests on *commit order is id
//! order* (see `store`): whatever stores other ids flushes first and lists
//! them at once, so a range of messages that is complete up to an id stays so.
//! Whatever removes messages flushes first, too: none is removed from here.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, OptionalExtension};

use crate::domain::MessageId;
use crate::store::sqlite::id_of;
use crate::store::sqlite::index::postings::{Name, Posting, PostingList, Postings};
use crate::store::sqlite::sql::Sql;

/// The memtable of a file.
#[derive(Debug, Default)]
pub(crate) struct Memtable(RwLock<Contents>);

/// What a file says: `None` comes before every id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Lists and counters know all messages up to this one.
    pub(crate) flushed: Option<MessageId>,
    /// The last message.
    pub(crate) last: Option<MessageId>,
    /// The number of the last removal, 0 before any.
    pub(crate) removals: i64,
}

/// All messages after one and up to another.
#[derive(Debug, Default)]
struct Contents {
    after: Option<MessageId>,
    until: Option<MessageId>,
    lists: Postings,
}

/// The memtable as one transaction sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'r> {
    lists: &'r Postings,
    /// What is newer is not seen.
    last: Option<MessageId>,
}

impl State {
    /// Whether there is no memtable.
    pub(crate) fn is_flushed(self) -> bool {
        self.flushed >= self.last
    }

    /// The last id that lists know or the table has: the last message may have
    /// been removed after it was listed. Ids up to it cannot be flushed.
    pub(crate) fn newest(self) -> Option<MessageId> {
        self.flushed.max(self.last)
    }

    /// Of the transaction that the connection is in.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<State> {
        connection
            .prepare_cached(Sql::State.text())?
            .query_row([], |row| {
                let flushed = row.get_ref(0)?.as_blob()?;
                let last = row.get_ref(1)?.as_blob_or_null()?;
                Ok(State {
                    flushed: (!flushed.is_empty()).then(|| id_of(flushed)).transpose()?,
                    last: last.map(id_of).transpose()?,
                    removals: row.get::<_, Option<i64>>(2)?.unwrap_or_default(),
                })
            })
    }
}

impl Memtable {
    /// Gives the memtable as the connection's transaction sees it.
    pub(crate) fn read<T>(
        &self,
        connection: &Connection,
        with: impl FnOnce(View<'_>) -> T,
    ) -> rusqlite::Result<T> {
        let state = self.catch_up(connection)?;
        let contents = self.shared();
        if contents.covers(state) {
            return Ok(with(contents.view(state)));
        }
        // The transaction began before the last flushing.
        drop(contents);
        let mut own = Contents::after(state.flushed);
        own.read_up_to(connection, state.last)?;
        Ok(with(own.view(state)))
    }

    /// Reads from the file what is not known of the memtable, as far as the
    /// connection's transaction sees it.
    pub(crate) fn catch_up(&self, connection: &Connection) -> rusqlite::Result<State> {
        let state = State::read(connection)?;
        let is_behind =
            |contents: &Contents| !contents.covers(state) && contents.after <= state.flushed;
        if is_behind(&self.shared()) {
            let mut contents = self.alone();
            if contents.after < state.flushed {
                *contents = Contents::after(state.flushed);
            }
            if is_behind(&contents) {
                contents.read_up_to(connection, state.last)?;
            }
        }
        Ok(state)
    }

    /// Takes note of a commit that found a state and put messages behind it.
    pub(crate) fn committed(&self, found: State, postings: Vec<Posting>) {
        let mut contents = self.alone();
        if contents.after < found.flushed {
            *contents = Contents::after(found.flushed);
        }
        // Where something is missing before these messages, or was flushed
        // meanwhile, whoever catches up reads them from the file.
        if contents.covers(found) {
            let known = contents.until;
            contents.until = known.max(postings.iter().map(|(_, id)| *id).max());
            let new = postings.into_iter().filter(|(_, id)| Some(*id) > known);
            contents.lists.extend(new);
        }
    }

    /// How many messages it is known to have.
    pub(crate) fn messages(&self) -> usize {
        self.shared().lists.ids(PostingList::All).len()
    }

    /// What flushing would cost of what is known, in messages: a name costs
    /// about what two messages do.
    pub(crate) fn size(&self) -> usize {
        let contents = self.shared();
        let messages = contents.lists.ids(PostingList::All).len();
        messages.max(2 * contents.lists.len())
    }

    fn shared(&self) -> RwLockReadGuard<'_, Contents> {
        // The contents are valid after every single step.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone(&self) -> RwLockWriteGuard<'_, Contents> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn after(flushed: Option<MessageId>) -> Contents {
        Contents {
            after: flushed,
            until: flushed,
            lists: Postings::default(),
        }
    }

    /// Whether all of a state's memtable is here.
    fn covers(&self, state: State) -> bool {
        self.after == state.flushed && self.until >= state.last
    }

    fn view(&self, state: State) -> View<'_> {
        View {
            lists: &self.lists,
            last: state.last,
        }
    }

    /// Adds the file's messages from where the contents end.
    fn read_up_to(
        &mut self,
        connection: &Connection,
        last: Option<MessageId>,
    ) -> rusqlite::Result<()> {
        let Some(last) = last.filter(|last| Some(*last) > self.until) else {
            return Ok(());
        };
        let after = self.until.map_or(Vec::new(), |id| id.to_bytes().to_vec());
        let mut newest = connection.prepare_cached(Sql::Newest.text())?;
        let mut number = connection.prepare_cached(Sql::HashtagId.text())?;
        let mut rows = newest.query((after, last.to_bytes()))?;
        while let Some(row) = rows.next()? {
            let id = id_of(row.get_ref(0)?.as_blob()?)?;
            let user = PostingList::Of(Name::User(row.get(1)?));
            let mut postings = vec![(PostingList::All, id), (user, id)];
            let names = row.get_ref(2)?.as_str()?.split(' ');
            for name in names.filter(|name| !name.is_empty()) {
                // None is missing: a hashtag is stored before its messages.
                let found = number.query_row([name], |row| row.get(0)).optional()?;
                postings.extend(found.map(|number| (PostingList::Of(Name::Hashtag(number)), id)));
            }
            self.lists.extend(postings);
            self.until = Some(id);
        }
        Ok(())
    }
}

impl<'r> View<'r> {
    /// The ids of a list from `low` up to and without `high`, rising.
    pub(crate) fn ids(self, list: PostingList, low: MessageId, high: MessageId) -> &'r [MessageId] {
        self.within(self.lists.ids(list), low, high)
    }

    /// The same of every hashtag that has any here, by its number; with no
    /// ids where all are outside.
    pub(crate) fn hashtags(
        self,
        low: MessageId,
        high: MessageId,
    ) -> impl Iterator<Item = (i64, &'r [MessageId])> {
        let all = self.lists.hashtags();
        all.map(move |(number, ids)| (number, self.within(ids, low, high)))
    }

    /// All lists, for the writer to write: in its transaction nothing is newer
    /// than what it sees.
    pub(crate) fn lists(self) -> Vec<(PostingList, Vec<MessageId>)> {
        self.lists.sorted()
    }

    fn within(self, ids: &'r [MessageId], low: MessageId, high: MessageId) -> &'r [MessageId] {
        let start = ids.partition_point(|id| *id < low);
        let end = ids.partition_point(|id| *id < high && Some(*id) <= self.last);
        ids.get(start..end).unwrap_or_default()
    }
}
