//! `GET /message`: pages of messages.

use chrono::Utc;
use hyper::StatusCode;
use hyper::header::HeaderMap;

use crate::api::{self, FeedQuery};
use crate::domain::{FeedFilter, FeedPage, MessageId};
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::format::Format;
use crate::server::handle::{message, parameters};
use crate::server::layer::cache;
use crate::server::layer::cache::Question;
use crate::server::response;
use crate::server::response::Answer;

/// Answers a page, or the one message that `ulid` names.
pub(crate) async fn feed(
    context: &Context,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    let query = FeedQuery::parse(query)?;
    let format = Format::of(query.format.as_deref(), query.width.as_deref(), headers)?;
    if let Some(id) = parameters::parsed::<MessageId>("ulid", query.ulid.as_deref())? {
        let alone = FeedQuery {
            ulid: None,
            format: None,
            width: None,
            ..query
        };
        if alone != FeedQuery::default() {
            return Err(ApiError::parameter(
                "ulid",
                "it names one message and goes with no other filter; leave the others out",
            ));
        }
        return message::by_id(context, id, format).await;
    }
    let filter = parameters::feed_filter(&query, Utc::now())?;
    let make = page(context, &filter, format);
    cache::answer(context, Question::Feed(filter.clone()), format, make).await
}

async fn page(context: &Context, filter: &FeedFilter, format: Format) -> Result<Answer, ApiError> {
    let page = context.store.feed(filter).await?;
    if format == Format::Json {
        let body = json(&page);
        return Ok(response::answer(StatusCode::OK, response::JSON, body));
    }
    let page = api::FeedPage {
        messages: page.messages.iter().map(message::on_the_wire).collect(),
        next_cursor: page.next_cursor.map(|id| id.to_string()),
    };
    format.feed(context, page).await
}

/// What serde writes of the page in its envelope.
fn json(page: &FeedPage) -> Vec<u8> {
    let room: usize = page.messages.iter().map(message::json_length).sum();
    let mut body = Vec::with_capacity(room + 96);
    body.extend_from_slice(br#"{"data":{"messages":["#);
    for (at, one) in page.messages.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        message::write_json(&mut body, one);
    }
    body.push(b']');
    if let Some(cursor) = page.next_cursor {
        body.extend_from_slice(br#","next_cursor":"#);
        api::json::write_text(&mut body, cursor.text(&mut [0; MessageId::CHARS]));
    }
    body.extend_from_slice(b"}}");
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Envelope;
    use crate::domain::Draft;

    #[test]
    fn a_page_is_written_as_serde_writes_it() {
        let message = |n| {
            let text = format!("a \"b\"\n{n}");
            let draft = Draft::new("ann".parse().unwrap(), text, &["c", "d"]).unwrap();
            draft.into_message(MessageId::from_parts(1_000, n))
        };
        for (count, next_cursor) in [(0, None), (1, None), (3, Some(MessageId::MAX))] {
            let page = FeedPage {
                messages: (0..count).map(message).collect(),
                next_cursor,
            };
            let data = api::FeedPage {
                messages: page.messages.iter().map(message::on_the_wire).collect(),
                next_cursor: page.next_cursor.map(|id| id.to_string()),
            };
            let serdes = serde_json::to_string(&Envelope { data }).unwrap();
            assert_eq!(String::from_utf8(json(&page)).unwrap(), serdes);
        }
    }
}
