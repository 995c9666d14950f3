//! Request bodies: whole, in time, and not too large. Most arrive with their
//! head; one that has to be waited for takes a place among its like, and so
//! none of those that read or post at once.

use std::fmt::Display;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;

use crate::server::error::ApiError;
use crate::server::layer::in_flight::LoadShed;

/// What is read of a refused body and thrown away. A client that is still
/// sending would lose the answer if the connection were closed on it.
const DRAINED: usize = 1024 * 1024;

/// The body of a request, from whatever connection.
pub(crate) trait RequestBody:
    Body<Data = Bytes, Error: Display + Into<Box<dyn std::error::Error + Send + Sync>>>
    + Send
    + Unpin
    + 'static
{
}

impl<B> RequestBody for B where
    B: Body<Data = Bytes, Error: Display + Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static
{
}

/// Reads a body of at most `limit` bytes within `time`.
pub(crate) async fn read(
    body: impl RequestBody,
    limit: usize,
    time: Duration,
    load: &LoadShed,
) -> Result<Bytes, ApiError> {
    let mut collecting = pin!(collect(body, limit));
    let at_once = std::future::poll_fn(|task| Poll::Ready(collecting.as_mut().poll(task)));
    if let Poll::Ready(body) = at_once.await {
        return body;
    }
    let _place = load.body()?;
    tokio::time::timeout(time, collecting)
        .await
        .map_err(|_| ApiError::BodyTimeout(time))?
}

async fn collect(mut body: impl RequestBody, limit: usize) -> Result<Bytes, ApiError> {
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

async fn drain(body: &mut impl RequestBody) {
    let mut left = DRAINED;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(less) => left = less,
            None => return,
        }
    }
}
