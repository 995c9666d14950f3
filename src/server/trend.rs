//! `GET /trend` and `GET /trend/hashtags`: counts, never messages.

use chrono::Utc;
use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::answers::{self, Question};
use super::error::ApiError;
use super::format::Format;
use super::response::{self, Answer};
use super::{Context, parameters};
use crate::api::{self, HashtagsQuery, TrendQuery};
use crate::domain::Bucket;

/// Counts in buckets.
pub(super) async fn trend(
    context: &Context,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    let query = TrendQuery::parse(query)?;
    let format = Format::of(query.format.as_deref(), query.width.as_deref(), headers)?;
    let fill = parameters::flag("fill", query.fill.as_deref())?;
    let filter = parameters::trend_filter(&query, Utc::now())?;
    let make = async {
        let series = context.store.trend(&filter).await?;
        let trends = filter.buckets(&series, fill).into_iter().map(on_the_wire);
        let trends = api::Trends {
            trends: trends.collect(),
        };
        format.trend(&filter, trends)
    };
    let question = Question::Trend(filter.clone(), fill);
    answers::answer(context, question, format, make).await
}

/// The busiest hashtags.
pub(super) async fn hashtags(context: &Context, query: &str) -> Result<Answer, ApiError> {
    let query = HashtagsQuery::parse(query)?;
    let filter = parameters::hashtags_filter(&query, Utc::now())?;
    let make = async {
        let found = context.store.hashtags(&filter).await?;
        let hashtags = found.into_iter().map(|found| api::HashtagCount {
            hashtag: found.hashtag.to_string(),
            count: found.count,
        });
        response::data(
            StatusCode::OK,
            api::Hashtags {
                hashtags: hashtags.collect(),
            },
        )
    };
    let question = Question::Hashtags(filter.clone());
    answers::answer(context, question, Format::Json, make).await
}

fn on_the_wire(bucket: Bucket) -> api::TrendBucket {
    api::TrendBucket {
        from_date: bucket.from,
        to_date: bucket.to,
        count: bucket.count,
        hashtag: bucket.hashtag.map(|tag| tag.shared()),
    }
}
