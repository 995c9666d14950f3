//! What retention says is too old, where there is an archive: it moves there.

use std::fs;

use chrono::{TimeDelta, Utc};
use serde_json::json;

use super::files_below;
use crate::place::{Backend, Place, on_every_store};
use crate::support::{Server, until};

on_every_store![
    what_is_too_old_moves_into_the_archive_and_is_not_dropped,
    dropping_what_is_too_old_is_refused_with_an_archive,
    gaps_of_an_archive_are_told_in_every_form,
];

/// Messages of some ages in days, every other one tagged.
fn filled(on: Backend, ages: &[i64]) -> (Place, String) {
    let place = on.place();
    let line = |(n, days): (usize, &i64)| {
        json!({
            "user_name": "ann",
            "text": format!("of {days} days"),
            "hashtags": if n % 2 == 0 { vec!["ci"] } else { vec![] },
            "created_at": (Utc::now() - TimeDelta::days(*days)).to_rfc3339(),
        })
    };
    let lines = ages.iter().enumerate().map(line);
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    let input = place.dir.path().join("old.ndjson");
    fs::write(&input, lines).unwrap();
    let mut import = place.command(&["import", input.to_str().unwrap()]);
    assert!(import.output().unwrap().status.success());
    let url = format!("file://{}", place.dir.path().join("archive").display());
    (place, url)
}

/// How many messages files of the archive have names for.
fn files(place: &Place) -> usize {
    files_below(&place.dir.path().join("archive")).len()
}

async fn texts(server: &Server) -> Vec<String> {
    server.get("/message").await.texts()
}

async fn what_is_too_old_moves_into_the_archive_and_is_not_dropped(on: Backend) {
    let ages = [1, 5, 20, 100, 200, 300];
    let (place, url) = filled(on, &ages);
    let flags = [
        "--archive.url",
        &url,
        "--archive.after",
        "never",
        "--retention.messages",
        "90d",
        "--retention.hashtags",
        "ci=7d",
    ];
    let server = place.serve(&flags);
    let before = texts(&server).await;
    // Those of more than 90 days, and the tagged one of 20.
    until(async || files(&place) >= 4).await;
    assert_eq!(before.len(), ages.len());
    assert_eq!(texts(&server).await, before);
    let followed = "/message?after=00000000000000000000000000";
    let data = server.get(followed).await.data();
    assert_eq!(data["messages"].as_array().unwrap().len(), ages.len());
    assert!(data["gaps"].is_null(), "{data}");
    assert_eq!(files(&place), 4);
}

async fn dropping_what_is_too_old_is_refused_with_an_archive(on: Backend) {
    let (place, url) = filled(on, &[1, 100]);
    for dry in [&[][..], &["--dry-run"]] {
        let evict = ["retention", "--retention.messages", "90d"];
        let named = ["--archive.url", url.as_str()];
        let mut command = place.command(&[&evict[..], dry].concat());
        let said = command.args(named).output().unwrap();
        assert_eq!(said.status.code(), Some(2));
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(said.contains("nothing is dropped"), "{said}");
        assert!(said.contains("dunder archive"), "{said}");
    }
    let export = place.command(&["export"]).output().unwrap();
    assert_eq!(
        export.stdout.iter().filter(|byte| **byte == b'\n').count(),
        2
    );
}

async fn gaps_of_an_archive_are_told_in_every_form(on: Backend) {
    let (place, url) = filled(on, &[1, 100, 200]);
    let named = ["--archive.url", url.as_str()];
    let mut archive = place.command(&["archive", "--before", "90d"]);
    assert!(archive.args(named).output().unwrap().status.success());
    let lost = files_below(&place.dir.path().join("archive"));
    fs::remove_file(&lost[0]).unwrap();
    let server = place.serve(&[&named[..], &["--archive.after", "never"]].concat());
    for form in ["csv", "ndjson", "lines", "table", "text"] {
        let path = format!("/message?after=00000000000000000000000000&format={form}");
        let page = server.get(&path).await;
        assert_eq!(page.status, 200, "{form}: {}", page.body);
        assert_eq!(page.header("x-gaps"), "1", "{form}");
        assert_ne!(page.header("x-next-after"), "", "{form}");
        assert!(page.body.contains("of 1 days"), "{form}: {}", page.body);
        // Programs read a header, and people a line.
        let is_drawn = ["table", "text"].contains(&form);
        assert_eq!(
            page.body.contains("is gone"),
            is_drawn,
            "{form}: {}",
            page.body
        );
    }
}
