//! The buckets of a range: its whole ones, and a first and a last that end at
//! the range's edges.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::super::{Interval, Zone};
use super::calendar::Calendar;
use super::range::{Range, moment};

/// The edges of a range's buckets, in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Buckets {
    from: i64,
    to: i64,
    edges: Edges,
    /// Whether the first and the last are only parts of one.
    cut: (bool, bool),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Edges {
    /// Wherever `moment % width == first`.
    Even { first: i64, width: i64 },
    /// All of them, those of the range included; at least two.
    Listed(Arc<[i64]>),
}

impl Buckets {
    /// The buckets of a range; `None` when they are to be listed and there are
    /// more than `most`.
    pub(super) fn new(
        range: Range,
        interval: Interval,
        zone: &Zone,
        most: usize,
    ) -> Option<Buckets> {
        let (from, to) = (range.from(), range.to());
        let mut calendar = Calendar::new(interval, zone, from);
        if let Some((first, width)) = calendar.even(from, to) {
            let cuts = |edge: i64| (edge - first).rem_euclid(width) != 0;
            return Some(Buckets {
                from,
                to,
                edges: Edges::Even { first, width },
                cut: (cuts(from), cuts(to)),
            });
        }
        let mut edges = vec![from];
        let start = calendar.floor(from);
        let mut edge = calendar.next(start);
        while edge < to {
            if edges.len() > most {
                return None;
            }
            if edge > from {
                edges.push(edge);
            }
            edge = calendar.next(edge);
        }
        edges.push(to);
        Some(Buckets {
            from,
            to,
            edges: Edges::Listed(edges.into()),
            cut: (start != from, edge != to),
        })
    }

    /// The start of the first bucket.
    pub fn from(&self) -> i64 {
        self.from
    }

    /// The end of the last one.
    pub fn to(&self) -> i64 {
        self.to
    }

    /// The start of the first as a date.
    pub fn from_date(&self) -> DateTime<Utc> {
        moment(self.from)
    }

    /// The end of the last as a date.
    pub fn to_date(&self) -> DateTime<Utc> {
        moment(self.to)
    }

    /// Whether a bucket is only the part of one that lies in the range.
    pub fn is_cut(&self, index: usize) -> bool {
        self.cut.0 && index == 0 || self.cut.1 && index + 1 == self.len()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.edges {
            Edges::Even { first, width } => {
                let number = |moment: i64| (moment - first).div_euclid(*width);
                usize::try_from(number(self.to - 1) - number(self.from) + 1).unwrap_or(0)
            }
            Edges::Listed(edges) => edges.len().saturating_sub(1),
        }
    }

    /// Never: a range has at least a minute.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// First edge and distance where the edges within the range are even.
    pub fn even(&self) -> Option<(i64, i64)> {
        match self.edges {
            Edges::Even { first, width } => Some((first, width)),
            Edges::Listed(_) => None,
        }
    }

    /// The bucket that holds a moment of the range.
    pub fn around(&self, moment: i64) -> (i64, i64) {
        match &self.edges {
            Edges::Even { first, width } => {
                let start = moment - (moment - first).rem_euclid(*width);
                (start.max(self.from), (start + width).min(self.to))
            }
            Edges::Listed(edges) => {
                let after = edges.partition_point(|&edge| edge <= moment);
                let after = after.clamp(1, edges.len() - 1);
                (edges[after - 1], edges[after])
            }
        }
    }

    /// The bucket of a number, from 0; the last for larger ones.
    pub fn nth(&self, index: usize) -> (i64, i64) {
        let index = index.min(self.len().saturating_sub(1));
        match &self.edges {
            Edges::Even { first, width } => {
                let start = self.from - (self.from - first).rem_euclid(*width);
                let start = start + index as i64 * width;
                (start.max(self.from), (start + width).min(self.to))
            }
            Edges::Listed(edges) => (edges[index], edges[index + 1]),
        }
    }

    /// Which bucket holds a moment of the range.
    pub fn index_of(&self, moment: i64) -> usize {
        match &self.edges {
            Edges::Even { first, width } => {
                let number = |moment: i64| (moment - first).div_euclid(*width);
                usize::try_from(number(moment) - number(self.from)).unwrap_or(0)
            }
            Edges::Listed(edges) => {
                let after = edges.partition_point(|&edge| edge <= moment);
                after.clamp(1, edges.len() - 1) - 1
            }
        }
    }

    /// Each bucket, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        let mut start = self.from;
        let mut listed = 0;
        std::iter::from_fn(move || {
            if start >= self.to {
                return None;
            }
            let end = match &self.edges {
                Edges::Even { .. } => self.around(start).1,
                Edges::Listed(edges) => {
                    listed += 1;
                    edges.get(listed).copied().unwrap_or(self.to)
                }
            };
            let bucket = (start, end);
            start = end;
            Some(bucket)
        })
    }

    /// The part of the range from the bucket that holds one moment to the one
    /// that holds another, when it has any.
    pub fn between(&self, first: i64, last: i64) -> Option<Buckets> {
        if first > last || last < self.from || first >= self.to {
            return None;
        }
        let (from, _) = self.around(first.max(self.from));
        let (_, to) = self.around(last.min(self.to - 1));
        let edges = match &self.edges {
            Edges::Even { first, width } => Edges::Even {
                first: *first,
                width: *width,
            },
            Edges::Listed(edges) => {
                let place = |edge| edges.partition_point(|&one| one < edge);
                Edges::Listed(edges[place(from)..=place(to)].into())
            }
        };
        Some(Buckets {
            from,
            to,
            edges,
            cut: (self.cut.0 && from == self.from, self.cut.1 && to == self.to),
        })
    }
}
