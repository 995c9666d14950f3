//! Reading forward, oldest first, up to the closed id.

use std::collections::HashSet;

use super::batch;
use super::conn::{Params, column};
use super::migrate::unix_millis;
use super::pool::Readers;
use super::retention;
use super::retry::Failure;
use super::sql::{self, List};
use super::tombstones;
use super::watcher::Watcher;
use crate::domain::{Event, FollowFilter, Message, MessageId, Passage, Position, StoreError};

/// Messages looked at in one read, where not all of them are wanted.
const MOST: usize = 1_000;

/// What follows a position. All there is up to the closed id was stored before
/// that was known, so it is read.
pub(super) async fn after(
    readers: &Readers,
    watcher: &Watcher,
    position: Option<Position>,
    filter: &FollowFilter,
) -> Result<Passage, StoreError> {
    let from = position.map(|position| position.0);
    let closed = watcher.closed_behind(from).await?;
    let Some(closed) = closed.filter(|closed| Some(*closed) > from) else {
        return Ok(Passage {
            events: Vec::new(),
            position,
            is_caught_up: true,
        });
    };
    let limit = match is_whole(filter) {
        true => filter.limit.get(),
        false => MOST,
    };
    let (messages, deleted) = tokio::try_join!(
        read(readers, from, closed, filter, limit),
        tombstones::between(readers, from, closed, limit),
    )?;
    // Up to where all of both was read.
    let ends = [
        (messages.len() == limit).then(|| messages.last().map(|message| message.id)),
        (deleted.len() == limit).then(|| deleted.last().map(|deleted| deleted.position.0)),
    ];
    let end = ends.into_iter().flatten().flatten().min();
    let mut passage = Passage {
        events: Vec::new(),
        position: Some(Position(end.unwrap_or(closed))),
        is_caught_up: end.is_none(),
    };
    let mut events: Vec<Event> = messages.into_iter().map(Event::Posted).collect();
    if !deleted.is_empty() {
        events.extend(deleted.into_iter().map(Event::Deleted));
        events.sort_unstable_by_key(Event::position);
    }
    if filter.is_live && !events.is_empty() {
        // Once they were read: what brought them is committed with their note.
        let imported = imported(readers, &events).await?;
        events.retain(|event| !imported.contains(&event.position().0));
    }
    let within = |event: &Event| end.is_none_or(|end| event.position().0 <= end);
    for event in events.into_iter().filter(within) {
        if !filter.wants(&event) {
            continue;
        }
        if passage.events.len() == filter.limit.get() {
            // What is left out comes next time.
            passage.position = passage.events.last().map(Event::position);
            passage.is_caught_up = false;
            break;
        }
        passage.events.push(event);
    }
    if may_be_evicted(from) {
        // Read last: what was evicted before or on the way is told.
        let boundaries = retention::boundaries(readers).await?;
        passage.tell_gaps(position, Position(closed), &boundaries, filter);
    }
    Ok(passage)
}

/// Nothing younger is evicted, whatever clocks say: who is up to date need not
/// ask what was.
const YOUNG: i64 = 30 * 60 * 1000;

fn may_be_evicted(from: Option<MessageId>) -> bool {
    from.is_none_or(|from| from.millis() < unix_millis() - YOUNG)
}

/// What imports brought of what was read, so far as anybody who follows live
/// may not have come to it before.
async fn imported(readers: &Readers, events: &[Event]) -> Result<HashSet<MessageId>, StoreError> {
    let read = events.iter().map(|event| event.position().0.to_string());
    let read: Vec<String> = read.collect();
    let what = "read what was imported";
    let rows = readers.query(what, &sql::IMPORTED, &[&read]).await?;
    let ids = rows.iter().map(|row| batch::message_id(column(row, 0)?));
    Ok(ids.collect::<Result<_, Failure>>()?)
}

/// The one list that is read, with its name.
fn list(filter: &FollowFilter) -> (List, Option<&str>) {
    match (filter.hashtags.as_slice(), filter.users.as_slice()) {
        ([hashtag, ..], _) if !filter.any => (List::Hashtag, Some(hashtag.as_str())),
        ([], [user]) => (List::User, Some(user.as_str())),
        _ => (List::All, None),
    }
}

/// Whether everything in that list is wanted.
fn is_whole(filter: &FollowFilter) -> bool {
    let names = filter.hashtags.len() + filter.users.len();
    names <= 1 && filter.without.is_empty()
}

async fn read(
    readers: &Readers,
    from: Option<MessageId>,
    closed: MessageId,
    filter: &FollowFilter,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    // No id is empty, and all come after that.
    let from = from.map_or(String::new(), |id| id.to_string());
    let (closed, limit) = (closed.to_string(), limit as i64);
    let (list, name) = list(filter);
    let statement = sql::after(list);
    let named: Params<'_> = &[&from, &closed, &limit, &name];
    let params = match name {
        Some(_) => named,
        None => &named[..3],
    };
    let rows = readers.query("read on", &statement, params).await?;
    let messages = rows.iter().map(|row| batch::message(row, 0));
    Ok(messages.collect::<Result<_, _>>()?)
}
