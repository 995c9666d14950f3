//! `GET /openapi.json`: the contract for programs.

use hyper::StatusCode;

use crate::api::query::refuse_parameters;
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::openapi;
use crate::server::openapi::Described;
use crate::server::response;
use crate::server::response::Answer;
use crate::server::response::body::AnswerBody;

/// Made for the first who asks.
pub(crate) fn openapi(
    context: &Context,
    query: &str,
    routes: fn() -> Vec<Described>,
) -> Result<Answer, ApiError> {
    refuse_parameters(query)?;
    let body = match context.openapi.get() {
        Some(body) => body.clone(),
        None => {
            let body = openapi::document(&routes(), &context.settings)?;
            context.openapi.get_or_init(|| body).clone()
        }
    };
    let body = AnswerBody::shared(body);
    Ok(response::of_type(StatusCode::OK, response::JSON, body))
}
