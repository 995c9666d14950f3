//! Writers that outlive their own defects: what panics is logged, counted and
//! started again, and readiness knows how many are at work.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::error;

use crate::metrics::Page;

/// The pause before a task that panicked again and again is started again;
/// the first time there is none.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A task that ran for so long did not panic again and again.
const CALM: Duration = Duration::from_secs(60);

/// What is known of some tasks that do the same.
#[derive(Debug, Default)]
pub(crate) struct Supervision {
    running: AtomicUsize,
    panics: AtomicU64,
}

impl Supervision {
    /// How many are at work now.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// How often one panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Writes how often one was started again.
    pub(crate) fn measure(&self, page: &mut Page) {
        page.counter(
            "dunder_jobs_restarted_total",
            "Background jobs that panicked and were started again.",
            &[("name", "writer")],
            self.panics(),
        );
    }

    /// Does something that may panic; says whether it came to its end.
    pub(crate) fn survive(&self, what: &'static str, work: impl FnOnce()) -> bool {
        let ended = catch_unwind(AssertUnwindSafe(work)).is_ok();
        if !ended {
            self.count(what);
        }
        ended
    }

    fn count(&self, what: &'static str) {
        let panics = self.panics.fetch_add(1, Ordering::Relaxed) + 1;
        error!(what, panics, "a defect: it panicked and goes on");
    }

    /// Keeps a task at work until it ends by itself. Its end when it panics
    /// drops what it held, so that who waited for it is told.
    pub(crate) async fn keep<F>(self: Arc<Self>, what: &'static str, start: impl Fn() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut pause = Duration::ZERO;
        loop {
            let began = Instant::now();
            // Ends with this one, when nobody waits for it any more.
            let mut task = JoinSet::new();
            task.spawn(start());
            let running = Running::of(&self.running);
            let ended = task.join_next().await;
            drop(running);
            let panicked = matches!(&ended, Some(Err(error)) if error.is_panic());
            if !panicked {
                return;
            }
            self.count(what);
            if began.elapsed() >= CALM {
                pause = Duration::ZERO;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        }
    }
}

/// Counts a task for as long as it runs, however it ends.
struct Running<'c>(&'c AtomicUsize);

impl<'c> Running<'c> {
    fn of(count: &'c AtomicUsize) -> Running<'c> {
        count.fetch_add(1, Ordering::Relaxed);
        Running(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::{Mutex, mpsc, oneshot};

    #[tokio::test]
    async fn a_task_that_panics_answers_nobody_and_is_started_again() {
        let supervision = Arc::new(Supervision::default());
        let (queue, receiver) = mpsc::channel::<(u32, oneshot::Sender<u32>)>(8);
        let receiver = Arc::new(Mutex::new(receiver));
        let work = move || {
            let receiver = receiver.clone();
            async move {
                while let Some((n, reply)) = receiver.lock().await.recv().await {
                    assert!(n > 0, "a defect");
                    let _ = reply.send(n);
                }
            }
        };
        let kept = tokio::spawn(supervision.clone().keep("a test", work));
        let ask = async |n| {
            let (reply, answer) = oneshot::channel();
            queue.send((n, reply)).await.unwrap();
            answer.await
        };
        assert_eq!(ask(1).await, Ok(1));
        for panics in 1..=2 {
            assert!(ask(0).await.is_err());
            assert_eq!(ask(7).await, Ok(7));
            assert_eq!((supervision.running(), supervision.panics()), (1, panics));
        }
        drop(queue);
        kept.await.unwrap();
        assert_eq!(supervision.running(), 0);
    }
}
