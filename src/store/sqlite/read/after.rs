//! Reading forward from a position, oldest first: a walk along the tables of
//! messages and of what stays of those that were deleted.
//!
//! Posts are committed in the order of their ids, so all there is up to the
//! last one posted is in a snapshot that has it. What an import put behind that
//! one is no part of the order until the next post: one may still come before.

use rusqlite::{Connection, OptionalExtension};

use crate::domain::{Event, FollowFilter, MessageId, Passage, Position};
use crate::store::sqlite::id_of;
use crate::store::sqlite::read::record_of;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::{retention, tombstones};

/// Messages looked at in one read, whatever the filter, and bytes of their
/// texts: about a millisecond's work.
const MOST: usize = 1_000;
const MOST_BYTES: usize = 256 * 1024;

/// What imports brought of what follows a position.
#[derive(Default)]
struct History {
    /// After the first and up to the second.
    range: Option<(Option<MessageId>, MessageId)>,
    /// In order.
    ids: Vec<MessageId>,
}

impl History {
    fn read(connection: &Connection, after: &[u8], closed: Position) -> rusqlite::Result<History> {
        let mut range = connection.prepare_cached(Sql::History.text())?;
        let range = range.query_row([], |row| {
            let low = row.get_ref(0)?.as_blob()?;
            let low = (!low.is_empty()).then(|| id_of(low)).transpose()?;
            Ok((low, id_of(row.get_ref(1)?.as_blob()?)?))
        });
        // As many as messages are looked at: those it needs are among them.
        let mut ids = connection.prepare_cached(Sql::ImportedIds.text())?;
        let ids = ids.query_map((after, closed.0.to_bytes(), MOST as i64), |row| {
            id_of(row.get_ref(0)?.as_blob()?)
        });
        Ok(History {
            range: range.optional()?,
            ids: ids?.collect::<Result<_, _>>()?,
        })
    }

    fn has(&self, event: &Event) -> bool {
        let Position(id) = event.position();
        let is_within = |(low, high): (Option<MessageId>, MessageId)| Some(id) > low && id <= high;
        // A deletion may stand where there was no message.
        let is_posted = matches!(event, Event::Posted(_));
        is_posted && self.range.is_some_and(is_within) || self.ids.binary_search(&id).is_ok()
    }
}

/// The last id that no post will come before, at `now` in Unix milliseconds:
/// one that was given out here. What an import brought is behind it until the
/// next post: a post that is being stored may be dated before that.
pub(crate) fn closed(connection: &Connection, now: i64) -> rusqlite::Result<Option<Position>> {
    let at = MessageId::from_parts(now, 0);
    let beyond = MessageId::first_beyond(now);
    // Posts follow the last one, also where the clock stepped back a little
    // since; if by more, they follow the clock and not that one.
    let was_wrong = last_given(connection, (beyond, MessageId::MAX))?.is_some();
    let until = if was_wrong { at } else { beyond };
    let last = last_given(connection, (MessageId::MIN, until))?;
    // All may be evicted, the last one too.
    let evicted = evicted(connection)?.filter(|evicted| *evicted < at);
    Ok(last.max(evicted).map(Position))
}

/// The last of all messages that were evicted.
fn evicted(connection: &Connection) -> rusqlite::Result<Option<MessageId>> {
    let mut evicted = connection.prepare_cached(Sql::LastEvicted.text())?;
    let evicted = evicted.query_row([], |row| {
        let id = row.get_ref(0)?.as_blob()?;
        (!id.is_empty()).then(|| id_of(id)).transpose()
    });
    Ok(evicted.optional()?.flatten())
}

/// The last id from the first of these to before the second that was given
/// out here, to a post or to a deletion; not one that was imported.
pub(crate) fn last_given(
    connection: &Connection,
    range: (MessageId, MessageId),
) -> rusqlite::Result<Option<MessageId>> {
    let posted = last_in(connection, Sql::LastPosted, range)?;
    Ok(posted.max(last_in(connection, Sql::LastDeleted, range)?))
}

/// The last id that a statement finds from the first of these to before the
/// second.
fn last_in(
    connection: &Connection,
    sql: Sql,
    (from, to): (MessageId, MessageId),
) -> rusqlite::Result<Option<MessageId>> {
    let mut statement = connection.prepare_cached(sql.text())?;
    let id = statement.query_row((from.to_bytes(), to.to_bytes()), |row| {
        id_of(row.get_ref(0)?.as_blob()?)
    });
    id.optional()
}

/// What follows a position, up to the closed one.
pub(crate) fn after(
    connection: &Connection,
    position: Option<Position>,
    filter: &FollowFilter,
    now: i64,
) -> rusqlite::Result<Passage> {
    // What is committed from here on is behind it, and waits for the next read.
    let Some(closed) = closed(connection, now)? else {
        return Ok(Passage {
            position,
            is_caught_up: true,
            ..Passage::default()
        });
    };
    let mut passage = walk(connection, position, filter, closed)?;
    // Read last: what was evicted before or on the way is told.
    let boundaries = retention::boundaries(connection)?;
    passage.tell_gaps(position, closed, &boundaries, filter);
    Ok(passage)
}

/// What is there behind a position, up to the closed one.
fn walk(
    connection: &Connection,
    position: Option<Position>,
    filter: &FollowFilter,
    closed: Position,
) -> rusqlite::Result<Passage> {
    let mut passage = Passage {
        events: Vec::new(),
        position,
        is_caught_up: true,
    };
    // No id is below 16 zero bytes, yet one may be all zeros: an empty blob
    // comes before it.
    let after = position.map_or(Vec::new(), |position| position.0.to_bytes().to_vec());
    let history = match filter.is_live {
        true => History::read(connection, &after, closed)?,
        false => History::default(),
    };
    let mut statement = connection.prepare_cached(Sql::Export.text())?;
    let mut rows = statement.query((after, MOST as i64))?;
    let mut next_message = || rows.next()?.map(record_of).transpose();
    let mut posted = next_message()?.map(|record| record.message);
    let mut deleted = tombstones::after(connection, position, MOST)?
        .into_iter()
        .peekable();
    let (mut looked_at, mut bytes) = (0, 0);
    loop {
        let deletion = deleted.peek().map(|tombstone| tombstone.position);
        let message = posted.as_ref().map(|message| Position(message.id));
        let Some(at) = deletion.into_iter().chain(message).min() else {
            return Ok(passage);
        };
        if at > closed {
            return Ok(passage);
        }
        if passage.events.len() == filter.limit.get() {
            passage.is_caught_up = false;
            return Ok(passage);
        }
        let event = match deletion == Some(at) {
            true => deleted.next().map(Event::Deleted),
            false => {
                let next = next_message()?.map(|record| record.message);
                std::mem::replace(&mut posted, next).map(Event::Posted)
            }
        };
        passage.position = Some(at);
        looked_at += 1;
        let event = event.filter(|event| filter.wants(event));
        if let Some(Event::Posted(message)) = &event {
            bytes += message.text.as_str().len();
        }
        passage
            .events
            .extend(event.filter(|event| !history.has(event)));
        if looked_at == MOST || bytes >= MOST_BYTES {
            passage.is_caught_up = false;
            return Ok(passage);
        }
    }
}
