//! The count axis: round numbers, few of them, on exact rows.

use crate::output::Look;

/// A scale from zero to `top` over `height` rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CountAxis {
    /// What the uppermost row's upper edge stands for; never zero.
    pub top: u128,
    /// Rows.
    pub height: usize,
    /// The distance of two labels.
    step: u128,
    /// Labels above zero.
    steps: usize,
    label_width: usize,
}

impl CountAxis {
    /// A scale that holds `max` in about `height` rows: the step between
    /// labels is 1, 2 or 5 times a power of ten, and every label falls on a
    /// row's upper edge.
    pub fn fitting(max: u64, height: usize) -> CountAxis {
        let labels = (height / 2 + 1).max(3) as u128;
        let max = u128::from(max.max(1));
        let step = round_step(max.div_ceil(labels));
        let steps = max.div_ceil(step) as usize;
        let rows = ((height + steps / 2) / steps).max(1) * steps;
        let top = step * steps as u128;
        CountAxis {
            top,
            height: rows,
            step,
            steps,
            label_width: compact(top).len().max(compact(step).len()),
        }
    }

    /// Columns left of the drawing.
    pub fn gutter(&self) -> usize {
        self.label_width + 2
    }

    /// What stands left of the `row`th row, counted from 1 at the bottom.
    pub fn label(&self, row: usize, look: Look) -> String {
        let rows = (self.height / self.steps).max(1);
        let (tick, plain) = if look.draws_unicode() {
            ('┤', '│')
        } else {
            ('+', '|')
        };
        let width = self.label_width;
        if row.is_multiple_of(rows) {
            let value = self.step * (row / rows) as u128;
            format!("{:>width$} {tick}", compact(value))
        } else {
            format!("{:>width$} {plain}", "")
        }
    }

    /// The line below, `rule` its right part.
    pub fn base(&self, rule: &str, look: Look) -> String {
        let corner = if look.draws_unicode() { '└' } else { '+' };
        format!("{:>1$} {corner}{rule}", "0", self.label_width)
    }
}

/// The least of 1, 2, 5, 10, 20, 50, … that is at least `least`.
fn round_step(least: u128) -> u128 {
    let mut power = 1;
    loop {
        for step in [power, 2 * power, 5 * power] {
            if step >= least {
                return step;
            }
        }
        power *= 10;
    }
}

/// A round number in at most five characters: `500`, `20k`, `1.5M`, `18E`.
pub(crate) fn compact(count: u128) -> String {
    const UNITS: [(u128, &str); 6] = [
        (1_000_000_000_000_000_000, "E"),
        (1_000_000_000_000_000, "P"),
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    for (size, unit) in UNITS {
        if count >= size && count >= 10_000 {
            let tenths = count % size / (size / 10);
            return if tenths == 0 {
                format!("{}{unit}", count / size)
            } else {
                format!("{}.{tenths}{unit}", count / size)
            };
        }
    }
    count.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tops_are_round_and_not_far_above_the_maximum() {
        for (max, top) in [
            (0, 1),
            (1, 1),
            (3, 3),
            (7, 8),
            (97, 100),
            (103, 120),
            (1_001, 1_200),
        ] {
            assert_eq!(CountAxis::fitting(max, 10).top, top, "{max}");
        }
    }

    #[test]
    fn labels_are_short_whatever_the_count() {
        assert_eq!(compact(9_999), "9999");
        assert_eq!(compact(20_000), "20k");
        assert_eq!(compact(1_500_000), "1.5M");
        assert_eq!(compact(u64::MAX.into()), "18.4E");
    }

    proptest! {
        #[test]
        fn every_count_has_an_axis(max: u64, height in 3usize..12) {
            let axis = CountAxis::fitting(max, height);
            prop_assert!(axis.top >= u128::from(max) && axis.top > 0);
            prop_assert!((1..=height + height / 2).contains(&axis.height), "{axis:?}");
            prop_assert!(axis.gutter() <= 8);
        }
    }
}
