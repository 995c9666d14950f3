//! The drawing itself: counts to rows of characters.
//!
//! Where there are more buckets than columns, a column shows the highest of
//! its buckets, so that the count axis keeps its meaning and no peak is lost.

use textplots::{Chart, Plot, Shape};

use crate::output::Look;
use crate::output::chart::Series;

/// The widest a bar becomes.
const MAX_BAR: usize = 8;
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_BLOCKS: [char; 9] = [' ', '.', '.', ':', ':', ':', '#', '#', '#'];
const MARKS: [char; 16] = [
    '●', '○', '■', '□', '▲', '△', '◆', '◇', '▼', '▽', '×', '+', '*', '%', '@', '&',
];
const ASCII_MARKS: [char; 16] = [
    'o', 'x', '*', '+', '#', '@', '%', '&', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h',
];
/// ANSI foregrounds, readable on dark and light grounds.
const COLORS: [&str; 6] = ["36", "33", "32", "35", "34", "31"];

/// Rows of characters, the uppermost first.
pub(crate) struct Grid {
    /// All of one width.
    pub rows: Vec<Vec<char>>,
    /// Whether characters tell series apart, as marks.
    pub marked: bool,
}

/// The columns that bars of `buckets` take of `room`.
pub(crate) fn bar_columns(buckets: usize, room: usize) -> usize {
    if buckets == 0 || buckets > room {
        room
    } else {
        buckets * (room / buckets).min(MAX_BAR)
    }
}

/// The highest bucket of each of `columns`.
pub(crate) fn spread(counts: &[u64], columns: usize) -> Vec<u64> {
    let length = counts.len();
    if length == 0 {
        return vec![0; columns];
    }
    let bucket_at = |column: usize| column * length / columns;
    (0..columns)
        .map(|column| {
            let from = bucket_at(column);
            let to = bucket_at(column + 1).clamp(from + 1, length);
            counts[from..to].iter().copied().max().unwrap_or(0)
        })
        .collect()
}

/// `count` of `top` in `steps`; something never becomes nothing.
pub(crate) fn scaled(count: u64, top: u128, steps: usize) -> usize {
    let exact = u128::from(count) * steps as u128;
    let top = top.max(1);
    let rounded = ((exact + top / 2) / top) as usize;
    rounded.clamp(usize::from(count > 0), steps)
}

impl Grid {
    /// A bar a bucket.
    pub fn bars(counts: &[u64], height: usize, top: u128, room: usize, look: Look) -> Grid {
        let blocks = if look.draws_unicode() {
            BLOCKS
        } else {
            ASCII_BLOCKS
        };
        let used = bar_columns(counts.len(), room);
        let bar = if counts.is_empty() {
            1
        } else {
            (used / counts.len()).max(1)
        };
        let columns = spread(counts, used);
        let row = |from_bottom: usize| {
            let cell = |(at, &count): (usize, &u64)| {
                // A column of air between bars that are wide enough for it.
                if bar >= 3 && at % bar == bar - 1 {
                    return ' ';
                }
                let eighths = scaled(count, top, height * 8);
                blocks[eighths.saturating_sub(from_bottom * 8).min(8)]
            };
            columns.iter().enumerate().map(cell).collect()
        };
        Grid {
            rows: (0..height).rev().map(row).collect(),
            marked: false,
        }
    }

    /// One curve in Braille dots.
    pub fn curve(counts: &[u64], height: usize, top: u128, room: usize) -> Grid {
        let fraction = |count: u64| count as f32 / top.max(1) as f32;
        let length = counts.len().max(1) as f32;
        let mut points: Vec<(f32, f32)> = counts
            .iter()
            .enumerate()
            .map(|(at, &count)| (at as f32 + 0.5, fraction(count)))
            .collect();
        // Level to the edges: a single bucket is a line too.
        if let (Some(&(_, first)), Some(&(_, last))) = (points.first(), points.last()) {
            points.insert(0, (0.0, first));
            points.push((length, last));
        }
        let dots = ((room * 2 - 1) as u32, (height * 4 - 1) as u32);
        let shape = Shape::Lines(&points);
        let mut chart =
            Chart::new_with_y_range(dots.0.max(32), dots.1.max(3), 0.0, length, 0.0, 1.0);
        let chart = chart.lineplot(&shape);
        chart.figures();
        let rows = chart.frame();
        let rows = rows.lines().take(height);
        Grid {
            rows: rows.map(|row| row.chars().take(room).collect()).collect(),
            marked: false,
        }
    }

    /// Several lines, each of its own mark; where two meet, the first shows.
    pub fn marks(series: &[Series], height: usize, top: u128, room: usize, look: Look) -> Grid {
        let mut rows = vec![vec![' '; room]; height];
        for (at, one) in series.iter().enumerate().rev() {
            let mark = mark_of(at, look);
            let levels: Vec<usize> = leveled(&one.counts, room)
                .into_iter()
                .map(|count| scaled(count, top, height).max(1))
                .collect();
            for (column, &level) in levels.iter().enumerate() {
                let before = if column == 0 {
                    level
                } else {
                    levels[column - 1]
                };
                // The rise or fall since the column before, without its end.
                let (low, high) = match before.cmp(&level) {
                    std::cmp::Ordering::Less => (before + 1, level),
                    std::cmp::Ordering::Equal => (level, level),
                    std::cmp::Ordering::Greater => (level, before - 1),
                };
                for row in low..=high {
                    rows[height - row][column] = mark;
                }
            }
        }
        Grid { rows, marked: true }
    }

    /// A line below as long as the rows.
    pub fn rule(&self, ticks: &[usize], look: Look) -> String {
        rule(self.rows.first().map_or(0, Vec::len), ticks, look)
    }
}

/// The counts over `columns`: the highest where they crowd, straight lines
/// between them where they are few.
fn leveled(counts: &[u64], columns: usize) -> Vec<u64> {
    let length = counts.len();
    if length >= columns || length < 2 {
        return spread(counts, columns);
    }
    (0..columns)
        .map(|column| {
            let at = ((column as f64 + 0.5) * length as f64 / columns as f64 - 0.5)
                .clamp(0.0, (length - 1) as f64);
            let left = at.floor() as usize;
            let right = (left + 1).min(length - 1);
            let part = at - left as f64;
            (counts[left] as f64 * (1.0 - part) + counts[right] as f64 * part) as u64
        })
        .collect()
}

/// The mark of a series.
pub(crate) fn mark_of(series: usize, look: Look) -> char {
    if look.draws_unicode() {
        MARKS[series % MARKS.len()]
    } else {
        ASCII_MARKS[series % ASCII_MARKS.len()]
    }
}

/// The ANSI colour of a series.
pub(crate) fn color_of(series: usize) -> &'static str {
    COLORS[series % COLORS.len()]
}

/// A row as text, coloured by series if the look has colours.
pub(crate) fn painted(cells: &[char], series: usize, marked: bool, look: Look) -> String {
    let text: String = cells.iter().collect();
    if !look.color {
        return text;
    }
    if !marked {
        return look.painted(text.trim_end(), color_of(series));
    }
    let series_of = |cell: char| (0..MARKS.len()).find(|&at| mark_of(at, look) == cell);
    let paint = |run: &[char]| {
        let text: String = run.iter().collect();
        match series_of(run[0]) {
            Some(at) => look.painted(&text, color_of(at)),
            None => text,
        }
    };
    let mut runs: Vec<String> = cells.chunk_by(|a, b| a == b).map(paint).collect();
    runs.pop_if(|last| last.trim().is_empty());
    runs.concat()
}

/// A horizontal line with ticks.
pub(crate) fn rule(length: usize, ticks: &[usize], look: Look) -> String {
    let (plain, tick) = if look.draws_unicode() {
        ('─', '┬')
    } else {
        ('-', '+')
    };
    (0..length)
        .map(|column| if ticks.contains(&column) { tick } else { plain })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_appears_when_buckets_share_columns(
            counts in proptest::collection::vec(0u64..1000, 1..500),
            columns in 1usize..200,
        ) {
            let shown = spread(&counts, columns);
            prop_assert_eq!(shown.len(), columns);
            if counts.len() >= columns {
                prop_assert_eq!(shown.iter().max(), counts.iter().max());
            }
        }

        #[test]
        fn something_never_shows_as_nothing(count: u64, top: u64, steps in 1usize..100) {
            let level = scaled(count.min(top), top.into(), steps);
            prop_assert!(level <= steps);
            prop_assert_eq!(level == 0, count.min(top) == 0);
        }
    }
}
