//! One line of an import as a record. Fields are refused by name where they
//! are unknown: a misspelt `hashtags` must not lose the tags.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, Visitor};

use crate::app::admin::visible;
use crate::domain::{Draft, MessageId, Record, Zone, parse_date, shown};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    user_name: Cow<'a, str>,
    text: String,
    #[serde(default)]
    hashtags: Vec<String>,
    created_at: Option<Date>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    idempotency_key: Option<Cow<'a, str>>,
}

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
}

/// Reads a line. `now` only tells dates that depend on it from others.
///
/// # Errors
/// What is wrong with it, as a sentence that is safe on a terminal.
pub(crate) fn record(line: &[u8], now: DateTime<Utc>) -> Result<Record, String> {
    // Serde would also read an array, by position.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err("the line is not a JSON object; write {\"user_name\": …}".to_owned());
    }
    let fields: Fields = serde_json::from_slice(line).map_err(json_reason)?;
    let reason = |error: &dyn fmt::Display| visible(&error.to_string());
    let user = fields.user_name.parse().map_err(|error| reason(&error))?;
    let mut draft =
        Draft::new(user, fields.text, &fields.hashtags).map_err(|error| reason(&error))?;
    draft.idempotency_key = match fields.idempotency_key {
        Some(key) => Some(key.parse().map_err(|error| reason(&error))?),
        None => None,
    };
    let id: Option<MessageId> = match fields.id {
        Some(id) => Some(id.parse().map_err(|error| reason(&error))?),
        None => None,
    };
    let created_at = match (fields.created_at, id) {
        (Some(date), _) => absolute(&date.0, now)?,
        (None, Some(id)) => id.created_at(),
        (None, None) => {
            return Err("created_at is missing, and there is no id to tell it".to_owned());
        }
    };
    Record::new(draft, id, created_at).map_err(|error| reason(&error))
}

/// A date that means the same whenever it is read: importing a file twice
/// must not store it twice.
fn absolute(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let date = |now| parse_date(text, now, &Zone::UTC);
    let long_ago = now - chrono::Duration::days(8);
    let (date, as_of_then) = (date(now), date(long_ago));
    let date = date.map_err(|error| format!("created_at: {error}"))?;
    if as_of_then != Ok(date) {
        return Err(format!(
            "created_at: {} depends on when it is read; write a date such as 2019-09-23T10:00:00Z",
            shown(text)
        ));
    }
    Ok(date)
}

fn json_reason(error: serde_json::Error) -> String {
    let column = error.column();
    let mut reason = error.to_string();
    // It counts lines within our one line.
    if let Some(at) = reason.rfind(" at line ") {
        reason.truncate(at);
    }
    visible(&format!("{reason}, column {column}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Result<Record, String> {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        record(line.as_bytes(), now)
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
                "unknown field `tags`",
            ),
            (r#"{"text":"t","created_at":"2019-09-23"}"#, "user_name"),
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
                "a date such as",
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
            let _ = record(&bytes, now);
            let mut object = b"{".to_vec();
            object.extend(&bytes);
            let _ = record(&object, now);
            let named = serde_json::json!({"user_name": "a", "text": "t", "created_at": "2019-09-23", field: 1});
            let reason = record(named.to_string().as_bytes(), now).unwrap_err();
            prop_assert!(!reason.chars().any(|c| c.is_control() || c == '\u{202e}'), "{}", reason);
        }
    }
}
