//! `GET /` of the admin listener: what it answers.

use hyper::StatusCode;

use crate::api::query::refuse_parameters;
use crate::server::error::ApiError;
use crate::server::response;
use crate::server::response::{Answer, TEXT};

/// Plain text.
pub(crate) fn help(query: &str) -> Result<Answer, ApiError> {
    refuse_parameters(query)?;
    let text = TEMPLATE.replace("{version}", env!("CARGO_PKG_VERSION"));
    Ok(response::answer(StatusCode::OK, TEXT, text))
}

const TEMPLATE: &str = "\
dunder {version}, for those who run it; messages are on the other port

  GET /healthz, /readyz                  alive; able to serve
  GET /metrics                           for Prometheus
  GET /loglevel                          what is logged
  PUT /loglevel                          curl -X PUT -d debug HOST:PORT/loglevel
  GET /debug/pprof/profile?seconds=10    where the time goes, for pprof; &format=svg to look at
";
