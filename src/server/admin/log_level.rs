//! `GET /loglevel`, `PUT /loglevel`: what is logged, until the next reload or
//! restart.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::api::query::refuse_parameters;
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::body;
use crate::server::handle::body::RequestBody;
use crate::server::response;
use crate::server::response::Answer;

/// As it is answered, too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    level: String,
}

pub(crate) fn log_level(context: &Context, query: &str) -> Result<Answer, ApiError> {
    refuse_parameters(query)?;
    let level = context.admin()?.operations.log_level();
    response::data(StatusCode::OK, json!({ "level": level }))
}

/// Takes the level as it is, or in JSON as it is answered.
pub(crate) async fn set_log_level(
    context: &Context,
    query: &str,
    body: impl RequestBody,
) -> Result<Answer, ApiError> {
    refuse_parameters(query)?;
    let limits = &context.settings.limits;
    let body = body::read(body, limits.body_size, limits.body_timeout, &context.load).await?;
    let text = String::from_utf8_lossy(&body);
    let text = text.trim();
    let level = match text.starts_with('{') {
        false => text.to_owned(),
        true => {
            let body: Result<Body, _> = serde_json::from_str(text);
            body.map_err(|error| ApiError::LogLevel(format!("the body is not a level: {error}; send one such as debug, or {{\"level\": \"debug\"}}")))?
                .level
        }
    };
    let operations = &context.admin()?.operations;
    operations
        .set_log_level(&level)
        .map_err(ApiError::LogLevel)?;
    tracing::warn!(level, "the log's level was set by the admin listener");
    log_level(context, "")
}
