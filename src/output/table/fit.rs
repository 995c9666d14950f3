//! Which form a table has, and how wide its columns are.

use super::GAP;
use crate::output::row::{Column, Role};

/// A text column narrower than this is no pleasure to read.
const LEAST_TEXT: usize = 28;
/// A line of sparks shorter than the word above it would be no use.
const LEAST_PICTURE: usize = 4;
/// The widest a side column becomes at first: one part in so many.
const SIDE_SHARE: usize = 5;
/// Below this width nothing stands beside a text.
const LEAST_STACKED: usize = 40;

/// What rows that nobody knows yet will like: what is beside a text something
/// in proportion to the width, the text all there is.
pub(super) fn leave_room(columns: &[&Column], wanted: &mut [usize], width: usize) {
    for (column, wanted) in columns.iter().zip(wanted) {
        match column.role {
            Role::Fixed => {}
            Role::Side => *wanted = (*wanted).clamp(width / 8, (width / 7).max(8)),
            Role::Main | Role::Picture => *wanted = width,
        }
    }
}

/// The form of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// Columns side by side, so wide.
    Wide(Vec<usize>),
    /// What is short in one column, the text in another.
    Stacked {
        /// The width of what is short.
        side: usize,
        /// The width of the text.
        main: usize,
    },
    /// One below the other.
    Narrow,
}

/// The form for these columns, given what each would like.
pub(super) fn form(columns: &[&Column], wanted: &[usize], width: usize) -> Form {
    if let Some(widths) = wide(columns, wanted, width) {
        return Form::Wide(widths);
    }
    let is_text = columns.last().is_some_and(|last| last.role == Role::Main);
    if width < LEAST_STACKED || !is_text || columns.len() == 1 {
        return Form::Narrow;
    }
    let side = (width / 3).clamp(13, 26);
    Form::Stacked {
        side,
        main: width - side - GAP,
    }
}

/// Columns side by side; `None` when they do not fit.
fn wide(columns: &[&Column], wanted: &[usize], width: usize) -> Option<Vec<usize>> {
    let share = (width / SIDE_SHARE).max(8);
    let mut widths: Vec<usize> = columns
        .iter()
        .zip(wanted)
        .map(|(column, &wanted)| match column.role {
            Role::Fixed => wanted,
            Role::Side => wanted.min(share),
            Role::Main | Role::Picture => 0,
        })
        .collect();
    let gaps = GAP * columns.len().saturating_sub(1);
    let mut spare = width.checked_sub(widths.iter().sum::<usize>() + gaps)?;
    for ((column, &wanted), width) in columns.iter().zip(wanted).zip(&mut widths) {
        let least = match column.role {
            Role::Fixed | Role::Side => continue,
            Role::Main => LEAST_TEXT.min(wanted),
            Role::Picture => LEAST_PICTURE,
        };
        if spare < least {
            return None;
        }
        *width = wanted.max(least).min(spare);
        spare -= *width;
    }
    // What the text does not need goes to what is beside it.
    for ((column, &wanted), width) in columns.iter().zip(wanted).zip(&mut widths) {
        if column.role == Role::Side {
            let more = spare.min(wanted - *width);
            *width += more;
            spare -= more;
        }
    }
    Some(widths)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::records::MESSAGES;

    proptest! {
        #[test]
        fn a_table_is_never_wider_than_asked(
            wanted in proptest::collection::vec(1usize..300, 5),
            width in 20usize..400,
        ) {
            let columns: Vec<&Column> = MESSAGES.columns.iter().collect();
            match form(&columns, &wanted, width) {
                Form::Wide(widths) => {
                    prop_assert!(widths.iter().sum::<usize>() + 4 * GAP <= width);
                    prop_assert!(widths.iter().zip(&wanted).all(|(is, wanted)| is <= wanted));
                    prop_assert!(widths[4] >= LEAST_TEXT.min(wanted[4]));
                }
                Form::Stacked { side, main } => prop_assert_eq!(side + GAP + main, width),
                Form::Narrow => prop_assert!(width < LEAST_STACKED),
            }
        }
    }
}
