//! `GET /message`: pages of messages.

use chrono::Utc;
use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::answers::{self, Question};
use super::error::ApiError;
use super::format::Format;
use super::response::{self, Answer};
use super::{Context, message, parameters};
use crate::api::{self, FeedQuery};
use crate::domain::{FeedFilter, MessageId};

/// Answers a page, or the one message that `ulid` names.
pub(super) async fn feed(
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
    answers::answer(context, Question::Feed(filter.clone()), format, make).await
}

async fn page(context: &Context, filter: &FeedFilter, format: Format) -> Result<Answer, ApiError> {
    let page = context.store.feed(filter).await?;
    let next_cursor = page.next_cursor.map(|id| id.to_string());
    if format == Format::Json
        && let Some(messages) = context.encoded.page(&page.messages)?
    {
        let page = api::FeedPage {
            messages,
            next_cursor,
        };
        return response::data(StatusCode::OK, page);
    }
    format.feed(api::FeedPage {
        messages: page.messages.iter().map(message::on_the_wire).collect(),
        next_cursor,
    })
}
