//! How an answer is written: JSON unless asked otherwise.

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::error::ApiError;
use super::response::{self, Answer};
use crate::api;
use crate::api::query::refuse_parameters;

/// The form of an answer.
pub(super) enum Format {
    /// The envelope.
    Json,
}

impl Format {
    /// What the query or else `Accept` asks for.
    pub(super) fn of(
        format: Option<&str>,
        width: Option<&str>,
        _headers: &HeaderMap,
    ) -> Result<Format, ApiError> {
        if let Some(other) = format.or(width) {
            return Err(ApiError::parameter("format", other));
        }
        Ok(Format::Json)
    }

    /// The same for a path that takes no other parameter.
    pub(super) fn of_query(query: &str, headers: &HeaderMap) -> Result<Format, ApiError> {
        refuse_parameters(query)?;
        Format::of(None, None, headers)
    }

    /// Whether the answer is a picture, in which a gap must be seen.
    pub(super) fn draws(&self) -> bool {
        false
    }

    pub(super) fn message(self, message: api::Message) -> Result<Answer, ApiError> {
        response::data(StatusCode::OK, api::ShownMessage { message })
    }

    pub(super) fn feed(self, page: api::FeedPage) -> Result<Answer, ApiError> {
        response::data(StatusCode::OK, page)
    }

    pub(super) fn trend(self, trends: api::Trends) -> Result<Answer, ApiError> {
        response::data(StatusCode::OK, trends)
    }
}
