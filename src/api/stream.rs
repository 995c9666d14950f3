//! What `GET /message/stream` says, one event after the other, and the page of
//! those who ask again instead.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Message, schema};

/// The header in which a stream says after how many seconds without anything to say it sends a heartbeat;
/// text has none, which says nothing while there is nothing to say.
pub const HEARTBEAT_HEADER: &str = "x-heartbeat";

/// An event: a line of NDJSON as it is. Of server-sent events it is the data,
/// but for a message, whose data is the message alone.
///
/// Whoever has seen an event goes on behind its `position`, a ULID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum StreamEvent {
    /// A message.
    Message {
        /// Its id.
        #[schemars(schema_with = "schema::ulid")]
        position: String,
        /// As in a page.
        message: Message,
    },
    /// A message was deleted. Which hashtags it had is not known any more: who
    /// asked for some is told as well.
    Deleted {
        /// Of the deletion.
        #[schemars(schema_with = "schema::ulid")]
        position: String,
        /// Of the message.
        #[schemars(schema_with = "schema::ulid")]
        id: String,
    },
    /// What was between two positions is gone.
    Gap {
        /// The same as `to`.
        #[schemars(schema_with = "schema::ulid")]
        position: String,
        /// Behind this one.
        #[schemars(schema_with = "schema::ulid")]
        from: String,
        /// And up to this one.
        #[schemars(schema_with = "schema::ulid")]
        to: String,
    },
    /// What follows was not there yet when the stream began.
    CaughtUp {
        /// Where it begins.
        #[schemars(schema_with = "schema::ulid")]
        position: String,
    },
    /// Nothing that was asked for, up to here.
    Heartbeat {
        /// Up to where.
        #[schemars(schema_with = "schema::ulid")]
        position: String,
    },
    /// The server ends the stream; nothing is wrong.
    Bye {
        /// Where to go on.
        #[schemars(schema_with = "schema::ulid")]
        position: String,
        /// Milliseconds to wait before.
        retry: u64,
    },
}

/// The answer to `GET /message?after=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FollowPage {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Ids of messages that were deleted; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::ulids")]
    pub deleted: Vec<String>,
    /// What is gone; left out where nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The `after` of the next page, whether there is anything in it yet or
    /// not.
    #[schemars(schema_with = "schema::ulid")]
    pub next_after: String,
}

/// What was between two positions is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Behind this one.
    #[schemars(schema_with = "schema::ulid")]
    pub from: String,
    /// And up to this one.
    #[schemars(schema_with = "schema::ulid")]
    pub to: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_says_what_it_is_and_where() {
        let position = || "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
        for (event, json) in [
            (
                StreamEvent::CaughtUp {
                    position: position(),
                },
                r#"{"event":"caught-up","position":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#,
            ),
            (
                StreamEvent::Bye {
                    position: position(),
                    retry: 700,
                },
                r#"{"event":"bye","position":"01ARZ3NDEKTSV4RRFFQ69G5FAV","retry":700}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&event).unwrap(), json);
            assert_eq!(serde_json::from_str::<StreamEvent>(json).unwrap(), event);
        }
    }
}
