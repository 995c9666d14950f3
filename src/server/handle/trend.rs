//! `GET /trend` and `GET /trend/hashtags`: counts, never messages.

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use hyper::header::HeaderMap;

use crate::api::json::BucketWriter;
use crate::api::{self, HashtagsQuery, TrendQuery};
use crate::domain::{
    Bucket, Cell, HashtagCount, HashtagsFilter, Interval, MAX_HASHTAGS, TrendFilter,
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
use crate::server::layer::cache::Question;
use crate::server::response;
use crate::server::response::Answer;

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
    let make = async {
        let series = context.store.trend(&filter).await?;
        if form.is_json() {
            let body = json(&filter, &filter.cells(&series, fill));
            return Ok(response::answer(StatusCode::OK, response::JSON, body));
        }
        let buckets = filter.buckets(&series, fill).into_iter().map(on_the_wire);
        let buckets: Vec<api::TrendBucket> = buckets.collect();
        let listing = buckets_of(range(&filter));
        form.list(context, listing, buckets, None, |_| None).await
    };
    let question = Question::Trend(filter.clone(), fill);
    cache::answer(context, question, form, make).await
}

/// What a chart of the answer spans.
fn range(filter: &TrendFilter) -> TrendRange {
    let moment = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    TrendRange {
        from: moment(filter.from()),
        to: moment(filter.to()),
        interval: filter.interval.seconds(),
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
    let make = busiest(context, &filter, now, form);
    cache::answer(context, question, form, make).await
}

async fn busiest(
    context: &Context,
    filter: &HashtagsFilter,
    now: DateTime<Utc>,
    form: Form,
) -> Result<Answer, ApiError> {
    let found = context.store.hashtags(filter).await?;
    let moment = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or(now);
    let period = Period {
        from: moment(filter.range.from()),
        to: moment(filter.range.to()),
        clock: format::clock(),
    };
    let counts = match form.is_drawn() {
        true => sparks(context, &found, period).await?,
        false => Vec::new(),
    };
    let mut counts = counts.into_iter();
    let rows = found.into_iter().map(|found| TagRow {
        hashtag: found.hashtag.to_string(),
        count: found.count,
        counts: counts.next().unwrap_or_default(),
    });
    let rows: Vec<TagRow> = rows.collect();
    let listing = tags::listing(rows.len(), period);
    form.list(context, listing, rows, None, |_| None).await
}

/// The counts of each hashtag over the period.
async fn sparks(
    context: &Context,
    found: &[HashtagCount],
    period: Period,
) -> Result<Vec<Vec<u64>>, ApiError> {
    let seconds = (period.to - period.from).num_seconds();
    let interval = Interval::parting(seconds, SPARKS);
    let mut sparks = Vec::with_capacity(found.len());
    for some in found.chunks(MAX_HASHTAGS) {
        let tags = some.iter().map(|found| found.hashtag.clone()).collect();
        let filter = TrendFilter::new(
            Some(period.from),
            Some(period.to),
            interval,
            tags,
            period.clock.now,
        )
        .map_err(|error| ApiError::parameter("range", error))?;
        let buckets = ((filter.to() - filter.from()) / interval.seconds()).max(0) as usize;
        for series in context.store.trend(&filter).await? {
            let mut counts = vec![0; buckets];
            for (start, count) in series {
                let at = (start - filter.from()) / interval.seconds();
                if let Some(cell) = usize::try_from(at).ok().and_then(|at| counts.get_mut(at)) {
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
    for (at, &(from, series, count)) in cells.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        let edges = (from, from + filter.interval.seconds());
        buckets.write(&mut body, edges, count, &tails[series]);
    }
    body.extend_from_slice(b"]}}");
    body
}

fn on_the_wire(bucket: Bucket) -> api::TrendBucket {
    api::TrendBucket {
        from_date: bucket.from,
        to_date: bucket.to,
        count: bucket.count,
        hashtag: bucket.hashtag.map(|tag| tag.shared()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Envelope, Trends};

    #[test]
    fn a_trend_is_written_as_serde_writes_it() {
        let (from, to) = (
            Some(DateTime::UNIX_EPOCH),
            DateTime::from_timestamp(86_520, 0),
        );
        let series = [vec![(0, 3), (86_400, 1)], vec![(86_400, 12_345)]];
        for (tags, fill) in [(0, false), (1, true), (2, false), (2, true)] {
            let tags = ["a", "b"][..tags].iter().map(|tag| tag.parse().unwrap());
            let filter =
                TrendFilter::new(from, to, Interval::MINUTE, tags.collect(), Utc::now()).unwrap();
            let series = &series[..filter.hashtags.len().max(1)];
            let trends = filter.buckets(series, fill).into_iter().map(on_the_wire);
            let data = Trends {
                trends: trends.collect(),
            };
            let serdes = serde_json::to_string(&Envelope { data }).unwrap();
            let ours = json(&filter, &filter.cells(series, fill));
            assert_eq!(String::from_utf8(ours).unwrap(), serdes);
        }
    }
}
