//! A chart as a form of rows: it needs all of them before it is drawn.

use super::{Trend, draw};
use crate::api::TrendBucket;
use crate::domain::{Buckets, Interval, Zone};
use crate::output::Clock;
use crate::output::format::{Format, Listing, Options, Writer};
use crate::output::row::{Kind, Record, Value};

pub(in crate::output) const FORMAT: Format = Format {
    name: "chart",
    about: "Counts over time, for people",
    content_type: "text/plain; charset=utf-8",
    is_drawn: true,
    has_columns: false,
    is_exact: false,
    needs_range: true,
    open,
};

/// What a chart spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendRange {
    /// Where the buckets begin and end.
    pub buckets: Buckets,
    /// How wide they are.
    pub interval: Interval,
    /// By whose clocks they begin, which are shown.
    pub zone: Zone,
    /// One series each; one of everything when there are none.
    pub hashtags: Vec<String>,
}

fn open(listing: Listing, options: Options) -> Box<dyn Writer> {
    Box::new(Chart {
        kind: listing.kind,
        range: listing.range,
        options,
        buckets: Vec::new(),
    })
}

struct Chart {
    kind: &'static Kind,
    range: Option<TrendRange>,
    options: Options,
    buckets: Vec<TrendBucket>,
}

impl Writer for Chart {
    fn begin(&mut self, _: &[&dyn Record], _: &mut Vec<u8>) {}

    fn rows(&mut self, rows: &[&dyn Record], _: &mut Vec<u8>) {
        let buckets = rows.iter().filter_map(|row| bucket(self.kind, *row));
        self.buckets.extend(buckets);
    }

    fn end(&mut self, _: Option<&str>, out: &mut Vec<u8>) {
        let Some(range) = &self.range else { return };
        let trend = Trend::new(
            &self.buckets,
            &range.hashtags,
            range.buckets.clone(),
            range.interval,
        );
        let clock = Clock {
            now: self.options.clock.now,
            zone: range.zone.clone(),
        };
        let drawn = draw(&trend, self.options.style, &clock, self.options.look);
        out.extend_from_slice(drawn.as_bytes());
    }
}

/// The bucket that a row tells.
fn bucket(kind: &Kind, row: &dyn Record) -> Option<TrendBucket> {
    let values = row.values();
    let value = |name: &str| values.get(kind.position(name)?);
    let edge = |name: &str| match value(name)? {
        Value::Second(at) | Value::Moment(at) => Some(*at),
        _ => None,
    };
    Some(TrendBucket {
        from_date: edge("from_date")?,
        to_date: edge("to_date")?,
        count: match value("count")? {
            Value::Count(count) => *count,
            _ => return None,
        },
        hashtag: match value("hashtag") {
            Some(Value::Hashtag(tag)) => Some(tag.as_ref().into()),
            _ => None,
        },
    })
}
