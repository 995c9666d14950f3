//! How answers are put together: the envelope, and the headers that every
//! answer carries.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::error::ApiError;
use crate::api::{Envelope, ErrorBody};

pub(super) type Answer = Response<Full<Bytes>>;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// What the usual answer carries.
const HEADERS: usize = 6;
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A success in the envelope.
pub(super) fn data<T: Serialize>(status: StatusCode, data: T) -> Result<Answer, ApiError> {
    // Room for a message of usual length.
    let mut body = Vec::with_capacity(512);
    serde_json::to_writer(&mut body, &Envelope { data })?;
    Ok(answer(status, JSON, body))
}

/// Any body of a known type.
pub(super) fn answer(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Answer {
    whole(status, content_type, Full::new(body.into()))
}

/// JSON, envelope and all.
pub(super) fn json(status: StatusCode, body: Full<Bytes>) -> Answer {
    whole(status, JSON, body)
}

fn whole(status: StatusCode, content_type: HeaderValue, body: Full<Bytes>) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // Grown once, not with every other header.
    headers.reserve(HEADERS);
    headers.insert(header::CONTENT_TYPE, content_type);
    response
}

/// A failure in the envelope, with the headers that belong to its status.
pub(super) fn failure(error: &ApiError) -> Answer {
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
        ApiError::Unauthorized => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        ApiError::Method { allow, .. } => {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        // What is left of the body would be read as the next request.
        ApiError::BodyTimeout(_) | ApiError::BodyTooLarge(_) | ApiError::BodyBroken(_) => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

/// What every answer carries: live data is not cached, types are not guessed.
pub(super) fn finish(headers: &mut HeaderMap, request_id: &str) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
}
