//! Request bodies: whole, in time, and not too large.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use super::error::ApiError;

/// Reads a body of at most `limit` bytes within `time`.
///
/// A `Content-Length` above the limit is refused before a byte is read.
pub(super) async fn read(body: Incoming, limit: usize, time: Duration) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ApiError::BodyTooLarge(limit));
    }
    let collected = tokio::time::timeout(time, Limited::new(body, limit).collect())
        .await
        .map_err(|_| ApiError::BodyTimeout(time))?;
    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::BodyTooLarge(limit)),
        Err(error) => Err(ApiError::BodyBroken(error.to_string())),
    }
}
