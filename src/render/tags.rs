//! The busiest hashtags of a period.

use comfy_table::{Cell, CellAlignment, Color};

use super::table::{Frame, GAP};
use super::{Look, chart::spark_line, columns, thousands, wrap};

/// A hashtag, how often it was used, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRow {
    /// Without `#`.
    pub hashtag: String,
    /// Messages in the period.
    pub count: u64,
    /// Messages in parts of the period, oldest first; may be empty.
    pub counts: Vec<u64>,
}

/// A table of hashtags with a spark line each; a sentence when there are none.
pub fn tags_table(tags: &[TagRow], look: Look) -> String {
    if tags.is_empty() {
        return "no hashtags\n".to_owned();
    }
    let names: Vec<String> = tags
        .iter()
        .map(|tag| format!("#{}", look.line(&tag.hashtag)))
        .collect();
    let counts: Vec<String> = tags.iter().map(|tag| thousands(tag.count)).collect();
    let widest = |texts: &[String], least: usize| {
        texts
            .iter()
            .map(|text| columns(text))
            .max()
            .unwrap_or(0)
            .max(least)
    };
    let name_width = widest(&names, 7).min(look.width() / 2);
    let count_width = widest(&counts, 8);
    let room = look
        .width()
        .saturating_sub(name_width + count_width + 2 * GAP);
    let longest = tags.iter().map(|tag| tag.counts.len()).max().unwrap_or(0);
    let spark_width = longest.min(room).max(4);
    let frame = Frame {
        widths: vec![name_width, count_width, spark_width],
        ruled: false,
    };
    let row = |(at, tag): (usize, &TagRow)| {
        vec![
            Cell::new(wrap(&names[at], name_width).join("\n")).fg(Color::DarkCyan),
            Cell::new(&counts[at]).set_alignment(CellAlignment::Right),
            Cell::new(if tag.counts.is_empty() {
                String::new()
            } else {
                spark_line(&tag.counts, spark_width, look)
            }),
        ]
    };
    let rows = tags.iter().enumerate().map(row).collect();
    frame.header(&["HASHTAG", "MESSAGES", "WHEN"], look) + &frame.rows(rows, look)
}
