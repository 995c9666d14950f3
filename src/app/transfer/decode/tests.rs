//! Lines as people and programs write them.

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
