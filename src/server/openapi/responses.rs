//! What an operation can answer: its success, and every failure with its
//! status, codes and headers.

use std::collections::BTreeMap;

use hyper::StatusCode;
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::api::{Code, ErrorBody, Message, schema};
use crate::config::{AuthMode, ReadAccess, ServerConfig};
use crate::output::format::FORMATS;
use crate::server::follow::encoding::Encoding;
use crate::server::openapi::Described;
use crate::server::openapi::operation::{AnswerHeader, Content, Link, Success};
use crate::server::routes::Access;

/// Failures that several operations share, by their names.
#[derive(Default)]
pub(super) struct Responses(Map<String, Value>);

impl Responses {
    /// The answers of one operation, by their statuses.
    pub(super) fn of(
        &mut self,
        route: &Described,
        is_head: bool,
        settings: &ServerConfig,
        schemas: &mut SchemaGenerator,
    ) -> Value {
        let success = &route.operation.success;
        let mut answers = Map::new();
        answers.insert(
            success.status.to_string(),
            succeeded(success, is_head, schemas),
        );
        for (status, codes) in failures(route, settings) {
            let mut name: Vec<String> = codes.iter().map(|code| format!("{code:?}")).collect();
            name.insert(0, format!("{}{status}", if is_head { "Head" } else { "" }));
            let name = name.join("-");
            let shared = json!({ "$ref": format!("#/components/responses/{name}") });
            if !self.0.contains_key(&name) {
                self.0
                    .insert(name, failed(status, &codes, is_head, schemas));
            }
            answers.insert(status.to_string(), shared);
        }
        Value::Object(answers)
    }

    pub(super) fn components(self) -> Map<String, Value> {
        self.0
    }
}

/// The codes of every failure, by status.
fn failures(route: &Described, settings: &ServerConfig) -> BTreeMap<u16, Vec<Code>> {
    let mut codes = vec![
        Code::InvalidRequest,
        Code::UnknownParameter,
        Code::InvalidParameter,
        Code::RequestTimeout,
        Code::UriTooLong,
        Code::HeadersTooLarge,
        Code::Internal,
    ];
    codes.extend(route.operation.refusals);
    if settings.hosts.is_some() {
        codes.push(Code::MisdirectedRequest);
    }
    // Pages of other sites.
    if settings.auth_mode == AuthMode::Name {
        codes.push(Code::Forbidden);
    }
    let has_token = match route.access {
        Access::Always | Access::Open => false,
        Access::Reader | Access::Follower => settings.read == ReadAccess::Token,
        Access::User | Access::Author => true,
    };
    if has_token {
        codes.extend([Code::Unauthorized, Code::RateLimited]);
    }
    if route.access != Access::Always {
        codes.push(Code::Unavailable);
    }
    // What the server cannot do: a transfer encoding, or a removal that the
    // store has not yet.
    let mut failures = BTreeMap::from([(501, vec![Code::InvalidRequest, Code::Internal])]);
    for code in codes {
        let codes: &mut Vec<Code> = failures.entry(code.status()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    failures
}

fn failed(status: u16, codes: &[Code], is_head: bool, schemas: &mut SchemaGenerator) -> Value {
    let reason = StatusCode::from_u16(status).ok();
    let reason = reason.and_then(|status| status.canonical_reason());
    let mut headers = json!({ "X-Request-Id": request_id(false) });
    let integer = json!({ "type": "integer", "minimum": 1 });
    match status {
        429 | 503 => {
            headers["Retry-After"] =
                json!({ "description": "Seconds", "required": true, "schema": integer });
        }
        401 => {
            let bearer = json!({ "const": "Bearer" });
            headers["WWW-Authenticate"] = json!({ "required": true, "schema": bearer });
        }
        _ => {}
    }
    let mut answer = json!({ "description": reason.unwrap_or("Failure"), "headers": headers });
    if !is_head {
        let body = schemas.subschema_for::<ErrorBody>();
        let code = json!({ "properties": { "code": { "enum": codes } } });
        let schema = json!({ "allOf": [body, code] });
        answer["content"] = json!({ "application/json": { "schema": schema } });
    }
    answer
}

fn succeeded(success: &Success, is_head: bool, schemas: &mut SchemaGenerator) -> Value {
    let mut headers = json!({ "X-Request-Id": request_id(true) });
    for one in success.headers {
        let (name, header) = header(one);
        headers[name] = header;
    }
    let mut answer = json!({ "description": success.about, "headers": headers });
    let content = content(&success.content, schemas);
    if !is_head && !content.is_empty() {
        answer["content"] = Value::Object(content);
        let links = success.links.iter();
        let links: Map<_, _> = links
            .map(|link| (link.name.to_owned(), leads(link)))
            .collect();
        if !links.is_empty() {
            answer["links"] = Value::Object(links);
        }
    }
    answer
}

fn leads(link: &Link) -> Value {
    let (name, place) = link.parameter;
    let value = format!("$response.body#{place}");
    json!({ "operationId": link.operation, "parameters": { name: value } })
}

fn content(content: &Content, schemas: &mut SchemaGenerator) -> Map<String, Value> {
    let text = || json!({ "schema": { "type": "string" } });
    let mut all = Map::new();
    match content {
        Content::Nothing => {}
        Content::Text => {
            all.insert("text/plain".to_owned(), text());
        }
        Content::Json(describe) => {
            let schema = describe(schemas);
            all.insert("application/json".to_owned(), json!({ "schema": schema }));
        }
        Content::Listing(describe) => {
            for format in FORMATS {
                all.insert(format.media_type().to_owned(), text());
            }
            let schema = describe(schemas);
            all.insert("application/json".to_owned(), json!({ "schema": schema }));
        }
        Content::Stream(describe) => {
            let event = describe(schemas);
            for encoding in Encoding::ALL {
                let of_type = match encoding {
                    Encoding::Text => text(),
                    Encoding::Ndjson => json!({ "schema": event }),
                    Encoding::Sse => json!({ "schema": server_sent(schemas) }),
                };
                all.insert(encoding.media_type().to_owned(), of_type);
            }
        }
    }
    all
}

/// One server-sent event: OpenAPI 3.1 has no other place for it than that of
/// the whole.
fn server_sent(schemas: &mut SchemaGenerator) -> Value {
    let message = schemas.subschema_for::<Message>();
    let ulid = schema::ulid(schemas);
    let other = json!({
        "type": "object",
        "required": ["position"],
        "properties": { "position": ulid },
    });
    json!({
        "description": "Each event: without a name, a message; else an object with a `position`. A bare `id` is a heartbeat",
        "type": "object",
        "properties": {
            "id": ulid,
            "event": { "enum": ["message", "caught-up", "deleted", "gap", "bye"] },
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": { "anyOf": [message, other] },
            },
            "retry": { "type": "string", "description": "Milliseconds" },
        },
    })
}

/// A malformed head is refused before it has an id.
fn request_id(is_required: bool) -> Value {
    json!({
        "description": "In the server's log too",
        "required": is_required,
        "schema": { "type": "string", "pattern": "^[A-Za-z0-9._:+/=@-]{1,128}$" },
    })
}

fn header(header: &AnswerHeader) -> (&'static str, Value) {
    let described = |is_required: bool, about: &str, pattern: &str| {
        json!({
            "description": about,
            "required": is_required,
            "schema": { "type": "string", "pattern": pattern },
        })
    };
    const ULID: &str = "^[0-9A-Z]{26}$";
    const COUNT: &str = "^[1-9][0-9]*$";
    const NUMBER: &str = "^[0-9]+$";
    match header {
        AnswerHeader::Location => (
            "Location",
            described(true, "The path of the message", "^/message/[0-9A-Z]{26}$"),
        ),
        AnswerHeader::NextCursor => (
            "X-Next-Cursor",
            described(
                false,
                "The `cursor` of the next page, where there is one and the form has no place for it",
                ULID,
            ),
        ),
        AnswerHeader::NextAfter => (
            "X-Next-After",
            described(
                false,
                "The `after` to go on with, where the form has no place for it",
                ULID,
            ),
        ),
        AnswerHeader::Deleted => (
            "X-Deleted",
            described(
                false,
                "How many deletions were left out, where there were any and the form has no place for them",
                COUNT,
            ),
        ),
        AnswerHeader::Gaps => (
            "X-Gaps",
            described(
                false,
                "How many gaps were left out, where there were any and the form has no place for them",
                COUNT,
            ),
        ),
        AnswerHeader::Heartbeat => (
            "X-Heartbeat",
            described(
                false,
                "After about how many seconds without anything to say a heartbeat comes; three that are missed are a lost connection. Text has none",
                "^[0-9]+([.][0-9]+)?$",
            ),
        ),
        AnswerHeader::ArchiveFiles => (
            "X-Archive-Files",
            described(false, "Files of the archive that were looked into", NUMBER),
        ),
        AnswerHeader::ArchiveBytes => (
            "X-Archive-Bytes",
            described(false, "Bytes of them that were read", NUMBER),
        ),
        AnswerHeader::ArchiveMissing => (
            "X-Archive-Missing",
            described(
                false,
                "Times whose messages may be missing, as ISO 8601 writes them: the archive cannot be read there",
                "^[0-9TZ:/, -]+$",
            ),
        ),
        AnswerHeader::AccelBuffering => (
            "X-Accel-Buffering",
            described(true, "A proxy passes events on as they come", "^no$"),
        ),
    }
}
