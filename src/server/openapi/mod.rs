//! The contract as `GET /openapi.json` has it: OpenAPI 3.1, made once from the
//! table of routes, the types of [`crate::api`] and the settings.
//!
//! `operation` says what each line of the table takes and answers, `parameters`
//! what values there are, `responses` which answers; this file puts them
//! together. Schemas of types come from schemars, whose dialect is OpenAPI
//! 3.1's.

pub(crate) mod operation;
mod parameters;
mod responses;

use bytes::Bytes;
use hyper::Method;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use self::operation::Operation;
use self::responses::Responses;
use crate::config::{AuthMode, ReadAccess, ServerConfig};
use crate::server::error::ApiError;
use crate::server::routes::Access;

/// A line of the table of routes.
pub(crate) struct Described {
    pub(crate) method: &'static Method,
    /// `*` stands for one part of a path.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) operation: &'static Operation,
}

/// The document of a server with these routes and settings.
pub(crate) fn document(routes: &[Described], settings: &ServerConfig) -> Result<Bytes, ApiError> {
    let mut document = Document {
        settings,
        schemas: schemas(),
        responses: Responses::default(),
    };
    let mut paths = Map::new();
    for route in routes {
        let path = route.path.replace('*', "{ulid}");
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_lowercase()] = document.operation(route, false);
        if route.method == Method::GET {
            item["head"] = document.operation(route, true);
        }
    }
    Ok(serde_json::to_vec(&document.whole(paths))?.into())
}

/// As answers are written: what is always written is required.
fn schemas() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator()
}

/// As bodies are read: what may be left out is not required.
fn taken() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    settings
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
}

struct Document<'s> {
    settings: &'s ServerConfig,
    schemas: SchemaGenerator,
    responses: Responses,
}

impl Document<'_> {
    fn operation(&mut self, route: &Described, is_head: bool) -> Value {
        let operation = route.operation;
        let id = match is_head {
            true => format!("{}Head", operation.id),
            false => operation.id.to_owned(),
        };
        let mut described = json!({
            "operationId": id,
            "summary": operation.summary,
            "tags": [operation.tag],
            "security": self.security(route.access),
            "parameters": parameters::of(route),
        });
        if !operation.description.is_empty() {
            described["description"] = operation.description.into();
        }
        if let Some(body) = operation.body {
            let schema = body(&mut taken());
            described["requestBody"] = json!({
                "required": true,
                "description": "JSON, whatever the Content-Type says",
                "content": { "application/json": { "schema": schema } },
            });
        }
        let (settings, schemas) = (self.settings, &mut self.schemas);
        described["responses"] = self.responses.of(route, is_head, settings, schemas);
        described
    }

    /// Of several, one is enough.
    fn security(&self, access: Access) -> Value {
        let is_closed = self.settings.read == ReadAccess::Token;
        match access {
            Access::Always | Access::Open => json!([]),
            Access::Reader | Access::Follower if !is_closed => json!([]),
            Access::Reader | Access::Follower | Access::User | Access::Author => {
                json!([{ "bearer": [] }])
            }
        }
    }

    fn whole(mut self, paths: Map<String, Value>) -> Value {
        let token = match self.settings.auth_mode {
            AuthMode::Name => "the base64 of a user name: anyone can be anyone",
            AuthMode::Token => "a secret made by `dunder token create`",
        };
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "dunder",
                "version": env!("CARGO_PKG_VERSION"),
                "summary": "Messages with hashtags, and their trends",
                "description": ABOUT,
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/" }],
            "tags": operation::TAGS.map(|(name, about)| json!({ "name": name, "description": about })),
            "paths": paths,
            "components": {
                "schemas": self.schemas.take_definitions(true),
                "responses": self.responses.components(),
                "securitySchemes": {
                    "bearer": { "type": "http", "scheme": "bearer", "description": token },
                },
            },
        })
    }
}

const ABOUT: &str = "\
Success is `{\"data\": …}`, failure `{\"error\": \"a sentence\", \"code\": \"a_word\"}`. \
Unknown parameters and fields are refused by name. An unknown path is 404 with the code \
`not_found`, a known one with another method 405 with `method_not_allowed` and `Allow`. \
Every answer of a path has an `X-Request-Id`: the request's own if it is plain, else a new one.";
