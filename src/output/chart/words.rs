//! What a chart shows, in words.

use crate::output::chart::{Clock, Look, Series, Trend, columns, counted, plot, wrap};
use crate::output::thousands;

/// `#sql: messages per 7 days, 2017-01-05 to 2019-02-21 (UTC)`.
pub(crate) fn title(trend: &Trend, clock: &Clock, look: Look) -> String {
    let what = match trend.series.as_slice() {
        [only] => match &only.hashtag {
            Some(tag) => format!("#{}: messages", look.line(tag)),
            None => "messages".to_owned(),
        },
        _ => "messages".to_owned(),
    };
    format!(
        "{what} per {}, {} to {} ({})",
        trend.interval.in_words(),
        clock.in_words(trend.from()),
        clock.in_words(trend.to()),
        clock.zone.offset_name_between(trend.from(), trend.to())
    )
}

/// Total, peak and last bucket as sentences.
pub(crate) fn summary(trend: &Trend, clock: &Clock) -> String {
    let [series] = trend.series.as_slice() else {
        return format!(
            "Counts are per {}.{}",
            trend.interval.in_words(),
            still_open(trend, clock)
        );
    };
    let Some((at, peak)) = series.peak() else {
        return "No messages.".to_owned();
    };
    let last = series.counts.len() - 1;
    format!(
        "{} in total. Peak: {} in {}. Last: {} in {}{}.",
        counted(series.total(), "message"),
        thousands(peak),
        bucket(trend, at, clock),
        thousands(series.counts[last]),
        bucket(trend, last, clock),
        if is_open(trend, clock) {
            ", not over yet"
        } else {
            ""
        }
    )
}

/// `the week from 2018-12-31`, or `the part of a week from 2018-12-31` where
/// the range cuts it.
fn bucket(trend: &Trend, at: usize, clock: &Clock) -> String {
    let width = trend.interval.in_words();
    let is_many = width.starts_with(|c: char| c.is_ascii_digit());
    let which = match (trend.buckets.is_cut(at), is_many) {
        (false, _) => "the",
        (true, true) => "the part of",
        (true, false) if width == "hour" => "the part of an",
        (true, false) => "the part of a",
    };
    format!(
        "{which} {width} from {}",
        clock.in_words(trend.start_of(at))
    )
}

fn still_open(trend: &Trend, clock: &Clock) -> &'static str {
    if is_open(trend, clock) {
        " The last is not over yet."
    } else {
        ""
    }
}

/// Whether there is more to come in the last bucket.
fn is_open(trend: &Trend, clock: &Clock) -> bool {
    trend.to() > clock.now
}

/// The line that says which series is which, in `mark`, words and colour.
pub(crate) fn legend(
    trend: &Trend,
    series: &Series,
    mark: &str,
    clock: &Clock,
    look: Look,
) -> String {
    let at = trend.series.iter().position(|one| one == series);
    let tag = series.hashtag.as_deref().unwrap_or("everything");
    let name = format!("#{}", look.line(tag));
    let name = if mark.is_empty() {
        name
    } else {
        format!("{mark} {name}")
    };
    let last = series.counts.last().copied().unwrap_or(0);
    let said = match series.peak() {
        Some((peak_at, peak)) => format!(
            "{} in total, peak {} from {}, last {}",
            thousands(series.total()),
            thousands(peak),
            clock.in_words(trend.start_of(peak_at)),
            thousands(last)
        ),
        None => "no messages".to_owned(),
    };
    let color = plot::color_of(at.unwrap_or(0));
    if columns(&name) + 2 + columns(&said) <= look.width() {
        return format!("{}  {said}\n", look.painted(&name, color));
    }
    let mut text = String::new();
    for line in wrap(&name, look.width()) {
        text += &look.painted(&line, color);
        text.push('\n');
    }
    for line in wrap(&said, look.width() - 2) {
        text += &format!("  {line}\n");
    }
    text
}
