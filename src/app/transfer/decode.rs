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
mod tests;
