//! The widths in which counters are kept here, and how rows of one width are
//! laid out.
//!
//! To the domain's widths come 30 days, which make the sum over years a
//! handful of rows. Rows of one level are kept by era: a batch of posts then
//! changes a few neighbouring pages, those of today, instead of one page for
//! each hashtag, and a trend is a walk through each era of its range.

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

impl Level {
    /// The level of the domain.
    pub(crate) fn of(level: crate::domain::Level) -> Level {
        match level {
            crate::domain::Level::Minute => LEVELS[0],
            crate::domain::Level::Hour => LEVELS[1],
            crate::domain::Level::Day => LEVELS[2],
        }
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

/// The fewest rows that add up to a range of whole minutes: coarse ones in
/// its middle, finer ones towards its ends.
pub(crate) fn pieces(from: i64, to: i64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    cover(from, to, LEVELS.len() - 1, &mut pieces);
    pieces
}

fn cover(from: i64, to: i64, index: usize, pieces: &mut Vec<Piece>) {
    if from >= to {
        return;
    }
    let level = LEVELS[index];
    let inner_from = from + (-from).rem_euclid(level.width);
    let inner_to = to - to.rem_euclid(level.width);
    if index == 0 || (inner_from, inner_to) == (from, to) {
        pieces.push(Piece { level, from, to });
    } else if inner_from >= inner_to {
        cover(from, to, index - 1, pieces);
    } else {
        cover(from, inner_from, index - 1, pieces);
        pieces.push(Piece {
            level,
            from: inner_from,
            to: inner_to,
        });
        cover(inner_to, to, index - 1, pieces);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_level_divides_the_next_and_its_own_era() {
        for level in crate::domain::Level::ALL {
            assert_eq!(Level::of(level).width, level.seconds());
        }
        assert!(
            LEVELS
                .windows(2)
                .all(|pair| pair[1].width % pair[0].width == 0)
        );
        assert!(LEVELS.iter().all(|level| level.era % level.width == 0));
    }

    proptest! {
        #[test]
        fn pieces_are_adjacent_whole_and_few(from in 0i64..40_000_000, length in 0i64..3_000_000) {
            let (from, to) = (from * 60, (from + length) * 60);
            let mut at = from;
            let mut rows = 0;
            for piece in pieces(from, to) {
                let width = piece.level.width;
                prop_assert_eq!(piece.from, at);
                prop_assert_eq!((piece.from % width, piece.to % width), (0, 0));
                rows += (piece.to - piece.from) / width;
                at = piece.to;
            }
            prop_assert_eq!(at, to);
            prop_assert!(rows <= 2 * (59 + 23 + 29) + length / (30 * 24 * 60));
            let around = Piece::enclosing(from, to);
            prop_assert!(around.from <= from && to <= around.to);
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
