//! What is going on at once, bounded: requests that read, those who follow,
//! bodies that are waited for, and the memory of long answers, each apart, so that none takes
//! the place of another. What is over a bound is shed with 503: better an
//! early answer than a long queue. Posts that wait for the store are bounded
//! by the queue of its writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::metrics::{Counter, Page};
use crate::server::error::ApiError;

/// The unit in which memory is shared out: a semaphore counts up to 2³² or so.
const UNIT: usize = 1024;

/// The bounds, and what is left of each.
pub(crate) struct LoadShed {
    requests: Arc<Places>,
    bodies: Arc<Places>,
    followers: Arc<Places>,
    connections: Arc<Semaphore>,
    most_connections: AtomicUsize,
    /// Connections that were taken: of the places one may be held by who waits
    /// for the next, and others by who takes places away.
    open: Arc<AtomicUsize>,
    memory: Arc<Semaphore>,
    /// As much again, which no reader can take.
    posts: Arc<Semaphore>,
    memory_units: u32,
    /// Answers that found no memory.
    memory_shed: Counter,
    /// Requests that took longer than they may.
    pub(crate) gave_up: Counter,
}

/// What a request holds: a place among those of its kind, and its share of
/// memory. Given back when dropped.
#[derive(Default)]
pub(crate) struct InFlight {
    place: Option<Place>,
    memory: Option<OwnedSemaphorePermit>,
}

/// Places that nobody waits for, which a semaphore's queue would be for.
struct Places {
    most: AtomicUsize,
    taken: AtomicUsize,
    /// Those who found none free.
    shed: Counter,
}

/// One of them, given back when dropped.
struct Place(Arc<Places>);

impl Places {
    fn new(count: usize) -> Arc<Places> {
        Arc::new(Places {
            most: AtomicUsize::new(count),
            taken: AtomicUsize::new(0),
            shed: Counter::default(),
        })
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    fn take(self: &Arc<Places>) -> Result<InFlight, ApiError> {
        let most = self.most();
        let more = |taken: usize| (taken < most).then_some(taken + 1);
        // Nothing but the number itself is shared by it.
        let taken = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        if taken.is_err() {
            self.shed.increment();
            return Err(ApiError::Overloaded);
        }
        Ok(InFlight {
            place: Some(Place(Arc::clone(self))),
            memory: None,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection, counted until it is dropped.
pub(crate) struct Connection {
    _place: OwnedSemaphorePermit,
    open: Arc<AtomicUsize>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl InFlight {
    /// Whether a share of memory belongs to it.
    pub(crate) fn has_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// Both in one.
    pub(crate) fn join(&mut self, other: InFlight) {
        self.place = other.place.or(self.place.take());
        self.memory = other.memory.or(self.memory.take());
    }
}

impl LoadShed {
    pub(crate) fn new(limits: &Limits) -> LoadShed {
        let bound = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        let memory_units = u32::try_from(limits.answer_memory / UNIT).unwrap_or(u32::MAX);
        let memory_units = memory_units.max(1);
        LoadShed {
            requests: Places::new(limits.requests),
            bodies: Places::new(limits.bodies),
            followers: Places::new(limits.followers),
            connections: bound(limits.connections),
            most_connections: AtomicUsize::new(most_connections(limits)),
            open: Arc::default(),
            memory: bound(memory_units as usize),
            posts: bound(memory_units as usize),
            memory_units,
            memory_shed: Counter::default(),
            gave_up: Counter::default(),
        }
    }

    /// Takes other bounds from here on, but for memory.
    pub(crate) fn change(&self, limits: &Limits) {
        for (places, most) in [
            (&self.requests, limits.requests),
            (&self.bodies, limits.bodies),
            (&self.followers, limits.followers),
        ] {
            places.most.store(most, Ordering::Relaxed);
        }
        let most = most_connections(limits);
        let before = self.most_connections.swap(most, Ordering::Relaxed);
        if let Some(more) = most.checked_sub(before) {
            self.connections.add_permits(more);
            return;
        }
        // As connections end, their places are taken away.
        let (connections, fewer) = (Arc::clone(&self.connections), before - most);
        tokio::spawn(async move {
            for _ in 0..fewer {
                match connections.acquire().await {
                    Ok(place) => place.forget(),
                    Err(_) => return,
                }
            }
        });
    }

    /// A place among the connections, waited for; none once nobody serves.
    pub(crate) async fn connection_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.connections).acquire_owned().await.ok()
    }

    /// Counts a connection that has its place.
    pub(crate) fn connection(&self, place: OwnedSemaphorePermit) -> Connection {
        self.open.fetch_add(1, Ordering::Relaxed);
        Connection {
            _place: place,
            open: Arc::clone(&self.open),
        }
    }

    /// A place among the requests that read.
    ///
    /// # Errors
    /// All are taken.
    pub(crate) fn request(&self) -> Result<InFlight, ApiError> {
        self.requests.take()
    }

    /// A place among the bodies that are waited for.
    ///
    /// # Errors
    /// All are taken.
    pub(crate) fn body(&self) -> Result<InFlight, ApiError> {
        self.bodies.take()
    }

    /// A place among those who follow.
    ///
    /// # Errors
    /// All are taken.
    pub(crate) fn follower(&self) -> Result<InFlight, ApiError> {
        let full = |_| ApiError::TooManyFollowers(self.followers.most());
        self.followers.take().map_err(full)
    }

    /// A share of the memory of answers; all of it for one that is larger.
    ///
    /// # Errors
    /// There is not so much left.
    pub(crate) fn memory(&self, bytes: usize) -> Result<InFlight, ApiError> {
        let permit = Arc::clone(&self.memory).try_acquire_many_owned(self.units(bytes));
        share(permit.ok()).inspect_err(|_| self.memory_shed.increment())
    }

    /// The same, waited for: what is given back soon, whatever clients do.
    ///
    /// # Errors
    /// Never while the server lives.
    pub(crate) async fn memory_for_now(&self, bytes: usize) -> Result<InFlight, ApiError> {
        let permit = Arc::clone(&self.memory).acquire_many_owned(self.units(bytes));
        share(permit.await.ok())
    }

    /// A share of the memory of long posts and their answers.
    ///
    /// # Errors
    /// There is not so much left.
    pub(crate) fn post(&self, bytes: usize) -> Result<InFlight, ApiError> {
        let permit = Arc::clone(&self.posts).try_acquire_many_owned(self.units(bytes));
        share(permit.ok()).inspect_err(|_| self.memory_shed.increment())
    }

    /// Writes how much is going on, and how much was shed.
    pub(crate) fn measure(&self, page: &mut Page) {
        let most = self.most_connections.load(Ordering::Relaxed);
        let connections = self.open.load(Ordering::Relaxed);
        let taken = |places: &Places| places.taken.load(Ordering::Relaxed);
        for (limit, used, most) in [
            ("connections", connections, most),
            ("requests", taken(&self.requests), self.requests.most()),
            ("bodies", taken(&self.bodies), self.bodies.most()),
            ("followers", taken(&self.followers), self.followers.most()),
        ] {
            let help = "What of a limit (limits.NAME) is used.";
            page.gauge("dunder_limit_used", help, &[("limit", limit)], used as f64);
            let help = "A limit (limits.NAME).";
            page.gauge("dunder_limit_max", help, &[("limit", limit)], most as f64);
        }
        page.gauge(
            "dunder_http_connections",
            "Open connections.",
            &[],
            connections as f64,
        );
        for (reason, count) in [
            ("requests", &self.requests.shed),
            ("bodies", &self.bodies.shed),
            ("followers", &self.followers.shed),
            ("answer_memory", &self.memory_shed),
            ("query_timeout", &self.gave_up),
        ] {
            shed(page, reason, count);
        }
    }

    fn units(&self, bytes: usize) -> u32 {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        units.min(self.memory_units)
    }
}

fn most_connections(limits: &Limits) -> usize {
    limits.connections.min(Semaphore::MAX_PERMITS)
}

/// Requests that were refused for a limit of this name.
pub(crate) fn shed(page: &mut Page, limit: &str, count: &Counter) {
    page.counter(
        "dunder_http_requests_shed_total",
        "Requests refused or given up for a limit (limits.NAME).",
        &[("reason", limit)],
        count.count(),
    );
}

fn share(permit: Option<OwnedSemaphorePermit>) -> Result<InFlight, ApiError> {
    let memory = permit.ok_or(ApiError::Overloaded)?;
    Ok(InFlight {
        place: None,
        memory: Some(memory),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(requests: usize, answer_memory: usize) -> LoadShed {
        LoadShed::new(&Limits {
            requests,
            answer_memory,
            ..Limits::default()
        })
    }

    #[test]
    fn what_is_over_a_bound_is_shed_until_something_is_given_back() {
        let load = load(1, 1024 * 1024);
        let first = load.request().unwrap();
        assert!(matches!(load.request(), Err(ApiError::Overloaded)));
        // Each kind apart.
        let _body = load.body().unwrap();
        drop(first);
        load.request().unwrap();
    }

    #[tokio::test]
    async fn bounds_can_be_changed_while_places_are_taken() {
        let load = load(2, 1024);
        let (first, second) = (load.request().unwrap(), load.request().unwrap());
        let limits = |requests, connections| Limits {
            requests,
            connections,
            ..Limits::default()
        };
        load.change(&limits(1, 3));
        drop(first);
        assert!(load.request().is_err());
        drop(second);
        load.request().unwrap();
        while load.connections.available_permits() > 3 {
            tokio::task::yield_now().await;
        }
        let taken = load.connection_place().await;
        load.change(&limits(1, 1));
        while load.connections.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        drop(taken);
        load.change(&limits(1, 5));
        while load.connections.available_permits() != 5 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn memory_is_shared_out_and_one_answer_can_have_all_of_it_but_no_more() {
        let load = load(10, 100 * 1024);
        let mut held = load.request().unwrap();
        held.join(load.memory(60_000).unwrap());
        assert!(load.memory(60_000).is_err());
        drop(held);
        let all = load.memory(usize::MAX).unwrap();
        assert!(load.memory(1).is_err());
        drop(all);
        load.memory(60_000).unwrap();
    }
}
