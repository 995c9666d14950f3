//! Limits on how much at once and how often: requests in flight, posts per
//! user, failed authentications per address.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock, Reference};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::config::Limits;
use crate::domain::UserName;
use crate::server::error::ApiError;

/// Keys remembered before those that have recovered are forgotten.
const KEYS_HELD: usize = 20_000;

/// Keeps count.
pub(crate) struct Limiters {
    in_flight: Semaphore,
    posts: Option<PerMinute<UserName>>,
    failures: Option<PerMinute<IpAddr>>,
}

impl Limiters {
    pub(crate) fn new(limits: &Limits) -> Limiters {
        Limiters {
            in_flight: Semaphore::new(limits.requests.min(Semaphore::MAX_PERMITS)),
            posts: limits.posts_per_minute.and_then(PerMinute::new),
            failures: limits.unauthenticated_per_minute.and_then(PerMinute::new),
        }
    }

    /// A place among the requests in flight, held until dropped. `None` when
    /// all are taken: better an early 503 than a long queue.
    pub(crate) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.in_flight.try_acquire().ok()
    }

    /// Counts a post of this user.
    pub(crate) fn post(&self, user: &UserName) -> Result<(), ApiError> {
        self.posts
            .as_ref()
            .map_or(Ok(()), |posts| posts.count(user))
    }

    /// Refuses an address whose failures are used up, before anything is
    /// looked up for it.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<(), ApiError> {
        self.failures
            .as_ref()
            .map_or(Ok(()), |failures| failures.peek(&subnet(address)))
    }

    /// Counts a failed authentication from this address.
    pub(crate) fn note_failure(&self, address: IpAddr) {
        if let Some(failures) = &self.failures {
            let _ = failures.count(&subnet(address));
        }
    }
}

/// One customer usually holds a whole IPv6 /64: that is one address here.
fn subnet(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(four) => IpAddr::V4(four),
        IpAddr::V6(six) => IpAddr::V6((u128::from(six) >> 64 << 64).into()),
    }
}

/// A budget that refills over a minute, one for each key.
struct PerMinute<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    blocked: std::sync::Mutex<std::collections::HashMap<K, <DefaultClock as Clock>::Instant>>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> PerMinute<K> {
    /// `None` for a budget of zero, which stands for no limit.
    fn new(budget: u32) -> Option<PerMinute<K>> {
        let quota = Quota::per_minute(NonZeroU32::new(budget)?);
        Some(PerMinute {
            limiter: RateLimiter::keyed(quota),
            blocked: std::sync::Mutex::default(),
            clock: DefaultClock::default(),
        })
    }

    fn count(&self, key: &K) -> Result<(), ApiError> {
        if self.limiter.len() > KEYS_HELD {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|until| {
            let now = self.clock.now();
            let mut blocked = self.lock();
            if blocked.len() >= KEYS_HELD {
                blocked.retain(|_, end| *end > now);
            }
            blocked.insert(key.clone(), until.earliest_possible());
            ApiError::RateLimited(until.wait_time_from(now))
        })
    }

    fn peek(&self, key: &K) -> Result<(), ApiError> {
        let now = self.clock.now();
        let mut blocked = self.lock();
        match blocked.get(key) {
            Some(end) if *end > now => Err(ApiError::RateLimited(end.duration_since(now).into())),
            Some(_) => {
                blocked.remove(key);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn lock(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::HashMap<K, <DefaultClock as Clock>::Instant>>
    {
        self.blocked
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
