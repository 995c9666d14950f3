//! Where posts and imports wait for a writer, and where ids are given out, in
//! order, as a batch is formed. Bounded: what does not fit is turned away.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, mpsc, oneshot};

use crate::domain::{IdClock, IdempotencyKey, Imported, Record, StoreError, UserName};
use crate::store::batch::{Pending, Posted};

use super::migrate::unix_millis;

/// A batch stops growing at this many bytes of text.
const MAX_BATCH_BYTES: usize = 2 << 20;
/// How long a batch may wait for company beside one that is on its way: less
/// than a cluster takes to store one.
const COMPANY: Duration = Duration::from_millis(10);

type PostReply = oneshot::Sender<Posted>;
pub(super) type ImportReply = oneshot::Sender<Result<Vec<Imported>, StoreError>>;

/// What waits.
pub(super) enum Item {
    Post(Box<Pending>),
    Import(Vec<Record>, ImportReply),
}

/// What a writer does at once.
pub(super) enum Work {
    Posts(Batch),
    Import(Vec<Record>, ImportReply),
}

/// Posts to be stored together.
pub(super) struct Batch {
    pub(super) posts: Vec<Assigned>,
    /// Dropped once they are stored, or given up.
    pub(super) under_way: UnderWay,
}

/// A post that has its id.
pub(super) struct Assigned {
    pub(super) record: Record,
    pub(super) reply: PostReply,
}

/// The queue that all writers of a store take from.
pub(super) struct Intake {
    state: Mutex<State>,
    max_messages: usize,
    load: Arc<Load>,
    /// How long a batch may wait for company.
    patience: Duration,
}

/// What all writers are at.
#[derive(Default)]
struct Load {
    /// Messages that are being stored.
    under_way: AtomicUsize,
    /// Told when they become fewer.
    arrived: Notify,
}

/// Messages of one batch that is being stored. They count until this is
/// dropped, however storing them ends: batches would wait for company that
/// never comes.
pub(super) struct UnderWay {
    load: Arc<Load>,
    messages: usize,
}

impl UnderWay {
    fn new(load: &Arc<Load>, messages: usize) -> UnderWay {
        load.under_way.fetch_add(messages, Ordering::Relaxed);
        let load = Arc::clone(load);
        UnderWay { load, messages }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.load
            .under_way
            .fetch_sub(self.messages, Ordering::Relaxed);
        self.load.arrived.notify_waiters();
    }
}

struct State {
    queue: mpsc::Receiver<Item>,
    /// Taken from the queue, but not fit for the batch that was formed.
    held: VecDeque<Item>,
    clock: IdClock,
}

impl Intake {
    pub(super) fn new(queue: mpsc::Receiver<Item>, clock: IdClock, max_messages: usize) -> Intake {
        Intake {
            state: Mutex::new(State {
                queue,
                held: VecDeque::new(),
                clock,
            }),
            max_messages,
            load: Arc::default(),
            patience: COMPANY,
        }
    }

    /// The next work, all that waits up to the limits; `None` once the store
    /// is closed and nothing waits any more.
    pub(super) async fn next(&self) -> Option<Work> {
        let mut state = self.state.lock().await;
        loop {
            let first = match state.held.pop_front() {
                Some(item) => item,
                None => state.queue.recv().await?,
            };
            // Posts that are ready at this moment join the batch.
            tokio::task::yield_now().await;
            match first {
                Item::Import(records, reply) => return Some(Work::Import(records, reply)),
                Item::Post(pending) => {
                    // Waiting longer is no failure, only a smaller batch.
                    let _ = tokio::time::timeout(self.patience, self.company(&mut state)).await;
                    let posts = state.gather(pending, self.max_messages);
                    if !posts.is_empty() {
                        let under_way = UnderWay::new(&self.load, posts.len());
                        return Some(Work::Posts(Batch { posts, under_way }));
                    }
                }
            }
        }
    }

    /// Waits until as many posts are at hand as are on their way. A database
    /// does more with a few large batches than with many small ones, and a
    /// poster waits no longer: who is not in this batch is in the next.
    async fn company(&self, state: &mut State) {
        loop {
            let arrived = self.load.arrived.notified();
            let under_way = self.load.under_way.load(Ordering::Relaxed);
            if under_way == 0 || state.held.len() + state.queue.len() + 1 >= under_way {
                return;
            }
            tokio::select! {
                () = arrived => {}
                item = state.queue.recv() => match item {
                    Some(item) => state.held.push_back(item),
                    None => return,
                },
            }
        }
    }

    /// Whether no more can come in.
    pub(super) async fn is_closed(&self) -> bool {
        self.state.lock().await.queue.is_closed()
    }
}

impl State {
    fn gather(&mut self, first: Box<Pending>, max: usize) -> Vec<Assigned> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut keys: HashSet<(UserName, IdempotencyKey)> = HashSet::new();
        let mut waiting = std::mem::take(&mut self.held);
        waiting.push_front(Item::Post(first));
        while batch.len() < max && bytes < MAX_BATCH_BYTES {
            let next = waiting.pop_front().or_else(|| self.queue.try_recv().ok());
            let Some(item) = next else { break };
            let pending = match item {
                Item::Post(pending) => pending,
                Item::Import(..) => {
                    waiting.push_front(item);
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
            let Pending { draft, reply } = *pending;
            bytes += draft.text.as_str().len();
            let idempotency_key = draft.idempotency_key.clone();
            let message = draft.into_message(self.clock.next(unix_millis()));
            let record = Record {
                message,
                idempotency_key,
            };
            batch.push(Assigned { record, reply });
        }
        self.held.append(&mut waiting);
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Draft;

    fn post(queue: &mpsc::Sender<Item>, text: &str, key: &str) -> Reply {
        let mut draft = Draft::new::<&str>("ann".parse().unwrap(), text.to_owned(), &[]).unwrap();
        draft.idempotency_key = key.parse().ok();
        let (pending, answer) = Pending::new(draft);
        let _ = queue.try_send(Item::Post(Box::new(pending)));
        answer
    }

    type Reply = oneshot::Receiver<Posted>;

    fn texts(work: Option<Work>) -> Vec<String> {
        match work {
            Some(Work::Posts(Batch { posts, .. })) => {
                let ids: Vec<_> = posts.iter().map(|p| p.record.message.id).collect();
                assert!(ids.is_sorted_by(|a, b| a < b));
                let text = |p: Assigned| p.record.message.text.as_str().to_owned();
                posts.into_iter().map(text).collect()
            }
            Some(Work::Import(..)) => vec!["import".to_owned()],
            None => vec!["closed".to_owned()],
        }
    }

    #[tokio::test]
    async fn a_batch_takes_what_waits_up_to_its_limit_and_one_post_a_key() {
        let (queue, receiver) = mpsc::channel(16);
        let intake = Intake::new(receiver, IdClock::after(None), 3);
        let replies = [
            post(&queue, "a", "k"),
            post(&queue, "b", "k"),
            post(&queue, "c", ""),
            post(&queue, "d", "l"),
            post(&queue, "e", "k"),
        ];
        drop(post(&queue, "nobody waits", ""));
        let (reply, _answer) = oneshot::channel();
        let _ = queue.try_send(Item::Import(Vec::new(), reply));
        drop(queue);
        assert_eq!(texts(intake.next().await), ["a", "c", "d"]);
        assert_eq!(texts(intake.next().await), ["b"]);
        assert_eq!(texts(intake.next().await), ["e"]);
        assert_eq!(texts(intake.next().await), ["import"]);
        assert_eq!(texts(intake.next().await), ["closed"]);
        drop(replies);
    }

    async fn batch(intake: &Intake) -> Batch {
        match intake.next().await {
            Some(Work::Posts(batch)) => batch,
            Some(Work::Import(..)) | None => panic!("no posts"),
        }
    }

    #[tokio::test]
    async fn beside_a_batch_on_its_way_a_smaller_one_waits_for_company() {
        let (queue, receiver) = mpsc::channel(16);
        let mut intake = Intake::new(receiver, IdClock::after(None), 16);
        intake.patience = Duration::from_secs(3600);
        let _first = ["a", "b", "c"].map(|text| post(&queue, text, ""));
        let first = batch(&intake).await;
        assert_eq!(first.posts.len(), 3);
        let _second = post(&queue, "d", "");
        let mut next = std::pin::pin!(batch(&intake));
        for _ in 0..3 {
            let early = tokio::time::timeout(Duration::ZERO, &mut next).await;
            assert!(early.is_err());
        }
        drop(first);
        let second = next.await;
        assert_eq!(second.posts.len(), 1);
        let _third = ["e", "f"].map(|text| post(&queue, text, ""));
        // As large as what is on its way: it goes at once.
        assert_eq!(texts(intake.next().await), ["e", "f"]);
    }

    #[tokio::test]
    async fn a_writer_that_panics_keeps_no_later_batch_waiting() {
        let (queue, receiver) = mpsc::channel(16);
        let mut intake = Intake::new(receiver, IdClock::after(None), 16);
        intake.patience = Duration::from_secs(3600);
        let _first = ["a", "b", "c"].map(|text| post(&queue, text, ""));
        let first = batch(&intake).await;
        let writer = tokio::spawn(async move {
            let Batch { posts, under_way } = first;
            assert!(posts.is_empty(), "a defect");
            drop(under_way);
        });
        assert!(writer.await.is_err());
        let _second = post(&queue, "d", "");
        let second = tokio::time::timeout(Duration::from_secs(60), intake.next()).await;
        assert_eq!(texts(second.ok().flatten()), ["d"]);
    }
}
