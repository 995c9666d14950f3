//! Spans as OTLP has them in protobuf: the few messages and fields of
//! `opentelemetry/proto/collector/trace/v1` that are needed to send some
//! (<https://github.com/open-telemetry/opentelemetry-proto>, v1). Its crate
//! brings an SDK along; the tests decode what is sent by that crate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::trace::{SpanContext, SpanId, SpanKind, TraceId, Value};

/// All that is sent at once.
#[derive(Clone, PartialEq, Message)]
struct ExportTraceServiceRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "13")]
    links: Vec<Link>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Link {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Of", tags = "1, 3")]
    of: Option<Of>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Of {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
}

/// `SPAN_KIND_INTERNAL`, `SPAN_KIND_SERVER` and `STATUS_CODE_ERROR`.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const ERROR: i32 = 2;

/// The body of a request that takes spans to a collector.
pub(super) fn encode(resource: &[(String, String)], spans: Vec<crate::trace::Span>) -> Vec<u8> {
    let text = |text: &str| Some(Of::Text(text.to_owned()));
    let attributes = resource.iter();
    let attributes = attributes.map(|(name, value)| key_value(name, text(value)));
    let scope_spans = ScopeSpans {
        scope: Some(Scope {
            name: "dunder".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }),
        spans: spans.into_iter().map(Span::from).collect(),
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: attributes.collect(),
            }),
            scope_spans: vec![scope_spans],
        }],
    };
    request.encode_to_vec()
}

impl From<crate::trace::Span> for Span {
    fn from(span: crate::trace::Span) -> Span {
        let attributes = span.attributes.into_iter();
        let attributes = attributes.map(|(name, value)| {
            let of = match value {
                Value::Text(text) => Of::Text(text.into_owned()),
                Value::Number(number) => Of::Number(number),
            };
            key_value(name, Some(of))
        });
        Span {
            trace_id: trace_id(span.context.trace),
            span_id: span_id(span.context.span),
            parent_span_id: span.parent.map(span_id).unwrap_or_default(),
            name: span.name.into_owned(),
            kind: match span.kind {
                SpanKind::Internal => INTERNAL,
                SpanKind::Server => SERVER,
            },
            start_time_unix_nano: nanos(span.start, Duration::ZERO),
            end_time_unix_nano: nanos(span.start, span.took),
            attributes: attributes.collect(),
            links: span.links.into_iter().map(Link::from).collect(),
            status: span.is_error.then_some(Status { code: ERROR }),
        }
    }
}

impl From<SpanContext> for Link {
    fn from(context: SpanContext) -> Link {
        Link {
            trace_id: trace_id(context.trace),
            span_id: span_id(context.span),
        }
    }
}

fn key_value(name: &str, of: Option<Of>) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { of }),
    }
}

fn trace_id(TraceId(id): TraceId) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

fn span_id(SpanId(id): SpanId) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

/// Unix nanoseconds, which last until the year 2554.
fn nanos(start: SystemTime, later: Duration) -> u64 {
    let since = start.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from((since + later).as_nanos()).unwrap_or(u64::MAX)
}
