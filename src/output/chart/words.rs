//! What a chart shows, in words.

use chrono::{DateTime, Utc};

use crate::domain::format_duration;
use crate::output::chart::{Clock, Look, Series, Trend, columns, counted, plot, wrap};
use crate::output::thousands;

/// `#sql: messages per 7 days, 2017-01-05 to 2019-02-21 (UTC)`.
pub(crate) fn title(trend: &Trend, clock: Clock, look: Look) -> String {
    let what = match trend.series.as_slice() {
        [only] => match &only.hashtag {
            Some(tag) => format!("#{}: messages", look.line(tag)),
            None => "messages".to_owned(),
        },
        _ => "messages".to_owned(),
    };
    let to = trend.start_of(trend.length());
    format!(
        "{what} per {}, {} to {} ({})",
        width_in_words(trend.interval),
        clock.in_words(trend.from),
        clock.in_words(to),
        clock.zone.name_between(trend.from, to)
    )
}

/// Total, peak and last bucket as sentences.
pub(crate) fn summary(trend: &Trend, clock: Clock) -> String {
    let [series] = trend.series.as_slice() else {
        return format!(
            "Counts are per {}.{}",
            width_in_words(trend.interval),
            still_open(trend, clock)
        );
    };
    let Some((at, peak)) = series.peak() else {
        return "No messages.".to_owned();
    };
    let last = series.counts.len() - 1;
    format!(
        "{} in total. Peak: {} in the {} from {}. Last: {} in the {} from {}{}.",
        counted(series.total(), "message"),
        thousands(peak),
        width_in_words(trend.interval),
        clock.in_words(trend.start_of(at)),
        thousands(series.counts[last]),
        width_in_words(trend.interval),
        clock.in_words(trend.start_of(last)),
        if ends(trend) > clock.now {
            ", not over yet"
        } else {
            ""
        }
    )
}

fn still_open(trend: &Trend, clock: Clock) -> &'static str {
    if ends(trend) > clock.now {
        " The last is not over yet."
    } else {
        ""
    }
}

fn ends(trend: &Trend) -> DateTime<Utc> {
    trend.start_of(trend.length())
}

/// The line that says which series is which, in `mark`, words and colour.
pub(crate) fn legend(
    trend: &Trend,
    series: &Series,
    mark: &str,
    clock: Clock,
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

/// `minute`, `90 minutes`, `7 days`.
fn width_in_words(seconds: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    for (size, unit) in UNITS {
        if seconds % size == 0 {
            return match seconds / size {
                1 => unit.to_owned(),
                many => format!("{} {unit}s", thousands(many.unsigned_abs())),
            };
        }
    }
    format_duration(std::time::Duration::from_secs(seconds.unsigned_abs()))
}
