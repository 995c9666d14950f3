//! Request bodies: whole, in time, and not too large.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use crate::server::error::ApiError;

/// What is read of a refused body and thrown away. A client that is still
/// sending would lose the answer if the connection were closed on it.
const DRAINED: usize = 1024 * 1024;

/// Reads a body of at most `limit` bytes within `time`.
pub(crate) async fn read(body: Incoming, limit: usize, time: Duration) -> Result<Bytes, ApiError> {
    tokio::time::timeout(time, collect(body, limit))
        .await
        .map_err(|_| ApiError::BodyTimeout(time))?
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, ApiError> {
    let too_large = body.size_hint().lower() > limit as u64;
    if too_large {
        // What is declared larger still is not asked for at all.
        if body.size_hint().lower() <= DRAINED as u64 {
            drain(&mut body).await;
        }
        return Err(ApiError::BodyTooLarge(limit));
    }
    match Limited::new(&mut body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            drain(&mut body).await;
            Err(ApiError::BodyTooLarge(limit))
        }
        Err(error) => Err(ApiError::BodyBroken(error.to_string())),
    }
}

async fn drain(body: &mut Incoming) {
    let mut left = DRAINED;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(less) => left = less,
            None => return,
        }
    }
}
