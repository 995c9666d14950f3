//! One message: posting it, reading it back, and taking it back.

use chrono::Utc;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderValue, LOCATION};

use crate::api;
use crate::domain::{
    Deleter, Deletion, Draft, Hashtag, IdempotencyKey, Message, MessageId, UserName,
};
use crate::output::format::Listing;
use crate::output::records::MESSAGES;
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::body;
use crate::server::handle::body::RequestBody;
use crate::server::handle::format::Form;
use crate::server::metrics::Read;
use crate::server::response;
use crate::server::response::Answer;

/// A posted body up to so long takes no share of memory, and neither does its
/// answer.
const FREE_BODY: usize = 4 * 1024;

/// `POST /message`.
pub(crate) async fn post(
    context: &Context,
    user: UserName,
    query: &str,
    headers: &HeaderMap,
    body: impl RequestBody,
) -> Result<Answer, ApiError> {
    api::query::refuse_parameters(query)?;
    context.limits.post(&user)?;
    let idempotency_key = idempotency_key(headers)?;
    let (size, time) = {
        let limits = context.limits_now();
        (limits.body_size, limits.body_timeout)
    };
    let body = body::read(body, size, time, &context.load).await?;
    // serde would also take the fields in order, as an array.
    if body
        .trim_ascii_start()
        .first()
        .is_some_and(|byte| *byte != b'{')
    {
        return Err(ApiError::Json("it is not a JSON object".to_owned()));
    }
    let length = body.len();
    let body: api::PostBody =
        serde_json::from_slice(&body).map_err(|error| ApiError::Json(error.to_string()))?;
    let draft = Draft {
        idempotency_key,
        ..Draft::new(user, body.text, &body.hashtags)?
    };
    // The answer repeats the text, and may wait for its client. Before the
    // message is stored: what is shed can be posted again.
    let share = (length > FREE_BODY)
        .then(|| context.load.post(length))
        .transpose()?;
    let message = context.store.post(draft).await?;
    let location = ["/message/", message.id.text(&mut [0; MessageId::CHARS])].concat();
    let mut body = Vec::with_capacity(json_length(&message) + 16);
    body.extend_from_slice(br#"{"data":"#);
    write_json(&mut body, &message);
    body.push(b'}');
    let mut answer = response::answer(StatusCode::CREATED, response::JSON, body);
    if let Ok(location) = HeaderValue::try_from(location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    if let Some(share) = share {
        answer.body_mut().hold(share);
    }
    Ok(answer)
}

/// `GET /message/ULID`.
pub(crate) async fn show(
    context: &Context,
    id: &str,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    let form = Form::of_query(query, headers, "card")?;
    let id: MessageId = id.parse()?;
    by_id(context, id, form).await
}

/// One message, however its id was given.
pub(crate) async fn by_id(
    context: &Context,
    id: MessageId,
    form: Form,
) -> Result<Answer, ApiError> {
    let reads = &context.metrics.reads;
    let at_hand = context.store.message_at_hand(id);
    let message = match at_hand {
        Some(message) => {
            reads.at_hand(Read::Message);
            message
        }
        None => {
            let read = reads.time(Read::Message, context.store.message(id));
            match read.await? {
                Some(message) => message,
                None => return Err(absent(context, id).await?),
            }
        }
    };
    if form.is_json() {
        let mut body = Vec::with_capacity(json_length(&message) + 32);
        body.extend_from_slice(br#"{"data":{"message":"#);
        write_json(&mut body, &message);
        body.extend_from_slice(b"}}");
        return Ok(response::answer(StatusCode::OK, response::JSON, body));
    }
    let message = vec![on_the_wire(&message)];
    form.list(context, Listing::of(&MESSAGES), message, None, |_| None)
        .await
}

/// Why there is no such message.
async fn absent(context: &Context, id: MessageId) -> Result<ApiError, ApiError> {
    let gone = context.store.tombstone(id).await?;
    Ok(
        gone.map_or(ApiError::MessageNotFound(id), |gone| ApiError::Gone {
            id,
            deleted_at: gone.deleted_at,
        }),
    )
}

/// `DELETE /message/ULID`: the user's own message.
pub(crate) async fn delete(
    context: &Context,
    user: UserName,
    id: &str,
    query: &str,
) -> Result<Answer, ApiError> {
    api::query::refuse_parameters(query)?;
    let id: MessageId = id.parse()?;
    // It costs the store what a post does, and more.
    context.limits.post(&user)?;
    let author = Deleter::Author(user);
    let done = context.store.delete(vec![id], author, Utc::now()).await?;
    match done.first() {
        Some(Deletion::Deleted(_) | Deletion::AlreadyGone(_)) => Ok(response::nothing()),
        Some(Deletion::NotTheirs) => Err(ApiError::NotTheirs(id)),
        Some(Deletion::Unknown) | None => Err(ApiError::MessageNotFound(id)),
    }
}

/// Appends what serde writes of [`on_the_wire`].
pub(crate) fn write_json(out: &mut Vec<u8>, message: &Message) {
    let mut id = [0; MessageId::CHARS];
    let parts = api::json::MessageParts {
        id: message.id.text(&mut id),
        user: message.user.as_str(),
        text: message.text.as_str(),
        hashtags: message.hashtags.iter().map(Hashtag::as_str),
        created_at: message.created_at(),
    };
    api::json::write_message(out, parts);
}

/// Bytes of it, and of a comma, when nothing needs an escape.
pub(crate) fn json_length(message: &Message) -> usize {
    const REST: usize = r#"{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","user":{"name":""},"text":"","hashtags":[],"created_at":"2019-09-23T10:00:00.123Z"},"#.len();
    let tags = message.hashtags.iter();
    let tags: usize = tags.map(|tag| tag.as_str().len() + 3).sum();
    REST + message.user.as_str().len() + message.text.as_str().len() + tags
}

/// A message as answers show it.
pub(crate) fn on_the_wire(message: &Message) -> api::Message {
    message.into()
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ApiError::Header(
            "the Idempotency-Key is given more than once; give it once".to_owned(),
        ));
    }
    Ok(Some(String::from_utf8_lossy(value.as_bytes()).parse()?))
}
