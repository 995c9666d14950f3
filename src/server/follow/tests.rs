//! Followers without a server: whatever happens in whatever order, each is
//! told what it wants once.

use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use proptest::prelude::*;

use super::*;
use crate::domain::{Draft, Message, MessageId};

/// What may happen next.
#[derive(Debug, Clone)]
enum Step {
    /// So many messages are stored.
    Store(usize),
    /// The reader reads at most so many.
    Read(usize),
    /// A follower takes what there is, at most so often.
    Take(usize, usize),
    /// The reader begins again, as after a panic.
    Begin,
    /// A follower leaves, and comes back to where it was.
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..40usize).prop_map(Step::Store),
        4 => (1..60usize).prop_map(Step::Read),
        6 => (0..FILTERS, 1..4usize).prop_map(|(who, most)| Step::Take(who, most)),
        1 => Just(Step::Begin),
        1 => (0..FILTERS).prop_map(Step::Leave),
    ];
    proptest::collection::vec(step, 1..60)
}

const FILTERS: usize = 5;

fn filter(number: usize) -> FollowFilter {
    let tag = |name: &str| name.parse().unwrap();
    let of = |hashtags: &[&str], any| FollowFilter {
        hashtags: hashtags.iter().map(|name| tag(name)).collect(),
        any,
        ..FollowFilter::default()
    };
    match number {
        0 => FollowFilter::default(),
        1 => of(&["even"], false),
        2 => of(&["even", "third"], false),
        3 => of(&["even", "third"], true),
        _ => FollowFilter {
            users: vec!["ann".parse().unwrap()],
            without: vec![tag("even")],
            ..FollowFilter::default()
        },
    }
}

fn message(n: usize) -> Message {
    let user = ["ann", "bob", "eve"][n % 3].parse().unwrap();
    let even = n.is_multiple_of(2).then_some("even");
    let third = n.is_multiple_of(3).then_some("third");
    let tags: Vec<&str> = even.into_iter().chain(third).collect();
    let draft = Draft::new(user, "x".repeat(300), &tags).unwrap();
    draft.into_message(MessageId::from_parts(1_000, n as u128))
}

fn behind(stored: &[Message], position: Option<Position>, most: usize) -> Passage {
    let from = stored.partition_point(|one| Some(Position(one.id)) <= position);
    let some: Vec<Message> = stored[from..].iter().take(most).cloned().collect();
    Passage {
        position: some.last().map(|last| Position(last.id)).or(position),
        is_caught_up: from + some.len() == stored.len(),
        events: some.into_iter().map(Event::Posted).collect(),
    }
}

/// What a follower does, without its answer.
struct Told {
    subscription: Subscription,
    filter: Arc<FollowFilter>,
    position: Option<Position>,
    live_from: Option<Position>,
    seen: Vec<MessageId>,
}

impl Told {
    fn new(followers: &Arc<Followers>, number: usize) -> Told {
        let filter = Arc::new(filter(number));
        Told {
            subscription: followers.subscribe(Arc::clone(&filter)),
            filter,
            position: None,
            live_from: None,
            seen: Vec::new(),
        }
    }

    /// Takes once; whether there was anything.
    fn take(&mut self, stored: &[Message]) -> bool {
        let mut task = Task::from_waker(Waker::noop());
        let taken = self
            .subscription
            .poll_take(&mut task, self.position, self.live_from);
        match taken {
            Poll::Pending => return false,
            Poll::Ready(Taken::Closing) => panic!("nobody stops"),
            Poll::Ready(Taken::Events(entries, reached)) => {
                assert!(reached >= self.position);
                for entry in entries {
                    let Some(Event::Posted(message)) = &entry.event else {
                        panic!("nothing was deleted");
                    };
                    self.seen.push(message.id);
                }
                self.position = reached;
            }
            Poll::Ready(Taken::Behind(position, until)) => {
                assert!(position >= self.position && position < until);
                let passage = behind(stored, position, 7);
                for event in passage.events {
                    if self.filter.wants(&event) {
                        self.seen.push(event.position().0);
                    }
                }
                self.position = match passage.is_caught_up {
                    true => passage.position.max(until),
                    false => passage.position,
                };
            }
        }
        true
    }

    fn wanted(&self, stored: &[Message]) -> Vec<MessageId> {
        let wanted = stored.iter().filter(|one| self.filter.matches(one));
        wanted.map(|one| one.id).collect()
    }
}

proptest! {
    #[test]
    fn each_is_told_what_it_wants_once_and_in_order(steps in steps()) {
        // Some dozens of events, so that the ring turns.
        let followers = Arc::new(Followers::with_ring(Ring::of(80_000, 50)));
        let mut stored: Vec<Message> = Vec::new();
        let mut all: Vec<Told> = (0..FILTERS).map(|n| Told::new(&followers, n)).collect();
        followers.begin(None);
        for step in steps {
            match step {
                Step::Store(count) => {
                    let from = stored.len() + 1;
                    stored.extend((from..from + count).map(message));
                }
                Step::Read(most) => followers.push(behind(&stored, followers.head(), most)),
                Step::Take(who, most) => {
                    for _ in 0..most {
                        all[who].take(&stored);
                    }
                }
                Step::Begin => followers.begin(stored.last().map(|last| Position(last.id))),
                Step::Leave(who) => {
                    let again = Told {
                        subscription: followers.subscribe(Arc::clone(&all[who].filter)),
                        live_from: stored.last().map(|last| Position(last.id)),
                        filter: Arc::clone(&all[who].filter),
                        position: all[who].position,
                        seen: std::mem::take(&mut all[who].seen),
                    };
                    all[who] = again;
                }
            }
        }
        followers.push(behind(&stored, followers.head(), usize::MAX));
        for told in &mut all {
            while told.take(&stored) {}
            prop_assert_eq!(&told.seen, &told.wanted(&stored));
        }
    }
}

#[test]
fn one_that_waits_is_woken_for_what_it_wants_alone() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    struct Count(AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let followers = Arc::new(Followers::default());
    let told = Told::new(&followers, 2);
    followers.begin(None);
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut task = Task::from_waker(&waker);
    let mut position = None;
    while let Poll::Ready(taken) = told.subscription.poll_take(&mut task, position, None) {
        let Taken::Events(_, reached) = taken else {
            panic!("everything is in the ring");
        };
        position = reached;
    }
    let stored: Vec<Message> = (1..=5).map(message).collect();
    followers.push(behind(&stored, None, 5));
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    // It has passed them all the same.
    assert_eq!(told.subscription.reached(None), followers.head());
    let stored = [message(6), message(12)];
    followers.push(behind(&stored, None, 2));
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    followers.close();
    let closed = told.subscription.poll_take(&mut task, position, None);
    assert!(matches!(closed, Poll::Ready(Taken::Closing)));
    drop(told);
    assert!(followers.rest());
}
