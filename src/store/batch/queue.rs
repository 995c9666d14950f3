//! The bounded queue in front of the writers. What does not fit is turned
//! away at once; everything else that writes travels in it as well.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc};

use super::{BatchMetrics, Pending, queue_full, writer_gone};
use crate::domain::{Draft, Message, PostError, StoreError};
use crate::metrics::Page;

/// What waits for a writer.
pub(crate) enum Item<W> {
    /// A message to store.
    Post(Pending),
    /// Anything else that writes.
    Work(W),
}

/// The sending half.
pub(crate) struct Queue<W> {
    /// None once it is closed.
    sender: RwLock<Option<mpsc::Sender<Item<W>>>>,
    /// Ends when the other half is gone.
    ended: Mutex<mpsc::Receiver<Infallible>>,
    capacity: usize,
    metrics: Arc<BatchMetrics>,
}

/// The half that writers take from. [`Queue::close`] returns once it is
/// dropped.
pub(crate) struct Waiting<W> {
    pub(super) items: mpsc::Receiver<Item<W>>,
    pub(super) metrics: Arc<BatchMetrics>,
    _end: mpsc::Sender<Infallible>,
}

/// A queue with room for so many items, at least one.
pub(crate) fn queue<W>(capacity: usize) -> (Queue<W>, Waiting<W>) {
    measured_queue(capacity, false)
}

/// The same, where it may be asked how long posts wait.
pub(crate) fn measured_queue<W>(capacity: usize, is_timed: bool) -> (Queue<W>, Waiting<W>) {
    let capacity = capacity.max(1);
    let (sender, items) = mpsc::channel(capacity);
    let (end, ended) = mpsc::channel(1);
    let metrics = Arc::new(BatchMetrics::new(is_timed));
    let queue = Queue {
        sender: RwLock::new(Some(sender)),
        ended: Mutex::new(ended),
        capacity,
        metrics: Arc::clone(&metrics),
    };
    let waiting = Waiting {
        items,
        metrics,
        _end: end,
    };
    (queue, waiting)
}

impl<W> Queue<W> {
    /// Hands a draft to the writers and waits until it is durable.
    ///
    /// # Errors
    /// The queue is full or closed, or what the writer says.
    pub(crate) async fn post(&self, draft: Draft) -> Result<Message, PostError> {
        let (mut pending, answer) = Pending::new(draft);
        pending.since = self.metrics.now();
        self.admit(pending)?;
        answer.await.map_err(|_| writer_gone())?
    }

    fn admit(&self, pending: Pending) -> Result<(), StoreError> {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let sender = sender.as_ref().ok_or_else(writer_gone)?;
        let sent = sender.try_send(Item::Post(pending));
        sent.map_err(|error| match error {
            TrySendError::Full(_) => {
                self.metrics.refuse();
                queue_full()
            }
            TrySendError::Closed(_) => writer_gone(),
        })
    }

    /// Hands something else to the writers, waiting for room.
    ///
    /// # Errors
    /// The queue is closed.
    pub(crate) async fn hand(&self, work: W) -> Result<(), StoreError> {
        let sender = {
            let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
            sender.clone().ok_or_else(writer_gone)?
        };
        let sent = sender.send(Item::Work(work)).await;
        sent.map_err(|_| writer_gone())
    }

    /// Takes nothing new, and waits until the writers have done what was
    /// taken before and have ended.
    pub(crate) async fn close(&self) {
        {
            let mut sender = self.sender.write().unwrap_or_else(PoisonError::into_inner);
            drop(sender.take());
        }
        let _: Option<Infallible> = self.ended.lock().await.recv().await;
    }

    /// Writes what is known of it and of its batches.
    pub(crate) fn measure(&self, page: &mut Page) {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let free = sender
            .as_ref()
            .map_or(self.capacity, mpsc::Sender::capacity);
        drop(sender);
        let waiting = self.capacity.saturating_sub(free);
        self.metrics.measure(page, (waiting, self.capacity));
    }

    /// Whether nobody takes from the queue, or nothing is put into it, any
    /// more.
    pub(crate) fn is_closed(&self) -> bool {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().is_none_or(mpsc::Sender::is_closed)
    }
}

impl<W> Waiting<W> {
    /// Where its batches are counted.
    pub(crate) fn metrics(&self) -> Arc<BatchMetrics> {
        Arc::clone(&self.metrics)
    }

    /// Whether nothing more can come in.
    pub(crate) fn is_closed(&self) -> bool {
        self.items.is_closed()
    }

    /// Answers everybody who waits now that it is not to be.
    pub(crate) fn refuse(&mut self, error: &StoreError) {
        while let Ok(item) = self.items.try_recv() {
            match item {
                Item::Post(pending) => pending.answer(Err(error.clone().into())),
                // Its answer is dropped with it.
                Item::Work(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        Draft::new("ann".parse().unwrap(), text.to_owned(), &[""; 0]).unwrap()
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_says_so() {
        let (queue, waiting) = queue::<()>(1);
        let queue = Arc::new(queue);
        let first = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.post(draft("first")).await }
        });
        while waiting.items.is_empty() {
            tokio::task::yield_now().await;
        }
        let refused = queue.post(draft("second")).await.unwrap_err();
        assert!(refused.to_string().contains("full"), "{refused}");
        first.abort();
    }

    #[tokio::test]
    async fn a_writer_that_is_gone_makes_posts_unavailable() {
        let (queue, waiting) = queue::<()>(1);
        drop(waiting);
        let refused = queue.post(draft("text")).await.unwrap_err();
        assert!(refused.to_string().contains("stopped"), "{refused}");
        assert!(queue.is_closed());
        queue.close().await;
    }

    #[tokio::test]
    async fn closing_waits_for_the_writer_and_takes_nothing_new() {
        let (queue, mut waiting) = queue::<u32>(4);
        queue.hand(7).await.unwrap();
        let queue = Arc::new(queue);
        let closing = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.close().await }
        });
        while !queue.is_closed() {
            tokio::task::yield_now().await;
        }
        assert!(queue.hand(8).await.is_err());
        assert!(queue.post(draft("late")).await.is_err());
        assert!(matches!(waiting.items.recv().await, Some(Item::Work(7))));
        assert!(waiting.items.recv().await.is_none());
        assert!(!closing.is_finished());
        drop(waiting);
        closing.await.unwrap();
    }

    #[tokio::test]
    async fn everybody_who_waits_is_told_what_is_refused() {
        let (queue, mut waiting) = queue::<()>(4);
        let queue = Arc::new(queue);
        let post = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.post(draft("text")).await }
        });
        while waiting.items.is_empty() {
            tokio::task::yield_now().await;
        }
        waiting.refuse(&StoreError::Unavailable("away".to_owned()));
        let refused = post.await.unwrap().unwrap_err();
        assert!(refused.to_string().contains("away"), "{refused}");
    }
}
