//! Whether reading, or storing, has failed since it last worked, and for how
//! long: connections may open to a cluster that does neither.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::domain::StoreError;

use super::conn::locked;
use super::retry::{Failure, Kind};

/// A cluster that loses a node needs about nine seconds to go on. What fails
/// for longer than that is away, and nobody waits for it any more.
const RECOVERY: Duration = Duration::from_secs(12);

/// What has not answered by then may be away.
pub(super) const SILENCE: Duration = Duration::from_secs(3);

/// What became of one kind of work.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<Failing>>);

/// A run of failures without a success.
#[derive(Debug, Clone)]
struct Failing {
    since: Instant,
    last: Failure,
}

impl Trouble {
    /// Does something and notes what became of it, also while it is silent.
    pub(super) async fn watch<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let (began, mut work) = (Instant::now(), pin!(work));
        let done = match tokio::time::timeout(SILENCE, &mut work).await {
            Ok(done) => done,
            Err(_) => {
                self.note(began, &Failure::stalled(SILENCE));
                work.await
            }
        };
        match &done {
            Ok(_) => self.is_over(),
            Err(failure) => self.note(began, failure),
        }
        done
    }

    /// It worked.
    pub(super) fn is_over(&self) {
        *locked(&self.0) = None;
    }

    /// An attempt that began then failed, or has not answered for long. What
    /// says nothing of the database is not noted.
    pub(super) fn note(&self, began: Instant, failure: &Failure) {
        match failure.kind {
            Kind::Lost | Kind::Away | Kind::ReadOnly | Kind::NoDatabase => {}
            Kind::Again | Kind::Stale | Kind::Corrupt | Kind::Fatal => return,
        }
        let mut failing = locked(&self.0);
        let since = failing.as_ref().map_or(began, |failing| failing.since);
        let last = failure.clone();
        *failing = Some(Failing { since, last });
    }

    /// What failed last, if nothing worked since.
    pub(super) fn last(&self) -> Option<Failure> {
        locked(&self.0).as_ref().map(|failing| failing.last.clone())
    }

    /// Turns work away once it is known that it would wait in vain.
    pub(super) fn refuse(&self) -> Result<(), StoreError> {
        let failing = locked(&self.0);
        match &*failing {
            Some(Failing { since, last }) => {
                // A server that only reads says so; silence may be recovery.
                let is_known = last.kind == Kind::ReadOnly || since.elapsed() > RECOVERY;
                match is_known {
                    true => Err(StoreError::from(last.clone())),
                    false => Ok(()),
                }
            }
            None => Ok(()),
        }
    }
}

/// Which writers get no connection. As long as one has one, posts are stored;
/// once none has, nothing is, however well others read.
#[derive(Debug, Default)]
pub(super) struct Unconnected(Mutex<BTreeMap<usize, Failing>>);

impl Unconnected {
    /// A writer has a connection.
    pub(super) fn is_over(&self, lane: usize) {
        locked(&self.0).remove(&lane);
    }

    /// A writer got none.
    pub(super) fn note(&self, lane: usize, last: Failure) {
        let mut lanes = locked(&self.0);
        let since = lanes
            .get(&lane)
            .map_or_else(Instant::now, |lane| lane.since);
        lanes.insert(lane, Failing { since, last });
    }

    /// What the last of so many writers was told, if none has a connection.
    pub(super) fn last(&self, lanes: usize) -> Option<Failure> {
        self.all(lanes).map(|failing| failing.last)
    }

    /// Turns work away once no writer had a connection for long.
    pub(super) fn refuse(&self, lanes: usize) -> Result<(), StoreError> {
        match self.all(lanes) {
            Some(Failing { since, last }) if since.elapsed() > RECOVERY => Err(last.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// The one that has been without for the shortest time.
    fn all(&self, lanes: usize) -> Option<Failing> {
        let failing = locked(&self.0);
        let last = failing.values().max_by_key(|failing| failing.since);
        last.filter(|_| failing.len() >= lanes).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_are_turned_away_once_no_writer_had_a_connection_for_long() {
        let none = Unconnected::default();
        none.note(0, Failure::new(Kind::Away, "full"));
        assert!(none.last(2).is_none() && none.last(1).is_some());
        none.note(1, Failure::new(Kind::Away, "full"));
        assert!(none.last(2).is_some() && none.refuse(2).is_ok());
        let Some(long_ago) = Instant::now().checked_sub(RECOVERY * 2) else {
            return;
        };
        for failing in locked(&none.0).values_mut() {
            failing.since = long_ago;
        }
        assert!(none.refuse(2).is_err());
        none.is_over(1);
        assert!(none.refuse(2).is_ok() && none.last(2).is_none());
    }

    #[test]
    fn work_is_turned_away_once_it_failed_for_longer_than_a_recovery_takes() {
        let trouble = Trouble::default();
        let lost = Failure::new(Kind::Lost, "x");
        trouble.note(Instant::now(), &lost);
        assert!(trouble.refuse().is_ok() && trouble.last().is_some());
        trouble.is_over();
        let Some(long_ago) = Instant::now().checked_sub(RECOVERY * 2) else {
            return;
        };
        trouble.note(long_ago, &lost);
        trouble.note(Instant::now(), &lost);
        assert!(trouble.refuse().is_err());
        trouble.is_over();
        assert!(trouble.refuse().is_ok() && trouble.last().is_none());
    }

    #[test]
    fn a_server_that_only_reads_is_known_at_once_and_a_defect_says_nothing() {
        let trouble = Trouble::default();
        trouble.note(Instant::now(), &Failure::new(Kind::Fatal, "x"));
        assert!(trouble.last().is_none());
        trouble.note(Instant::now(), &Failure::new(Kind::ReadOnly, "x"));
        assert!(trouble.refuse().is_err());
    }
}
