//! `dunder admin delete`, and tombstones in exports and imports.

use dunder::domain::MessageId;
use reqwest::Method;
use serde_json::Value;

use super::{counts, exported, imported, ran, store, text};
use crate::place::{Backend, Place, on_every_store};
use crate::support::bearer;

on_every_store![
    the_operator_deletes_what_fits_after_a_dry_run,
    ids_and_filters_hold_together_and_nonsense_is_refused,
    a_running_server_has_none_of_what_is_deleted_beside_it,
    exports_carry_deletions_and_older_exports_bring_nothing_back,
];

fn line(user: &str, text: &str, tag: &str, date: &str) -> String {
    format!(
        "{{\"user_name\":\"{user}\",\"text\":\"{text}\",\"hashtags\":[\"{tag}\"],\"created_at\":\"{date}\"}}\n"
    )
}

/// A store with some messages.
async fn filled(on: Backend) -> Place {
    let (place, store) = store(on).await;
    let lines = [
        line("ann", "one", "ci", "2019-09-23T10:00:00Z"),
        line("ann", "two", "prod", "2019-09-23T10:00:30Z"),
        line("bob", "three", "ci", "2019-09-23T10:00:45Z"),
        line("bob", "four", "ci", "2019-09-24T10:00:00Z"),
    ];
    imported(&store, lines.concat()).await.0.unwrap();
    store.close().await;
    place
}

/// The standard output of a command that succeeded.
#[track_caller]
fn said(place: &Place, arguments: &[&str]) -> String {
    let done = ran(place, &[&["admin", "delete"], arguments].concat());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    text(&done.stdout)
}

fn texts(place: &Place) -> Vec<String> {
    let export = text(&ran(place, &["export"]).stdout);
    let lines = export.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["text"].as_str().map(str::to_owned)
    });
    lines.flatten().collect()
}

async fn the_operator_deletes_what_fits_after_a_dry_run(on: Backend) {
    let place = filled(on).await;
    let arguments = ["--hashtag", "#CI", "--before", "2019-09-24"];
    let dry = ran(&place, &[&["admin", "delete"], &arguments[..]].concat());
    assert_eq!(dry.status.code(), Some(0));
    let shown = text(&dry.stdout);
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(shown.contains("three") && shown.contains("one"), "{shown}");
    let said_beside = text(&dry.stderr);
    assert!(
        said_beside.contains("2 messages fit; nothing was deleted"),
        "{said_beside}"
    );
    assert_eq!(texts(&place).len(), 4);
    let json = said(&place, &[&arguments[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["data"]["would_delete"], 2);
    assert_eq!(json["data"]["messages"][0]["text"], "three");

    let done = said(&place, &[&arguments[..], &["--yes"]].concat());
    assert_eq!(done, "deleted 2 messages\n");
    assert_eq!(texts(&place), ["two", "four"]);
    let done = said(&place, &[&arguments[..], &["--yes", "--json"]].concat());
    assert_eq!(done, "{\"data\":{\"deleted\":0}}\n");
    // To the second, not to the whole minute that a list would have.
    let before = ["--before", "2019-09-23T10:00:30Z", "--yes"];
    assert_eq!(said(&place, &before), "deleted 0 messages\n");
    let before = ["--before", "2019-09-23T10:00:31Z", "--yes"];
    assert_eq!(said(&place, &before), "deleted 1 message\n");
    assert_eq!(
        said(&place, &["--user", "bob", "--yes"]),
        "deleted 1 message\n"
    );
    assert_eq!(texts(&place), [""; 0]);
}

async fn ids_and_filters_hold_together_and_nonsense_is_refused(on: Backend) {
    let place = filled(on).await;
    let export = text(&ran(&place, &["export"]).stdout);
    let ids: Vec<String> = export
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let refused = |arguments: &[&str], code: i32, named: &str| {
        let done = ran(&place, &[&["admin", "delete"], arguments].concat());
        assert_eq!(done.status.code(), Some(code), "{arguments:?}");
        let error = text(&done.stderr);
        assert!(error.contains(named), "{error}");
        assert_eq!(texts(&place).len(), 4);
    };
    refused(&["--yes"], 2, "--before");
    refused(&["U!", "--yes"], 2, "\"U!\" is not the id of a message");
    refused(&["", "--yes"], 2, "\"\" is not the id");
    refused(&["--before", "soon", "--yes"], 2, "\"soon\" is not a date");
    refused(&["--user", "a b", "--yes"], 2, "a b");
    let unknown = MessageId::from_parts(1, 1).to_string();
    refused(&[&ids[0], &unknown, "--yes"], 1, &unknown);
    refused(&["01", "--yes"], 1, "several ids");

    let of_bob = [&ids[0], &ids[2][..25], "--user", "bob", "--yes"];
    assert_eq!(said(&place, &of_bob), "deleted 1 message\n");
    let again = [&ids[0], &ids[2], "--user", "bob", "--yes"];
    assert_eq!(said(&place, &again), "deleted 0 messages\n");
    assert_eq!(texts(&place), ["one", "two", "four"]);
}

async fn a_running_server_has_none_of_what_is_deleted_beside_it(on: Backend) {
    let server = on.server();
    for round in 0..3 {
        let id = server
            .post(r#"{"text":"hunter2","hashtags":["a"]}"#)
            .await
            .id();
        for _ in 0..3 {
            assert_eq!(server.get(&format!("/message/{id}")).await.status, 200);
            assert_eq!(server.get("/message?hashtag=a").await.texts(), ["hunter2"]);
        }
        let done = said(&server.place, &[&id, "--yes"]);
        assert_eq!(done, "deleted 1 message\n");
        server
            .get(&format!("/message/{id}"))
            .await
            .refused(410, "gone", &id);
        assert_eq!(server.get("/message?hashtag=a").await.texts(), [""; 0]);
        // Its author is told the same.
        let token = bearer("john");
        let headers = [("authorization", token.as_str())];
        let path = format!("/message/{id}");
        let again = server.send(Method::DELETE, &path, &headers, "").await;
        assert_eq!(again.status, 204);
        assert_eq!(
            ran(&server.place, &["export"])
                .stdout
                .iter()
                .filter(|c| **c == b'\n')
                .count(),
            round + 1
        );
    }
}

async fn exports_carry_deletions_and_older_exports_bring_nothing_back(on: Backend) {
    let (_first, one) = store(on).await;
    let lines = [
        line("ann", "one", "a", "2019-09-23T10:00:00Z"),
        line("ann", "two", "a", "2019-09-23T10:00:01Z").replace("}", ",\"idempotency_key\":\"k\"}"),
        line("bob", "three", "a", "2019-09-23T10:00:02Z"),
    ]
    .concat();
    imported(&one, lines.clone()).await.0.unwrap();
    let older = exported(&one).await;
    let two = older.lines().nth(1).unwrap();
    let two: Value = serde_json::from_str(two).unwrap();
    let id: MessageId = two["id"].as_str().unwrap().parse().unwrap();
    let operator = dunder::domain::Deleter::Operator;
    one.delete(vec![id], operator, chrono::Utc::now())
        .await
        .unwrap();
    let newer = exported(&one).await;
    assert_eq!(newer.lines().count(), 3);
    let tombstone: Value = serde_json::from_str(newer.lines().last().unwrap()).unwrap();
    assert_eq!(tombstone["id"], two["id"]);
    assert_eq!(tombstone["user_name"], "ann");
    assert_eq!(tombstone["idempotency_key"], "k");
    assert!(tombstone["deleted_at"].is_string() && tombstone["position"].is_string());
    assert_eq!(tombstone.as_object().unwrap().len(), 5);

    // Neither the older export nor the lines it was made of.
    for input in [older.clone(), lines] {
        let (done, report) = imported(&one, input).await;
        let done = done.unwrap();
        assert_eq!(counts(&done), [3, 0, 2, 0], "{report}");
        assert_eq!(done.deleted, 1);
        assert!(done.shown(false).contains(", deleted before 1, refused 0"));
        assert_eq!(exported(&one).await, newer);
    }
    // Elsewhere: into nothing, over the older one, and before it.
    for inputs in [vec![&newer], vec![&older, &newer], vec![&newer, &older]] {
        let (_second, other) = store(on).await;
        for input in &inputs {
            imported(&other, (*input).clone()).await.0.unwrap();
        }
        let found = exported(&other).await;
        let without_position = |export: &str| {
            let mut lines: Vec<Value> = export
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            lines[2].as_object_mut().unwrap().remove("position");
            lines
        };
        assert_eq!(without_position(&found), without_position(&newer));
        let (done, _) = imported(&other, newer.clone()).await;
        let done = done.unwrap();
        assert_eq!(counts(&done), [3, 0, 3, 0]);
        assert_eq!(done.deletions, 0);
    }
    let wrong = newer.lines().last().unwrap().replace("position", "place");
    let (done, report) = imported(&one, wrong).await;
    assert_eq!(counts(&done.unwrap()), [1, 0, 0, 1]);
    assert!(report.contains("place"), "{report}");
}
