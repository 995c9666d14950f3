//! The newest events, in order, each encoded once for all who want it. Bounded
//! in bytes: who needs older ones reads the store.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::domain::{Event, FollowFilter, MessageId, Position};
use crate::server::follow::encoding::Encoding;
use crate::server::handle::message;

/// All events together, with every form they may be encoded in.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Of short ones, so many.
const MOST_ENTRIES: usize = 16 * 1024;
/// What an event takes beside its texts.
const OVERHEAD: usize = 512;
/// Bytes of an event that is no message.
const SHORT: usize = 128;

/// An event, and what it was encoded to.
pub(crate) struct Entry {
    pub(crate) position: Position,
    /// `None` of a message that was deleted.
    pub(crate) event: Option<Event>,
    encoded: [OnceLock<Bytes>; Encoding::ALL.len()],
}

impl Entry {
    fn new(position: Position, event: Option<Event>) -> Arc<Entry> {
        Arc::new(Entry {
            position,
            event,
            encoded: Default::default(),
        })
    }

    /// The event in a form, which is made once.
    pub(crate) fn encoded(&self, encoding: Encoding) -> Bytes {
        let encoded = self.encoded[encoding as usize].get_or_init(|| {
            let mut out = Vec::new();
            if let Some(event) = &self.event {
                encoding.write(&mut out, event);
            }
            out.into()
        });
        encoded.clone()
    }

    /// Whether a follower is told of it.
    pub(crate) fn is_for(&self, filter: &FollowFilter) -> bool {
        self.event.as_ref().is_some_and(|event| filter.wants(event))
    }

    /// About as many bytes as it has in one form.
    pub(crate) fn length(&self) -> usize {
        match &self.event {
            Some(Event::Posted(message)) => message::json_length(message),
            Some(Event::Deleted(_) | Event::Gap { .. }) | None => SHORT,
        }
    }

    /// Bytes that it takes at most, about.
    fn weight(&self) -> usize {
        OVERHEAD + self.length() * (1 + Encoding::ALL.len())
    }
}

/// The ring.
pub(crate) struct Ring {
    most_bytes: usize,
    most_entries: usize,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// Every event behind this position and up to the head is here.
    start: Option<Position>,
    head: Option<Position>,
}

impl Default for Ring {
    fn default() -> Ring {
        Ring::of(MOST_BYTES, MOST_ENTRIES)
    }
}

impl Ring {
    /// A ring of at most so many bytes and entries.
    pub(crate) fn of(most_bytes: usize, most_entries: usize) -> Ring {
        Ring {
            most_bytes,
            most_entries,
            entries: VecDeque::new(),
            bytes: 0,
            start: None,
            head: None,
        }
    }

    /// Forgets all there is, and goes on at a position.
    pub(crate) fn begin(&mut self, at: Option<Position>) {
        self.entries = VecDeque::new();
        self.bytes = 0;
        (self.start, self.head) = (at, at);
    }

    /// How many events it has.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> Option<Position> {
        self.start
    }

    /// Up to where everything is here.
    pub(crate) fn head(&self) -> Option<Position> {
        self.head
    }

    /// Puts an event behind the others.
    pub(crate) fn push(&mut self, event: Event) {
        if let Event::Deleted(tombstone) = &event {
            self.forget(tombstone.id);
        }
        let entry = Entry::new(event.position(), Some(event));
        self.reach(Some(entry.position));
        self.bytes += entry.weight();
        self.entries.push_back(entry);
        while self.bytes > self.most_bytes || self.entries.len() > self.most_entries {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.weight();
            self.start = Some(oldest.position);
        }
    }

    /// Nothing else is up to this position.
    pub(crate) fn reach(&mut self, position: Option<Position>) {
        self.head = self.head.max(position);
    }

    /// Leaves out a message that was deleted.
    fn forget(&mut self, id: MessageId) {
        if let Some(at) = self.find(Position(id))
            && matches!(&self.entries[at].event, Some(Event::Posted(_)))
        {
            let left = Entry::new(Position(id), None);
            self.bytes = self.bytes - self.entries[at].weight() + left.weight();
            self.entries[at] = left;
        }
    }

    fn find(&self, position: Position) -> Option<usize> {
        let found = self
            .entries
            .binary_search_by_key(&position, |entry| entry.position);
        found.ok()
    }

    /// The event at a position, if it is still here.
    pub(crate) fn at(&self, position: Position) -> Option<&Arc<Entry>> {
        self.find(position).map(|at| &self.entries[at])
    }

    /// The events behind a position that the ring covers.
    pub(crate) fn behind(&self, position: Option<Position>) -> impl Iterator<Item = &Arc<Entry>> {
        let from = self
            .entries
            .partition_point(|entry| Some(entry.position) <= position);
        self.entries.range(from..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Draft, Tombstone};

    fn posted(n: u128, text: &str) -> Event {
        let draft = Draft::new("ann".parse().unwrap(), text.to_owned(), &[""; 0]).unwrap();
        Event::Posted(draft.into_message(MessageId::from_parts(1, n)))
    }

    fn at(n: u128) -> Option<Position> {
        Some(Position(MessageId::from_parts(1, n)))
    }

    #[test]
    fn a_ring_holds_the_newest_within_its_bytes_and_knows_where_it_begins() {
        let mut ring = Ring::default();
        ring.begin(at(0));
        let text = "x".repeat(8_000);
        for n in 1..=2_000 {
            ring.push(posted(n, &text));
        }
        assert!(ring.bytes <= MOST_BYTES && ring.bytes > MOST_BYTES / 2);
        assert_eq!(ring.head(), at(2_000));
        let held = ring.behind(None).count() as u128;
        assert_eq!(ring.start(), at(2_000 - held));
        let is_here = |ring: &Ring, n: u128| at(n).is_some_and(|at| ring.at(at).is_some());
        assert!(is_here(&ring, 2_001 - held) && !is_here(&ring, 2_000 - held));
        assert_eq!(ring.behind(at(1_990)).count(), 10);
        ring.begin(at(3_000));
        assert_eq!((ring.behind(None).count(), ring.bytes), (0, 0));
        ring.reach(at(2_999));
        assert_eq!((ring.start(), ring.head()), (at(3_000), at(3_000)));
    }

    #[test]
    fn a_message_that_was_deleted_is_not_told_any_more() {
        let mut ring = Ring::default();
        ring.begin(None);
        ring.push(posted(1, "secret"));
        ring.push(Event::Deleted(Tombstone {
            id: MessageId::from_parts(1, 1),
            user: "ann".parse().unwrap(),
            idempotency_key: None,
            deleted_at: Default::default(),
            position: Position(MessageId::from_parts(1, 2)),
        }));
        let entry = ring.at(Position(MessageId::from_parts(1, 1))).unwrap();
        assert!(entry.event.is_none() && entry.encoded(Encoding::Sse).is_empty());
        assert_eq!(ring.behind(None).count(), 2);
    }
}
