//! `GET /metrics`.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderValue};

use crate::api::query::refuse_parameters;
use crate::metrics::{Format, Page};
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::format::accepted_types;
use crate::server::metrics;
use crate::server::response;
use crate::server::response::Answer;

/// How long the store has to say that it is ready: less than Prometheus waits
/// for all.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) async fn metrics(
    context: &Context,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    refuse_parameters(query)?;
    let admin = context.admin()?;
    let mut page = Page::default();
    metrics::measure(&admin.api, &mut page);
    context.store.measure(&mut page);
    admin.operations.measure(&mut page);
    let is_ready = is_ready(context).await;
    page.gauge(
        "dunder_store_ready",
        "Whether the store would take a post now.",
        &[],
        f64::from(u8::from(is_ready)),
    );
    let format = format(headers);
    let text = page.write(format).map_err(|_| ApiError::Metrics)?;
    let content_type = HeaderValue::from_static(format.content_type());
    Ok(response::answer(StatusCode::OK, content_type, text))
}

async fn is_ready(context: &Context) -> bool {
    let checked = tokio::time::timeout(PATIENCE, context.store.check()).await;
    matches!(checked, Ok(Ok(_)))
}

/// What `Accept` prefers; Prometheus' own text to who says nothing.
fn format(headers: &HeaderMap) -> Format {
    let (mut open, mut plain) = (0.0_f32, 0.0_f32);
    for (media_type, weight) in accepted_types(headers) {
        match media_type.to_ascii_lowercase().as_str() {
            "application/openmetrics-text" => open = open.max(weight),
            "text/plain" => plain = plain.max(weight),
            _ => {}
        }
    }
    match open > plain {
        true => Format::OpenMetrics,
        false => Format::Prometheus,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::ACCEPT;

    use super::*;

    #[test]
    fn openmetrics_is_for_who_prefers_it() {
        let of = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            format(&headers)
        };
        assert_eq!(format(&HeaderMap::new()), Format::Prometheus);
        for (accept, wanted) in [
            ("*/*", Format::Prometheus),
            ("text/plain", Format::Prometheus),
            ("application/openmetrics-text", Format::OpenMetrics),
            // What Prometheus 2 and 3 send.
            (
                "application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.25,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            (
                "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5",
                Format::Prometheus,
            ),
        ] {
            assert_eq!(of(accept), wanted, "{accept}");
        }
    }
}
