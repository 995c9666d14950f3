//! `GET /message`: pages of messages.

use chrono::Utc;
use hyper::header::HeaderMap;

use crate::api::{self, FeedQuery};
use crate::domain::{FeedFilter, FeedPage, MAX_TEXT_BYTES, MessageId};
use crate::output::format::Listing;
use crate::output::records::MESSAGES;
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::format::Form;
use crate::server::handle::pages::{FIRST, Lines, Pages};
use crate::server::handle::{after, cold, message, pages, parameters};
use crate::server::layer::cache;
use crate::server::layer::cache::{Making, Question};
use crate::server::layer::in_flight::InFlight;
use crate::server::metrics::Read;
use crate::server::response::Answer;
use crate::server::response::body::{AnswerBody, PIECE};
use crate::server::response::stream::Stream;
use crate::trace;

/// Answers a page, or the one message that `ulid` names.
pub(crate) async fn feed(
    context: &Context,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    let query = FeedQuery::parse(query)?;
    let text = if query.ulid.is_some() {
        "card"
    } else {
        "table"
    };
    let form = Form::of(
        query.format.as_deref(),
        query.width.as_deref(),
        headers,
        text,
    )?;
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
        return Box::pin(message::by_id(context, id, form)).await;
    }
    if let Some(position) = parameters::parsed::<MessageId>("after", query.after.as_deref())? {
        return Box::pin(after::after(context, &query, position, form)).await;
    }
    let filter = parameters::feed_filter(&query, Utc::now())?;
    let make = || -> Making<'_> { Box::pin(page(context, &filter, form)) };
    cache::answer(context, Question::Feed(filter.clone()), form, make).await
}

async fn page(context: &Context, filter: &FeedFilter, form: Form) -> Result<Answer, ApiError> {
    // The columns of a table depend on all of its rows.
    if form.is_drawn() {
        return Box::pin(drawn(context, filter, form)).await;
    }
    let mut read = None;
    if form.is_json() && filter.limit.get() <= FIRST {
        let page = context
            .metrics
            .reads
            .time(Read::Page, context.store.feed(filter))
            .await?;
        let length = page.messages.iter().map(message::json_length).sum();
        if length <= PIECE {
            let _span = trace::span("render");
            let body = AnswerBody::whole(pages::json(&page, length));
            let mut answer = form.answer(body, None);
            cold::tell(&mut answer, &page.cold, form);
            return Ok(answer);
        }
        read = Some(page);
    }
    Box::pin(long(context, filter, form, read)).await
}

/// A page that may be more than a piece, whose first messages may be `read`
/// already.
async fn long(
    context: &Context,
    filter: &FeedFilter,
    form: Form,
    read: Option<FeedPage>,
) -> Result<Answer, ApiError> {
    let limit = filter.limit.get();
    let lines = match form.is_json() {
        true => Lines::Json,
        false => Lines::Of(form.open(context, Listing::of(&MESSAGES))),
    };
    let mut pages = Pages::new(context, filter, lines);
    // JSON says at its end how to go on. The others have it in a header, which
    // comes before the messages: the whole page is looked at.
    let first = if form.is_json() { FIRST } else { limit };
    let _room = room(context, first.min(limit)).await?;
    let mut page = match read {
        Some(read) => read,
        None => pages.read(first).await?,
    };
    // Whole, a page can be kept for those who ask again; it is, if there is
    // room for its messages while it is read.
    let more = match pages.is_last(&page) || pages.likely_length(&page) > cache::LONGEST as usize {
        true => None,
        false => context.load.memory((limit - FIRST) * MAX_TEXT_BYTES).ok(),
    };
    if more.is_some() {
        pages.read_rest(&mut page).await?;
    }
    let usual: usize = page.messages.iter().map(message::json_length).sum();
    let share = match pages.is_last(&page) && usual > PIECE {
        true => context.load.memory(usual).ok(),
        false => None,
    };
    let is_whole = pages.is_last(&page) && (usual <= PIECE || share.is_some());
    let full = if is_whole { usize::MAX } else { PIECE };
    let (piece, is_last) = pages.write(&page, full);
    let mut body = match is_last {
        true => AnswerBody::whole(piece),
        false => AnswerBody::stream(Stream::new(piece.into(), Box::new(pages))),
    };
    if let Some(share) = share {
        body.hold(share);
    }
    let next = page.next_cursor.filter(|_| !form.is_json());
    let mut answer = form.answer(body, next.map(|id| id.to_string()).as_deref());
    cold::tell(&mut answer, &page.cold, form);
    Ok(answer)
}

async fn drawn(context: &Context, filter: &FeedFilter, form: Form) -> Result<Answer, ApiError> {
    let _room = room(context, filter.limit.get()).await?;
    let page = context
        .metrics
        .reads
        .time(Read::Page, context.store.feed(filter))
        .await?;
    let messages: Vec<api::Message> = page.messages.iter().map(message::on_the_wire).collect();
    let next = page.next_cursor.map(|id| id.to_string());
    let cursor_of = |message: &api::Message| Some(message.id.clone());
    let listing = Listing::of(&MESSAGES);
    let mut answer = form
        .list(context, listing, messages, next, cursor_of)
        .await?;
    cold::tell(&mut answer, &page.cold, form);
    Ok(answer)
}

/// Room for the messages of a long page while they are read; short ones need
/// not ask.
pub(crate) async fn room(context: &Context, messages: usize) -> Result<Option<InFlight>, ApiError> {
    match messages.saturating_sub(FIRST) {
        0 => Ok(None),
        more => context
            .load
            .memory_for_now(more * MAX_TEXT_BYTES)
            .await
            .map(Some),
    }
}
