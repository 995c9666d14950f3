//! One line of an import as a record. Fields are refused by name where they
//! are unknown: a misspelt `hashtags` must not lose the tags.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::Value;

use crate::domain::{Draft, MessageId, Position, Record, Tombstone, Zone, parse_date, shown};
use crate::output::sanitize_line;

/// What a line of JSON may say; `null` is as good as nothing.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    user_name: Option<Cow<'a, str>>,
    text: Option<String>,
    hashtags: Option<Vec<String>>,
    created_at: Option<Date>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    idempotency_key: Option<Cow<'a, str>>,
    deleted_at: Option<Date>,
    #[serde(borrow)]
    position: Option<Cow<'a, str>>,
}

/// The fields, and what each takes, for a sentence.
const FIELDS: [(&str, &str); 8] = [
    ("user_name", "a text"),
    ("text", "a text"),
    ("hashtags", "a list of texts, such as [\"prod\"]"),
    (
        "created_at",
        "a date such as \"2019-09-23T10:00:00Z\" or Unix seconds",
    ),
    ("id", "a ULID as a text"),
    ("idempotency_key", "a text"),
    (
        "deleted_at",
        "a date such as \"2019-09-23T10:00:00Z\" or Unix seconds",
    ),
    ("position", "a ULID as a text"),
];

/// A text, or Unix seconds or milliseconds as a number.
struct Date(String);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Date, D::Error> {
        json.deserialize_any(DateVisitor)
    }
}

struct DateVisitor;

impl Visitor<'_> for DateVisitor {
    type Value = Date;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date such as \"2019-09-23T10:00:00Z\" or Unix seconds")
    }

    fn visit_str<E>(self, text: &str) -> Result<Date, E> {
        Ok(Date(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Date, E> {
        Ok(Date(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Date, E> {
        Ok(Date(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Date, E> {
        Ok(Date(number.to_string()))
    }
}

/// What a line had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A message.
    Message {
        record: Record,
        /// Whether the id stood on the line.
        has_id: bool,
    },
    /// What stays of one that was deleted.
    Deleted(Tombstone),
}

/// Reads a line. `now` only tells dates that depend on it from others.
///
/// # Errors
/// What is wrong with it, as a sentence that is safe on a terminal.
pub(crate) fn line(line: &[u8], now: DateTime<Utc>) -> Result<Decoded, String> {
    // Serde would also read an array, by position.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err("the line is not a JSON object; write {\"user_name\": …}".to_owned());
    }
    let fields: Fields = serde_json::from_slice(line).map_err(|error| fault(line, &error))?;
    if fields.deleted_at.is_some() || fields.position.is_some() {
        return tombstone(fields, now).map(Decoded::Deleted);
    }
    let missing =
        |name| format!("{name} is missing; a message needs user_name, text and created_at");
    let user = fields.user_name.ok_or_else(|| missing("user_name"))?;
    let text = fields.text.ok_or_else(|| missing("text"))?;
    let hashtags = fields.hashtags.unwrap_or_default();
    let mut draft = Draft::new(parsed(&user)?, text, &hashtags).map_err(|error| reason(&error))?;
    draft.idempotency_key = fields.idempotency_key.as_deref().map(parsed).transpose()?;
    let id: Option<MessageId> = fields.id.as_deref().map(parsed).transpose()?;
    let created_at = match (fields.created_at, id) {
        (Some(date), _) => absolute("created_at", &date.0, now)?,
        (None, Some(id)) => id.created_at(),
        (None, None) => {
            return Err("created_at is missing, and there is no id to tell it".to_owned());
        }
    };
    let record = Record::new(draft, id, created_at).map_err(|error| reason(&error))?;
    Ok(Decoded::Message {
        record,
        has_id: id.is_some(),
    })
}

fn tombstone(fields: Fields<'_>, now: DateTime<Utc>) -> Result<Tombstone, String> {
    let has_more =
        fields.text.is_some() || fields.hashtags.is_some() || fields.created_at.is_some();
    if has_more {
        return Err("a line with deleted_at or position is of a message that was deleted; it has no text, hashtags or created_at".to_owned());
    }
    let missing = |name| {
        format!(
            "{name} is missing; a message that was deleted needs id, user_name, deleted_at and position"
        )
    };
    let deleted_at = fields.deleted_at.ok_or_else(|| missing("deleted_at"))?;
    let deleted_at = absolute("deleted_at", &deleted_at.0, now)?;
    // As precise as it is stored.
    let millis = DateTime::from_timestamp_millis(deleted_at.timestamp_millis());
    Ok(Tombstone {
        id: parsed(&fields.id.ok_or_else(|| missing("id"))?)?,
        user: parsed(&fields.user_name.ok_or_else(|| missing("user_name"))?)?,
        deleted_at: millis.unwrap_or(deleted_at),
        position: Position(parsed(
            &fields.position.ok_or_else(|| missing("position"))?,
        )?),
        idempotency_key: fields.idempotency_key.as_deref().map(parsed).transpose()?,
    })
}

fn parsed<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| reason(&error))
}

fn reason(error: &dyn fmt::Display) -> String {
    sanitize_line(&error.to_string())
}

/// A date that means the same whenever it is read: importing a file twice
/// must not store it twice.
fn absolute(name: &str, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let date = |now| parse_date(text, now, &Zone::UTC);
    let long_ago = now - chrono::Duration::days(8);
    let (date, as_of_then) = (date(now), date(long_ago));
    let date = date.map_err(|error| format!("{name}: {error}"))?;
    if as_of_then != Ok(date) {
        return Err(format!(
            "{name}: {} depends on when it is read; write a date such as 2019-09-23T10:00:00Z",
            shown(text)
        ));
    }
    Ok(date)
}

/// What is wrong with a line that is no message, in words of its fields where
/// it is JSON at all. Read a second time: refusals are few.
fn fault(line: &[u8], error: &serde_json::Error) -> String {
    let object = serde_json::from_slice::<serde_json::Map<String, Value>>(line);
    let of_field = object
        .iter()
        .flatten()
        .find_map(|(name, value)| of_field(name, value));
    let reason = of_field.unwrap_or_else(|| {
        let mut reason = error.to_string();
        // It counts lines within our one line.
        if let Some(at) = reason.rfind(" at line ") {
            reason.truncate(at);
        }
        format!(
            "the line cannot be read: {reason}, column {}",
            error.column()
        )
    });
    sanitize_line(&reason)
}

fn of_field(name: &str, value: &Value) -> Option<String> {
    let Some((_, wanted)) = FIELDS.iter().find(|(known, _)| *known == name) else {
        let known = FIELDS.map(|(known, _)| known).join(", ");
        return Some(format!(
            "unknown field {}; the fields are {known}",
            shown(name)
        ));
    };
    let found = match (name, value) {
        (_, Value::Null) | ("created_at" | "deleted_at", Value::Number(_)) => return None,
        ("hashtags", Value::Array(tags)) => {
            let other = tags.iter().find(|tag| !tag.is_string())?;
            return Some(format!(
                "hashtags has {} in it; write {wanted}",
                kind(other)
            ));
        }
        ("hashtags", Value::String(_)) => "a text",
        (_, Value::String(_)) => return None,
        (_, other) => kind(other),
    };
    Some(format!("{name} is {found}; write {wanted}"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Result<Record, String> {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        match super::line(line.as_bytes(), now)? {
            Decoded::Message { record, .. } => Ok(record),
            Decoded::Deleted(tombstone) => panic!("{tombstone:?}"),
        }
    }

    #[test]
    fn a_full_line_keeps_every_part() {
        let line = r##"{"user_name":"ann","text":"go #b","hashtags":["#A"],"created_at":"2016-07-30T23:54:10.259Z","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","idempotency_key":"k"}"##;
        let record = read(line).unwrap();
        assert_eq!(record.message.id.to_string(), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        assert_eq!(record.message.user.as_str(), "ann");
        let tags: Vec<_> = record
            .message
            .hashtags
            .iter()
            .map(|tag| tag.as_str())
            .collect();
        assert_eq!(tags, ["a", "b"]);
        assert_eq!(record.idempotency_key.unwrap().as_str(), "k");
    }

    #[test]
    fn a_missing_id_is_derived_and_a_missing_time_is_the_ids() {
        let dated = r#"{"user_name":"a","text":"t","created_at":"2019-09-23"}"#;
        assert_eq!(read(dated).unwrap(), read(dated).unwrap());
        let number = r#"{"user_name":"a","text":"t","created_at":1569196800000}"#;
        assert_eq!(read(dated).unwrap(), read(number).unwrap());
        let with_id = r#"{"user_name":"a","text":"t","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#;
        assert_eq!(
            read(with_id).unwrap().message.id.millis(),
            1_469_922_850_259
        );
    }

    #[test]
    fn a_deleted_message_is_told_by_when_it_was_and_needs_all_of_it() {
        let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        let full = format!(
            r#"{{"id":"{id}","user_name":"a","deleted_at":"2019-09-23T10:00:00.1239Z","position":"{id}"}}"#
        );
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let read = |text: &str| super::line(text.as_bytes(), now);
        let Decoded::Deleted(tombstone) = read(&full).unwrap() else {
            panic!("a message");
        };
        assert_eq!(tombstone.deleted_at.timestamp_subsec_micros(), 123_000);
        for (without, part) in [
            ("deleted_at", "deleted_at is missing"),
            ("position", "position is missing"),
            ("user_name", "user_name is missing"),
            ("id", "id is missing"),
        ] {
            let mut object: serde_json::Map<String, Value> = serde_json::from_str(&full).unwrap();
            object.remove(without);
            let reason = read(&Value::from(object).to_string()).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
        let both = full.replace(r#""id""#, r#""text":"t","id""#);
        assert!(read(&both).unwrap_err().contains("has no text"));
        let today = full.replace("2019-09-23T10:00:00.1239Z", "today");
        assert!(read(&today).unwrap_err().contains("deleted_at: \"today\""));
    }

    #[test]
    fn null_is_as_good_as_nothing() {
        let with = r#"{"user_name":"a","text":"t","hashtags":null,"created_at":"2019-09-23","id":null,"idempotency_key":null}"#;
        let without = r#"{"user_name":"a","text":"t","created_at":"2019-09-23"}"#;
        assert_eq!(read(with).unwrap(), read(without).unwrap());
        let undated = r#"{"user_name":"a","text":"t","created_at":null}"#;
        assert!(read(undated).unwrap_err().contains("created_at is missing"));
    }

    #[test]
    fn lines_alike_but_for_their_keys_are_two_messages() {
        let line = |key: &str| {
            format!(
                r#"{{"user_name":"a","text":"t","created_at":"2019-09-23","idempotency_key":"{key}"}}"#
            )
        };
        let id = |key: &str| read(&line(key)).unwrap().message.id;
        assert_ne!(id("k1"), id("k2"));
        assert_eq!(id("k1"), id("k1"));
    }

    #[test]
    fn every_fault_is_a_sentence_that_names_it() {
        for (line, part) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            (
                r#"["a","t",[],"2019-09-23",null,null]"#,
                "not a JSON object",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":"2019-09-23"} x"#,
                "trailing",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":"2019-09-23","tags":[]}"#,
                "unknown field \"tags\"; the fields are user_name, text",
            ),
            ("{}", "user_name is missing"),
            (
                r#"{"text":"t","created_at":"2019-09-23"}"#,
                "user_name is missing",
            ),
            (
                r#"{"user_name":"a","created_at":"2019-09-23"}"#,
                "text is missing",
            ),
            (r#"{"user_name":null,"text":"t"}"#, "user_name is missing"),
            (
                r#"{"user_name":5,"text":"t"}"#,
                "user_name is a number; write a text",
            ),
            (
                r#"{"user_name":"a","text":["t"]}"#,
                "text is a list; write a text",
            ),
            (
                r#"{"user_name":"a","text":"t","hashtags":"b"}"#,
                "hashtags is a text; write a list",
            ),
            (
                r#"{"user_name":"a","text":"t","hashtags":["b",null]}"#,
                "hashtags has null in it",
            ),
            (
                r#"{"user_name":"a","text":"t","id":5}"#,
                "id is a number; write a ULID",
            ),
            (
                r#"{"user_name":"a","text":"t","text":"t"}"#,
                "duplicate field `text`",
            ),
            (
                r#"{"user_name":"a","text":"t" "x"}"#,
                "cannot be read: expected `,` or `}`, column 29",
            ),
            (
                r#"{"user_name":"a b","text":"t","created_at":"2019-09-23"}"#,
                "\"a b\"",
            ),
            (
                r#"{"user_name":"a","text":" ","created_at":"2019-09-23"}"#,
                "blank",
            ),
            (
                r#"{"user_name":"a","text":"t","hashtags":["x y"],"created_at":"2019-09-23"}"#,
                "\"x y\"",
            ),
            (r#"{"user_name":"a","text":"t"}"#, "created_at is missing"),
            (
                r#"{"user_name":"a","text":"t","created_at":true}"#,
                "a date such as",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":-5}"#,
                "created_at: ",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":1e300}"#,
                "created_at: ",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":"soon"}"#,
                "\"soon\" is not a date",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":"now"}"#,
                "\"now\" depends",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":"today"}"#,
                "\"today\" depends",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":"3d"}"#,
                "\"3d\" depends",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":"2019-09-23","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#,
                "the id 01ARZ3NDEKTSV4RRFFQ69G5FAV says",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":"2019-09-23","id":"1"}"#,
                "not a ULID",
            ),
            (
                r#"{"user_name":"a","text":"t","created_at":"2019-09-23","idempotency_key":"ä"}"#,
                "Idempotency-Key",
            ),
        ] {
            let reason = read(line).unwrap_err();
            assert!(reason.contains(part), "{line}: {reason}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_record_or_a_sentence_safe_on_a_terminal(bytes: Vec<u8>, field in "\\PC*|[\\x00-\\x1f\\u{202e}]{1,5}") {
            let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
            let _ = super::line(&bytes, now);
            let mut object = b"{".to_vec();
            object.extend(&bytes);
            let _ = super::line(&object, now);
            let named = serde_json::json!({"user_name": "a", "text": "t", "created_at": "2019-09-23", field: 1});
            let reason = super::line(named.to_string().as_bytes(), now).unwrap_err();
            prop_assert!(!reason.chars().any(|c| c.is_control() || c == '\u{202e}'), "{}", reason);
        }
    }
}
