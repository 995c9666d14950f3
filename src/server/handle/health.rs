//! `GET /healthz`: the process answers. `GET /readyz`: the store does too, and
//! what goes on beside requests goes on.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;

use crate::api;
use crate::api::query::refuse_parameters;
use crate::domain::{NotReady, StoreError, Warning};
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::response;
use crate::server::response::Answer;

/// A store that has not answered by then is not ready.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn healthz(query: &str) -> Result<Answer, ApiError> {
    /// What serde would write.
    const ALIVE: &str = concat!(
        r#"{"data":{"status":"alive","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#""}}"#
    );
    refuse_parameters(query)?;
    let body = Bytes::from_static(ALIVE.as_bytes());
    Ok(response::answer(StatusCode::OK, response::JSON, body))
}

pub(crate) async fn readyz(context: &Context, query: &str) -> Result<Answer, ApiError> {
    refuse_parameters(query)?;
    context.readiness.check()?;
    let late = || NotReady {
        reason: "the store does not answer",
        error: StoreError::Unavailable(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    let checked = tokio::time::timeout(PATIENCE, context.store.check()).await;
    let warnings = checked.map_err(|_| late()).and_then(|answer| answer)?;
    let warnings: Vec<String> = warnings.iter().map(Warning::to_string).collect();
    response::data(
        StatusCode::OK,
        api::Ready {
            status: "ready".into(),
            warnings,
        },
    )
}
