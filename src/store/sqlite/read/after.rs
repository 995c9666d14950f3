//! Reading forward from a position, oldest first: a walk along the table.
//!
//! Posts are committed in the order of their ids, so all there is up to the
//! last one posted is in a snapshot that has it. Messages dated later than the
//! clock are no part of that order until the clock is past them: posts still
//! come before them.

use rusqlite::{Connection, OptionalExtension};

use crate::domain::{Event, FollowFilter, MessageId, Passage, Position};
use crate::store::sqlite::id_of;
use crate::store::sqlite::read::export;
use crate::store::sqlite::sql::Sql;

/// Messages looked at in one read, whatever the filter.
const MOST: usize = 1_000;

/// The last id that no post will come before, at `now` in Unix milliseconds.
pub(crate) fn closed(connection: &Connection, now: i64) -> rusqlite::Result<Option<Position>> {
    let at = MessageId::from_parts(now, 0);
    let beyond = MessageId::first_beyond(now);
    // The clock may have stepped back a little since it was posted; if by
    // more, posts follow the clock and not this one.
    let ahead = match last_in(connection, Sql::LastPosted, (at, beyond))? {
        Some(last) => last_in(connection, Sql::LastPosted, (beyond, MessageId::MAX))?
            .is_none()
            .then_some(last),
        None => None,
    };
    let last = match ahead {
        Some(last) => Some(last),
        None => last_in(connection, Sql::LastBefore, (MessageId::MIN, at))?,
    };
    Ok(last.map(Position))
}

/// The last id that a statement finds from the first of these to before the
/// second.
pub(crate) fn last_in(
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
    let mut passage = Passage {
        events: Vec::new(),
        position,
        is_caught_up: true,
    };
    // What is committed from here on is behind it, and waits for the next read.
    let Some(closed) = closed(connection, now)? else {
        return Ok(passage);
    };
    let records = export(connection, position.map(|position| position.0), MOST)?;
    passage.is_caught_up = records.len() < MOST;
    for record in records {
        let id = record.message.id;
        if id > closed.0 {
            passage.is_caught_up = true;
            break;
        }
        if passage.events.len() == filter.limit.get() {
            passage.is_caught_up = false;
            break;
        }
        passage.position = Some(Position(id));
        if filter.matches(&record.message) {
            passage.events.push(Event::Posted(record.message));
        }
    }
    Ok(passage)
}
