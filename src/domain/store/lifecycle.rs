//! Whether a store serves, and its end.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Day, StoreError};
use crate::domain::{Job, MessageId, format_duration};
use crate::metrics::Page;

/// Serves until it is closed.
#[async_trait]
pub trait Lifecycle: Send + Sync {
    /// What differs whenever any answer may differ, whoever changed the store;
    /// `None` where that cannot be told for less than an answer costs.
    fn version(&self) -> Option<Version> {
        None
    }

    /// Whether the store would take a post now, and what its operator should
    /// know although it would.
    async fn check(&self) -> Result<Vec<Warning>, NotReady>;

    /// Work of the store that goes on beside requests, for whoever keeps it
    /// open for long. Without it the store only notices later what it would
    /// notice.
    fn jobs(&self) -> Vec<Job> {
        Vec::new()
    }

    /// Writes what the store counts and measures; never waits.
    fn measure(&self, page: &mut Page) {
        let _ = page;
    }

    /// Takes no more posts, finishes those already taken, and lets go of files
    /// and connections.
    async fn close(&self);
}

/// A state of a store; only good for comparing with another of the same store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u64);

/// What the operator of a store should know. `Display` may be read by any
/// client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A message is dated later than the clock says it is.
    #[error(
        "the newest message is dated {}, {} ahead of the server's clock: a clock was wrong, or such messages were imported; new messages are dated by the clock as it is now", .newest.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), format_duration(*.ahead)
    )]
    FromTheFuture {
        /// Its date.
        newest: DateTime<Utc>,
        /// By how much.
        ahead: Duration,
    },
    /// A file of the archive.
    #[error(
        "the archive's messages of {day} cannot be read: answers lack them and say so; the log names the file"
    )]
    Unreadable {
        /// Whose messages it has.
        day: Day,
    },
}

impl Warning {
    /// What there is to say of the newest message of a store, at `now`.
    pub fn of_newest(newest: Option<MessageId>, now: DateTime<Utc>) -> Option<Warning> {
        let newest = newest.filter(|newest| newest.is_ahead_of(now.timestamp_millis()))?;
        let newest = newest.created_at();
        let ahead = (newest - now).to_std().unwrap_or_default();
        Some(Warning::FromTheFuture { newest, ahead })
    }
}

/// Why a store would not take a post now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}: {error}")]
pub struct NotReady {
    /// In words that any client may read.
    pub reason: &'static str,
    /// For the log.
    pub error: StoreError,
}

impl NotReady {
    /// For [`Result::map_err`].
    pub fn because(reason: &'static str) -> impl FnOnce(StoreError) -> NotReady {
        move |error| NotReady { reason, error }
    }
}
