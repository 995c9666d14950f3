//! `dunder export`, over a store in this process.

use std::io::{self, Write};

use dunder::app::admin::{Progress, export};
use dunder::domain::Draft;

use super::{counts, exported, imported, store};
use crate::place::{Backend, on_every_store};

on_every_store![
    what_was_exported_and_imported_elsewhere_exports_the_same_bytes,
    keys_stand_in_a_fixed_order_and_times_have_milliseconds,
    messages_come_oldest_first_over_any_number_of_pages,
    a_closed_pipe_is_no_error_and_a_full_disk_is_one,
];

/// Whatever a text can hold that a line of JSON must not lose.
const TEXTS: [&str; 8] = [
    "plain",
    " kept \n as\r\nit is\t",
    "\u{1b}[31m \u{7f} \u{85} \u{2028}",
    "\u{202e}drow \u{2066}x",
    "emoji 👩‍👩‍👧 e\u{301} 李 हिन्दी",
    "quotes \" and \\ and / and </script>",
    "#Tag in the text, #été",
    "{\"user_name\":\"x\"}",
];

async fn what_was_exported_and_imported_elsewhere_exports_the_same_bytes(on: Backend) {
    let (_place, first) = store(on).await;
    for (n, text) in TEXTS.iter().enumerate() {
        let user = format!("user{}@example.com", n % 3).parse().unwrap();
        let mut draft = Draft::new(user, (*text).to_owned(), &["Ops", "b"]).unwrap();
        draft.idempotency_key = (n % 2 == 0).then(|| format!("key-{n}").parse().unwrap());
        first.post(draft).await.unwrap();
    }
    let original = exported(&first).await;
    assert_eq!(original.lines().count(), TEXTS.len());
    let (_place, second) = store(on).await;
    let (done, report) = imported(&second, original.clone()).await;
    assert_eq!(counts(&done.unwrap()), [8, 8, 0, 0], "{report}");
    assert_eq!(exported(&second).await, original);
    for (line, text) in original.lines().zip(TEXTS) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["text"], text);
    }
}

async fn keys_stand_in_a_fixed_order_and_times_have_milliseconds(on: Backend) {
    let (_place, store) = store(on).await;
    let input = r##"{"idempotency_key":"k","hashtags":["#B","a"],"text":"t #c","created_at":1469922850259,"user_name":"ann","id":"01arz3ndektsv4rrffq69g5fav"}
{"user_name":"ann","text":"u","created_at":"2019-09-23T10:00:00+02:00","id":"01DNEJ4V00AAAAAAAAAAAAAAAA"}"##;
    let (done, report) = imported(&store, input).await;
    assert_eq!(counts(&done.unwrap()), [2, 2, 0, 0], "{report}");
    let expected = r#"{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","user_name":"ann","text":"t #c","hashtags":["b","a","c"],"created_at":"2016-07-30T23:54:10.259Z","idempotency_key":"k"}
{"id":"01DNEJ4V00AAAAAAAAAAAAAAAA","user_name":"ann","text":"u","hashtags":[],"created_at":"2019-09-23T08:00:00.000Z"}
"#;
    assert_eq!(exported(&store).await, expected);
}

async fn messages_come_oldest_first_over_any_number_of_pages(on: Backend) {
    let (_place, store) = store(on).await;
    let lines: String = (0..2_500)
        .rev()
        .map(|n| {
            format!(
                "{{\"user_name\":\"a\",\"text\":\"{n}\",\"created_at\":{}}}\n",
                1_569_232_800_000_u64 + n
            )
        })
        .collect();
    imported(&store, lines).await.0.unwrap();
    let exported = exported(&store).await;
    let texts = exported.lines().map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["text"].as_str().unwrap().parse::<u64>().unwrap()
    });
    assert!(texts.eq(0..2_500));
}

struct ClosedPipe;

impl Write for ClosedPipe {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

struct FullDisk;

impl Write for FullDisk {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn a_closed_pipe_is_no_error_and_a_full_disk_is_one(on: Backend) {
    let (_place, store) = store(on).await;
    let line = r#"{"user_name":"a","text":"t","created_at":"2019-09-23"}"#;
    imported(&store, line).await.0.unwrap();
    let progress = Progress::hidden();
    export(store.as_ref(), &mut ClosedPipe, &progress)
        .await
        .unwrap();
    let error = export(store.as_ref(), &mut FullDisk, &progress)
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("cannot write the output"),
        "{error}"
    );
}
