//! What a request can be asked with: parameters and headers, their patterns and
//! limits.

use schemars::{Schema, json_schema};
use serde_json::{Value, json};

use crate::api::parameter::Kind;
use crate::api::{Parameter, schema};
use crate::domain::MAX_HASHTAGS;
use crate::output::format::FORMATS;
use crate::server::admin::MOST_SECONDS;
use crate::server::follow::encoding::Encoding;
use crate::server::handle::format::{TEXT, WIDTHS};
use crate::server::openapi::Described;
use crate::server::openapi::operation::RequestHeader;

/// All of one operation.
pub(super) fn of(route: &Described) -> Vec<Value> {
    let operation = route.operation;
    let path = route
        .path
        .contains('*')
        .then(|| json!({ "name": "ulid", "in": "path", "required": true, "schema": ulid() }));
    let query = operation.query.iter().map(in_query);
    let headers = operation.headers.iter().map(header);
    let request_id = json!({
        "name": "X-Request-Id",
        "in": "header",
        "description": "Up to 128 letters, digits and `-._:+/=@`: answered and logged. Anything else is ignored",
        "schema": { "type": "string" },
    });
    path.into_iter()
        .chain(query)
        .chain(headers)
        .chain([request_id])
        .collect()
}

fn in_query(parameter: &Parameter) -> Value {
    let schema = of_kind(parameter.kind);
    let schema = match parameter.is_repeated {
        false => schema,
        true => json_schema!({
            "type": "array",
            "items": schema,
            "minItems": 1,
            "maxItems": MAX_HASHTAGS,
        }),
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "description": parameter.about.trim(),
        "schema": schema,
    })
}

fn header(header: &RequestHeader) -> Value {
    let (name, about, schema) = match header {
        RequestHeader::IdempotencyKey => (
            "Idempotency-Key",
            "The same key with the same body posts once",
            json_schema!({ "type": "string", "pattern": "^[!-~]{1,128}$" }),
        ),
        RequestHeader::LastEventId => (
            "Last-Event-ID",
            "Where a browser that comes back was; before `after`. Empty: nowhere",
            json_schema!({ "anyOf": [ulid(), { "const": "" }] }),
        ),
    };
    json!({ "name": name, "in": "header", "description": about, "schema": schema })
}

fn ulid() -> Schema {
    schema::ulid(&mut schemars::SchemaGenerator::default())
}

fn of_kind(kind: Kind) -> Schema {
    let listed = |has_range: bool| {
        let fits = move |needs_range: bool| has_range || !needs_range;
        let formats = FORMATS.iter().filter(|format| fits(format.needs_range));
        [TEXT]
            .into_iter()
            .chain(formats.map(|format| format.name))
            .collect()
    };
    match kind {
        Kind::Date => schema::date(&["2019-09-23T10:00:00Z", "2019-09-23", "yesterday", "90m"]),
        Kind::EndDate => schema::date(&["2019-09-24T10:00:00+02:00", "2019-10", "today", "now"]),
        Kind::PageSize => schema::page_size(1),
        Kind::PageSizeOrNone => schema::page_size(0),
        Kind::Ulid => ulid(),
        Kind::Flag => one_of(vec!["true", "false"]),
        Kind::Format => one_of(listed(false)),
        Kind::TrendFormat => one_of(listed(true)),
        Kind::StreamFormat => one_of(Encoding::ALL.map(Encoding::name).to_vec()),
        Kind::Width => json_schema!({
            "type": "integer",
            "minimum": WIDTHS.start(),
            "maximum": WIDTHS.end(),
        }),
        Kind::ProfileSeconds => json_schema!({
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_SECONDS,
        }),
        Kind::ProfileFormat => one_of(vec!["pprof", "svg"]),
        Kind::Hashtag => schema::hashtag(),
        Kind::UserName => schema::user_name(),
        Kind::UserNamePrefix => schema::user_name_prefix(),
        Kind::Interval => schema::interval(),
        Kind::Zone => schema::zone(),
    }
}

fn one_of(words: Vec<&str>) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}
