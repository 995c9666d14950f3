//! Limits on how often: posts per user, failed authentications per address.

use std::convert::Infallible;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use governor::clock::{Clock, DefaultClock};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::{Quota, RateLimiter};

use crate::config::Limits;
use crate::domain::UserName;
use crate::metrics::{Counter, Page};
use crate::server::error::ApiError;
use crate::server::layer::in_flight::shed;

/// Keys remembered before those that have recovered are forgotten.
const KEYS_HELD: usize = 20_000;

/// Keeps count.
pub(crate) struct Limiters {
    posts: ArcSwapOption<PerMinute<UserName>>,
    failures: ArcSwapOption<PerMinute<IpAddr>>,
    refused_posts: Counter,
    refused_addresses: Counter,
}

impl Limiters {
    pub(crate) fn new(limits: &Limits) -> Limiters {
        Limiters {
            posts: ArcSwapOption::new(per_minute(limits.posts_per_minute)),
            failures: ArcSwapOption::new(per_minute(limits.unauthenticated_per_minute)),
            refused_posts: Counter::default(),
            refused_addresses: Counter::default(),
        }
    }

    /// Counts by other limits from here on, anew where one has changed.
    pub(crate) fn change(&self, before: &Limits, limits: &Limits) {
        if before.posts_per_minute != limits.posts_per_minute {
            self.posts.store(per_minute(limits.posts_per_minute));
        }
        if before.unauthenticated_per_minute != limits.unauthenticated_per_minute {
            let failures = per_minute(limits.unauthenticated_per_minute);
            self.failures.store(failures);
        }
    }

    /// Writes how many were refused.
    pub(crate) fn measure(&self, page: &mut Page) {
        shed(page, "posts_per_minute", &self.refused_posts);
        shed(page, "unauthenticated_per_minute", &self.refused_addresses);
    }

    /// Counts a post of this user.
    pub(crate) fn post(&self, user: &UserName) -> Result<(), ApiError> {
        self.posts
            .load()
            .as_ref()
            .map_or(Ok(()), |posts| posts.count(user.clone()))
            .inspect_err(|_| self.refused_posts.increment())
    }

    /// Refuses an address whose failures are used up, before anything is
    /// looked up for it.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<(), ApiError> {
        self.failures
            .load()
            .as_ref()
            .map_or(Ok(()), |failures| failures.peek(subnet(address)))
            .inspect_err(|_| self.refused_addresses.increment())
    }

    /// Counts a failed authentication from this address.
    pub(crate) fn note_failure(&self, address: IpAddr) {
        if let Some(failures) = &*self.failures.load() {
            let _ = failures.count(subnet(address));
        }
    }
}

fn per_minute<K: Hash + Eq + Clone>(budget: Option<u32>) -> Option<Arc<PerMinute<K>>> {
    budget.and_then(PerMinute::new).map(Arc::new)
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
    limiter: RateLimiter<Ask<K>, Budgets<K>, DefaultClock>,
    /// Keys at which those that have recovered are forgotten.
    prune_at: AtomicUsize,
}

impl<K: Hash + Eq + Clone> PerMinute<K> {
    /// `None` for a budget of zero, which stands for no limit.
    fn new(budget: u32) -> Option<PerMinute<K>> {
        let quota = Quota::per_minute(NonZeroU32::new(budget)?);
        let budgets = Budgets(DashMapStateStore::default());
        Some(PerMinute {
            limiter: RateLimiter::new(quota, budgets, DefaultClock::default()),
            prune_at: AtomicUsize::new(KEYS_HELD),
        })
    }

    /// Takes one from a key's budget.
    fn count(&self, key: K) -> Result<(), ApiError> {
        self.ask(&Ask::Count(key))
    }

    /// Whether there is one left to take.
    fn peek(&self, key: K) -> Result<(), ApiError> {
        self.ask(&Ask::Peek(key))
    }

    fn ask(&self, ask: &Ask<K>) -> Result<(), ApiError> {
        let held = self.limiter.len();
        if held > self.prune_at.load(Ordering::Relaxed) {
            self.limiter.retain_recent();
            // When most are recent, to look again soon would cost every
            // request a walk over all.
            let next = (self.limiter.len() * 2).max(KEYS_HELD);
            self.prune_at.store(next, Ordering::Relaxed);
        }
        self.limiter.check_key(ask).map_err(|until| {
            let now = self.limiter.clock().now();
            ApiError::RateLimited(until.wait_time_from(now))
        })
    }
}

/// What is wanted of a key's budget.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Ask<K> {
    Count(K),
    /// Looks, and takes nothing.
    Peek(K),
}

/// governor's budgets, which can also be looked at.
struct Budgets<K: Hash + Eq + Clone>(DashMapStateStore<K>);

impl<K: Hash + Eq + Clone> StateStore for Budgets<K> {
    type Key = Ask<K>;

    fn measure_and_replace<T, F, E>(&self, ask: &Ask<K>, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        match ask {
            Ask::Count(key) => self.0.measure_and_replace(key, measure),
            // An error leaves the budget as it is.
            Ask::Peek(key) => {
                let look = |earlier| Err::<(Infallible, Nanos), _>(measure(earlier));
                match self.0.measure_and_replace(key, look) {
                    Ok(never) => match never {},
                    Err(measured) => measured.map(|(positive, _)| positive),
                }
            }
        }
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<Ask<K>> for Budgets<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        ShrinkableKeyedStateStore::<K>::retain_recent(&self.0, drop_below);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_can_be_looked_at_without_taking_from_it() {
        let budget = PerMinute::new(3).unwrap();
        for _ in 0..10 {
            budget.peek("ann").unwrap();
        }
        for _ in 0..3 {
            budget.count("ann").unwrap();
        }
        for refused in [budget.peek("ann"), budget.count("ann")] {
            let Err(ApiError::RateLimited(wait)) = refused else {
                panic!("{refused:?}");
            };
            assert!(wait.as_secs() < 60, "{wait:?}");
        }
        budget.count("bob").unwrap();
    }

    #[test]
    fn no_budget_is_no_limit() {
        assert!(PerMinute::<&str>::new(0).is_none());
    }

    #[test]
    fn an_address_of_ipv6_stands_for_its_network() {
        let limits = Limits {
            unauthenticated_per_minute: Some(1),
            ..Limits::default()
        };
        let limiters = Limiters::new(&limits);
        let address = |text: &str| text.parse().unwrap();
        limiters.note_failure(address("2001:db8::1"));
        assert!(limiters.admit(address("2001:db8::2")).is_err());
        assert!(limiters.admit(address("2001:db8:0:1::1")).is_ok());
    }
}
