//! The forms of a stream: server-sent events, NDJSON, and text for people.

use hyper::header::HeaderValue;

use crate::api::StreamEvent;
use crate::domain::{Event, Message, MessageId, Position};
use crate::output::{TimeFormat, sanitize, sanitize_line};
use crate::server::handle::format::clock;
use crate::server::handle::message;
use crate::server::response;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// <https://html.spec.whatwg.org/multipage/server-sent-events.html>
    Sse,
    /// One object a line.
    Ndjson,
    /// Lines for people.
    Text,
}

/// Bytes of events that are sent at once, and so about what a follower keeps
/// in memory while its client takes them.
pub(crate) const PIECE: usize = 16 * 1024;

/// Where a stream begins that has no position before it.
const BEGINNING: MessageId = MessageId::MIN;

/// A position on the wire.
pub(crate) fn position_text(position: Option<Position>) -> String {
    position
        .map_or(BEGINNING, |position| position.0)
        .to_string()
}

impl Encoding {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Encoding; 3] = [Encoding::Sse, Encoding::Ndjson, Encoding::Text];

    /// In `format=`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::Sse => "sse",
            Encoding::Ndjson => "ndjson",
            Encoding::Text => "text",
        }
    }

    /// In `Accept`.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Encoding::Sse => "text/event-stream",
            Encoding::Ndjson => "application/x-ndjson",
            Encoding::Text => "text/plain",
        }
    }

    /// Whether something is written while nothing happens. People read lines,
    /// and nothing can be written that is none.
    pub(crate) fn has_heartbeat(self) -> bool {
        match self {
            Encoding::Sse | Encoding::Ndjson => true,
            Encoding::Text => false,
        }
    }

    /// In `Content-Type`.
    pub(crate) fn content_type(self) -> HeaderValue {
        match self {
            Encoding::Sse | Encoding::Ndjson => HeaderValue::from_static(self.media_type()),
            Encoding::Text => response::TEXT,
        }
    }

    /// What a stream begins with: server-sent events say how long to wait
    /// before coming back, in milliseconds.
    pub(crate) fn begin(self, retry: u64) -> Vec<u8> {
        match self {
            Encoding::Sse => format!("retry: {retry}\n\n").into_bytes(),
            Encoding::Ndjson | Encoding::Text => Vec::new(),
        }
    }

    /// Appends something that happened.
    pub(crate) fn write(self, out: &mut Vec<u8>, event: &Event) {
        let position = event.position().0.to_string();
        match event {
            Event::Posted(message) => self.write_message(out, message),
            Event::Deleted(tombstone) => {
                let id = tombstone.id.to_string();
                self.say(out, &StreamEvent::Deleted { position, id });
            }
            Event::Gap { from, to } => {
                let (from, to) = (from.0.to_string(), to.0.to_string());
                self.say(out, &StreamEvent::Gap { position, from, to });
            }
        }
    }

    fn write_message(self, out: &mut Vec<u8>, message: &Message) {
        let mut id = [0; MessageId::CHARS];
        let id = message.id.text(&mut id).as_bytes();
        match self {
            Encoding::Sse => {
                out.extend_from_slice(b"id: ");
                out.extend_from_slice(id);
                out.extend_from_slice(b"\ndata: ");
                message::write_json(out, message);
                out.extend_from_slice(b"\n\n");
            }
            Encoding::Ndjson => {
                out.extend_from_slice(br#"{"event":"message","position":""#);
                out.extend_from_slice(id);
                out.extend_from_slice(br#"","message":"#);
                message::write_json(out, message);
                out.extend_from_slice(b"}\n");
            }
            Encoding::Text => write_text(out, message),
        }
    }

    /// Appends what is about the stream. In a text a heartbeat is nothing.
    pub(crate) fn say(self, out: &mut Vec<u8>, event: &StreamEvent) {
        match self {
            Encoding::Sse => say_as_sse(out, event),
            Encoding::Ndjson => {
                write_object(out, event);
                out.push(b'\n');
            }
            Encoding::Text => out.extend_from_slice(said(event).as_bytes()),
        }
    }
}

/// Who and when, and below it the text, as it was written.
fn write_text(out: &mut Vec<u8>, message: &Message) {
    let time = clock().show(message.created_at(), &TimeFormat::Absolute);
    let mut text = format!("{time}Z  {}", sanitize_line(message.user.as_str()));
    for (at, hashtag) in message.hashtags.iter().enumerate() {
        text += if at == 0 { "  #" } else { " #" };
        text += &sanitize_line(hashtag.as_str());
    }
    text.push('\n');
    for line in sanitize(message.text.as_str()).lines() {
        text += format!("  {line}").trim_end();
        text.push('\n');
    }
    out.extend_from_slice(text.as_bytes());
}

fn say_as_sse(out: &mut Vec<u8>, event: &StreamEvent) {
    let (name, position) = match event {
        StreamEvent::Message { position, .. } => ("", position),
        StreamEvent::Deleted { position, .. } => ("deleted", position),
        StreamEvent::Gap { position, .. } => ("gap", position),
        StreamEvent::CaughtUp { position } => ("caught-up", position),
        StreamEvent::Heartbeat { position } => {
            out.extend_from_slice(format!("id: {position}\n\n").as_bytes());
            return;
        }
        StreamEvent::Bye { position, retry } => {
            out.extend_from_slice(format!("retry: {retry}\n").as_bytes());
            ("bye", position)
        }
    };
    if !name.is_empty() {
        out.extend_from_slice(format!("event: {name}\n").as_bytes());
    }
    out.extend_from_slice(format!("id: {position}\ndata: ").as_bytes());
    write_object(out, event);
    out.extend_from_slice(b"\n\n");
}

/// Strings and a number always encode.
fn write_object(out: &mut Vec<u8>, event: &StreamEvent) {
    let _ = serde_json::to_writer(out, event);
}

fn said(event: &StreamEvent) -> String {
    match event {
        StreamEvent::Message { message, .. } => format!("-- message {}\n", message.id),
        StreamEvent::Deleted { id, .. } => format!("-- message {id} was deleted\n"),
        StreamEvent::Gap { from, to, .. } => {
            format!("-- what was after {from} and up to {to} is gone\n")
        }
        StreamEvent::CaughtUp { .. } => "-- caught up\n".to_owned(),
        StreamEvent::Heartbeat { .. } => String::new(),
        StreamEvent::Bye { position, .. } => {
            format!("-- the server stops; go on with after={position}\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Draft;

    fn written(encoding: Encoding, text: &str) -> String {
        let draft = Draft::new("ann".parse().unwrap(), text.to_owned(), &["a", "b"]).unwrap();
        let message = draft.into_message(MessageId::from_parts(1_000, 7));
        let mut out = Vec::new();
        encoding.write(&mut out, &Event::Posted(message));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_is_one_block_one_line_or_a_head_with_its_text() {
        let json = r#"{"id":"0000000Z8000000000000000007","user":{"name":"ann"},"text":"x\ny","hashtags":["a","b"],"created_at":"1970-01-01T00:00:01.000Z"}"#;
        let id = MessageId::from_parts(1_000, 7).to_string();
        let json = json.replace("0000000Z8000000000000000007", &id);
        assert_eq!(
            written(Encoding::Sse, "x\ny"),
            format!("id: {id}\ndata: {json}\n\n")
        );
        assert_eq!(
            written(Encoding::Ndjson, "x\ny"),
            format!("{{\"event\":\"message\",\"position\":\"{id}\",\"message\":{json}}}\n")
        );
        assert_eq!(
            written(Encoding::Text, "x\ny\u{1b}[2J"),
            "1970-01-01 00:00:01Z  ann  #a #b\n  x\n  y\\u{1b}[2J\n"
        );
    }

    #[test]
    fn what_ndjson_says_of_a_message_reads_back_as_the_event() {
        let line = written(Encoding::Ndjson, "\"quoted\" \u{2028} 日本");
        let event: StreamEvent = serde_json::from_str(&line).unwrap();
        let StreamEvent::Message { position, message } = event else {
            panic!("{event:?}");
        };
        assert_eq!(position, message.id);
        assert_eq!(&*message.text, "\"quoted\" \u{2028} 日本");
    }

    #[test]
    fn a_heartbeat_is_a_bare_id_a_line_or_nothing() {
        let beat = |encoding: Encoding| {
            let mut out = Vec::new();
            let position = position_text(None);
            encoding.say(&mut out, &StreamEvent::Heartbeat { position });
            String::from_utf8(out).unwrap()
        };
        let zero = "0".repeat(26);
        assert_eq!(beat(Encoding::Sse), format!("id: {zero}\n\n"));
        assert_eq!(
            beat(Encoding::Ndjson),
            format!("{{\"event\":\"heartbeat\",\"position\":\"{zero}\"}}\n")
        );
        assert_eq!(beat(Encoding::Text), "");
    }
}
