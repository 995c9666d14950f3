//! Reading forward, oldest first, up to the closed id.

use super::batch;
use super::conn::Params;
use super::pool::Readers;
use super::sql::{self, List};
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
    let messages = read(readers, from, closed, filter, limit).await?;
    let is_caught_up = messages.len() < limit;
    let last = messages.last().map(|message| Position(message.id));
    let mut passage = Passage {
        events: Vec::new(),
        position: match is_caught_up {
            true => Some(Position(closed)),
            false => last,
        },
        is_caught_up,
    };
    for message in messages {
        if !filter.matches(&message) {
            continue;
        }
        if passage.events.len() == filter.limit.get() {
            // What is left out comes next time.
            passage.position = passage.events.last().map(position_of);
            passage.is_caught_up = false;
            break;
        }
        passage.events.push(Event::Posted(message));
    }
    Ok(passage)
}

fn position_of(event: &Event) -> Position {
    match event {
        Event::Posted(message) => Position(message.id),
        Event::Deleted(tombstone) => tombstone.position,
        Event::Gap { to, .. } => *to,
    }
}

/// Whether everything in the list that is read is wanted.
fn is_whole(filter: &FollowFilter) -> bool {
    filter.hashtags.len() + usize::from(filter.user.is_some()) <= 1
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
    let what = "read on";
    let rows = match (filter.hashtags.first(), &filter.user) {
        (Some(hashtag), _) => {
            let statement = sql::after(List::Hashtag);
            let params: Params<'_> = &[&from, &closed, &limit, &hashtag.as_str()];
            readers.query(what, &statement, params).await?
        }
        (None, Some(user)) => {
            let statement = sql::after(List::User);
            let params: Params<'_> = &[&from, &closed, &limit, &user.as_str()];
            readers.query(what, &statement, params).await?
        }
        (None, None) => {
            let statement = sql::after(List::All);
            readers
                .query(what, &statement, &[&from, &closed, &limit])
                .await?
        }
    };
    let messages = rows.iter().map(|row| batch::message(row, 0));
    Ok(messages.collect::<Result<_, _>>()?)
}
