//! The reader: reads what is new from the store into the ring, once for all
//! who follow, and rests while nobody does.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{FeedLimit, FollowFilter, Job, Position, Store, StoreError};
use crate::server::follow::Followers;

/// How often the store is read although it told of nothing new: other programs
/// and servers store, too.
const POLL: Duration = Duration::from_millis(100);
/// After a failed read, doubled each time.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Reads for as long as the server runs.
pub(crate) fn job(followers: &Arc<Followers>, store: &Arc<dyn Store>) -> Job {
    let (followers, store) = (Arc::clone(followers), Arc::clone(store));
    Job::new("following", move || {
        run(Arc::clone(&followers), Arc::clone(&store))
    })
}

async fn run(followers: Arc<Followers>, store: Arc<dyn Store>) {
    let mut wait = BackOff::default();
    loop {
        followers.wanted().await;
        match store.closed().await {
            Ok(closed) => {
                wait.succeeded();
                followers.begin(closed);
                while !followers.rest() {
                    match read(&followers, &*store, followers.head()).await {
                        Ok(()) => wait.succeeded(),
                        Err(error) => wait.failed(&error).await,
                    }
                }
            }
            Err(error) => wait.failed(&error).await,
        }
    }
}

/// Reads what follows a position, or waits until there may be something.
async fn read(
    followers: &Followers,
    store: &dyn Store,
    position: Option<Position>,
) -> Result<(), StoreError> {
    let all = FollowFilter {
        is_live: true,
        limit: FeedLimit::new(FeedLimit::MAX).unwrap_or_default(),
        ..FollowFilter::default()
    };
    let passage = store.after(position, &all).await?;
    let is_caught_up = passage.is_caught_up;
    followers.push(passage);
    if is_caught_up {
        let _ = tokio::time::timeout(POLL, store.stored()).await;
    }
    Ok(())
}

/// Longer and longer waits while the store is away, of which the log says the
/// beginning and the end.
#[derive(Default)]
struct BackOff {
    last: Option<Duration>,
}

impl BackOff {
    async fn failed(&mut self, error: &StoreError) {
        if self.last.is_none() {
            tracing::warn!(%error, "those who follow wait: the store cannot be read");
        }
        let wait = self.last.map_or(BACK_OFF.0, |last| last * 2);
        let wait = wait.min(BACK_OFF.1);
        self.last = Some(wait);
        tokio::time::sleep(wait).await;
    }

    fn succeeded(&mut self) {
        if self.last.take().is_some() {
            tracing::info!("those who follow are told again");
        }
    }
}
