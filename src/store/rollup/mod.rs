//! Which counters add up to the buckets of a trend, for every store.
//!
//! Stores count messages in minutes, hours, days and perhaps longer times, all
//! aligned to the Unix epoch in UTC. A bucket may begin anywhere: at midnight
//! in Kolkata, on the first of a month, at the minute a person named. It is
//! made of the coarsest counters inside it and finer ones towards its ends, and
//! counters of one width that follow each other are one walk.

use crate::domain::Buckets;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// The widths that every store counts in, in seconds, finest first; each
/// divides the next.
pub(crate) const WIDTHS: [i64; 3] = [MINUTE, HOUR, DAY];

/// A bucket with more counters of one width than this is made of coarser ones
/// inside it.
const MOST_OF_ONE_WIDTH: i64 = 120;

/// What looking up a walk costs, in counters: coarser ones that save fewer are
/// not worth it.
const WALK: i64 = 40;

/// The start of the counter of a width that holds a moment in milliseconds.
pub(crate) fn counter_of(width: i64, millis: i64) -> i64 {
    let seconds = millis.div_euclid(1_000);
    seconds - seconds.rem_euclid(width)
}

/// Counters of one width that follow each other, each of them inside one
/// bucket. All in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walk {
    /// Of a counter.
    pub width: i64,
    /// Start of the first.
    pub from: i64,
    /// End of the last.
    pub to: i64,
}

impl Walk {
    /// How many there can be.
    pub(crate) fn counters(self) -> i64 {
        (self.to - self.from) / self.width
    }
}

/// The walks through counters of some widths (finest first, each dividing the
/// next) that add up to every bucket, in order.
pub(crate) fn cover(buckets: &Buckets, widths: &[i64]) -> Vec<Walk> {
    let mut walks = Walks::default();
    match even(buckets, widths) {
        Some((width, first, last)) => {
            walks.bucket(buckets.from(), first, widths);
            walks.push(Walk {
                width,
                from: first,
                to: last,
            });
            walks.bucket(last, buckets.to(), widths);
        }
        None => {
            for (from, to) in buckets.iter() {
                walks.bucket(from, to, widths);
            }
        }
    }
    walks.0
}

/// The fewest counters that add up to a range of whole minutes: coarse ones in
/// its middle, finer ones towards its ends.
pub(crate) fn cover_range(from: i64, to: i64, widths: &[i64]) -> Vec<Walk> {
    let mut walks = Walks::default();
    walks.range(from, to, widths, 0);
    walks.0
}

/// Where buckets are of even width: the width of counters of which few add up
/// to a bucket, and the first and the last edge.
fn even(buckets: &Buckets, widths: &[i64]) -> Option<(i64, i64, i64)> {
    let (phase, bucket) = buckets.even()?;
    let divides = |width: &&i64| phase % **width == 0 && bucket % **width == 0;
    let width = *widths.iter().rev().find(divides)?;
    if bucket / width > MOST_OF_ONE_WIDTH {
        return None;
    }
    let first = buckets.from() + (phase - buckets.from()).rem_euclid(bucket);
    let last = buckets.to() - (buckets.to() - phase).rem_euclid(bucket);
    (first <= last).then_some((width, first, last))
}

#[derive(Default)]
struct Walks(Vec<Walk>);

impl Walks {
    fn bucket(&mut self, from: i64, to: i64, widths: &[i64]) {
        self.range(from, to, widths, WALK);
    }

    /// Whatever is coarser has to save so many counters at each end that it
    /// leaves to finer ones.
    fn range(&mut self, from: i64, to: i64, widths: &[i64], saving: i64) {
        let Some((&width, finer)) = widths.split_last() else {
            return;
        };
        if from >= to {
            return;
        }
        let Some(&next) = finer.last() else {
            return self.push(Walk { width, from, to });
        };
        let inner_from = from + (-from).rem_euclid(width);
        let inner_to = to - to.rem_euclid(width);
        let inner = (inner_to - inner_from).max(0);
        let saved = inner / next - inner / width;
        let ends = i64::from(inner_from != from) + i64::from(inner_to != to);
        if inner == 0 || saved < ends * saving {
            return self.range(from, to, finer, saving);
        }
        self.range(from, inner_from, finer, saving);
        self.push(Walk {
            width,
            from: inner_from,
            to: inner_to,
        });
        self.range(inner_to, to, finer, saving);
    }

    fn push(&mut self, walk: Walk) {
        if walk.from >= walk.to {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.width == walk.width && last.to == walk.from => last.to = walk.to,
            _ => self.0.push(walk),
        }
    }
}

#[cfg(test)]
mod tests;
