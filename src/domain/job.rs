//! Work beside requests, described and not run: who has it to give (a store,
//! the server) need not know who keeps it going.

use std::fmt;
use std::pin::Pin;

use super::NotReady;

/// One run of a job.
pub type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that goes on until it is done, or for ever. Each start is a new run;
/// whatever a run needs is kept outside it.
pub struct Job {
    /// What it does, in two or three words, for the log.
    pub name: &'static str,
    start: Box<dyn Fn() -> Run + Send + Sync>,
}

impl Job {
    /// A job that `start` begins, each time anew.
    pub fn new<F>(name: &'static str, start: impl Fn() -> F + Send + Sync + 'static) -> Job
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Job {
            name,
            start: Box::new(move || Box::pin(start())),
        }
    }

    /// Begins a run.
    pub fn start(&self) -> Run {
        (self.start)()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.name).finish()
    }
}

/// Says whether everything beside the store is able to serve.
pub trait Readiness: Send + Sync {
    /// Ready, or why not.
    ///
    /// # Errors
    /// [`NotReady`].
    fn check(&self) -> Result<(), NotReady>;
}
