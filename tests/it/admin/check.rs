//! `dunder admin check`: what differs is found and mended, and nothing else.

use std::io::Write;
use std::process::{Output, Stdio};

use dunder::domain::{ArchiveFile, Day, Deleter, MessageId, Rule};
use serde_json::Value;

use super::{ran, text};
use crate::contract::{draft, record, totals};
use crate::place::{Backend, Place, on_every_store};
use crate::support::dunder;

on_every_store![
    a_store_that_is_used_agrees_with_itself,
    what_differs_is_found_mended_and_gone,
    what_was_acknowledged_is_stored_deleted_or_missing,
    counters_of_evicted_messages_are_left_out_and_the_others_are_not,
    a_store_that_is_not_there_or_an_unreadable_line_is_refused,
];

/// A store with posts, some of them deleted, and its messages.
async fn used(on: Backend) -> (Place, Vec<MessageId>) {
    let place = on.place();
    let store = place.open().await;
    let mut ids = Vec::new();
    for n in 0..12 {
        let tags: &[&str] = [&[][..], &["a"], &["a", "b"]][n % 3];
        let user = ["ann", "bob"][n % 2];
        let posted = store.post(draft(user, &format!("post {n}"), tags)).await;
        ids.push(posted.unwrap().id);
    }
    let now = chrono::Utc::now();
    let deleted = vec![ids[1], ids[5]];
    store.delete(deleted, Deleter::Operator, now).await.unwrap();
    store.close().await;
    (place, ids)
}

fn check(place: &Place, arguments: &[&str]) -> Output {
    ran(place, &[&["admin", "check"], arguments].concat())
}

#[track_caller]
fn document(done: &Output, code: i32) -> Value {
    let (out, error) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(code), "{out}{error}");
    let document: Value = serde_json::from_str(&out).unwrap();
    document["data"].clone()
}

fn differences(data: &Value) -> Vec<String> {
    let found = data["differences"].as_array().unwrap().iter();
    found
        .map(|line| line.as_str().unwrap().to_owned())
        .collect()
}

async fn a_store_that_is_used_agrees_with_itself(on: Backend) {
    let (place, _) = used(on).await;
    let data = document(&check(&place, &["--json"]), 0);
    assert_eq!(data["messages"], 10);
    assert_eq!(differences(&data), [""; 0]);
    let said = text(&check(&place, &[]).stdout);
    assert!(said.starts_with("10 messages, "), "{said}");
    assert!(said.contains("all agree"), "{said}");
    // Beside a server, with posts that lists and counters do not have yet.
    let server = place.serve(&[]);
    for _ in 0..3 {
        let posted = server
            .post(r##"{"text":"more #a","hashtags":["c"]}"##)
            .await;
        assert_eq!(posted.status, 201);
    }
    let data = document(&check(&place, &["--json"]), 0);
    assert_eq!(data["messages"], 13);
}

async fn what_differs_is_found_mended_and_gone(on: Backend) {
    let (place, ids) = used(on).await;
    let stray = MessageId::from_parts(1_000, 7);
    let hex = |id: MessageId| -> String {
        let bytes = id.to_bytes().map(|byte| format!("{byte:02x}"));
        format!("x'{}'", bytes.concat())
    };
    let number = "(select id from hashtags where name = 'b')";
    place
        .change(
            &format!(
                "delete from hashtag_messages where hashtag_id = {number};
                 delete from hashtag_runs where hashtag_id = {number};
                 insert into hashtag_messages values ((select id from hashtags where name = 'a'), {});
                 update counts set count = count + 5 where level = 3600 and series = 0;
                 delete from counts where level = 60 and series = {number};",
                hex(stray)
            ),
            &format!(
                "DELETE FROM message_hashtags WHERE hashtag = 'b';
                 INSERT INTO message_hashtags (hashtag, message_id) VALUES ('a', '{stray}');
                 INSERT INTO counters (series, level, bucket, slot, count)
                   SELECT series, level, max(bucket), 99, 5 FROM counters
                   WHERE level = 3600 AND series = '' GROUP BY series, level;
                 DELETE FROM counters WHERE series = 'b' AND level = 60;"
            ),
        )
        .await;
    let found = differences(&document(&check(&place, &["--json"]), 1));
    let of_b = [2, 8, 11].map(|n| format!("the list of #b lacks {}", ids[n]));
    for line in &of_b {
        assert!(found.contains(line), "{line}: {found:?}");
    }
    let line = format!("the list of #a has {stray}, which does not belong there");
    assert!(found.contains(&line), "{found:?}");
    let is_hour =
        |line: &&String| line.starts_with("the counter of 1h from ") && line.contains(" says ");
    assert!(found.iter().any(|line| is_hour(&line)), "{found:?}");
    let is_minute = |line: &&String| line.contains("of #b says 0, messages are ");
    assert!(found.iter().any(|line| is_minute(&line)), "{found:?}");
    let said = check(&place, &[]);
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said.stdout).contains("--repair"));

    let data = document(&check(&place, &["--repair", "--json"]), 0);
    assert_eq!(data["mended"], found.len());
    assert_eq!(differences(&data), [""; 0]);
    let data = document(&check(&place, &["--repair", "--json"]), 0);
    assert_eq!(data["mended"], Value::Null);
    let store = place.open().await;
    assert_eq!(totals(store.as_ref(), &[]).await, [10]);
    assert_eq!(totals(store.as_ref(), &["a", "b"]).await, [6, 3]);
    store.close().await;
}

async fn what_was_acknowledged_is_stored_deleted_or_missing(on: Backend) {
    let (place, ids) = used(on).await;
    let never = MessageId::from_parts(ids[3].millis(), 3);
    let answer = format!(r#"{{"data":{{"id":"{}","text":"post 0"}}}}"#, ids[0]);
    let shown = format!(r#"{{"data":{{"message":{{"id":"{}"}}}}}}"#, ids[11]);
    let lines = [&answer, &ids[1].to_string(), "", &shown, &shown].join("\n");
    let judged = |lines: &str, arguments: &[&str]| {
        let file = place.dir.path().join("acknowledged");
        std::fs::write(&file, lines).unwrap();
        let file = file.display().to_string();
        check(&place, &[&["--acknowledged", &file], arguments].concat())
    };
    let data = document(&judged(&lines, &["--json"]), 0);
    let verdict = &data["acknowledged"];
    let number = |name: &str| verdict[name].as_u64().unwrap();
    assert_eq!(number("acknowledged"), 3);
    assert_eq!(number("again"), 1);
    assert_eq!((number("stored"), number("deleted")), (2, 1));
    assert_eq!(number("beside"), 8);
    assert_eq!(verdict["missing"], serde_json::json!([]));

    let data = document(&judged(&format!("{lines}\n{never}"), &["--json"]), 1);
    let missing = &data["acknowledged"]["missing"];
    assert_eq!(missing[0], never.to_string());
    let said = text(&judged(&never.to_string(), &[]).stdout);
    assert!(said.contains(&format!("missing: {never}")), "{said}");

    // Stored a second time under an id that nobody was told.
    let store = place.open().await;
    for _ in 0..2 {
        store.post(draft("ann", "said twice", &[])).await.unwrap();
    }
    let last = store.post(draft("ann", "last", &[])).await.unwrap().id;
    let posted = store.export(Some(ids[11]), 10).await.unwrap();
    store.close().await;
    let (one, other) = (posted[0].message.id, posted[1].message.id);
    // Whether the other was acknowledged or not, and whichever comes last.
    for lines in [
        format!("{one}\n{last}"),
        format!("{one}\n{other}"),
        one.to_string(),
    ] {
        let data = document(&judged(&lines, &["--json"]), 1);
        let twice = &data["acknowledged"]["twice"];
        assert_eq!(*twice, serde_json::json!([other.to_string()]));
    }
}

async fn a_store_that_is_not_there_or_an_unreadable_line_is_refused(on: Backend) {
    let (place, ids) = used(on).await;
    let mut command = place.command(&["admin", "check", "--acknowledged", "-"]);
    let mut run = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = run.stdin.take().unwrap();
    writeln!(input, "{}\nnonsense", ids[0]).unwrap();
    drop(input);
    let done = run.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let error = text(&done.stderr);
    assert!(
        error.contains("line 2") && error.contains("\"nonsense\""),
        "{error}"
    );
    let done = check(&place, &["--acknowledged", "/nowhere"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("/nowhere"));
    let mut elsewhere = dunder();
    elsewhere.args(["admin", "check", "--sqlite.path", "/nowhere/x"]);
    let done = elsewhere.output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("/nowhere/x"));
}

/// A store without a message of 2019 that it has counted: evicted for good, or
/// moved to an archive.
async fn evicted(on: Backend, by: Option<Rule>) -> Place {
    let place = on.place();
    let store = place.open().await;
    let old = "2019-09-23T10:00:00Z".parse::<chrono::DateTime<chrono::Utc>>();
    let old = old.unwrap().timestamp_millis();
    let old = record(draft("ann", "old", &["a"]), old);
    let id = old.message.id;
    store.import(vec![old]).await.unwrap();
    store.post(draft("ann", "new", &["a"])).await.unwrap();
    if by.is_none() {
        let seen = store.begin_day(Day::of(id)).await.unwrap();
        let file = ArchiveFile {
            name: "2019/09/23/a.parquet".to_owned(),
            rows: 1,
            bytes: 1,
            first: id,
            last: id,
            checksum: [0; 32],
        };
        assert!(store.swap_day(&seen, Some(&file)).await.unwrap());
    }
    assert_eq!(store.evict(vec![id], by).await.unwrap(), 1);
    store.close().await;
    place
}

async fn counters_of_evicted_messages_are_left_out_and_the_others_are_not(on: Backend) {
    for by in [Some(Rule::All), None] {
        let place = evicted(on, by).await;
        let data = document(&check(&place, &["--json"]), 0);
        assert_eq!(data["messages"], 1);
        assert_eq!(data["counted_from"], "2019-09-23T10:00:01Z");
        let said = text(&check(&place, &[]).stdout);
        assert!(said.contains("before 2019-09-23T10:00:01Z"), "{said}");
        let wrong = "update counts set count = count + 1 where level = 60";
        let wrong_there = "UPDATE counters SET count = count + 1 WHERE level = 60";
        place.change(wrong, wrong_there).await;
        let found = differences(&document(&check(&place, &["--json"]), 1));
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
