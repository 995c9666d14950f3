//! Where tables and charts are drawn: drawing takes a processor for
//! milliseconds, and the runtime's threads have everybody else to answer.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::server::error::ApiError;
use crate::trace;

/// Threads that draw, at most so many at once.
pub(crate) struct Drawers(Arc<Semaphore>);

impl Default for Drawers {
    /// One for each processor but one, which is left to those that ask for
    /// JSON.
    fn default() -> Drawers {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Drawers::of((processors - 1).max(1))
    }
}

impl Drawers {
    /// So many at once.
    pub(crate) fn of(threads: usize) -> Drawers {
        Drawers(Arc::new(Semaphore::new(threads)))
    }

    /// What `drawing` gives, on one of these threads once one is free. Of a
    /// drawing that nobody waits for any more, one that has begun is finished
    /// and counts until then, and any other is never begun.
    pub(crate) async fn draw<T: Send + 'static>(
        &self,
        drawing: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        // Nobody closes it.
        let permit = Arc::clone(&self.0).acquire_owned().await;
        let request = trace::current();
        let drawn = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let _span = request.map(|request| request.child("render"));
            drawing()
        });
        Ok(drawn.await?)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn drawings_run_on_other_threads_and_wait_for_one_another() {
        let drawers = Drawers::of(1);
        let (go, wait) = mpsc::channel::<()>();
        let drawing_thread = |wait: Option<mpsc::Receiver<()>>| {
            move || {
                wait.map(|wait| wait.recv());
                std::thread::current().id()
            }
        };
        let mut first = pin!(drawers.draw(drawing_thread(Some(wait))));
        let mut second = pin!(drawers.draw(drawing_thread(None)));
        let mut nobody = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut nobody).is_pending());
        assert!(second.as_mut().poll(&mut nobody).is_pending());
        // The second is not begun: its place is the first one's.
        assert_eq!(drawers.0.available_permits(), 0);
        go.send(()).unwrap();
        for drawn in [first.await, second.await] {
            assert_ne!(drawn.unwrap(), std::thread::current().id());
        }
    }

    #[tokio::test]
    async fn a_drawing_that_panics_is_an_error_and_gives_its_place_back() {
        let drawers = Drawers::of(1);
        let failed: Result<(), ApiError> = drawers.draw(|| panic!("on purpose")).await;
        assert_eq!(failed.unwrap_err().status(), 500);
        assert_eq!(drawers.draw(|| 1).await.unwrap(), 1);
    }
}
