//! What two sources have of one answer, in order and each once.

use super::scan::Found;
use crate::domain::{Day, Event, FeedLimit, FeedPage, Message, MessageId, Passage, Position};

/// Two rising sequences as one. Of what is in both the first one's is taken.
pub(super) fn ascending<T>(one: Vec<T>, other: Vec<T>, key: impl Fn(&T) -> MessageId) -> Vec<T> {
    merged(one, other, |one, other| key(one).cmp(&key(other)))
}

fn merged<T>(one: Vec<T>, other: Vec<T>, compare: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<T> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let mut all = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    while let (Some(next), Some(rival)) = (one.peek(), other.peek()) {
        match compare(next, rival) {
            Less => all.extend(one.next()),
            Equal => {
                all.extend(one.next());
                other.next();
            }
            Greater => all.extend(other.next()),
        }
    }
    all.extend(one);
    all.extend(other);
    all
}

/// A page of the hot store with what the archive has of it. The archive was
/// not asked for what is behind the cursor of the hot page.
pub(super) fn page(hot: FeedPage, cold: Found, limit: FeedLimit) -> FeedPage {
    let archived = cold.records.into_iter().map(|record| record.message);
    let by_id = |one: &Message, other: &Message| other.id.cmp(&one.id);
    let mut messages = merged(hot.messages, archived.collect(), by_id);
    // What is older than where the walk stopped may have neighbours there.
    let looked = cold.reached.map_or(messages.len(), |reached| {
        messages.partition_point(|message| message.id >= reached)
    });
    let (messages, next_cursor) = if looked > limit.get() {
        messages.truncate(limit.get());
        let last = messages.last().map(|last| last.id);
        (messages, last)
    } else {
        messages.truncate(looked);
        (messages, cold.reached.or(hot.next_cursor))
    };
    let mut cold = cold.cold;
    if let Some(cursor) = next_cursor {
        // What is behind it is the next page's to tell.
        let first = Day::of(cursor);
        cold.missing.retain(|days| first < days.end);
        for days in &mut cold.missing {
            days.start = days.start.max(first);
        }
    }
    FeedPage {
        messages,
        next_cursor,
        cold,
    }
}

/// What the hot store passed, with what the archive has in the same `range`,
/// from the first (inclusive) to the second (exclusive). Where the archive
/// gave as many as it may, there may be more.
pub(super) fn passage(
    hot: Passage,
    cold: Found,
    (low, high): (MessageId, MessageId),
    limit: usize,
    most: usize,
) -> Passage {
    if cold.records.is_empty() && cold.cold.missing.is_empty() && cold.reached.is_none() {
        return hot;
    }
    let is_full = cold.records.len() >= most;
    let last = cold.records.last().map(|last| last.message.id);
    let reached = cold.reached.or(last.filter(|_| is_full));
    let end = reached
        .unwrap_or(high.predecessor())
        .min(high.predecessor());
    let archived = cold.records.into_iter();
    let archived: Vec<Event> = archived
        .map(|record| Event::Posted(record.message))
        .collect();
    let gaps = cold.cold.missing.into_iter().map(|days| {
        let from = days.start.ids().0.max(low).predecessor();
        let to = Day(days.end.0 - 1).ids().1.predecessor();
        Event::Gap {
            from: Position(from),
            to: Position(to.min(end)),
        }
    });
    let (told, happened): (Vec<Event>, Vec<Event>) = hot
        .events
        .into_iter()
        .partition(|event| matches!(event, Event::Gap { .. }));
    let by_position = |one: &Event, other: &Event| one.position().cmp(&other.position());
    let mut events = merged(happened, archived, by_position);
    tell(&mut events, told.into_iter().chain(gaps).collect());
    events.retain(|event| event.position() <= Position(end));
    let is_cut = events.len() > limit;
    events.truncate(limit);
    let position = match events.last() {
        Some(last) if is_cut => Some(last.position()),
        Some(_) | None => Some(Position(end)),
    };
    Passage {
        events,
        position: position.max(if is_cut || reached.is_some() {
            None
        } else {
            hot.position
        }),
        is_caught_up: hot.is_caught_up && !is_cut && reached.is_none(),
    }
}

/// Puts gaps among what happened, each at a position of its own: of a gap that
/// ends at a message that is there only what is before it is gone.
fn tell(events: &mut Vec<Event>, gaps: Vec<Event>) {
    let is_taken = |to: Position| {
        let found = events.binary_search_by_key(&to, Event::position);
        found.is_ok()
    };
    let mut told: Vec<(Position, Position)> = Vec::new();
    for gap in gaps {
        let Event::Gap { from, mut to } = gap else {
            continue;
        };
        while from < to && is_taken(to) {
            to = Position(to.0.predecessor());
        }
        if from < to {
            told.push((to, from));
        }
    }
    // Of two that end together the longer one says it all.
    told.sort_unstable();
    told.dedup_by_key(|(to, _)| *to);
    let told = told.into_iter();
    events.extend(told.map(|(to, from)| Event::Gap { from, to }));
    events.sort_by_key(Event::position);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ColdRead, Draft, Record};

    #[test]
    fn a_page_tells_of_what_is_missing_up_to_its_last_message() {
        let draft = Draft::new("ann".parse().unwrap(), "cold".to_owned(), &[""; 0]).unwrap();
        let record = |day: i64| Record {
            message: draft.clone().into_message(Day(day).ids().0),
            idempotency_key: None,
        };
        let found = || Found {
            cold: ColdRead {
                missing: vec![Day(25)..Day(27), Day(18)..Day(21), Day(11)..Day(15)],
                ..ColdRead::default()
            },
            records: vec![record(30), record(20), record(10)],
            ..Found::default()
        };
        let missing = |limit: u16| {
            let limit = FeedLimit::new(limit).unwrap();
            let page = page(FeedPage::default(), found(), limit);
            (page.messages.len(), page.cold.missing)
        };
        assert_eq!(missing(1), (1, vec![]));
        let before_the_second = vec![Day(25)..Day(27), Day(20)..Day(21)];
        assert_eq!(missing(2), (2, before_the_second));
        assert_eq!(missing(3), (3, found().cold.missing));
    }

    #[test]
    fn a_gap_that_ends_at_a_message_is_told_before_it() {
        let end = Day(20_000).ids().1.predecessor();
        let draft = Draft::new("ann".parse().unwrap(), "hot".to_owned(), &[""; 0]).unwrap();
        let message = draft.into_message(end.predecessor());
        let hot = Passage {
            events: vec![Event::Posted(message.clone())],
            position: Some(Position(end)),
            is_caught_up: true,
        };
        let cold = Found {
            cold: ColdRead {
                missing: vec![Day(20_000)..Day(20_001)],
                ..ColdRead::default()
            },
            records: Vec::<Record>::new(),
            ..Found::default()
        };
        let passage = passage(hot, cold, (MessageId::MIN, end), 10, 10);
        let (gap, posted) = (&passage.events[0], &passage.events[1]);
        assert!(matches!(gap, Event::Gap { .. }), "{passage:?}");
        assert_eq!(gap.position().0, message.id.predecessor());
        assert_eq!(posted, &Event::Posted(message));
    }
}
