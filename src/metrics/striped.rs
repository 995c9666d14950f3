//! Numbers that are counted with every request.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More of them gain little: a few threads to each hardly ever meet.
const MOST: usize = 32;

thread_local! {
    /// The number of this thread among those that count.
    static NUMBER: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

/// The same numbers several times over, one for each thread that counts as far
/// as there are enough: to add to a number that another processor has just
/// added to costs ten times as much as to add. Who reads them sums.
#[derive(Debug)]
pub struct Striped<T>(Box<[Arc<Stripe<T>>]>);

/// One of them, on cache lines of its own; two, which processors fetch
/// together.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Stripe<T>(T);

impl<T> Striped<T> {
    /// As many as there may be threads at work, each as it is made.
    pub fn new(make: impl Fn() -> T) -> Striped<T> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        // Twice: some that count are not among those at work.
        let count = (threads * 2).next_power_of_two().min(MOST);
        Striped((0..count).map(|_| Arc::new(Stripe(make()))).collect())
    }

    /// Those of this thread. What begins in one ends there, wherever it ends.
    ///
    /// # Panics
    /// Never: there is one at least.
    pub fn here(&self) -> &Arc<Stripe<T>> {
        let number = NUMBER.try_with(|number| *number).unwrap_or_default();
        &self.0[number & (self.0.len() - 1)]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &***stripe)
    }
}

impl<T> Deref for Stripe<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Counter;

    #[test]
    fn nothing_that_threads_count_is_lost_and_each_has_numbers_of_its_own() {
        let striped = Striped::new(Counter::default);
        let here = || Arc::as_ptr(striped.here()) as usize;
        let places = thread::scope(|scope| {
            let count = || {
                (0..1_000).for_each(|_| striped.here().increment());
                (here(), here())
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            let places = threads.into_iter().map(|thread| thread.join().unwrap());
            places.collect::<Vec<_>>()
        });
        assert!(places.iter().all(|(first, again)| first == again));
        assert!(places.iter().all(|(place, _)| place.is_multiple_of(128)));
        assert_eq!(striped.iter().map(Counter::count).sum::<u64>(), 4_000);
    }
}
