//! The way into a writer: one bounded queue that posts wait in while a batch
//! before them is being committed.
//!
//! A writer takes whatever waits as its next batch (`recv_many` of the
//! receiving half), so batches grow with the load and a lone post waits for
//! nobody. What else a backend's writer does travels in the same queue, as
//! another kind of `W`, and so never runs beside a batch.

use tokio::sync::{mpsc, oneshot};

use crate::domain::{Draft, Message, PostError, StoreError};

/// Posts that may wait before further ones are refused.
pub(crate) const DEFAULT_QUEUE: usize = 10_000;
/// The most posts in one batch: beyond this, a batch's own length costs
/// latency and no longer saves work.
pub(crate) const DEFAULT_BATCH: usize = 512;

/// What a post is answered with.
pub(crate) type Posted = Result<Message, PostError>;

/// A draft on its way into the store, and who waits for it.
#[derive(Debug)]
pub(crate) struct Pending {
    /// What is to be stored.
    pub(crate) draft: Draft,
    pub(crate) reply: oneshot::Sender<Posted>,
}

impl Pending {
    /// A draft and where its answer will arrive.
    pub(crate) fn new(draft: Draft) -> (Pending, oneshot::Receiver<Posted>) {
        let (reply, answer) = oneshot::channel();
        (Pending { draft, reply }, answer)
    }

    /// Tells the poster. To be called once the batch is durable, or lost.
    pub(crate) fn answer(self, result: Posted) {
        // A poster that went away needs no answer.
        let _ = self.reply.send(result);
    }
}

/// The sending half of a writer's queue.
pub(crate) struct Queue<W> {
    sender: mpsc::Sender<W>,
}

/// A queue with room for `capacity` items, at least one.
pub(crate) fn channel<W>(capacity: usize) -> (Queue<W>, mpsc::Receiver<W>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (Queue { sender }, receiver)
}

impl<W> Queue<W> {
    /// Hands a draft to the writer and waits until it is durable.
    ///
    /// # Errors
    /// Unavailable at once when the queue is full or the writer has stopped,
    /// else whatever the writer says.
    pub(crate) async fn post(&self, draft: Draft) -> Result<Message, PostError>
    where
        W: From<Pending>,
    {
        let (pending, answer) = Pending::new(draft);
        self.sender
            .try_send(pending.into())
            .map_err(|error| self.refused(&error))?;
        answer.await.unwrap_or_else(|_| Err(writer_gone().into()))
    }

    /// Hands the writer something else to do, waiting for room, and waits for
    /// its answer.
    ///
    /// # Errors
    /// Unavailable when the writer has stopped.
    pub(crate) async fn ask<T>(
        &self,
        work: impl FnOnce(oneshot::Sender<T>) -> W,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.sender
            .send(work(reply))
            .await
            .map_err(|_| writer_gone())?;
        answer.await.map_err(|_| writer_gone())
    }

    /// Whether nobody takes from the queue any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    fn refused(&self, error: &mpsc::error::TrySendError<W>) -> StoreError {
        match error {
            mpsc::error::TrySendError::Full(_) => queue_full(self.sender.max_capacity()),
            mpsc::error::TrySendError::Closed(_) => writer_gone(),
        }
    }
}

/// The queue cannot take another post.
pub(crate) fn queue_full(capacity: usize) -> StoreError {
    StoreError::Unavailable(format!("the writer's queue is full, {capacity} wait in it"))
}

/// The writer is gone, or going.
pub(crate) fn writer_gone() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        Draft::new("ann".parse().unwrap(), text.to_owned(), &[""; 0]).unwrap()
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_names_itself() {
        let (queue, mut receiver) = channel::<Pending>(1);
        let queue = std::sync::Arc::new(queue);
        let first = tokio::spawn({
            let queue = queue.clone();
            async move { queue.post(draft("first")).await }
        });
        while receiver.is_empty() {
            tokio::task::yield_now().await;
        }
        let refused = queue.post(draft("second")).await.unwrap_err();
        assert!(
            refused.to_string().contains("queue is full, 1 wait"),
            "{refused}"
        );

        let pending = receiver.recv().await.unwrap();
        let message = pending
            .draft
            .clone()
            .into_message(crate::domain::MessageId::MIN);
        pending.answer(Ok(message.clone()));
        assert_eq!(first.await.unwrap().unwrap(), message);
    }

    #[tokio::test]
    async fn a_writer_that_stopped_is_unavailable() {
        let (queue, receiver) = channel::<Pending>(1);
        drop(receiver);
        let refused = queue.post(draft("text")).await.unwrap_err();
        assert!(refused.to_string().contains("stopped"), "{refused}");
        assert!(queue.is_closed());
    }
}
