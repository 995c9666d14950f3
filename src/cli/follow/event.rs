//! A line of a stream, read.

use serde::Deserialize;

use crate::api::StreamEvent;
use crate::domain::{IdError, MessageId};

/// The events that this dunder knows.
const KNOWN: [&str; 6] = ["message", "deleted", "gap", "caught-up", "heartbeat", "bye"];

/// An event, and where to go on behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub event: StreamEvent,
    pub position: MessageId,
}

#[derive(Deserialize)]
struct Named {
    event: String,
}

impl Line {
    /// Reads a line. One without anything, and an event of a newer dunder,
    /// are signs of life and no more.
    ///
    /// # Errors
    /// It is not one of dunder's; the reason.
    pub fn parse(line: &[u8]) -> Result<Option<Line>, String> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        match serde_json::from_slice::<StreamEvent>(line) {
            Ok(event) => {
                let position = position(&event).parse();
                let position = position.map_err(|error: IdError| error.to_string())?;
                Ok(Some(Line { event, position }))
            }
            Err(error) => match serde_json::from_slice::<Named>(line) {
                Ok(named) if !KNOWN.contains(&named.event.as_str()) => Ok(None),
                Ok(_) | Err(_) => Err(error.to_string()),
            },
        }
    }
}

fn position(event: &StreamEvent) -> &str {
    match event {
        StreamEvent::Message { position, .. }
        | StreamEvent::Deleted { position, .. }
        | StreamEvent::Gap { position, .. }
        | StreamEvent::CaughtUp { position }
        | StreamEvent::Heartbeat { position }
        | StreamEvent::Bye { position, .. } => position,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

    fn parsed(line: &str) -> Result<Option<Line>, String> {
        Line::parse(line.replace("ID", ID).as_bytes())
    }

    #[test]
    fn every_event_has_its_place() {
        let rest = r#""id":"ID","from":"ID","to":"ID","retry":7,"message":{"id":"ID","user":{"name":"ann"},"text":"x","hashtags":[],"created_at":"2026-11-24T12:00:00.000Z"}"#;
        for name in KNOWN {
            let line = format!("{{\"event\":\"{name}\",\"position\":\"ID\",{rest}}}");
            let line = parsed(&line).unwrap().unwrap();
            assert_eq!(line.position, ID.parse().unwrap(), "{name}");
        }
    }

    #[test]
    fn what_a_newer_server_says_is_a_sign_of_life() {
        for line in ["", " ", r#"{"event":"new","position":7}"#] {
            assert_eq!(parsed(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (line, why) in [
            ("<html>", "expected value"),
            (r#"{"position":"ID"}"#, "missing field `event`"),
            (
                r#"{"event":"message","position":"ID"}"#,
                "missing field `message`",
            ),
            (
                r#"{"event":"caught-up","position":"nonsense"}"#,
                "\"nonsense\"",
            ),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line: Vec<u8>) {
            let _ = Line::parse(&line);
        }
    }
}
