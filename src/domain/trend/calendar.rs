//! Where buckets begin: the edges that a width has by the clocks of a zone.
//!
//! Days, weeks, months and years begin when the zone's clocks first show
//! their first midnight, or a later time where that is skipped; a day may have
//! 23 or 25 hours, and one that the clocks skip has no bucket. Minutes are
//! those the clocks show: an edge is where they come to a multiple of the
//! width, counted from 1970 by the same clocks. Where they are set, a bucket
//! is as much longer or shorter.

use chrono::{DateTime, Datelike, NaiveDate};

use super::super::interval::Width;
use super::super::{Interval, Moments, Span, Zone};

const DAY: i64 = 86_400;
/// From the Unix epoch, a Thursday, back to a Monday.
const DAYS_TO_MONDAY: i64 = 3;

/// The edges of a width in a zone. All moments in Unix seconds.
pub(super) struct Calendar<'z> {
    width: Width,
    zone: &'z Zone,
    /// The one looked up last: most questions are about it again.
    span: Span,
}

impl<'z> Calendar<'z> {
    pub(super) fn new(interval: Interval, zone: &'z Zone, around: i64) -> Calendar<'z> {
        Calendar {
            width: interval.width(),
            zone,
            span: zone.span_at(around),
        }
    }

    /// Edges at even distances, if they are that in all of a time: the first
    /// moment of an edge after 1970 began, and the distance.
    pub(super) fn even(&mut self, from: i64, to: i64) -> Option<(i64, i64)> {
        let (width, first) = match self.width {
            Width::Minutes(minutes) => (minutes * 60, 0),
            Width::Days(days) => (days * DAY, first_day(days) * DAY),
            Width::Months(_) => return None,
        };
        let span = self.span_at(from);
        (to <= span.to).then(|| ((first - span.offset).rem_euclid(width), width))
    }

    /// The start of the bucket that holds a moment.
    pub(super) fn floor(&mut self, moment: i64) -> i64 {
        if let Width::Minutes(minutes) = self.width {
            return self.floor_minutes(moment, minutes * 60);
        }
        let number = self.number_of(moment);
        self.start_of(number)
    }

    /// The end of the bucket that begins at an edge.
    pub(super) fn next(&mut self, edge: i64) -> i64 {
        if let Width::Minutes(minutes) = self.width {
            return self.next_minutes(edge, minutes * 60);
        }
        let mut number = self.number_of(edge);
        loop {
            number += 1;
            let start = self.start_of(number);
            if start > edge {
                return start;
            }
        }
    }

    /// The start of the bucket that lies so many before the one that holds a
    /// moment, or about 1970.
    pub(super) fn back(&mut self, moment: i64, buckets: i64) -> i64 {
        if matches!(self.width, Width::Minutes(_)) {
            let mut edge = self.floor(moment);
            for _ in 0..buckets {
                if edge <= 0 {
                    break;
                }
                edge = self.floor(edge - 1);
            }
            return edge;
        }
        let number = self.number_of(moment) - buckets;
        self.start_of(number)
    }

    fn span_at(&mut self, moment: i64) -> Span {
        if !(self.span.from..self.span.to).contains(&moment) {
            self.span = self.zone.span_at(moment);
        }
        self.span
    }

    /// When the clocks first show a time (in seconds as if it were UTC).
    fn moment_of(&mut self, local: i64) -> i64 {
        const FAR: i64 = 2 * DAY;
        let moment = local - self.span.offset;
        let span = self.span;
        if span.from.saturating_add(FAR) <= moment && moment < span.to.saturating_sub(FAR) {
            return moment;
        }
        let found: Moments = self.zone.moments_of(local);
        let first = found.first();
        self.span_at(first);
        first
    }

    /// Of days, weeks, months or years: which of them a moment is in.
    fn number_of(&mut self, moment: i64) -> i64 {
        let day = (moment + self.span_at(moment).offset).div_euclid(DAY);
        let mut number = match self.width {
            Width::Days(days) => (day - first_day(days)).div_euclid(days),
            Width::Months(months) => month_of(day).div_euclid(months),
            Width::Minutes(_) => 0,
        };
        // Clocks set back over midnight show the day before again.
        while self.start_of(number + 1) <= moment {
            number += 1;
        }
        number
    }

    fn start_of(&mut self, number: i64) -> i64 {
        let day = match self.width {
            Width::Days(days) => number * days + first_day(days),
            Width::Months(months) => first_day_of(number * months),
            Width::Minutes(_) => 0,
        };
        self.moment_of(day * DAY)
    }

    fn floor_minutes(&mut self, moment: i64, width: i64) -> i64 {
        let mut span = self.span_at(moment);
        let mut moment = moment;
        loop {
            let edge = moment - (moment + span.offset).rem_euclid(width);
            if edge >= span.from {
                return edge;
            }
            let before = self.span_at(span.from - 1);
            if is_edge(span, before.offset, width) {
                return span.from;
            }
            moment = span.from - 1;
            span = before;
        }
    }

    fn next_minutes(&mut self, edge: i64, width: i64) -> i64 {
        let mut span = self.span_at(edge);
        let mut from = edge;
        loop {
            let next = from - (from + span.offset).rem_euclid(width) + width;
            if next < span.to {
                return next;
            }
            let after = self.span_at(span.to);
            if is_edge(after, span.offset, width) {
                return span.to;
            }
            from = span.to;
            span = after;
        }
    }
}

/// Whether the clocks, when they are set, come to a multiple of the width or
/// leave a bucket.
fn is_edge(after: Span, offset_before: i64, width: i64) -> bool {
    let floor = |local: i64| local.div_euclid(width);
    let shown = after.from + after.offset;
    shown.rem_euclid(width) == 0 || floor(after.from - 1 + offset_before) != floor(shown)
}

/// The day since 1970 from which so many days are counted.
fn first_day(days: i64) -> i64 {
    if days % 7 == 0 { -DAYS_TO_MONDAY } else { 0 }
}

/// The month of a day since 1970, counted from the year 0.
fn month_of(day: i64) -> i64 {
    let date = DateTime::from_timestamp(day * DAY, 0).unwrap_or(DateTime::UNIX_EPOCH);
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// The day since 1970 on which a month counted from the year 0 begins.
fn first_day_of(month: i64) -> i64 {
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12));
    let year = i32::try_from(year).unwrap_or(i32::MAX);
    let date = NaiveDate::from_ymd_opt(year, month as u32 + 1, 1).unwrap_or(NaiveDate::MAX);
    i64::from(date.num_days_from_ce()) - i64::from(EPOCH_FROM_CE)
}

/// <https://docs.rs/chrono/latest/chrono/trait.Datelike.html#method.num_days_from_ce>
const EPOCH_FROM_CE: i32 = 719_163;
