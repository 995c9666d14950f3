//! Trends in one line of text, short enough for a shell prompt.

use crate::output::chart::counts::compact;
use crate::output::chart::{Trend, plot};
use crate::output::wrap::shortened;
use crate::output::{Look, columns, thousands};

const LEVELS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_LEVELS: [char; 9] = ['_', '.', '.', ':', '-', '=', '+', '*', '#'];
/// The longest hashtag before a spark line.
const MAX_NAME: usize = 20;

/// Counts as one line of at most `width` characters, against their maximum.
/// Nothing shows as `·`.
pub fn spark_line(counts: &[u64], width: usize, look: Look) -> String {
    let top = counts.iter().copied().max().unwrap_or(0);
    sparks(counts, top, width, look)
}

fn sparks(counts: &[u64], top: u64, width: usize, look: Look) -> String {
    let levels = if look.draws_unicode() {
        LEVELS
    } else {
        ASCII_LEVELS
    };
    let columns = plot::spread(counts, counts.len().min(width).max(1));
    columns
        .into_iter()
        .map(|count| levels[plot::scaled(count, top.into(), 8)])
        .collect()
}

/// A line a series: its hashtag, its counts, its total.
pub(crate) fn draw(trend: &Trend, look: Look) -> String {
    // A prompt has room for little more than the sparks.
    let longest = MAX_NAME.min(look.width() / 3);
    let total = |total| match look.width() {
        ..40 => compact(u128::from(total)),
        _ => thousands(total),
    };
    let names: Vec<String> = trend
        .series
        .iter()
        .map(|series| match &series.hashtag {
            Some(tag) => shortened(&format!("#{} ", look.line(tag)), longest, "~ "),
            None => String::new(),
        })
        .collect();
    let totals: Vec<String> = trend
        .series
        .iter()
        .map(|series| format!(" {}", total(series.total())))
        .collect();
    let widest = |texts: &[String]| texts.iter().map(|text| columns(text)).max().unwrap_or(0);
    let name_width = widest(&names);
    let total_width = widest(&totals);
    let room = look.width().saturating_sub(name_width + total_width);
    let mut text = String::new();
    for (at, series) in trend.series.iter().enumerate() {
        let blanks = name_width - columns(&names[at]);
        let line = sparks(&series.counts, trend.max(), room, look);
        let line = look.painted(&line, plot::color_of(at));
        text += &format!(
            "{}{:blanks$}{line}{:>total_width$}\n",
            names[at], "", totals[at]
        );
    }
    text
}
