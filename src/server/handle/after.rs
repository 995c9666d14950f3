//! `GET /message?after=`: following for those who ask again and again. Oldest
//! first, each message once, whoever stored it.

use std::time::Duration;

use chrono::Utc;
use hyper::header::HeaderValue;
use tokio::time::Instant;

use crate::api;
use crate::api::FeedQuery;
use crate::domain::{Event, FeedLimit, FollowFilter, Message, MessageId, Position};
use crate::output::format::{Listing, write_all};
use crate::output::records::MESSAGES;
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::follow::encoding::position_text;
use crate::server::handle::feed::room;
use crate::server::handle::format::Form;
use crate::server::handle::stream::not_ahead;
use crate::server::handle::{message, parameters};
use crate::server::metrics::Read;
use crate::server::response;
use crate::server::response::Answer;
use crate::server::response::body::AnswerBody;

/// How long messages that match seldom are looked for, for one answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found behind a position.
#[derive(Default)]
struct Found {
    messages: Vec<Message>,
    deleted: Vec<String>,
    gaps: Vec<api::Gap>,
    position: Option<Position>,
}

/// Answers what follows `after`.
pub(crate) async fn after(
    context: &Context,
    query: &FeedQuery,
    after: MessageId,
    form: Form,
) -> Result<Answer, ApiError> {
    for (name, value) in [
        ("cursor", &query.cursor),
        ("from_date", &query.from_date),
        ("to_date", &query.to_date),
    ] {
        if value.is_some() {
            return Err(ApiError::parameter(
                "after",
                format!(
                    "it says where to go on, oldest first, and {name} bounds a page of the newest; leave one of them out"
                ),
            ));
        }
    }
    let filter = FollowFilter::from(parameters::feed_filter(query, Utc::now())?);
    let closed = context.store.closed().await?;
    let position = not_ahead(context, "after", Position(after), closed).await?;
    let _room = room(context, filter.limit.get()).await?;
    let found = find(context, filter, position).await?;
    let next_after = position_text(found.position);
    if form.is_json() {
        let page = api::FollowPage {
            messages: found.messages.iter().map(message::on_the_wire).collect(),
            deleted: found.deleted,
            gaps: found.gaps,
            next_after,
        };
        return response::data(hyper::StatusCode::OK, page);
    }
    let writer = form.open(context, Listing::of(&MESSAGES));
    let is_drawn = form.is_drawn();
    // Other forms than JSON and what is drawn list messages alone.
    let left_out = [
        ("x-deleted", found.deleted.len()),
        ("x-gaps", found.gaps.len()),
    ];
    let make = move || {
        let messages: Vec<_> = found.messages.iter().map(message::on_the_wire).collect();
        let mut body = write_all(writer, &messages);
        if is_drawn {
            body.extend_from_slice(beside(&found).as_bytes());
        }
        body
    };
    let body = context.drawers.draw(make).await?;
    let mut answer = form.answer(AnswerBody::whole(body), None);
    let headers = answer.headers_mut();
    for (name, count) in left_out.into_iter().filter(|(_, count)| *count > 0) {
        headers.insert(name, count.into());
    }
    if let Ok(next) = HeaderValue::try_from(next_after) {
        headers.insert("x-next-after", next);
    }
    Ok(answer)
}

/// What people are told below the messages.
fn beside(found: &Found) -> String {
    let mut text = String::from("\n");
    for id in &found.deleted {
        text += &format!("-- message {id} was deleted\n");
    }
    for api::Gap { from, to } in &found.gaps {
        text += &format!("-- what was after {from} and up to {to} is gone\n");
    }
    let next = position_text(found.position);
    text + &format!("newer messages: after={next}\n")
}

/// Reads until there are as many as were asked for, or no more.
async fn find(
    context: &Context,
    mut filter: FollowFilter,
    position: Position,
) -> Result<Found, ApiError> {
    let begun = Instant::now();
    let mut left = filter.limit.get();
    let mut found = Found {
        position: Some(position),
        ..Found::default()
    };
    while left > 0 {
        filter.limit = u16::try_from(left)
            .ok()
            .and_then(FeedLimit::new)
            .unwrap_or_default();
        let passage = context
            .metrics
            .reads
            .time(Read::After, context.store.after(found.position, &filter))
            .await?;
        left -= passage.events.len().min(left);
        found.position = found.position.max(passage.position);
        for event in passage.events {
            match event {
                Event::Posted(message) => found.messages.push(message),
                Event::Deleted(tombstone) => found.deleted.push(tombstone.id.to_string()),
                Event::Gap { from, to } => found.gaps.push(api::Gap {
                    from: from.max(position).0.to_string(),
                    to: to.0.to_string(),
                }),
            }
        }
        if passage.is_caught_up || begun.elapsed() > PATIENCE {
            break;
        }
    }
    Ok(found)
}
