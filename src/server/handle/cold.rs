//! What of an answer came out of an archive, and what is missing in it: in
//! headers, in the JSON of a page, and in words below a drawing.

use hyper::header::{HeaderName, HeaderValue};

use crate::api;
use crate::api::time::format_seconds;
use crate::domain::ColdRead;
use crate::server::handle::format::Form;
use crate::server::response::Answer;
use crate::server::response::body::AnswerBody;

const FILES: HeaderName = HeaderName::from_static("x-archive-files");
const BYTES: HeaderName = HeaderName::from_static("x-archive-bytes");
/// Spans of time, as ISO 8601 writes them, from the first moment (inclusive)
/// to the second (exclusive).
pub(crate) const MISSING: HeaderName = HeaderName::from_static("x-archive-missing");
/// Spans named in a header; more are told by the JSON.
const MOST_NAMED: usize = 16;

/// The spans that are missing.
pub(crate) fn missing(cold: &ColdRead) -> Vec<api::Missing> {
    let spans = cold.missing.iter();
    let spans = spans.map(|days| api::Missing {
        from_date: format_seconds(&days.start.start()),
        to_date: format_seconds(&days.end.start()),
    });
    spans.collect()
}

/// Says it in an answer's headers, and below what people read.
pub(crate) fn tell(answer: &mut Answer, cold: &ColdRead, form: Form) {
    let headers = answer.headers_mut();
    if cold.files > 0 {
        headers.insert(FILES, cold.files.into());
        headers.insert(BYTES, cold.bytes.into());
    }
    let spans = missing(cold);
    if spans.is_empty() {
        return;
    }
    let named = spans.iter().take(MOST_NAMED);
    let named = named.map(|span| format!("{}/{}", span.from_date, span.to_date));
    let named = named.collect::<Vec<_>>().join(", ");
    if let Ok(named) = HeaderValue::try_from(named) {
        headers.insert(MISSING, named);
    }
    if form.is_drawn()
        && let Some(drawn) = answer.body().bytes()
    {
        let mut body = drawn.to_vec();
        for span in &spans {
            let (from, to) = (&span.from_date, &span.to_date);
            let said =
                format!("\nmissing: messages from {from} to {to} in the archive cannot be read\n");
            body.extend_from_slice(said.as_bytes());
        }
        *answer.body_mut() = AnswerBody::whole(body);
    }
}
