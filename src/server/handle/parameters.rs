//! From what a query says to what the domain understands. Every refusal names
//! the parameter and its value.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::api::{FeedQuery, HashtagsQuery, StreamQuery, TrendQuery};
use crate::domain::{
    FeedFilter, FeedLimit, Hashtag, HashtagsFilter, Interval, MessageId, Range, TrendFilter,
    TrendRequest, UserName, Zone, parse_date, shown,
};
use crate::server::error::ApiError;

pub(crate) fn feed_filter(query: &FeedQuery, now: DateTime<Utc>) -> Result<FeedFilter, ApiError> {
    let limit = match &query.limit {
        Some(text) => limit("limit", text)?,
        None => FeedLimit::default(),
    };
    let filter = FeedFilter {
        from: date("from_date", query.from_date.as_deref(), now)?,
        to: date("to_date", query.to_date.as_deref(), now)?,
        cursor: parsed::<MessageId>("cursor", query.cursor.as_deref())?,
        users: each::<UserName>("user_name", &query.user_name)?,
        hashtags: each("hashtag", &query.hashtag)?,
        any: flag("any", query.any.as_deref())?,
        without: each("not_hashtag", &query.not_hashtag)?,
        limit,
    };
    filter
        .checked()
        .map_err(|error| ApiError::parameter("filter", error))
}

/// What a follower wants, and since when.
pub(crate) fn stream_filter(
    query: &StreamQuery,
    now: DateTime<Utc>,
) -> Result<FeedFilter, ApiError> {
    let filter = FeedFilter {
        from: date("from_date", query.from_date.as_deref(), now)?,
        users: each::<UserName>("user_name", &query.user_name)?,
        hashtags: each("hashtag", &query.hashtag)?,
        any: flag("any", query.any.as_deref())?,
        without: each("not_hashtag", &query.not_hashtag)?,
        ..FeedFilter::default()
    };
    filter
        .checked()
        .map_err(|error| ApiError::parameter("filter", error))
}

pub(crate) fn trend_filter(
    query: &TrendQuery,
    now: DateTime<Utc>,
) -> Result<TrendFilter, ApiError> {
    let asked = TrendRequest {
        from: date("from_date", query.from_date.as_deref(), now)?,
        to: date("to_date", query.to_date.as_deref(), now)?,
        interval: parsed::<Interval>("aggregation", query.aggregation.as_deref())?,
        zone: zone(query.tz.as_deref())?,
        hashtags: each("hashtag", &query.hashtag)?,
    };
    TrendFilter::new(asked, now).map_err(|error| ApiError::parameter("range", error))
}

/// No zone's name has a blank: it is the plus of `Etc/GMT+2`, unencoded.
fn zone(text: Option<&str>) -> Result<Option<Zone>, ApiError> {
    parsed::<Zone>("tz", text.map(|text| text.replace(' ', "+")).as_deref())
}

/// The last 7 days, unless a date says otherwise.
pub(crate) fn hashtags_filter(
    query: &HashtagsQuery,
    now: DateTime<Utc>,
) -> Result<HashtagsFilter, ApiError> {
    let to = date("to_date", query.to_date.as_deref(), now)?.unwrap_or(now);
    let from = date("from_date", query.from_date.as_deref(), now)?;
    let from = from.unwrap_or_else(|| to - chrono::Duration::days(7));
    let range = Range::new(from, to).map_err(|error| ApiError::parameter("range", error))?;
    let limit = match &query.limit {
        Some(text) => limit("limit", text)?.get(),
        None => 20,
    };
    let prefix = match query.prefix.as_deref() {
        Some(text) => {
            parsed::<Hashtag>("prefix", Some(text))?.map_or_else(String::new, |tag| tag.to_string())
        }
        None => String::new(),
    };
    Ok(HashtagsFilter {
        range,
        prefix,
        limit,
    })
}

/// `true` or `false`.
pub(crate) fn flag(name: &'static str, text: Option<&str>) -> Result<bool, ApiError> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(ApiError::parameter(
            name,
            format!("{} is neither true nor false", shown(other)),
        )),
    }
}

/// A page size.
pub(crate) fn limit(name: &'static str, text: &str) -> Result<FeedLimit, ApiError> {
    let number = text
        .parse::<u16>()
        .ok()
        .filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    number.and_then(FeedLimit::new).ok_or_else(|| {
        ApiError::parameter(
            name,
            format!(
                "{} is not a number from 1 to {}",
                shown(text),
                FeedLimit::MAX
            ),
        )
    })
}

/// A page size, or none.
pub(crate) fn limit_or_none(name: &'static str, text: &str) -> Result<Option<FeedLimit>, ApiError> {
    if text == "0" {
        return Ok(None);
    }
    limit(name, text).map(Some).map_err(|_| {
        let most = FeedLimit::MAX;
        ApiError::parameter(
            name,
            format!("{} is not a number from 0 to {most}", shown(text)),
        )
    })
}

fn date(
    name: &'static str,
    text: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, ApiError> {
    text.map(|text| parse_date(text, now, &Zone::UTC))
        .transpose()
        .map_err(|error| ApiError::parameter(name, error))
}

fn each<T: FromStr<Err: std::fmt::Display>>(
    name: &'static str,
    texts: &[String],
) -> Result<Vec<T>, ApiError> {
    let value = |text: &String| {
        text.parse()
            .map_err(|error| ApiError::parameter(name, error))
    };
    texts.iter().map(value).collect()
}

pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(
    name: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, ApiError> {
    text.map(str::parse)
        .transpose()
        .map_err(|error| ApiError::parameter(name, error))
}
