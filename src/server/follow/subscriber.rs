//! A follower, as those see it who have something for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use crate::domain::{Event, FollowFilter, Position};
use crate::server::follow::Taken;
use crate::server::follow::encoding::PIECE;
use crate::server::follow::ring::{Entry, Ring};

/// Events that wait for a follower; with more, it looks through the ring.
const MAILBOX: usize = 32;
/// Events of the ring that are looked at before others get their turn.
const LOOK: usize = 1_024;

/// What one waits for, and what waits for it.
pub(super) struct Subscriber {
    filter: Arc<FollowFilter>,
    /// Whether what it wants is put into its mailbox: once it has looked
    /// through the ring.
    is_listening: bool,
    /// Where the events are that it wants, in order.
    mailbox: VecDeque<Position>,
    /// What is up to here was taken, or waits in the mailbox, or is not
    /// wanted.
    passed: Option<Position>,
    waker: Option<Waker>,
}

impl Subscriber {
    pub(super) fn new(filter: Arc<FollowFilter>) -> Subscriber {
        Subscriber {
            filter,
            is_listening: false,
            mailbox: VecDeque::new(),
            passed: None,
            waker: None,
        }
    }

    pub(super) fn filter(&self) -> &FollowFilter {
        &self.filter
    }

    /// Whether it listens, and wants an event.
    pub(super) fn wants(&self, event: &Event) -> bool {
        self.is_listening && self.filter.wants(event)
    }

    /// Takes note of an event that it wants, which is behind the others; who
    /// is to be woken for it.
    pub(super) fn put(&mut self, position: Position) -> Option<Waker> {
        // Who asks for any of several hashtags may be found for each of them.
        let last = self.mailbox.back().copied().max(self.passed);
        if !self.is_listening || Some(position) <= last {
            return None;
        }
        if self.mailbox.len() == MAILBOX {
            self.stop_listening(None);
        } else {
            self.mailbox.push_back(position);
        }
        self.take_waker()
    }

    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    /// Remembers whom to wake.
    pub(super) fn wait(&mut self, task: &mut Task<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(task.waker()),
            none => *none = Some(task.waker().clone()),
        }
    }

    /// It looks through the ring again, from what it has not taken. Where that
    /// is nothing, everything up to `head` was put into its mailbox.
    pub(super) fn stop_listening(&mut self, head: Option<Position>) {
        if self.is_listening {
            let first = self.mailbox.front();
            let before = first.map(|first| Position(first.0.predecessor()));
            self.passed = self.passed.max(before.or(head));
            self.is_listening = false;
            self.mailbox = VecDeque::new();
        }
    }

    /// Events that it has not taken; `None` where it reads the store for them.
    pub(super) fn lag(&self, ring: &Ring) -> Option<usize> {
        match self.is_listening {
            true => Some(self.mailbox.len()),
            false if self.passed >= ring.start() => Some(ring.behind(self.passed).count()),
            false => None,
        }
    }

    /// Whether nothing of what it wants is in the ring and not taken.
    pub(super) fn has_taken_all(&self) -> bool {
        self.is_listening && self.mailbox.is_empty()
    }

    /// What there is for it behind a position.
    pub(super) fn poll_take(
        &mut self,
        task: &mut Task<'_>,
        ring: &Ring,
        position: Option<Position>,
    ) -> Poll<Taken> {
        if self.is_listening {
            let taken = self.take_out(ring);
            if !taken.is_empty() {
                let last = taken.last().map(|entry| entry.position);
                let reached = match self.has_taken_all() {
                    true => last.max(ring.head()),
                    false => last,
                };
                return Poll::Ready(Taken::Events(taken, reached.max(position)));
            }
        }
        if self.is_listening {
            self.wait(task);
            return Poll::Pending;
        }
        let position = position.max(self.passed);
        Poll::Ready(match position < ring.start() {
            true => Taken::Behind(position, ring.start()),
            false => self.look(ring, position),
        })
    }

    /// What waits in the mailbox, up to a piece.
    fn take_out(&mut self, ring: &Ring) -> Vec<Arc<Entry>> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        while bytes < PIECE
            && let Some(&position) = self.mailbox.front()
        {
            let Some(entry) = ring.at(position) else {
                // Newer ones have pushed it out.
                self.stop_listening(None);
                break;
            };
            bytes += entry.length();
            taken.push(Arc::clone(entry));
            self.mailbox.pop_front();
        }
        taken
    }

    /// Looks through the ring, which covers the position, and listens from its
    /// end on.
    fn look(&mut self, ring: &Ring, position: Option<Position>) -> Taken {
        let mut taken: Vec<Arc<Entry>> = Vec::new();
        let (mut bytes, mut reached) = (0, position);
        for (looked_at, entry) in ring.behind(position).enumerate() {
            if looked_at == LOOK || bytes >= PIECE {
                return Taken::Events(taken, reached);
            }
            reached = Some(entry.position);
            if entry.is_for(&self.filter) {
                bytes += entry.length();
                taken.push(Arc::clone(entry));
            }
        }
        self.is_listening = true;
        self.passed = reached.max(ring.head());
        Taken::Events(taken, self.passed)
    }
}
