//! A trend as a chart: counts over time, with a count axis, a time axis whose
//! ticks fall on round times, and what it shows in words.
//!
//! [`Trend`] fills the gaps; [`draw`] never divides by a zero maximum, never
//! draws outside the width, and keeps several series apart without colour.

mod counts;
mod form;
mod plot;
mod spark;
mod time_axis;
mod words;

use std::str::FromStr;

use chrono::{DateTime, Utc};

pub(super) use form::FORMAT;
pub use form::TrendRange;
pub use spark::spark_line;

use crate::api::TrendBucket;
use crate::domain::{Buckets, Interval};
use crate::output::{Clock, Look, columns, counted, wrap};
use counts::CountAxis;
use plot::Grid;

/// Rows of a chart with the whole space to itself.
const FULL_HEIGHT: usize = 10;
/// From so many series on they get lower panels.
const MANY_SERIES: usize = 4;

/// How a trend is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChartStyle {
    /// Bars; several series one above another, on one scale.
    #[default]
    Bars,
    /// Lines; several series in one picture, each with its own mark.
    Line,
    /// One line of text a series.
    Spark,
}

/// Not a way to draw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a chart style; use bars, line or spark")]
pub struct ChartStyleError(String);

impl FromStr for ChartStyle {
    type Err = ChartStyleError;

    fn from_str(text: &str) -> Result<ChartStyle, ChartStyleError> {
        match text {
            "bars" => Ok(ChartStyle::Bars),
            "line" => Ok(ChartStyle::Line),
            "spark" => Ok(ChartStyle::Spark),
            _ => Err(ChartStyleError(text.to_owned())),
        }
    }
}

/// Counts in the buckets of a range, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// Where they begin and end.
    pub buckets: Buckets,
    /// How wide they are.
    pub interval: Interval,
    /// One, or one a hashtag.
    pub series: Vec<Series>,
}

/// The counts of one series, a number for every bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The hashtag; none when everything is counted.
    pub hashtag: Option<String>,
    /// Oldest first.
    pub counts: Vec<u64>,
}

impl Series {
    fn total(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// The first of the highest buckets, when there is anything.
    fn peak(&self) -> Option<(usize, u64)> {
        let peak = self.counts.iter().copied().max().filter(|&max| max > 0)?;
        let at = self.counts.iter().position(|&count| count == peak)?;
        Some((at, peak))
    }
}

impl Trend {
    /// Puts an answer's items into the buckets where they belong; the rest is
    /// zero. The series are `hashtags`, or one when there are none.
    pub fn new(
        items: &[TrendBucket],
        hashtags: &[String],
        buckets: Buckets,
        interval: Interval,
    ) -> Trend {
        let names = match hashtags {
            [] => vec![None],
            tags => tags.iter().cloned().map(Some).collect(),
        };
        let mut series: Vec<Series> = names
            .into_iter()
            .map(|hashtag| Series {
                hashtag,
                counts: vec![0; buckets.len()],
            })
            .collect();
        for item in items {
            let start = item.from_date.timestamp();
            if start < buckets.from() || start >= buckets.to() {
                continue;
            }
            let cell = series
                .iter_mut()
                .find(|one| one.hashtag.as_deref() == item.hashtag.as_deref())
                .and_then(|one| one.counts.get_mut(buckets.index_of(start)));
            if let Some(cell) = cell {
                *cell = cell.saturating_add(item.count);
            }
        }
        Trend {
            buckets,
            interval,
            series,
        }
    }

    /// Buckets in each series.
    fn length(&self) -> usize {
        self.series.first().map_or(0, |series| series.counts.len())
    }

    /// The start of the first bucket.
    fn from(&self) -> DateTime<Utc> {
        date(self.buckets.from())
    }

    /// The end of the last one.
    fn to(&self) -> DateTime<Utc> {
        date(self.buckets.to())
    }

    /// The start of a bucket.
    fn start_of(&self, bucket: usize) -> DateTime<Utc> {
        date(self.buckets.nth(bucket).0)
    }

    /// The column, of so many for all buckets, whose left edge is nearest to a
    /// moment of the range. Every bucket is drawn as wide as the others.
    fn column_of(&self, moment: i64, columns: usize) -> usize {
        let index = self.buckets.index_of(moment);
        let (from, to) = self.buckets.nth(index);
        let width = i128::from(to - from).max(1);
        let exact = (index as i128 * width + i128::from(moment - from)) * columns as i128;
        let all = width * self.length().max(1) as i128;
        ((exact + all / 2) / all) as usize
    }

    fn max(&self) -> u64 {
        let counts = self.series.iter().flat_map(|series| &series.counts);
        counts.copied().max().unwrap_or(0)
    }
}

fn date(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The chart of a trend, a newline at the end of each line, no line wider
/// than the look.
pub fn draw(trend: &Trend, style: ChartStyle, clock: &Clock, look: Look) -> String {
    match style {
        ChartStyle::Spark => spark::draw(trend, look),
        ChartStyle::Bars => with_words(trend, clock, look, panels(trend, clock, look)),
        ChartStyle::Line => with_words(trend, clock, look, lines(trend, clock, look)),
    }
}

fn with_words(trend: &Trend, clock: &Clock, look: Look, picture: String) -> String {
    let mut text = String::new();
    for line in wrap(&words::title(trend, clock, look), look.width()) {
        text += &look.painted(&line, "1");
        text.push('\n');
    }
    text.push('\n');
    text += &picture;
    text.push('\n');
    for line in wrap(&words::summary(trend, clock), look.width()) {
        text += &line;
        text.push('\n');
    }
    text
}

/// Bars, a panel a series, one scale for all and one time axis.
fn panels(trend: &Trend, clock: &Clock, look: Look) -> String {
    let many = trend.series.len();
    let height = match many {
        0 | 1 => FULL_HEIGHT,
        2..=MANY_SERIES => 5,
        _ => 3,
    };
    let axis = CountAxis::fitting(trend.max(), height);
    let gutter = axis.gutter();
    let room = look.width() - gutter;
    let mut text = String::new();
    for (at, series) in trend.series.iter().enumerate() {
        if many > 1 {
            text += &words::legend(trend, series, "", clock, look);
        }
        let grid = Grid::bars(&series.counts, axis.height, axis.top, room, look);
        push_grid(&mut text, &axis, &grid, at, look);
        if many > 1 && at + 1 < many {
            text += &axis.base(&grid.rule(&[], look), look);
            text.push('\n');
        }
    }
    let used = plot::bar_columns(trend.length(), room);
    text + &time_axis(trend, clock, look, &axis, used)
}

/// Lines in one picture.
fn lines(trend: &Trend, clock: &Clock, look: Look) -> String {
    let axis = CountAxis::fitting(trend.max(), FULL_HEIGHT);
    let room = look.width() - axis.gutter();
    let mut text = String::new();
    let grid = match trend.series.as_slice() {
        [series] if look.draws_unicode() => {
            Grid::curve(&series.counts, axis.height, axis.top, room)
        }
        all => Grid::marks(all, axis.height, axis.top, room, look),
    };
    push_grid(&mut text, &axis, &grid, 0, look);
    text += &time_axis(trend, clock, look, &axis, room);
    if trend.series.len() > 1 {
        text.push('\n');
        for (at, series) in trend.series.iter().enumerate() {
            let mark = plot::mark_of(at, look).to_string();
            text += &words::legend(trend, series, &mark, clock, look);
        }
    }
    text
}

fn push_grid(text: &mut String, axis: &CountAxis, grid: &Grid, series: usize, look: Look) {
    for (row, cells) in grid.rows.iter().enumerate() {
        let painted = plot::painted(cells, series, grid.marked, look);
        text.push_str(format!("{}{painted}", axis.label(grid.rows.len() - row, look)).trim_end());
        text.push('\n');
    }
}

/// The line under a chart with its ticks, and their labels.
fn time_axis(trend: &Trend, clock: &Clock, look: Look, axis: &CountAxis, used: usize) -> String {
    let room = look.width() - axis.gutter();
    let ticks = time_axis::ticks(trend, &clock.zone, used, room);
    let columns: Vec<usize> = ticks.iter().map(|tick| tick.column).collect();
    let rule = plot::rule(used, &columns, look);
    let labels = time_axis::labels(&ticks);
    let mut text = axis.base(&rule, look);
    text.push('\n');
    text += format!("{:1$}{labels}", "", axis.gutter()).trim_end();
    text.push('\n');
    text
}

/// Never wider than the look: what every line of a chart keeps to.
#[cfg(test)]
pub(crate) fn widest(text: &str) -> usize {
    text.lines().map(columns).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
