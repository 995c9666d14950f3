//! Hashtags that an older folding stored under other names.

use std::fs;
use std::path::Path;

use dunder::domain::prelude::*;
use dunder::domain::{Draft, FOLDING, FeedFilter, Hashtag, MessageId, Rule, Store};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use super::File;
use crate::contract::{draft, export, pages, record, totals};

/// A message with hashtags that are kept as they are written.
fn old(text: &str, tags: &[&str]) -> Draft {
    Draft {
        hashtags: tags.iter().map(|tag| Hashtag::from_stored(tag)).collect(),
        ..draft("ann", text, &[])
    }
}

/// The texts that a hashtag finds, newest first.
async fn texts(store: &dyn Store, tag: &str) -> String {
    let filter = FeedFilter {
        hashtags: vec![tag.parse().unwrap()],
        ..FeedFilter::default()
    };
    let found = pages(store, &filter).await;
    found.iter().map(|message| message.text.as_str()).collect()
}

/// The file as a crash at this moment leaves it, folded as long ago.
fn crashed(path: &Path, dir: &Path) -> std::path::PathBuf {
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        fs::copy(&file, dir.join(file.file_name().unwrap())).unwrap();
    }
    let copy = dir.join(path.file_name().unwrap());
    let file = Connection::open(&copy).unwrap();
    let folded = file.execute(
        "update folding set version = 0 where version = ?1",
        [FOLDING],
    );
    assert_eq!(folded.unwrap(), 1);
    copy
}

#[tokio::test]
async fn hashtags_of_an_older_folding_are_found_by_what_people_write() {
    // Listed in runs, and not listed yet.
    for unflushed in [0, 10_000] {
        let options = SqliteOptions {
            unflushed,
            ..SqliteOptions::default()
        };
        let file = File::with(&options);
        let imported = record(old("0", &["οδος", "x"]), 1_500_000_000_000);
        file.store.import(vec![imported]).await.unwrap();
        for (text, tags) in [
            ("1", &["οδος"][..]),
            ("2", &["οδοσ", "prod"]),
            ("3", &["οδοσ", "prod", "οδος"]),
            ("4", &["i\u{307}stanbul", "prod"]),
            ("5", &["İ\u{307}zmir"]),
            ("6", &["น้\u{e4d}าท่วม"]),
            ("7", &["\u{1160}"]),
            ("8", &["a\u{fe0f}é", "a\u{34f}é"]),
        ] {
            file.store.post(old(text, tags)).await.unwrap();
        }
        let dir = TempDir::new().unwrap();
        let copy = crashed(&file.path(), dir.path());
        for start in ["the first", "the second"] {
            let store = SqliteStore::open(&copy, &options).unwrap();
            for (tag, found) in [
                ("ΟΔΟΣ", "3210"),
                ("οδος", "3210"),
                ("istanbul", "4"),
                ("İzmir", "5"),
                ("น้ำท่วม", "6"),
                ("aé", "8"),
                ("prod", "432"),
                ("x", "0"),
            ] {
                assert_eq!(texts(&store, tag).await, found, "{tag}, {start} start");
                let count = found.len() as u64;
                assert_eq!(
                    totals(&store, &[tag]).await,
                    [count],
                    "{tag}, {start} start"
                );
            }
            assert_eq!(totals(&store, &[]).await, [9]);
            let records = export(&store).await;
            let tags = |at: usize| -> Vec<&str> {
                let tags = &records[at].message.hashtags;
                tags.iter().map(Hashtag::as_str).collect()
            };
            assert_eq!(tags(0), ["οδοσ", "x"]);
            assert_eq!(tags(3), ["οδοσ", "prod"]);
            assert_eq!(tags(8), ["aé"]);
            // What nobody can write is left alone.
            assert_eq!(tags(7), ["\u{1160}"]);
            store.close().await;
        }
        let store = SqliteStore::open(&copy, &options).unwrap();
        store.post(draft("ann", "9", &["Izmir"])).await.unwrap();
        assert_eq!(texts(&store, "izmir").await, "95");
        assert_eq!(totals(&store, &["izmir"]).await, [2]);
        store.close().await;
        file.store.close().await;
    }
}

#[tokio::test]
async fn what_was_evicted_under_an_older_name_counts_under_the_new_one() {
    let file = File::new();
    for (text, tags) in [
        ("0", &["οδος"][..]),
        ("1", &["οδοσ"]),
        ("2", &["οδος"]),
        ("3", &["οδοσ"]),
    ] {
        file.store.post(old(text, tags)).await.unwrap();
    }
    let due = file.store.due(&Rule::All, None, MessageId::MAX, 2).await;
    file.store
        .evict(due.unwrap(), Some(Rule::All))
        .await
        .unwrap();
    let dir = TempDir::new().unwrap();
    let copy = crashed(&file.path(), dir.path());
    let store = SqliteStore::open(&copy, &SqliteOptions::default()).unwrap();
    assert_eq!(texts(&store, "ΟΔΟΣ").await, "32");
    assert_eq!(totals(&store, &["οδοσ"]).await, [4]);
    store.close().await;
}
