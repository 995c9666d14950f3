//! A part of the store that a follower reads by itself.

use std::panic;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::error::Elapsed;

use crate::domain::{FollowFilter, Passage, Position, StoreError};
use crate::server::Context;
use crate::server::metrics::Read;
use crate::server::response::stream::Boxed;

/// What was read; `None` where the server stops.
pub(super) type Done = Option<Result<Result<Passage, StoreError>, Elapsed>>;

/// A wait for a turn, and the read that follows it.
pub(super) struct Reading {
    /// Behind which it reads.
    pub(super) from: Option<Position>,
    /// The store had everything up to here when it began.
    pub(super) until: Option<Position>,
    pub(super) done: Boxed<Done>,
    /// Whether it goes on while nobody waits for it.
    is_detached: bool,
}

impl Reading {
    /// One that begins once it is waited for.
    pub(super) fn new(
        context: &Arc<Context>,
        (from, until): (Option<Position>, Option<Position>),
        filter: FollowFilter,
    ) -> Reading {
        let context = Arc::clone(context);
        let done = async move {
            let _turn = context.followers.turn().await?;
            let reading = context.store.after(from, &filter);
            let reading = context.metrics.reads.time(Read::After, reading);
            let patience = context.settings.limits.query_timeout;
            Some(tokio::time::timeout(patience, reading).await)
        };
        Reading {
            from,
            until,
            done: Box::pin(done),
            is_detached: false,
        }
    }

    /// The same, going on while a client is told something else: one that takes
    /// nothing of it must not keep a turn from others. Ends with its follower.
    pub(super) fn detached(mut self) -> Reading {
        if !self.is_detached {
            let mut task = JoinSet::new();
            task.spawn(self.done);
            self.done = Box::pin(async move {
                match task.join_next().await? {
                    Ok(done) => done,
                    Err(ended) => match ended.try_into_panic() {
                        Ok(panicked) => panic::resume_unwind(panicked),
                        Err(_) => None,
                    },
                }
            });
            self.is_detached = true;
        }
        self
    }
}
