//! Messages and users on the wire.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::api::schema;
use crate::domain;
use crate::domain::Hashtag;

/// The body of `POST /message`. Unknown fields are refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostBody {
    /// Required, not blank, at most 8 KiB of UTF-8, without U+0000.
    #[schemars(schema_with = "schema::posted_text")]
    pub text: String,
    /// With or without `#`; at most 16. `null` is none.
    #[serde(default, deserialize_with = "none_if_null")]
    #[schemars(schema_with = "schema::posted_hashtags")]
    pub hashtags: Vec<String>,
}

/// Programs write a list of nothing as `null`.
fn none_if_null<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(json)?.unwrap_or_default())
}

/// A message as every answer shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// A ULID.
    #[schemars(schema_with = "schema::ulid")]
    pub id: String,
    /// Who wrote it.
    pub user: User,
    /// What was written, exactly.
    pub text: Arc<str>,
    /// Without `#`, folded, in the order given.
    pub hashtags: Vec<Arc<str>>,
    /// UTC, to the millisecond.
    #[serde(with = "super::time::millis")]
    #[schemars(with = "DateTime<Utc>")]
    pub created_at: DateTime<Utc>,
}

impl From<&domain::Message> for Message {
    fn from(message: &domain::Message) -> Message {
        Message {
            id: message.id.to_string(),
            user: User {
                name: message.user.shared(),
            },
            text: message.text.shared(),
            hashtags: message.hashtags.iter().map(Hashtag::shared).collect(),
            created_at: message.created_at(),
        }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// 1 to 64 characters.
    pub name: Arc<str>,
}

/// The answer to `GET /message/ULID`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShownMessage {
    /// The message.
    pub message: Message,
}

/// The answer to `GET /message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeedPage {
    /// Newest first.
    pub messages: Vec<Message>,
    /// The `cursor` of the next page, only when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ulid")]
    pub next_cursor: Option<String>,
    /// Messages of these times may be missing: the archive cannot be read there.
    /// Left out where nothing is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// A time whose messages may be missing in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// From this moment on,
    #[schemars(with = "DateTime<Utc>")]
    pub from_date: String,
    /// and before this one.
    #[schemars(with = "DateTime<Utc>")]
    pub to_date: String,
}

/// The answer to `GET /whoami`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Whoami {
    /// Whom the token names.
    pub user: User,
    /// `name` or `token`: how the server knows.
    pub mode: String,
}

/// The answer to `GET /healthz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `alive`.
    pub status: Cow<'static, str>,
    /// Of the server.
    pub version: Cow<'static, str>,
}

/// The answer to `GET /readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// `ready`.
    pub status: Cow<'static, str>,
    /// What its operator should know; left out where there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The answer to `GET /user`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Users {
    /// In the order of their names.
    pub users: Vec<User>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hashtags_are_written_in_three_ways() {
        for body in [
            r#"{"text":"t"}"#,
            r#"{"text":"t","hashtags":[]}"#,
            r#"{"text":"t","hashtags":null}"#,
        ] {
            let body: PostBody = serde_json::from_str(body).unwrap();
            assert_eq!(body.hashtags, [""; 0]);
        }
        for body in [
            r#"{"text":null}"#,
            r#"{"text":"t","hashtags":"a"}"#,
            r#"{"text":"t","hashtags":[null]}"#,
            r#"{"text":"t","hashtags":[],"hashtags":null}"#,
        ] {
            assert!(serde_json::from_str::<PostBody>(body).is_err(), "{body}");
        }
    }
}
