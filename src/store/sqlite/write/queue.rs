//! The way to the writer: one bounded queue in which posts wait while the
//! batch before them is being committed, so that batches grow with the load.
//! Everything else that writes travels in it as well and so never runs beside
//! a batch.

use tokio::sync::{mpsc, oneshot};

use crate::domain::{Draft, Message, PostError, StoreError};
use crate::store::batch::{Pending, queue_full, writer_gone};
use crate::store::sqlite::write::{Work, Writer};

/// The sending half.
pub(crate) struct Queue {
    sender: mpsc::Sender<Work>,
}

/// A queue with room for `capacity` items, at least one.
pub(crate) fn channel(capacity: usize) -> (Queue, mpsc::Receiver<Work>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (Queue { sender }, receiver)
}

/// The queue of a store that was opened for reading.
pub(crate) fn without_writer() -> Queue {
    channel(1).0
}

impl Queue {
    /// Hands a draft to the writer and waits until it is durable. A full
    /// queue refuses at once.
    pub(crate) async fn post(&self, draft: Draft) -> Result<Message, PostError> {
        let (pending, answer) = Pending::new(draft);
        self.sender
            .try_send(Work::Post(pending))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => queue_full(),
                mpsc::error::TrySendError::Closed(_) => writer_gone(),
            })?;
        answer.await.map_err(|_| writer_gone())?
    }

    /// Has the writer do something between two batches, waiting for room.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(move |writer: &mut Writer| {
            // Whoever asked may have gone.
            let _ = reply.send(work(writer));
        });
        let sent = self.sender.send(Work::Do(work)).await;
        sent.map_err(|_| writer_gone())?;
        answer.await.map_err(|_| writer_gone())?
    }

    /// Has the writer finish what it has taken and end; waits until it has.
    pub(crate) async fn close(&self) {
        let (reply, ended) = oneshot::channel();
        // Fails when the writer has ended before.
        if self.sender.send(Work::Close(reply)).await.is_ok() {
            let _ = ended.await;
        }
    }

    /// Whether nobody takes from the queue any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn draft(text: &str) -> Draft {
        Draft::new("ann".parse().unwrap(), text.to_owned(), &[""; 0]).unwrap()
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_says_so() {
        let (queue, receiver) = channel(1);
        let queue = Arc::new(queue);
        let first = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.post(draft("first")).await }
        });
        while receiver.is_empty() {
            tokio::task::yield_now().await;
        }
        let refused = queue.post(draft("second")).await.unwrap_err();
        assert!(refused.to_string().contains("queue is full"), "{refused}");
        first.abort();
    }

    #[tokio::test]
    async fn a_writer_that_is_gone_makes_posts_unavailable() {
        let (queue, receiver) = channel(1);
        drop(receiver);
        let refused = queue.post(draft("text")).await.unwrap_err();
        assert!(refused.to_string().contains("stopped"), "{refused}");
        assert!(queue.is_closed());
    }
}
