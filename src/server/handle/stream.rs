//! `GET /message/stream`: what was stored, and then what is being stored, as
//! an answer that does not end.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, VARY};

use crate::api::{HEARTBEAT_HEADER, StreamQuery};
use crate::domain::{FeedFilter, FeedLimit, FollowFilter, MessageId, Position, shown};
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::follow::encoding::Encoding;
use crate::server::follow::follower::{Follower, retry};
use crate::server::handle::{feed, format, parameters};
use crate::server::metrics::Read;
use crate::server::response;
use crate::server::response::Answer;
use crate::server::response::body::AnswerBody;
use crate::server::response::stream::Stream;

/// Sent by a browser that comes back: where it was.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// nginx passes on what comes at once, instead of filling its buffers first.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// After how many seconds without anything to say the stream says so. A look at
/// much history may take longer: three in a row that are missed are a lost
/// connection.
const X_HEARTBEAT: HeaderName = HeaderName::from_static(HEARTBEAT_HEADER);

/// In seconds, with as many decimals as it needs.
fn heartbeat(every: Duration) -> HeaderValue {
    let seconds = every.as_secs_f64().to_string();
    // Digits and a point.
    HeaderValue::try_from(seconds).unwrap_or(HeaderValue::from_static("15"))
}

/// Where a stream begins.
enum Start {
    /// With what is stored from now on.
    Now,
    /// Behind a position, which `name` gave.
    Behind(&'static str, Position),
    /// With the first message since then.
    From(DateTime<Utc>),
    /// With so many messages before now.
    Last(FeedLimit),
}

/// Answers with all that follows.
pub(crate) async fn stream(
    context: &Arc<Context>,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    let query = StreamQuery::parse(query)?;
    let encoding = encoding(query.format.as_deref(), headers)?;
    let now = Utc::now();
    let asked = parameters::stream_filter(&query, now)?;
    let start = start(&query, asked.from, now, headers)?;
    let filter = FollowFilter::from(asked);
    let closed = context.store.closed().await?;
    let position = match start {
        Start::Now => closed,
        Start::Behind(name, position) => Some(not_ahead(context, name, position, closed).await?),
        Start::From(from) => closed.min(before(MessageId::first_at(from))),
        Start::Last(limit) => last(context, &filter, limit, closed).await?,
    };
    let shown = context.auth.shown(headers);
    let places = (position, closed);
    let follower = Follower::new(context, filter, encoding, places, shown);
    let (every, doubt) = (follower.heartbeat(), follower.doubt());
    let stream = Stream::new(encoding.begin(retry()).into(), Box::new(follower));
    let mut body = AnswerBody::stream(stream);
    body.set_endless(doubt);
    let mut answer = response::of_type(StatusCode::OK, encoding.content_type(), body);
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    if encoding.has_heartbeat() {
        headers.insert(X_HEARTBEAT, heartbeat(every));
    }
    Ok(answer)
}

/// The position, unless the store has never come so far. What an import
/// brought may be behind the closed position for a while.
///
/// # Errors
/// It has not: the position is of another store, or made up.
pub(crate) async fn not_ahead(
    context: &Context,
    name: &'static str,
    position: Position,
    closed: Option<Position>,
) -> Result<Position, ApiError> {
    if position.0 == MessageId::MIN || Some(position) <= closed {
        return Ok(position);
    }
    let newest = FeedFilter {
        limit: FeedLimit::new(1).unwrap_or_default(),
        ..FeedFilter::default()
    };
    let newest = context.store.feed(&newest).await?.messages;
    let is_past = position.0.millis() <= Utc::now().timestamp_millis();
    if is_past && newest.iter().any(|newest| position.0 <= newest.id) {
        return Ok(position);
    }
    let reason = match closed {
        Some(closed) => format!(
            "{} is ahead of this store, which has come to {}: it is of another store, or of one that was restored; leave it out to begin now",
            position.0, closed.0
        ),
        None => format!(
            "{} is ahead of this store, which is empty: it is of another store; leave it out to begin now",
            position.0
        ),
    };
    Err(match name {
        "after" => ApiError::parameter(name, reason),
        _ => ApiError::Header(format!("{name}: {reason}")),
    })
}

/// Where everything from an id on comes next.
fn before(id: MessageId) -> Option<Position> {
    (id > MessageId::MIN).then(|| Position(id.predecessor()))
}

/// Behind which there are so many messages that are wanted.
async fn last(
    context: &Context,
    filter: &FollowFilter,
    limit: FeedLimit,
    closed: Option<Position>,
) -> Result<Option<Position>, ApiError> {
    let Some(closed) = closed else {
        return Ok(None);
    };
    let page = FeedFilter {
        cursor: Some(closed.0.successor()),
        users: filter.users.clone(),
        hashtags: filter.hashtags.clone(),
        any: filter.any,
        without: filter.without.clone(),
        limit,
        ..FeedFilter::default()
    };
    let _room = feed::room(context, limit.get()).await?;
    let page = context
        .metrics
        .reads
        .time(Read::Page, context.store.feed(&page))
        .await?;
    let oldest = page.messages.last();
    Ok(oldest.map_or(Some(closed), |oldest| before(oldest.id)))
}

fn start(
    query: &StreamQuery,
    from: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    headers: &HeaderMap,
) -> Result<Start, ApiError> {
    let after = parameters::parsed::<MessageId>("after", query.after.as_deref())?;
    let last = query
        .last
        .as_deref()
        .map(|text| parameters::limit_or_none("last", text));
    let last = last.transpose()?;
    let given = [after.is_some(), from.is_some(), last.is_some()];
    if given.iter().filter(|is_given| **is_given).count() > 1 {
        return Err(ApiError::parameter(
            "after",
            "after, from_date and last each say where to begin; give one of them",
        ));
    }
    if let Some(from) = from.filter(|from| *from > now) {
        return Err(ApiError::parameter(
            "from_date",
            format!("{} is in the future", from.to_rfc3339()),
        ));
    }
    // A browser that comes back asks for what it asked for at first.
    if let Some(id) = last_event_id(headers)? {
        return Ok(Start::Behind("Last-Event-ID", Position(id)));
    }
    Ok(match (after, from, last.flatten()) {
        (Some(after), _, _) => Start::Behind("after", Position(after)),
        (None, Some(from), _) => Start::From(from),
        (None, None, Some(limit)) => Start::Last(limit),
        (None, None, None) => Start::Now,
    })
}

/// What a client saw last; an empty value says that it saw nothing.
fn last_event_id(headers: &HeaderMap) -> Result<Option<MessageId>, ApiError> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let Some(value) = values.next().filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ApiError::Header(
            "the Last-Event-ID is given more than once; give it once".to_owned(),
        ));
    }
    let text = String::from_utf8_lossy(value.as_bytes());
    let id = text.trim().parse().map_err(|_| {
        ApiError::Header(format!(
            "the Last-Event-ID {} is no position in this stream; send the id of an event, or leave it out",
            shown(&text)
        ))
    })?;
    Ok(Some(id))
}

/// What `format=` or else `Accept` asks for.
fn encoding(name: Option<&str>, headers: &HeaderMap) -> Result<Encoding, ApiError> {
    if let Some(name) = name {
        let found = Encoding::ALL.into_iter().find(|one| one.name() == name);
        return found.ok_or_else(|| {
            let names = Encoding::ALL.map(Encoding::name).join(", ");
            let reason = format!(
                "{} is no format of a stream; use one of {names}",
                shown(name)
            );
            ApiError::parameter("format", reason)
        });
    }
    let of_media_type = |media_type: &str| {
        let mut all = Encoding::ALL.into_iter();
        all.find(|one| one.media_type().eq_ignore_ascii_case(media_type))
    };
    let mut best: Option<(f32, Encoding)> = None;
    for (media_type, weight) in format::accepted_types(headers) {
        let Some(encoding) = of_media_type(media_type).filter(|_| weight > 0.0) else {
            continue;
        };
        if best.is_none_or(|(highest, _)| weight > highest) {
            best = Some((weight, encoding));
        }
    }
    Ok(best.map_or(Encoding::Ndjson, |(_, encoding)| encoding))
}
