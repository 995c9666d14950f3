//! The write core of every store. Posts wait in one bounded queue (`queue`)
//! while the batch before them is committed; whatever waits is committed
//! together, so batches grow with the load and a lone post waits for nobody
//! (`take` for one writer on a thread, `linger` for several side by side, with
//! their `ids`; `metrics` counts them).
//! What failed is tried again within limits (`backoff`), and a writer outlives
//! its own defects (`supervise`). How a batch is committed is the store's part.

mod backoff;
mod ids;
mod linger;
mod metrics;
mod queue;
mod supervise;
mod take;

pub(crate) use self::backoff::{Backoff, Retryable, jitter};
pub(crate) use self::ids::Ids;
pub(crate) use self::linger::{Assigned, Batch, Batcher, Work};
pub(crate) use self::metrics::BatchMetrics;
pub(crate) use self::queue::{Item, Queue, Waiting, measured_queue, queue};
pub(crate) use self::supervise::Supervision;
pub(crate) use self::take::Taken;

use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::domain::{Draft, Message, PostError, StoreError};
use crate::trace;
use crate::trace::OpenSpan;

/// What a post is answered with.
pub(crate) type Posted = Result<Message, PostError>;

/// A draft whose sender waits.
pub(crate) struct Pending {
    pub(crate) draft: Draft,
    pub(crate) reply: oneshot::Sender<Posted>,
    /// When it began to wait, where that is measured.
    pub(crate) since: Option<Instant>,
    /// That it waits, where that is traced.
    pub(crate) waiting: Option<Box<OpenSpan>>,
}

impl Pending {
    /// A draft and where its answer will arrive.
    pub(crate) fn new(draft: Draft) -> (Pending, oneshot::Receiver<Posted>) {
        let (reply, answer) = oneshot::channel();
        let pending = Pending {
            draft,
            reply,
            since: None,
            waiting: trace::span("queue wait").map(Box::new),
        };
        (pending, answer)
    }

    /// Answers. A sender that has gone away no longer wants to know.
    pub(crate) fn answer(self, posted: Posted) {
        let _ = self.reply.send(posted);
    }
}

/// The span of a batch whose posts wait no longer, where any of these is
/// traced: below the first one's request, and linked to those of all.
pub(crate) fn batch_span(waiting: impl Iterator<Item = Box<OpenSpan>>) -> Option<OpenSpan> {
    let mut batch: Option<OpenSpan> = None;
    for request in waiting.filter_map(|waiting| waiting.above()) {
        let batch = batch.get_or_insert_with(|| request.child("batch"));
        batch.link(&request);
    }
    batch
}

/// Answers a whole batch from a thread outside the runtime. Waking each sender
/// from there costs a lock and often a system call; one task that is handed
/// over wakes them all from inside. A lone sender is woken at once, and so are
/// all where there is no runtime.
pub(crate) fn answer_batch(runtime: Option<&Handle>, batch: Vec<(Pending, Posted)>) {
    let outside = runtime.filter(|_| batch.len() > 1);
    let answer_all = move || {
        batch
            .into_iter()
            .for_each(|(pending, posted)| pending.answer(posted))
    };
    match outside {
        Some(runtime) => drop(runtime.spawn(async move { answer_all() })),
        None => answer_all(),
    }
}

/// The queue cannot take another post.
pub(crate) fn queue_full() -> StoreError {
    StoreError::Unavailable("the writer's queue is full".to_owned())
}

/// The writer is gone, or going.
pub(crate) fn writer_gone() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}
