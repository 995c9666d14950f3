//! `GET /trend` and `GET /trend/hashtags`: counts, never messages.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use hyper::header::{AGE, HeaderMap, HeaderValue};

use crate::api::json::BucketWriter;
use crate::api::{self, HashtagsQuery, TrendQuery};
use crate::domain::{
    Cell, Hashtag, HashtagCount, HashtagsFilter, Interval, MAX_HASHTAGS, Range, TrendFilter,
    TrendRequest,
};
use crate::output::chart::TrendRange;
use crate::output::records::buckets_of;
use crate::output::tags;
use crate::output::tags::{Period, TagRow};
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::format;
use crate::server::handle::format::Form;
use crate::server::handle::parameters;
use crate::server::layer::cache;
use crate::server::layer::cache::{Making, Question};
use crate::server::layer::in_flight::InFlight;
use crate::server::metrics::Read;
use crate::server::response;
use crate::server::response::Answer;
use crate::trace;

/// Counts in buckets.
pub(crate) async fn trend(
    context: &Context,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    let query = TrendQuery::parse(query)?;
    let form = Form::of(
        query.format.as_deref(),
        query.width.as_deref(),
        headers,
        "chart",
    )?;
    let fill = parameters::flag("fill", query.fill.as_deref())?;
    let filter = parameters::trend_filter(&query, Utc::now())?;
    let make = || -> Making<'_> {
        Box::pin(async {
            let _room = room(context, &filter)?;
            let (series, stale) = context
                .metrics
                .reads
                .time(Read::Trend, context.store.recent_trend(&filter))
                .await?;
            let cells = filter.cells(&series, fill);
            if form.is_json() {
                let _span = trace::span("render");
                let body = json(&filter, &cells);
                let answer = response::answer(StatusCode::OK, response::JSON, body);
                return Ok(aged(answer, stale));
            }
            let buckets = on_the_wire(&filter, &cells);
            drop(cells);
            let listing = buckets_of(range(&filter));
            let answer = form.list(context, listing, buckets, None, |_| None).await?;
            Ok(aged(answer, stale))
        })
    };
    let question = Question::Trend(filter.clone(), fill);
    cache::answer(context, question, form, make).await
}

/// An answer that says how old it was when it was made, as RFC 9111 has it.
fn aged(mut answer: Answer, stale: Option<Duration>) -> Answer {
    if let Some(stale) = stale {
        let seconds = HeaderValue::from(stale.as_secs());
        answer.headers_mut().insert(AGE, seconds);
    }
    answer
}

/// Buckets of all series together that are made without a share of memory.
const FREE_CELLS: usize = 10_000;
/// About what a bucket takes while its answer is made, in bytes.
const CELL_BYTES: usize = 160;

/// The share of memory in which a long answer is made. The bound on buckets is
/// for each series.
fn room(context: &Context, filter: &TrendFilter) -> Result<Option<InFlight>, ApiError> {
    let cells = filter.buckets.len() * filter.hashtags.len().max(1);
    (cells > FREE_CELLS)
        .then(|| context.load.memory(cells * CELL_BYTES))
        .transpose()
}

/// What a chart of the answer spans.
fn range(filter: &TrendFilter) -> TrendRange {
    TrendRange {
        buckets: filter.buckets.clone(),
        interval: filter.interval,
        zone: filter.zone.clone(),
        hashtags: filter.hashtags.iter().map(ToString::to_string).collect(),
    }
}

/// Buckets of a spark line in a table of hashtags.
const SPARKS: i64 = 30;

/// The busiest hashtags.
pub(crate) async fn hashtags(
    context: &Context,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    let query = HashtagsQuery::parse(query)?;
    let form = Form::of(
        query.format.as_deref(),
        query.width.as_deref(),
        headers,
        "table",
    )?;
    let now = Utc::now();
    let filter = parameters::hashtags_filter(&query, now)?;
    let question = Question::Hashtags(filter.clone());
    let make = || -> Making<'_> { Box::pin(busiest(context, &filter, now, form)) };
    cache::answer(context, question, form, make).await
}

async fn busiest(
    context: &Context,
    filter: &HashtagsFilter,
    now: DateTime<Utc>,
    form: Form,
) -> Result<Answer, ApiError> {
    let found = context
        .metrics
        .reads
        .time(Read::Hashtags, context.store.hashtags(filter))
        .await?;
    let period = Period {
        from: filter.range.from_date(),
        to: filter.range.to_date(),
        clock: format::clock(),
    };
    let counts = match form.is_drawn() {
        true => sparks(context, &found, filter.range, now).await?,
        false => Vec::new(),
    };
    let mut counts = counts.into_iter();
    let rows = found.into_iter().map(|found| TagRow {
        hashtag: found.hashtag.to_string(),
        count: found.count,
        counts: counts.next().unwrap_or_default(),
    });
    let rows: Vec<TagRow> = rows.collect();
    let prefix = Some(filter.prefix.as_str()).filter(|prefix| !prefix.is_empty());
    let listing = tags::listing(rows.len(), prefix, &period);
    form.list(context, listing, rows, None, |_| None).await
}

/// The counts of each hashtag over the period.
async fn sparks(
    context: &Context,
    found: &[HashtagCount],
    range: Range,
    now: DateTime<Utc>,
) -> Result<Vec<Vec<u64>>, ApiError> {
    let interval = Interval::parting(range.seconds(), SPARKS);
    let mut sparks = Vec::with_capacity(found.len());
    for some in found.chunks(MAX_HASHTAGS) {
        let asked = TrendRequest {
            from: Some(range.from_date()),
            to: Some(range.to_date()),
            interval: Some(interval),
            hashtags: some.iter().map(|found| found.hashtag.clone()).collect(),
            ..TrendRequest::default()
        };
        let filter =
            TrendFilter::new(asked, now).map_err(|error| ApiError::parameter("range", error))?;
        for series in context
            .metrics
            .reads
            .time(Read::Trend, context.store.trend(&filter))
            .await?
        {
            let mut counts = vec![0; filter.buckets.len()];
            for (start, count) in series {
                if let Some(cell) = counts.get_mut(filter.buckets.index_of(start)) {
                    *cell += count;
                }
            }
            sparks.push(counts);
        }
    }
    Ok(sparks)
}

/// What serde writes of the buckets in their envelope.
fn json(filter: &TrendFilter, cells: &[Cell]) -> Vec<u8> {
    const HEAD: usize =
        r#"{"from_date":"2019-09-23T10:00:00Z","to_date":"2019-09-23T10:01:00Z","count":12,"#.len();
    let hashtags = filter.hashtags.iter().map(|tag| Some(tag.as_str()));
    let mut tails: Vec<Vec<u8>> = hashtags.map(BucketWriter::tail).collect();
    if tails.is_empty() {
        tails.push(BucketWriter::tail(None));
    }
    let longest = tails.iter().map(Vec::len).max().unwrap_or(0);
    let mut body = Vec::with_capacity(32 + cells.len() * (HEAD + longest));
    let mut buckets = BucketWriter::default();
    body.extend_from_slice(br#"{"data":{"trends":["#);
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        let edges = (cell.from, cell.to);
        buckets.write(&mut body, edges, cell.count, &tails[cell.series]);
    }
    body.extend_from_slice(b"]}}");
    body
}

fn on_the_wire(filter: &TrendFilter, cells: &[Cell]) -> Vec<api::TrendBucket> {
    let hashtags: Vec<Arc<str>> = filter.hashtags.iter().map(Hashtag::shared).collect();
    let bucket = |cell: &Cell| {
        let (from_date, to_date) = cell.edges();
        api::TrendBucket {
            from_date,
            to_date,
            count: cell.count,
            hashtag: hashtags.get(cell.series).cloned(),
        }
    };
    cells.iter().map(bucket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Envelope, Trends};

    #[test]
    fn a_trend_is_written_as_serde_writes_it() {
        let series = [vec![(0, 3), (86_400, 1)], vec![(86_400, 12_345)]];
        for (tags, fill) in [(0, false), (1, true), (2, false), (2, true)] {
            let tags = ["a", "b"][..tags].iter().map(|tag| tag.parse().unwrap());
            let asked = TrendRequest {
                from: Some(DateTime::UNIX_EPOCH),
                to: DateTime::from_timestamp(86_520, 0),
                hashtags: tags.collect(),
                ..TrendRequest::default()
            };
            let filter = TrendFilter::new(asked, Utc::now()).unwrap();
            let series = &series[..filter.hashtags.len().max(1)];
            let cells = filter.cells(series, fill);
            let trends = on_the_wire(&filter, &cells);
            let data = Trends { trends };
            let serdes = serde_json::to_string(&Envelope { data }).unwrap();
            assert_eq!(String::from_utf8(json(&filter, &cells)).unwrap(), serdes);
        }
    }
}
