//! JSON Schemas of the values that types alone do not tell: their patterns and
//! limits, in one place for bodies, parameters and answers.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::domain::{
    FeedLimit, MAX_HASHTAG_CHARS, MAX_HASHTAGS, MAX_TEXT_BYTES, MAX_USER_NAME_CHARS,
};

/// Crockford's base32 in either case; the first character holds three bits
/// (<https://github.com/ulid/spec>).
const ULID: &str = "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$";

/// A message id, or a position.
pub fn ulid(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": ULID,
        "examples": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"],
    })
}

/// Several.
pub fn ulids(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": ulid(generator) })
}

/// The text of a post. Its limit is one of bytes, which JSON Schema does not
/// know.
pub fn posted_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": "message-text",
        "minLength": 1,
        "maxLength": MAX_TEXT_BYTES,
        "examples": ["deploy of #prod done"],
    })
}

/// The hashtags of a post. Repeated ones count once.
pub fn posted_hashtags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "items": hashtag(),
        "maxItems": MAX_HASHTAGS,
        "examples": [["ops"]],
    })
}

/// A hashtag as people write it.
pub fn hashtag() -> Schema {
    json_schema!({
        "type": "string",
        "format": "hashtag",
        "description": format!("1 to {MAX_HASHTAG_CHARS} letters, digits and marks of any script, `_` and `-`, with or without `#`"),
        "minLength": 1,
        "examples": ["ops", "#ops"],
    })
}

/// A user name.
pub fn user_name() -> Schema {
    json_schema!({
        "type": "string",
        "format": "user-name",
        "description": "without blanks, control characters and invisible ones",
        "minLength": 1,
        "maxLength": MAX_USER_NAME_CHARS,
        "pattern": r"^\S+$",
        "examples": ["ann"],
    })
}

/// The beginning of a user name, whatever it is.
pub fn user_name_prefix() -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "examples": ["an"] })
}

/// How many, from `least` on.
pub fn page_size(least: u16) -> Schema {
    json_schema!({
        "type": "integer",
        "minimum": least,
        "maximum": FeedLimit::MAX,
        "examples": [10],
    })
}

/// A date as people and machines write it.
pub fn date(examples: &[&str]) -> Schema {
    json_schema!({
        "type": "string",
        "format": "moment",
        "description": "RFC 3339, `2019-09-23`, `2019-09-23 10:00`, Unix seconds or milliseconds, `now`, `today`, `yesterday`, a weekday, or a duration ago such as `90m` or `3d`; UTC without an offset; in the years 1970 to 9999",
        "minLength": 1,
        "examples": examples,
    })
}

/// The width of a bucket.
pub fn interval() -> Schema {
    json_schema!({
        "type": "string",
        "format": "aggregation",
        "description": "`minute`, `hour`, `day`, `week`, `month`, `year` or a duration of whole minutes, of Go (`1h30m`) or humantime (`2days`); at most 100 years",
        "default": "1m",
        "examples": ["1h", "day"],
    })
}

/// A time zone.
pub fn zone() -> Schema {
    json_schema!({
        "type": "string",
        "format": "time-zone",
        "description": "a name of the IANA database, or a rule of POSIX",
        "default": "UTC",
        "examples": ["Europe/Berlin"],
    })
}
