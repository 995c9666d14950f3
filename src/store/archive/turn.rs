//! Imports and evictions take turns. An import looks for its records in the
//! archive and then hands those that are not there to the hot store: whatever
//! left the hot store between the two would be stored, and counted, again.

use std::time::Duration;

use chrono::Utc;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::Archived;
use crate::domain::{Store, StoreError};

/// The name of the lease, for other programs over the same store.
const WORK: &str = "imports or evictions of the archive";
/// How long a program that was killed keeps others from their turn.
const HELD: Duration = Duration::from_secs(30);
/// Between two times that a turn is made longer.
const RENEW: Duration = Duration::from_secs(10);
/// How long one waits for another program's turn; longer than that of one that
/// was killed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks whether it is over.
const LOOK: Duration = Duration::from_millis(20);

/// Whose turn it is.
pub(super) struct Turns {
    /// Of the tasks of this program one.
    tasks: Mutex<()>,
    /// A name of this program that no other has.
    owner: String,
}

impl Turns {
    pub(super) fn new() -> Turns {
        let mut random = [0; 8];
        // Two programs of one machine differ by their process anyway.
        let _ = getrandom::fill(&mut random);
        let random = u64::from_be_bytes(random);
        Turns {
            tasks: Mutex::default(),
            owner: format!("{}-{random:016x}", std::process::id()),
        }
    }

    async fn take(&self, hot: &dyn Store) -> Result<bool, StoreError> {
        hot.lease(WORK, &self.owner, Utc::now() + HELD).await
    }
}

impl Archived {
    /// Does work while no other program, and no other task of this one, does
    /// its own.
    pub(super) async fn in_turn<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let hot = self.hot.as_ref();
        let _task = self.turns.tasks.lock().await;
        let begun = Instant::now();
        while !self.turns.take(hot).await? {
            if begun.elapsed() > PATIENCE {
                let why = "another program imports or archives messages; try again when it is done";
                return Err(StoreError::Unavailable(why.to_owned()));
            }
            sleep(LOOK).await;
        }
        let mut work = std::pin::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                () = sleep(RENEW) => {
                    if !self.turns.take(hot).await? {
                        let why = "another program took over from this one, which was too slow; try again";
                        return Err(StoreError::Unavailable(why.to_owned()));
                    }
                }
            }
        };
        let released = hot.release(WORK, &self.turns.owner).await;
        if let Err(error) = released {
            // It ends by itself.
            tracing::debug!(%error, "a turn at the archive was not given back");
        }
        done
    }
}
