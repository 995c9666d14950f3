//! `GET /`: what a person with curl needs to know.

use hyper::StatusCode;
use hyper::header::{HOST, HeaderMap};

use crate::api::query::refuse_parameters;
use crate::server::error::ApiError;
use crate::server::response;
use crate::server::response::{Answer, TEXT};

/// Plain text, with the address the person used in every example.
pub(crate) fn help(query: &str, headers: &HeaderMap) -> Result<Answer, ApiError> {
    refuse_parameters(query)?;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host
        .filter(|host| is_authority(host))
        .unwrap_or("127.0.0.1:9000");
    let text = TEMPLATE
        .replace("{host}", host)
        .replace("{version}", env!("CARGO_PKG_VERSION"));
    Ok(response::answer(StatusCode::OK, TEXT, text))
}

/// The header is the client's: only what an address is made of is repeated.
fn is_authority(host: &str) -> bool {
    host.len() <= 255
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
}

const TEMPLATE: &str = r#"dunder {version}: messages with hashtags, and their trends

Post (with auth.mode name, the token is the base64 of your name):
  curl {host}/message -H "Authorization: Bearer $(printf %s "$USER" | base64)" \
    -d '{"text": "deploy of #prod done", "hashtags": ["ops"]}'

Take back a message of yours:
  curl -X DELETE {host}/message/ULID -H "Authorization: Bearer $(printf %s "$USER" | base64)"

Read, newest first:
  curl '{host}/message?limit=20'
  curl '{host}/message?hashtag=ops&hashtag=prod&user_name=john&from_date=yesterday&to_date=now'
  curl '{host}/message?hashtag=ops&hashtag=prod&any=true'            either hashtag
  curl '{host}/message?user_name=ann&user_name=bob&not_hashtag=ci'   by either, without #ci
  curl '{host}/message?cursor=ULID'          the next page: the answer's next_cursor
  curl {host}/message/ULID                   one message

Follow what is posted, from now on or from where you were (last=, after=, from_date=):
  curl -N '{host}/message/stream?format=text&last=10&hashtag=ops'
  curl -N '{host}/message/stream?after=ULID' one JSON object a line, each with its position
  curl '{host}/message?after=ULID&limit=100' the same for those who ask again: next_after

Count per time bucket (1m, 90m, 6h, day, week, month, year; of UTC, or of tz):
  curl '{host}/trend?aggregation=1h&from_date=3d&fill=true'
  curl '{host}/trend?hashtag=ops&hashtag=prod&aggregation=day&from_date=2019-01-01&to_date=2019-02-01'
  curl '{host}/trend/hashtags?from_date=7d'  the busiest hashtags

Tables and charts instead of JSON:
  curl '{host}/message?format=text&width=100'
  curl '{host}/trend?format=text&aggregation=1h'
  curl '{host}/trend/hashtags?format=text&from_date=30d'

Dates: 2019-09-23, '2019-09-23 10:00', RFC 3339, Unix seconds or milliseconds, now, today,
yesterday, or a duration ago such as 90m or 3d; UTC unless an offset is given.
Also: GET /user?prefix=, GET /whoami, GET /healthz, GET /readyz
All of it for programs, as OpenAPI 3.1: GET /openapi.json
"#;
