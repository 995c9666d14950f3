//! Batches for several writers that work side by side, each with one in
//! flight. Ids are given out here, in order, as a batch is formed.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, oneshot};

use super::ids::{Ids, Taken};
use super::{BatchMetrics, Item, Pending, Posted, Waiting};
use crate::domain::{IdClock, IdempotencyKey, Record, StoreError, UserName};
use crate::trace::OpenSpan;

/// A batch stops growing at this many bytes of text.
const MAX_BATCH_BYTES: usize = 2 << 20;
/// How long a batch may linger for more beside one that is in flight: less
/// than a cluster takes to store one.
const LINGER: Duration = Duration::from_millis(10);

/// What a writer does at once.
pub(crate) enum Work<W> {
    /// Posts to be stored together.
    Posts(Batch),
    /// Anything else that writes.
    Other(W),
}

/// Posts to be stored together.
pub(crate) struct Batch {
    pub(crate) posts: Vec<Assigned>,
    /// Dropped once they are stored, or given up.
    pub(crate) in_flight: InFlight,
}

/// A post that has its id.
pub(crate) struct Assigned {
    pub(crate) record: Record,
    pub(crate) reply: oneshot::Sender<Posted>,
    /// That it waits, where that is traced.
    pub(crate) waiting: Option<Box<OpenSpan>>,
}

/// Forms the batches of all writers of a store.
pub(crate) struct Batcher<W> {
    state: Mutex<State<W>>,
    ids: Arc<Ids>,
    max_messages: usize,
    load: Arc<Load>,
    linger: Duration,
    metrics: Arc<BatchMetrics>,
}

/// What all writers are at.
#[derive(Default)]
struct Load {
    /// Messages that are being stored.
    in_flight: AtomicUsize,
    /// Told when they become fewer.
    stored: Notify,
}

/// Messages of one batch that is being stored. They count until this is
/// dropped, however storing them ends: batches would linger for what never
/// comes.
pub(crate) struct InFlight {
    load: Arc<Load>,
    messages: usize,
    _taken: Taken,
}

impl InFlight {
    fn new(load: &Arc<Load>, messages: usize, taken: Taken) -> InFlight {
        load.in_flight.fetch_add(messages, Ordering::Relaxed);
        InFlight {
            load: Arc::clone(load),
            messages,
            _taken: taken,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let in_flight = &self.load.in_flight;
        in_flight.fetch_sub(self.messages, Ordering::Relaxed);
        self.load.stored.notify_waiters();
    }
}

struct State<W> {
    waiting: Waiting<W>,
    /// Taken from the queue, but not fit for the batch that was formed.
    held: VecDeque<Item<W>>,
}

impl<W> Batcher<W> {
    /// Over a queue, with the clock that gives out ids; so many messages a
    /// batch at most.
    pub(crate) fn new(waiting: Waiting<W>, clock: IdClock, max_messages: usize) -> Batcher<W> {
        Batcher {
            metrics: waiting.metrics(),
            state: Mutex::new(State {
                waiting,
                held: VecDeque::new(),
            }),
            ids: Arc::new(Ids::new(clock)),
            max_messages: max_messages.max(1),
            load: Arc::default(),
            linger: LINGER,
        }
    }

    /// Where its batches are counted.
    pub(crate) fn metrics(&self) -> &BatchMetrics {
        &self.metrics
    }

    /// What gives out the ids.
    pub(crate) fn ids(&self) -> &Arc<Ids> {
        &self.ids
    }

    /// The next work of a writer, all that waits up to the limits; `None` once
    /// the queue is closed and nothing waits any more.
    pub(crate) async fn next(&self, lane: usize) -> Option<Work<W>> {
        let mut state = self.state.lock().await;
        loop {
            let first = match state.held.pop_front() {
                Some(item) => item,
                None => state.waiting.items.recv().await?,
            };
            // Posts that are ready at this moment join the batch.
            tokio::task::yield_now().await;
            match first {
                Item::Work(work) => return Some(Work::Other(work)),
                Item::Post(pending) => {
                    // Waiting longer is no failure, only a smaller batch.
                    let _ = tokio::time::timeout(self.linger, self.more(&mut state)).await;
                    let since = pending.since;
                    let taken = self.ids.take(lane);
                    let posts = state.gather(pending, self.max_messages, &self.ids);
                    if !posts.is_empty() {
                        self.metrics.begin(since);
                        let in_flight = InFlight::new(&self.load, posts.len(), taken);
                        return Some(Work::Posts(Batch { posts, in_flight }));
                    }
                }
            }
        }
    }

    /// Waits until as many posts are at hand as are in flight. A database
    /// does more with a few large batches than with many small ones, and a
    /// poster waits no longer: who is not in this batch is in the next.
    async fn more(&self, state: &mut State<W>) {
        loop {
            let stored = self.load.stored.notified();
            let in_flight = self.load.in_flight.load(Ordering::Relaxed);
            let at_hand = state.held.len() + state.waiting.items.len() + 1;
            if in_flight == 0 || at_hand >= in_flight {
                return;
            }
            tokio::select! {
                () = stored => {}
                item = state.waiting.items.recv() => match item {
                    Some(item) => state.held.push_back(item),
                    None => return,
                },
            }
        }
    }

    /// Whether no more can come in.
    pub(crate) async fn is_closed(&self) -> bool {
        self.state.lock().await.waiting.is_closed()
    }

    /// Answers everybody who waits now that it is not to be.
    pub(crate) async fn refuse(&self, error: &StoreError) {
        let mut state = self.state.lock().await;
        for item in std::mem::take(&mut state.held) {
            if let Item::Post(pending) = item {
                pending.answer(Err(error.clone().into()));
            }
        }
        state.waiting.refuse(error);
    }
}

impl<W> State<W> {
    fn gather(&mut self, first: Pending, max: usize, ids: &Ids) -> Vec<Assigned> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut keys: HashSet<(UserName, IdempotencyKey)> = HashSet::new();
        let mut ready = std::mem::take(&mut self.held);
        ready.push_front(Item::Post(first));
        while batch.len() < max && bytes < MAX_BATCH_BYTES {
            let next = ready.pop_front();
            let next = next.or_else(|| self.waiting.items.try_recv().ok());
            let Some(item) = next else { break };
            let pending = match item {
                Item::Post(pending) => pending,
                Item::Work(_) => {
                    ready.push_front(item);
                    break;
                }
            };
            // Nobody waits for it any more and nobody was told it is stored.
            if pending.reply.is_closed() {
                continue;
            }
            // The second post under a key has to see the first one stored.
            if let Some(key) = &pending.draft.idempotency_key
                && !keys.insert((pending.draft.user.clone(), key.clone()))
            {
                self.held.push_back(Item::Post(pending));
                continue;
            }
            let Pending {
                draft,
                reply,
                waiting,
                ..
            } = pending;
            bytes += draft.text.as_str().len();
            let idempotency_key = draft.idempotency_key.clone();
            let record = Record {
                message: draft.into_message(ids.next()),
                idempotency_key,
            };
            batch.push(Assigned {
                record,
                reply,
                waiting,
            });
        }
        self.held.append(&mut ready);
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Queue, queue};
    use super::*;
    use crate::domain::Draft;

    /// A post whose poster waits until the reply is dropped.
    struct Reply(tokio::task::JoinHandle<()>);

    impl Drop for Reply {
        fn drop(&mut self) {
            self.0.abort();
        }
    }

    async fn post(queue: &Arc<Queue<u32>>, text: &str, key: &str) -> Reply {
        let mut draft = Draft::new::<&str>("ann".parse().unwrap(), text.to_owned(), &[]).unwrap();
        draft.idempotency_key = key.parse().ok();
        let queue = queue.clone();
        let (say, posted) = oneshot::channel();
        let reply = Reply(tokio::spawn(async move {
            let mut post = std::pin::pin!(queue.post(draft));
            // Admitted at the first poll.
            let _ = tokio::time::timeout(Duration::ZERO, &mut post).await;
            let _ = say.send(());
            let _ = post.await;
        }));
        posted.await.unwrap();
        reply
    }

    fn texts(work: Option<Work<u32>>) -> Vec<String> {
        match work {
            Some(Work::Posts(Batch { posts, .. })) => {
                let ids: Vec<_> = posts.iter().map(|p| p.record.message.id).collect();
                assert!(ids.is_sorted_by(|a, b| a < b));
                let text = |p: Assigned| p.record.message.text.as_str().to_owned();
                posts.into_iter().map(text).collect()
            }
            Some(Work::Other(work)) => vec![format!("work {work}")],
            None => vec!["closed".to_owned()],
        }
    }

    fn over(max: usize, linger: Duration) -> (Arc<Queue<u32>>, Batcher<u32>) {
        let (queue, waiting) = queue(16);
        let mut batcher = Batcher::new(waiting, IdClock::after(None), max);
        batcher.linger = linger;
        (Arc::new(queue), batcher)
    }

    async fn batch(batcher: &Batcher<u32>) -> Batch {
        match batcher.next(0).await {
            Some(Work::Posts(batch)) => batch,
            Some(Work::Other(_)) | None => panic!("no posts"),
        }
    }

    #[tokio::test]
    async fn a_batch_takes_what_waits_up_to_its_limit_and_one_post_a_key() {
        let (queue, batcher) = over(3, LINGER);
        let mut replies = Vec::new();
        for (text, key) in [("a", "k"), ("b", "k"), ("c", ""), ("d", "l"), ("e", "k")] {
            replies.push(post(&queue, text, key).await);
        }
        let mut gone = post(&queue, "nobody waits", "").await;
        gone.0.abort();
        assert!((&mut gone.0).await.is_err());
        queue.hand(7).await.unwrap();
        assert_eq!(texts(batcher.next(0).await), ["a", "c", "d"]);
        assert_eq!(texts(batcher.next(0).await), ["b"]);
        assert_eq!(texts(batcher.next(0).await), ["e"]);
        assert_eq!(texts(batcher.next(0).await), ["work 7"]);
        drop(replies);
        let closed = tokio::time::timeout(Duration::ZERO, queue.close()).await;
        assert!(closed.is_err());
        assert_eq!(texts(batcher.next(0).await), ["closed"]);
        drop(batcher);
        queue.close().await;
    }

    #[tokio::test]
    async fn beside_a_batch_in_flight_a_smaller_one_lingers() {
        let (queue, batcher) = over(16, Duration::from_secs(3600));
        let mut replies = Vec::new();
        for text in ["a", "b", "c"] {
            replies.push(post(&queue, text, "").await);
        }
        let first = batch(&batcher).await;
        assert_eq!(first.posts.len(), 3);
        replies.push(post(&queue, "d", "").await);
        let mut next = std::pin::pin!(batch(&batcher));
        for _ in 0..3 {
            let early = tokio::time::timeout(Duration::ZERO, &mut next).await;
            assert!(early.is_err());
        }
        drop(first);
        let second = next.await;
        assert_eq!(second.posts.len(), 1);
        for text in ["e", "f"] {
            replies.push(post(&queue, text, "").await);
        }
        // As large as what is in flight: it goes at once.
        assert_eq!(texts(batcher.next(0).await), ["e", "f"]);
    }

    #[tokio::test]
    async fn a_writer_that_panics_keeps_no_later_batch_waiting() {
        let (queue, batcher) = over(16, Duration::from_secs(3600));
        let mut replies = Vec::new();
        for text in ["a", "b", "c"] {
            replies.push(post(&queue, text, "").await);
        }
        let first = batch(&batcher).await;
        let writer = tokio::spawn(async move {
            let Batch { posts, in_flight } = first;
            assert!(posts.is_empty(), "a defect");
            drop(in_flight);
        });
        assert!(writer.await.is_err());
        replies.push(post(&queue, "d", "").await);
        let second = tokio::time::timeout(Duration::from_secs(60), batcher.next(0)).await;
        assert_eq!(texts(second.ok().flatten()), ["d"]);
    }
}
