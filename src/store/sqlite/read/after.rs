//! Reading forward from a position, oldest first: a walk along the tables of
//! messages and of what stays of those that were deleted.
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
use crate::store::sqlite::tombstones;

/// Messages looked at in one read, whatever the filter.
const MOST: usize = 1_000;

/// The last id that no post will come before, at `now` in Unix milliseconds.
pub(crate) fn closed(connection: &Connection, now: i64) -> rusqlite::Result<Option<Position>> {
    let at = MessageId::from_parts(now, 0);
    let beyond = MessageId::first_beyond(now);
    // The clock may have stepped back a little since it was posted; if by
    // more, posts follow the clock and not this one.
    let ahead = match last_given(connection, (at, beyond))? {
        Some(last) => last_given(connection, (beyond, MessageId::MAX))?
            .is_none()
            .then_some(last),
        None => None,
    };
    let last = match ahead {
        Some(last) => Some(last),
        None => {
            let before = (MessageId::MIN, at);
            let message = last_in(connection, Sql::LastBefore, before)?;
            message.max(last_in(connection, Sql::LastDeletedBefore, before)?)
        }
    };
    Ok(last.map(Position))
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
    let mut passage = Passage {
        events: Vec::new(),
        position,
        is_caught_up: true,
    };
    // What is committed from here on is behind it, and waits for the next read.
    let Some(closed) = closed(connection, now)? else {
        return Ok(passage);
    };
    let events = events(connection, position)?;
    passage.is_caught_up = events.len() < MOST;
    for (at, event) in events {
        if at > closed.0 {
            passage.is_caught_up = true;
            break;
        }
        if passage.events.len() == filter.limit.get() {
            passage.is_caught_up = false;
            break;
        }
        passage.position = Some(Position(at));
        if filter.wants(&event) {
            passage.events.push(event);
        }
    }
    Ok(passage)
}

/// What follows a position, in order, each with its own; [`MOST`] or all there
/// is.
fn events(
    connection: &Connection,
    position: Option<Position>,
) -> rusqlite::Result<Vec<(MessageId, Event)>> {
    let records = export(connection, position.map(|position| position.0), MOST)?;
    let posted = records
        .into_iter()
        .map(|record| (record.message.id, Event::Posted(record.message)));
    let mut events: Vec<_> = posted.collect();
    let deleted = tombstones::after(connection, position, MOST)?;
    if !deleted.is_empty() {
        events.extend(deleted.into_iter().map(|tombstone| {
            let Position(at) = tombstone.position;
            (at, Event::Deleted(tombstone))
        }));
        events.sort_unstable_by_key(|(at, _)| *at);
        // Of either there are as many before the one that is cut off.
        events.truncate(MOST);
    }
    Ok(events)
}
