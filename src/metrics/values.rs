//! Numbers that threads share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        // Nothing but the number itself is shared by it.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many up to now.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds in nanoseconds: 1 ms to 30 s.
const TIMES: &[u64] = &[
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];
/// Upper bounds of what comes in ones.
const SIZES: &[u64] = &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];

/// Buckets of the histogram with the most.
const BUCKETS: usize = TIMES.len() + 1;
const _: () = assert!(SIZES.len() < BUCKETS);

/// How values are spread, by fixed bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// A bound stands for so many of the unit that is shown.
    unit: f64,
    /// Each has the values up to its bound and above the one before; the last
    /// has those above all bounds. Of sizes some are not used.
    buckets: [Counter; BUCKETS],
    sum: Counter,
}

/// What a histogram had at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    pub(super) sum: f64,
    pub(super) count: u64,
    /// Upper bounds, and how many values each bucket has by itself.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Of times, shown in seconds.
    pub fn of_times() -> Histogram {
        Histogram::of(TIMES, 1e9)
    }

    /// Of numbers of things.
    pub fn of_sizes() -> Histogram {
        Histogram::of(SIZES, 1.0)
    }

    fn of(bounds: &'static [u64], unit: f64) -> Histogram {
        Histogram {
            bounds,
            unit,
            buckets: Default::default(),
            sum: Counter::default(),
        }
    }

    /// Takes note of a time.
    pub fn observe(&self, time: Duration) {
        self.note(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Takes note of a time too short to look at the clock for.
    pub fn observe_none(&self) {
        if let Some(bucket) = self.buckets.first() {
            bucket.increment();
        }
    }

    /// Takes note of a number of things.
    pub fn observe_size(&self, size: usize) {
        self.note(size as u64);
    }

    fn note(&self, value: u64) {
        // From the lowest: most values are small.
        let above = |bound: &u64| value <= *bound;
        let at = self.bounds.iter().position(above);
        if let Some(bucket) = self.buckets.get(at.unwrap_or(self.bounds.len())) {
            bucket.increment();
            self.sum.add(value);
        }
    }

    /// Takes note of all that another one of the same kind had noted.
    pub fn add(&self, other: &Histogram) {
        for (bucket, more) in self.buckets.iter().zip(&other.buckets) {
            bucket.add(more.count());
        }
        self.sum.add(other.sum.count());
    }

    pub(super) fn spread(&self) -> Spread {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / self.unit);
        let bounds = bounds.chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(Counter::count);
        let buckets: Vec<_> = bounds.zip(counts).collect();
        Spread {
            sum: self.sum.count() as f64 / self.unit,
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }

    /// How many values were noted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(Counter::count).sum()
    }

    /// Whether none was yet.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let times = Histogram::of_times();
        assert!(times.is_empty());
        for micros in [0, 999, 1_000, 1_001, 30_000_000, 30_000_001] {
            times.observe(Duration::from_micros(micros));
        }
        let spread = times.spread();
        assert_eq!(spread.count, 6);
        assert!((spread.sum - 60.003_001).abs() < 1e-6, "{}", spread.sum);
        assert_eq!(spread.buckets[..2], [(0.001, 3), (0.0025, 1)]);
        assert_eq!(spread.buckets[13..], [(30.0, 1), (f64::INFINITY, 1)]);
        assert!(!times.is_empty());
    }

    #[test]
    fn what_several_noted_can_be_put_together() {
        let (whole, other) = (Histogram::of_times(), Histogram::of_times());
        whole.observe(Duration::from_millis(2));
        other.observe(Duration::from_millis(2));
        other.observe_none();
        whole.add(&other);
        let spread = whole.spread();
        assert_eq!((spread.sum, spread.count), (0.004, 3));
        assert_eq!(spread.buckets[..2], [(0.001, 1), (0.0025, 2)]);
    }

    #[test]
    fn sizes_are_shown_as_they_are() {
        let sizes = Histogram::of_sizes();
        sizes.observe_size(2);
        sizes.observe_size(5_000);
        let spread = sizes.spread();
        assert_eq!((spread.sum, spread.count), (5_002.0, 2));
        assert_eq!(spread.buckets[1], (2.0, 1));
        assert_eq!(spread.buckets.last(), Some(&(f64::INFINITY, 1)));
    }
}
