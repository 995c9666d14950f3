//! The widths in which counters are kept here: those of the domain, and 30
//! days, which makes the sum over years a handful of rows.

/// All, finest first, in seconds. Each divides the next.
pub(super) const LEVELS: [i64; 4] = [60, 3_600, 86_400, MONTH];
/// 30 days, aligned to the Unix epoch like all buckets.
pub(super) const MONTH: i64 = 30 * 86_400;

/// Rows of a level, from the first bucket (inclusive) to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Width of the buckets.
    pub(super) level: i64,
    /// Start of the first.
    pub(super) from: i64,
    /// End of the last.
    pub(super) to: i64,
}

/// The fewest rows that add up to a range of whole minutes: coarse ones in
/// its middle, finer ones towards its ends.
pub(super) fn pieces(from: i64, to: i64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    cover(from, to, LEVELS.len() - 1, &mut pieces);
    pieces
}

/// The rows of 30 days that enclose a range: they add up to no less than it.
pub(super) fn enclosing(from: i64, to: i64) -> Piece {
    let level = MONTH;
    Piece {
        level,
        from: from - from.rem_euclid(level),
        to: to + (-to).rem_euclid(level),
    }
}

fn cover(from: i64, to: i64, index: usize, pieces: &mut Vec<Piece>) {
    if from >= to {
        return;
    }
    let level = LEVELS[index];
    let inner_from = from + (-from).rem_euclid(level);
    let inner_to = to - to.rem_euclid(level);
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
    use crate::domain::Level;
    use proptest::prelude::*;

    #[test]
    fn every_level_of_the_domain_is_kept_and_each_divides_the_next() {
        for level in Level::ALL {
            assert!(LEVELS.contains(&level.seconds()));
        }
        assert!(LEVELS.windows(2).all(|pair| pair[1] % pair[0] == 0));
    }

    proptest! {
        #[test]
        fn pieces_are_adjacent_whole_and_few(from in 0i64..40_000_000, length in 0i64..3_000_000) {
            let (from, to) = (from * 60, (from + length) * 60);
            let mut at = from;
            let mut rows = 0;
            for piece in pieces(from, to) {
                prop_assert_eq!(piece.from, at);
                prop_assert_eq!((piece.from % piece.level, piece.to % piece.level), (0, 0));
                rows += (piece.to - piece.from) / piece.level;
                at = piece.to;
            }
            prop_assert_eq!(at, to);
            prop_assert!(rows <= 2 * (59 + 23 + 29) + length / (30 * 24 * 60));
            let around = enclosing(from, to);
            prop_assert!(around.from <= from && to <= around.to && around.from % MONTH == 0);
        }
    }
}
