//! How answers are put together: the envelope, the headers that every answer
//! carries, and bodies that are made as the client takes them.

pub(super) mod body;
pub(super) mod progress;
pub(super) mod stream;

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use self::body::AnswerBody;
use super::error::ApiError;
use crate::api::{Envelope, ErrorBody};

pub(super) type Answer = Response<AnswerBody>;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// What the usual answer carries.
const HEADERS: usize = 6;
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A success in the envelope.
pub(super) fn data<T: Serialize>(status: StatusCode, data: T) -> Result<Answer, ApiError> {
    // Room for a message of usual length.
    let mut body = Vec::with_capacity(512);
    serde_json::to_writer(&mut body, &Envelope { data })?;
    Ok(answer(status, JSON, body))
}

/// A success that has nothing to say.
pub(super) fn nothing() -> Answer {
    let mut response = Response::new(AnswerBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Any body of a known type that is made already.
pub(super) fn answer(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Answer {
    of_type(status, content_type, AnswerBody::whole(body))
}

/// Any body of a known type.
pub(super) fn of_type(status: StatusCode, content_type: HeaderValue, body: AnswerBody) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // Grown once, not with every other header.
    headers.reserve(HEADERS);
    headers.insert(header::CONTENT_TYPE, content_type);
    response
}

/// What the log has to know of an answer that is a failure of ours.
#[derive(Clone)]
pub(super) struct Failed(pub(super) Arc<ApiError>);

/// The answer to a request that failed.
pub(super) fn failed(error: ApiError) -> Answer {
    let mut answer = failure(&error);
    if error.status().is_server_error() {
        answer.extensions_mut().insert(Failed(Arc::new(error)));
    }
    answer
}

/// A failure in the envelope, with the headers that belong to its status.
fn failure(error: &ApiError) -> Answer {
    let body = ErrorBody {
        error: error.public_text(),
        code: error.code(),
    };
    // Two strings always encode; an empty object is still JSON.
    let body = serde_json::to_vec(&body).unwrap_or_else(|_| b"{}".to_vec());
    let mut response = answer(error.status(), JSON, body);
    let headers = response.headers_mut();
    if let Some(seconds) = error.retry_after() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    match error {
        ApiError::Unauthorized(_) => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        ApiError::Method { allow, .. } => {
            if let Ok(allow) = HeaderValue::from_str(allow) {
                headers.insert(header::ALLOW, allow);
            }
        }
        // What is left of the body would be read as the next request.
        ApiError::BodyTimeout(_)
        | ApiError::BodyTooLarge(_)
        | ApiError::BodyBroken(_)
        | ApiError::TransferEncoding(_) => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

/// The answer to `HEAD`: as long as it would have been.
pub(super) fn leave_body_out(answer: &mut Answer) {
    let body = std::mem::take(answer.body_mut());
    if let Some(length) = body.size_hint().exact() {
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
}

/// What every answer carries: live data is not cached, types are not guessed.
pub(super) fn finish(headers: &mut HeaderMap, request_id: String) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
}
