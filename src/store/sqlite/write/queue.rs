//! The way to the writer: the queue of posts, in which everything else that
//! writes travels as well and so never runs beside a batch.

use tokio::sync::oneshot;

use crate::domain::StoreError;
use crate::store::batch::{self, writer_gone};
use crate::store::sqlite::write::Writer;

/// Something that the writer does between two batches.
pub(crate) type Work = Box<dyn FnOnce(&mut Writer) + Send>;

/// The sending half.
pub(crate) type Queue = batch::Queue<Work>;

/// The queue of a store that was opened for reading.
pub(crate) fn without_writer() -> Queue {
    batch::queue(1).0
}

impl Queue {
    /// Has the writer do something between two batches, waiting for room.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(move |writer: &mut Writer| {
            // Who asked may have gone.
            let _ = reply.send(work(writer));
        });
        self.hand(work).await?;
        answer.await.map_err(|_| writer_gone())?
    }
}
