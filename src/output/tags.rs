//! The busiest hashtags of a period.

use chrono::{DateTime, Utc};
use comfy_table::{Cell, CellAlignment};

use crate::output::chart::spark_line;
use crate::output::table::{Frame, GAP, HASHTAG};
use crate::output::{Clock, Look, columns, thousands, wrap};

/// A spark line shorter than the word above it would be no use.
const LEAST_SPARK: usize = 4;

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

/// The time in which hashtags were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Inclusive.
    pub from: DateTime<Utc>,
    /// Exclusive.
    pub to: DateTime<Utc>,
    /// The reader's.
    pub clock: Clock,
}

impl Period {
    /// `2019-01-20 to 2019-02-20 (UTC)`.
    fn in_words(&self) -> String {
        format!(
            "{} to {} ({})",
            self.clock.in_words(self.from),
            self.clock.in_words(self.to),
            self.clock.zone.name_between(self.from, self.to)
        )
    }
}

/// A table of hashtags with a spark line each; a sentence when there are none.
pub fn tags_table(tags: &[TagRow], period: Period, look: Look) -> String {
    if tags.is_empty() {
        return wrapped(&format!("no hashtags from {}", period.in_words()), "", look);
    }
    let title = match tags.len() {
        1 => "the busiest hashtag".to_owned(),
        many => format!("the {many} busiest hashtags"),
    };
    let title = wrapped(&format!("{title}, {}", period.in_words()), "1", look);
    let names: Vec<String> = tags
        .iter()
        .map(|tag| format!("#{}", look.line(&tag.hashtag)))
        .collect();
    let counts: Vec<String> = tags.iter().map(|tag| thousands(tag.count)).collect();
    let widest = |texts: &[String], least: usize| {
        let widths = texts.iter().map(|text| columns(text));
        widths.max().unwrap_or(0).max(least)
    };
    let count_width = widest(&counts, 8);
    let name_room = (look.width() / 2).min(look.width() - count_width - 2 * GAP - LEAST_SPARK);
    let name_width = widest(&names, 7).min(name_room);
    let room = look.width() - name_width - count_width - 2 * GAP;
    let longest = tags.iter().map(|tag| tag.counts.len()).max().unwrap_or(0);
    let spark_width = longest.clamp(LEAST_SPARK, room);
    let frame = Frame {
        widths: vec![name_width, count_width, spark_width],
        ruled: false,
    };
    let row = |(at, tag): (usize, &TagRow)| {
        let spark = match tag.counts.as_slice() {
            [] => String::new(),
            counts => spark_line(counts, spark_width, look),
        };
        vec![
            Cell::new(wrap(&names[at], name_width).join("\n")).fg(HASHTAG),
            Cell::new(&counts[at]).set_alignment(CellAlignment::Right),
            Cell::new(spark),
        ]
    };
    let rows = tags.iter().enumerate().map(row).collect();
    let head = frame.header(&["HASHTAG", "MESSAGES", "WHEN"], look);
    title + "\n" + &head + &frame.rows(rows, look)
}

fn wrapped(text: &str, style: &str, look: Look) -> String {
    let lines = wrap(text, look.width()).into_iter();
    let painted = lines.map(|line| match style {
        "" => line,
        style => look.painted(&line, style),
    });
    painted.map(|line| line + "\n").collect()
}
