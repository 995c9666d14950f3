//! How long to leave a server alone that could not be heard.

use std::time::Duration;

use crate::cli::client::jittered;

/// The first wait; it doubles.
const FIRST: Duration = Duration::from_millis(250);
/// The longest wait that nobody asked for.
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that held for so long was a good one: the next wait is the
/// first again.
const GOOD: Duration = Duration::from_secs(1);
/// The longest that a server can send a follower away for.
const WANTED_AT_MOST: Duration = Duration::from_secs(3_600);

/// Longer and longer waits.
pub(crate) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff(FIRST)
    }
}

impl Backoff {
    /// How long to wait when a connection broke that held for so long, or
    /// when there was none: what the server wants, or else longer each time,
    /// with chance in it so that not all come at once.
    pub fn wait(&mut self, held: Option<Duration>, wanted: Option<Duration>) -> Duration {
        if held.is_some_and(|held| held >= GOOD) {
            self.0 = FIRST;
        }
        let own = jittered(self.0);
        self.0 = (self.0 * 2).min(LONGEST);
        match wanted {
            Some(wanted) => wanted.min(WANTED_AT_MOST) + jittered(FIRST),
            None => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_until_a_connection_held() {
        let mut backoff = Backoff::default();
        for longest in [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            let wait = backoff.wait(None, None).as_millis();
            let shortest = longest / 2;
            assert!((shortest..=longest).contains(&wait), "{wait} of {longest}");
        }
        let at_once = backoff.wait(Some(GOOD / 2), None);
        assert!(at_once > GOOD, "{at_once:?}");
        assert!(backoff.wait(Some(GOOD), None) <= FIRST);
    }

    #[test]
    fn a_server_says_how_long_but_not_for_ever() {
        let mut backoff = Backoff::default();
        let asked = Duration::from_secs(7);
        let wait = backoff.wait(None, Some(asked));
        assert!(wait >= asked && wait <= asked + FIRST, "{wait:?}");
        assert!(backoff.wait(None, Some(Duration::MAX)) <= WANTED_AT_MOST + FIRST);
    }
}
