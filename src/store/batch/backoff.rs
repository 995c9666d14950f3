//! Trying again: bounded by time, with longer and longer waits that are spread
//! by jitter, and logged.

use std::time::{Duration, Instant};

use tracing::warn;

/// The first wait; doubled each time, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// A failure that knows whether trying again can help.
pub(crate) trait Retryable {
    /// Whether the next attempt can, after so many and so much time.
    fn can_help(&self, attempts: u32, elapsed: Duration) -> bool;

    /// What to log of it.
    fn text(&self) -> &str;
}

/// The waits between attempts of one piece of work.
pub(crate) struct Backoff {
    what: &'static str,
    started: Instant,
    limit: Duration,
    attempts: u32,
}

impl Backoff {
    /// For work that may take so long in all.
    pub(crate) fn new(what: &'static str, limit: Duration) -> Backoff {
        Backoff {
            what,
            started: Instant::now(),
            limit,
            attempts: 0,
        }
    }

    /// What is left of the limit, for the next attempt.
    pub(crate) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// Gives the failure back when trying again cannot help or the time is
    /// used up.
    pub(crate) async fn wait<F: Retryable>(&mut self, failure: F) -> Result<(), F> {
        self.attempts += 1;
        let pause = jitter(FIRST * 2u32.pow(self.attempts.min(8) - 1)).min(LONGEST);
        let elapsed = self.started.elapsed();
        let helps = failure.can_help(self.attempts, elapsed);
        let (what, attempts) = (self.what, self.attempts);
        if !helps || elapsed + pause >= self.limit {
            warn!(what, attempts, ?elapsed, "given up: {}", failure.text());
            return Err(failure);
        }
        warn!(what, attempts, ?pause, "trying again: {}", failure.text());
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// Half to all of a duration, at random: many waiters do not wake as one.
pub(crate) fn jitter(of: Duration) -> Duration {
    // Without randomness the wait is merely not spread.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    of / 2 + (of / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fault(bool);

    impl Retryable for Fault {
        fn can_help(&self, _: u32, _: Duration) -> bool {
            self.0
        }

        fn text(&self) -> &str {
            "a fault"
        }
    }

    #[tokio::test]
    async fn retries_stop_at_the_limit_and_at_once_when_they_cannot_help() {
        let mut spent = Backoff::new("test", Duration::ZERO);
        assert!(spent.wait(Fault(true)).await.is_err());
        let mut fresh = Backoff::new("test", Duration::from_secs(3600));
        assert!(fresh.wait(Fault(false)).await.is_err());
        assert!(fresh.wait(Fault(true)).await.is_ok());
    }
}
