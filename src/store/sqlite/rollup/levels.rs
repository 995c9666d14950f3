//! The widths in which counters are kept here, and how rows of one width are
//! laid out.
//!
//! To the widths of every store come 30 days, which make the sum over years a
//! handful of rows. Rows of one level are kept by era: a batch of posts then
//! changes a few neighbouring pages, those of today, instead of one page for
//! each hashtag, and a trend is a walk through each era of its range.

use crate::store::rollup::Walk;

/// A width of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    /// Of a bucket, in seconds.
    pub(crate) width: i64,
    /// Of an era, in seconds: a few hundred pages of busy counters.
    era: i64,
}

const DAY: i64 = 86_400;
/// The finest.
pub(crate) const MINUTE: Level = Level {
    width: 60,
    era: DAY,
};
/// 30 days, aligned to the Unix epoch like all buckets.
pub(crate) const MONTH: Level = Level {
    width: 30 * DAY,
    era: 30 * DAY,
};
/// All, finest first; each width divides the next.
pub(crate) const LEVELS: [Level; 4] = [
    MINUTE,
    Level {
        width: 3_600,
        era: 4 * DAY,
    },
    Level {
        width: DAY,
        era: 16 * DAY,
    },
    MONTH,
];

/// Their widths.
pub(crate) const WIDTHS: [i64; 4] = [
    LEVELS[0].width,
    LEVELS[1].width,
    LEVELS[2].width,
    LEVELS[3].width,
];

impl Level {
    /// The level with counters of so many seconds; the finest when there is
    /// none.
    fn of_width(width: i64) -> Level {
        let found = LEVELS.into_iter().find(|level| level.width == width);
        found.unwrap_or(MINUTE)
    }

    /// Era and bucket of a moment in Unix seconds.
    pub(crate) fn place(self, seconds: i64) -> (i64, i64) {
        let bucket = seconds - seconds.rem_euclid(self.width);
        (seconds.div_euclid(self.era), bucket)
    }
}

/// Rows of a level, from the first bucket (inclusive) to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Their width.
    pub(crate) level: Level,
    /// Start of the first.
    pub(crate) from: i64,
    /// End of the last.
    pub(crate) to: i64,
}

impl Piece {
    /// The rows of a walk.
    pub(crate) fn of(walk: Walk) -> Piece {
        Piece {
            level: Level::of_width(walk.width),
            from: walk.from,
            to: walk.to,
        }
    }

    /// The rows of 30 days that enclose a range: they add up to no less.
    pub(crate) fn enclosing(from: i64, to: i64) -> Piece {
        let width = MONTH.width;
        Piece {
            level: MONTH,
            from: from - from.rem_euclid(width),
            to: to + (-to).rem_euclid(width),
        }
    }

    /// The eras that hold the rows, in order.
    pub(crate) fn eras(self) -> impl Iterator<Item = i64> {
        let era = self.level.era;
        self.from.div_euclid(era)..(self.to + era - 1).div_euclid(era)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rollup;
    use proptest::prelude::*;

    #[test]
    fn the_widths_are_those_of_every_store_and_a_longer_one() {
        assert_eq!(WIDTHS[..3], rollup::WIDTHS);
        let divides = |pair: &[i64]| pair[1] % pair[0] == 0;
        assert!(WIDTHS.windows(2).all(divides));
        assert!(LEVELS.iter().all(|level| level.era % level.width == 0));
        for level in LEVELS {
            assert_eq!(Level::of_width(level.width), level);
        }
    }

    proptest! {
        #[test]
        fn the_months_around_a_range_hold_it(from in 0i64..2_400_000_000, length in 0i64..180_000_000) {
            let around = Piece::enclosing(from, from + length);
            prop_assert!(around.from <= from && from + length <= around.to);
            prop_assert_eq!((around.from % MONTH.width, around.to % MONTH.width), (0, 0));
        }

        #[test]
        fn every_bucket_of_a_piece_lies_in_one_of_its_eras(start in 0i64..1_000_000, length in 1i64..2_000, at in 0i64..2_000) {
            for level in LEVELS {
                let (from, to) = (start * level.width, (start + length) * level.width);
                let moment = from + at % length * level.width + level.width - 1;
                let (era, bucket) = level.place(moment);
                prop_assert!(from <= bucket && bucket <= moment && moment < bucket + level.width);
                let eras: Vec<i64> = Piece { level, from, to }.eras().collect();
                prop_assert!(eras.contains(&era));
                prop_assert_eq!(eras.len() as i64, level.place(to - 1).0 - level.place(from).0 + 1);
            }
        }
    }
}
