//! Through the program: `dunder archive`, and a server over hot and cold.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use reqwest::Method;
use serde_json::{Value, json};

use super::files_below;
use crate::place::{Backend, Place, on_every_store};
use crate::support::{Server, bearer};

on_every_store![
    a_server_reads_hot_and_cold_as_one,
    an_archived_message_is_deleted_by_its_author,
    what_is_missing_is_in_the_answer_and_in_readyz,
    a_store_with_an_archive_is_not_served_without_it,
    the_archive_of_another_store_is_refused_and_left_as_it_is,
];

/// Ten messages of ten days, with three of today.
fn lines() -> String {
    let line = |n: u32| {
        json!({
            "user_name": "john",
            "text": format!("old {n}"),
            "hashtags": [if n.is_multiple_of(2) { "even" } else { "odd" }],
            "created_at": format!("2024-03-{:02}T12:00:00Z", n + 1),
        })
    };
    let lines = (0..10).map(line);
    lines.map(|line| format!("{line}\n")).collect()
}

struct Run {
    place: Place,
    url: String,
}

impl Run {
    fn new(on: Backend) -> Run {
        let place = on.place();
        let url = format!("file://{}", place.dir.path().join("archive").display());
        let run = Run { place, url };
        let input = run.place.dir.path().join("old.ndjson");
        fs::write(&input, lines()).unwrap();
        let said = run.admin(&["import", input.to_str().unwrap()]);
        assert!(said.status.success(), "{said:?}");
        run
    }

    /// A command of the operator with the archive named.
    fn admin(&self, arguments: &[&str]) -> Output {
        let mut command = self.place.command(arguments);
        command.args(["--archive.url", &self.url]);
        command.output().unwrap()
    }

    fn archive(&self, before: &str) -> Value {
        let said = self.admin(&["archive", "--json", "--before", before]);
        assert!(said.status.success(), "{said:?}");
        serde_json::from_slice(&said.stdout).unwrap()
    }

    fn serve(&self, flags: &[&str]) -> Server {
        let archive = [
            "--archive.url",
            self.url.as_str(),
            "--archive.after",
            "never",
        ];
        self.place.serve(&[&archive[..], flags].concat())
    }

    fn files(&self) -> Vec<PathBuf> {
        files_below(&self.place.dir.path().join("archive"))
    }
}

/// An answer, but for a position that moves on by itself.
async fn told(server: &Server, path: &str) -> Value {
    let mut data = server.get(path).await.data();
    data.as_object_mut().unwrap().remove("next_after");
    data
}

async fn a_server_reads_hot_and_cold_as_one(on: Backend) {
    let run = Run::new(on);
    let before = run.serve(&[]);
    for n in 0..3 {
        before.post(&format!(r#"{{"text":"new {n}"}}"#)).await;
    }
    let paths = [
        "/message",
        "/message?limit=5",
        "/message?hashtag=even",
        "/message?hashtag=even&limit=2&to_date=2024-03-08",
        "/message?user_name=john&from_date=2024-03-02&to_date=2024-03-05",
        "/message?hashtag=nobody",
        "/message?after=00000000000000000000000000&limit=100",
        "/trend?from_date=2024-03-01&to_date=2024-04-01&aggregation=day",
        "/trend/hashtags?from_date=2024-03-01",
    ];
    let mut answers = Vec::new();
    for path in paths {
        answers.push(told(&before, path).await);
    }
    let exported = run.admin(&["export"]).stdout;
    let dry = run.admin(&["archive", "--dry-run", "--before", "2024-03-09"]);
    let dry = String::from_utf8(dry.stdout).unwrap();
    assert!(
        dry.ends_with("8 messages of 8 days would be moved\n"),
        "{dry}"
    );
    assert!(run.files().is_empty());
    assert_eq!(run.archive("2024-03-09")["data"]["messages"], 8);
    assert_eq!(run.files().len(), 8);
    assert_eq!(run.archive("2024-03-09")["data"]["messages"], 0);
    // The server that was there before sees it too.
    for server in [before, run.serve(&[])] {
        for (path, answer) in paths.iter().zip(&answers) {
            assert_eq!(told(&server, path).await, *answer, "{path}");
        }
        let page = server.get("/message?hashtag=even&limit=4").await;
        assert_ne!(page.header("x-archive-files"), "");
        assert_eq!(page.header("x-archive-missing"), "");
        assert_eq!(
            server
                .get("/message?limit=3")
                .await
                .header("x-archive-files"),
            ""
        );
    }
    assert_eq!(run.admin(&["export"]).stdout, exported);
    assert_eq!(run.archive("2024-04-01")["data"]["messages"], 2);
    assert_eq!(run.admin(&["export"]).stdout, exported);
}

async fn an_archived_message_is_deleted_by_its_author(on: Backend) {
    let run = Run::new(on);
    run.archive("2024-04-01");
    let server = run.serve(&[]);
    let page = server.get("/message?hashtag=odd").await.data();
    let id = page["messages"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/message/{id}");
    let delete = async |user: &str| {
        let token = bearer(user);
        let headers = [("authorization", token.as_str())];
        server.send(Method::DELETE, &path, &headers, "").await
    };
    delete("ann").await.refused(403, "forbidden", &id);
    assert_eq!(server.get(&path).await.status, 200);
    let files = run.files();
    for _ in 0..2 {
        assert_eq!(delete("john").await.status, 204);
    }
    server.get(&path).await.refused(410, "gone", &id);
    assert_eq!(run.files().len(), files.len() - 1);
    assert_eq!(server.get("/message?hashtag=odd").await.texts().len(), 4);
    let trend = "/trend?from_date=2024-03-01&to_date=2024-04-01&aggregation=month";
    assert_eq!(server.get(trend).await.data()["trends"][0]["count"], 9);
    let done = run.admin(&["admin", "delete", "--user", "john", "--yes"]);
    assert!(done.status.success(), "{done:?}");
    assert!(run.files().is_empty());
    assert!(server.get("/message").await.texts().is_empty());
}

async fn what_is_missing_is_in_the_answer_and_in_readyz(on: Backend) {
    let run = Run::new(on);
    run.archive("2024-03-09");
    let files = run.files();
    let (lost, cut) = (&files[2], &files[5]);
    fs::remove_file(lost).unwrap();
    fs::File::options()
        .write(true)
        .open(cut)
        .unwrap()
        .set_len(100)
        .unwrap();
    let server = run.serve(&[]);
    let page = server.get("/message").await;
    assert_eq!(page.texts().len(), 8);
    let missing = json!([
        {"from_date": "2024-03-06T00:00:00Z", "to_date": "2024-03-07T00:00:00Z"},
        {"from_date": "2024-03-03T00:00:00Z", "to_date": "2024-03-04T00:00:00Z"},
    ]);
    assert_eq!(page.data()["missing"], missing);
    let header = page.header("x-archive-missing");
    assert!(
        header.starts_with("2024-03-06T00:00:00Z/2024-03-07"),
        "{header}"
    );
    // Asked again it is not an answer that is kept; and people are told.
    for _ in 0..3 {
        assert_eq!(server.get("/message").await.data()["missing"], missing);
    }
    let text = server.get("/message?format=text").await;
    assert!(
        text.body.contains("missing: messages from 2024-03-03"),
        "{}",
        text.body
    );
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(ready.body.contains("2024-03-06"), "{}", ready.body);
    let log = server.log_so_far().await;
    let name = lost.file_name().unwrap().to_str().unwrap();
    assert!(log.contains(name), "{log}");
    let seen = server
        .get("/message?after=00000000000000000000000000")
        .await
        .data();
    assert_eq!(seen["gaps"].as_array().unwrap().len(), 2);
    let export = run.admin(&["export"]);
    assert_eq!(export.status.code(), Some(1));
    let said = String::from_utf8(export.stderr).unwrap();
    assert!(said.contains("2024-03-03"), "{said}");
}

async fn a_store_with_an_archive_is_not_served_without_it(on: Backend) {
    let run = Run::new(on);
    run.archive("2024-03-09");
    let mut command = run.place.command(&["serve", "--port", "0"]);
    let refused = command.output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("archive.url is not set"), "{said}");
    let said = run.place.command(&["archive"]).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    let evict = ["retention", "--retention.messages", "1d"];
    let said = run.place.command(&evict).output().unwrap();
    assert!(!said.status.success());
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("archive.url is not set"), "{said}");
    // Read is what is hot, and the rest is said.
    let server = run.serve(&["--archive.read", "false"]);
    let page = server.get("/message").await;
    assert_eq!(page.texts(), ["old 9", "old 8"]);
    assert_eq!(page.data()["missing"][0]["to_date"], "2024-03-09T00:00:00Z");
}

async fn the_archive_of_another_store_is_refused_and_left_as_it_is(on: Backend) {
    let run = Run::new(on);
    run.archive("2024-03-09");
    let files = run.files();
    let mut another = Run::new(on);
    another.url.clone_from(&run.url);
    for arguments in [&["archive", "--before", "2024-03-09"][..], &["serve"]] {
        let refused = another.admin(arguments);
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("the archive of another store"), "{said}");
    }
    assert_eq!(run.files(), files);
    // Its own is.
    let server = run.serve(&[]);
    assert_eq!(server.get("/message").await.texts().len(), 10);
}
