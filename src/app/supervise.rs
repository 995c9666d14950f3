//! Work that goes on beside requests. What panics is logged, counted and
//! started again, later each time; what keeps panicking makes the server not
//! ready.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::domain::{Job, NotReady, Readiness, StoreError};
use crate::metrics::{Counter, Page};

/// How panics are answered.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Before the first new start; doubled each time.
    first: Duration,
    /// At most.
    longest: Duration,
    /// A job that ran for so long has recovered.
    recovered: Duration,
    /// Panics without recovery that make the server not ready: one may have
    /// been bad luck.
    tolerated: u32,
}

const PACE: Pace = Pace {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(30),
    recovered: Duration::from_secs(60),
    tolerated: 3,
};

/// Runs jobs, until it is dropped.
pub(crate) struct Supervisor {
    pace: Pace,
    jobs: Arc<Jobs>,
    keepers: JoinSet<()>,
}

/// What is known of the jobs; the server asks for it.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<Vec<Arc<Status>>>);

/// How one job fares.
#[derive(Debug)]
struct Status {
    name: &'static str,
    /// Panics since it last recovered.
    panics: AtomicU32,
    tolerated: u32,
    /// Panics in all.
    restarts: Counter,
}

impl Supervisor {
    pub(crate) fn new() -> Supervisor {
        Supervisor::at(PACE)
    }

    fn at(pace: Pace) -> Supervisor {
        Supervisor {
            pace,
            jobs: Arc::default(),
            keepers: JoinSet::new(),
        }
    }

    /// Runs a job on the runtime that this is called on.
    pub(crate) fn run(&mut self, job: Job) {
        let status = Arc::new(Status {
            name: job.name,
            panics: AtomicU32::new(0),
            tolerated: self.pace.tolerated,
            restarts: Counter::default(),
        });
        self.jobs.all().push(Arc::clone(&status));
        self.keepers.spawn(keep(job, status, self.pace));
    }

    /// What is known of the jobs.
    pub(crate) fn jobs(&self) -> Arc<Jobs> {
        Arc::clone(&self.jobs)
    }

    /// For the server: whether all jobs run.
    pub(crate) fn readiness(&self) -> Arc<dyn Readiness> {
        Arc::clone(&self.jobs) as Arc<dyn Readiness>
    }
}

impl Jobs {
    /// Writes how often each was started again.
    pub(crate) fn measure(&self, page: &mut Page) {
        for status in self.all().iter() {
            page.counter(
                "dunder_jobs_restarted_total",
                "Background jobs that panicked and were started again.",
                &[("name", status.name)],
                status.restarts.count(),
            );
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Status>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readiness for Jobs {
    fn check(&self) -> Result<(), NotReady> {
        let jobs = self.all();
        let failing = jobs.iter().find(|status| status.is_failing());
        failing.map_or(Ok(()), |status| {
            Err(NotReady {
                reason: "a background job keeps failing",
                error: StoreError::Unexpected(format!(
                    "the job '{}' panicked again and again",
                    status.name
                )),
            })
        })
    }
}

impl Status {
    fn is_failing(&self) -> bool {
        self.panics.load(Ordering::Relaxed) >= self.tolerated
    }
}

/// Runs a job to its end, over its panics.
async fn keep(job: Job, status: Arc<Status>, pace: Pace) {
    let mut delays = delays(pace);
    loop {
        let panicked = panics(&job, &status, pace).await;
        if !panicked {
            return;
        }
        status.restarts.increment();
        if status.panics.fetch_add(1, Ordering::Relaxed) == 0 {
            delays = self::delays(pace);
        }
        let delay = delays.next().unwrap_or(pace.longest);
        tracing::error!(
            job = job.name,
            panics = status.panics.load(Ordering::Relaxed),
            again_in_ms = delay.as_millis() as u64,
            "a background job panicked; it is started again"
        );
        tokio::time::sleep(delay).await;
    }
}

/// One run of a job; whether it panicked. Once it has run for long enough,
/// what was before is forgiven.
async fn panics(job: &Job, status: &Status, pace: Pace) -> bool {
    let mut run = JoinSet::new();
    run.spawn(job.start());
    let recovers_at = Instant::now() + pace.recovered;
    let ended = tokio::select! {
        ended = run.join_next() => ended,
        () = tokio::time::sleep_until(recovers_at) => {
            status.panics.store(0, Ordering::Relaxed);
            run.join_next().await
        }
    };
    matches!(ended, Some(Err(error)) if error.is_panic())
}

fn delays(pace: Pace) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(pace.first)
        .with_max_delay(pace.longest)
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::mpsc;

    use super::*;

    const QUICK: Pace = Pace {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(5),
        recovered: Duration::from_secs(600),
        tolerated: 3,
    };

    /// A job whose runs are told, and do what they are told.
    struct Told {
        starts: mpsc::UnboundedReceiver<mpsc::UnboundedSender<Do>>,
    }

    enum Do {
        End,
        Panic,
    }

    fn told() -> (Told, Job) {
        let (started, starts) = mpsc::unbounded_channel();
        let job = Job::new("told", move || {
            let (order, mut orders) = mpsc::unbounded_channel();
            started.send(order).unwrap();
            async move {
                match orders.recv().await {
                    Some(Do::Panic) => panic!("as told"),
                    Some(Do::End) | None => {}
                }
            }
        });
        (Told { starts }, job)
    }

    async fn until(condition: impl Fn() -> bool) {
        for _ in 0..30_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("it never came to that");
    }

    #[tokio::test]
    async fn what_panics_is_started_again_and_after_three_times_the_server_is_not_ready() {
        let mut supervisor = Supervisor::at(QUICK);
        let (mut told, job) = told();
        supervisor.run(job);
        let ready = supervisor.readiness();
        for panics in 0..3 {
            assert!(ready.check().is_ok(), "{panics}");
            let run = told.starts.recv().await.unwrap();
            run.send(Do::Panic).map_err(|_| "gone").unwrap();
            if panics == 2 {
                until(|| ready.check().is_err()).await;
            }
        }
        let _fourth = told.starts.recv().await.unwrap();
        let why = ready.check().unwrap_err();
        assert_eq!(why.reason, "a background job keeps failing");
        assert!(why.error.to_string().contains("'told'"), "{}", why.error);
    }

    #[tokio::test]
    async fn a_job_that_ran_for_long_enough_is_ready_again() {
        let recovered = Duration::from_millis(50);
        let mut supervisor = Supervisor::at(Pace {
            recovered,
            tolerated: 1,
            ..QUICK
        });
        let (mut told, job) = told();
        supervisor.run(job);
        let ready = supervisor.readiness();
        let first = told.starts.recv().await.unwrap();
        first.send(Do::Panic).map_err(|_| "gone").unwrap();
        let _second = told.starts.recv().await.unwrap();
        until(|| ready.check().is_ok()).await;
    }

    #[tokio::test]
    async fn a_job_that_ends_stays_ended_and_is_no_failure() {
        let mut supervisor = Supervisor::at(Pace {
            tolerated: 1,
            ..QUICK
        });
        let (mut told, job) = told();
        supervisor.run(job);
        let run = told.starts.recv().await.unwrap();
        run.send(Do::End).map_err(|_| "gone").unwrap();
        supervisor.keepers.join_next().await.unwrap().unwrap();
        assert!(told.starts.recv().await.is_none());
        assert!(supervisor.readiness().check().is_ok());
    }

    #[tokio::test]
    async fn jobs_end_with_their_supervisor() {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let mut supervisor = Supervisor::at(QUICK);
        supervisor.run(Job::new("endless", move || {
            struct Running(Arc<AtomicUsize>);
            impl Drop for Running {
                fn drop(&mut self) {
                    self.0.fetch_sub(1, Ordering::Relaxed);
                }
            }
            counted.fetch_add(1, Ordering::Relaxed);
            let running = Running(Arc::clone(&counted));
            async move {
                let _running = running;
                std::future::pending::<()>().await;
            }
        }));
        until(|| runs.load(Ordering::Relaxed) == 1).await;
        drop(supervisor);
        until(|| runs.load(Ordering::Relaxed) == 0).await;
    }
}
