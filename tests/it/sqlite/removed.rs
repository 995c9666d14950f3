//! A file, or the log beside it, that is taken away under its server.

use std::fs;

use dunder::domain::prelude::*;
use dunder::domain::{FeedFilter, PostError, StoreError};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;

use super::File;
use crate::contract::{draft, pages};
use crate::support::Server;

fn unavailable(error: &PostError) -> bool {
    matches!(error, PostError::Store(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_file_that_is_moved_away_takes_no_posts_until_it_is_back() {
    let file = File::new();
    let away = file.dir.path().join("away");
    file.store.post(draft("ann", "before", &[])).await.unwrap();
    fs::rename(file.path(), &away).unwrap();
    let refused = file.store.post(draft("ann", "lost", &[])).await;
    assert!(unavailable(&refused.unwrap_err()));
    let ready = file.store.check().await.unwrap_err();
    assert!(ready.reason.contains("removed"), "{ready}");
    fs::write(file.path(), "another file").unwrap();
    let refused = file.store.post(draft("ann", "lost", &[])).await;
    assert!(unavailable(&refused.unwrap_err()));
    fs::rename(&away, file.path()).unwrap();
    file.store.check().await.unwrap();
    file.store.post(draft("ann", "after", &[])).await.unwrap();
    let kept = pages(&*file.store, &FeedFilter::default()).await;
    let texts: Vec<&str> = kept.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["after", "before"]);
}

#[tokio::test]
async fn a_log_that_is_removed_takes_no_posts_either() {
    let file = File::new();
    file.store.post(draft("ann", "before", &[])).await.unwrap();
    fs::remove_file(file.dir.path().join("dunder.sqlite-wal")).unwrap();
    let refused = file.store.post(draft("ann", "lost", &[])).await;
    assert!(unavailable(&refused.unwrap_err()));
    assert!(file.store.check().await.is_err());
}

/// Checks that a store refuses posts, and says it before anybody posts.
async fn refuses(store: &SqliteStore, why: &str) {
    let ready = store.check().await.unwrap_err();
    assert!(ready.to_string().contains(why), "{ready}");
    let refused = store.post(draft("ann", "lost", &[])).await.unwrap_err();
    assert!(unavailable(&refused), "{refused}");
    assert!(refused.to_string().contains(why), "{refused}");
}

#[tokio::test]
async fn a_log_whose_index_is_removed_takes_no_posts_either() {
    let file = File::new();
    file.store.post(draft("ann", "before", &[])).await.unwrap();
    fs::remove_file(file.dir.path().join("dunder.sqlite-shm")).unwrap();
    refuses(&file.store, "dunder.sqlite-shm was removed").await;
}

#[tokio::test]
async fn a_log_that_is_cut_off_takes_no_posts_and_is_left_as_it_is() {
    for left in [0, 32, 5_000] {
        let file = File::new();
        let path = file.dir.path().join("dunder.sqlite-wal");
        for _ in 0..3 {
            file.store.post(draft("ann", "before", &[])).await.unwrap();
        }
        let log = fs::File::options().write(true).open(&path).unwrap();
        log.set_len(left).unwrap();
        refuses(&file.store, "dunder.sqlite-wal was cut off").await;
        let before = fs::read(file.path()).unwrap();
        file.store.close().await;
        assert_eq!(fs::read(file.path()).unwrap(), before);
    }
}

#[tokio::test]
async fn a_log_that_is_overwritten_is_noticed_before_a_post_is_acknowledged() {
    let file = File::new();
    file.store.post(draft("ann", "before", &[])).await.unwrap();
    let path = file.dir.path().join("dunder.sqlite-wal");
    let length = fs::metadata(&path).unwrap().len() as usize;
    // As long as it was, as a log is that was cut off and then written on.
    fs::write(&path, vec![0; length]).unwrap();
    refuses(&file.store, "dunder.sqlite-wal was cut off").await;
}

#[tokio::test]
async fn a_log_that_another_program_empties_as_sqlite_does_is_no_reason_to_refuse() {
    let file = File::new();
    let other = Connection::open(file.path()).unwrap();
    for _ in 0..3 {
        file.store.post(draft("ann", "text", &[])).await.unwrap();
        let emptied = other.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0));
        assert_eq!(emptied, Ok(0));
        file.store.check().await.unwrap();
        other
            .execute_batch("insert into users (name) values (random())")
            .unwrap();
    }
    assert_eq!(pages(&*file.store, &FeedFilter::default()).await.len(), 3);
}

#[tokio::test]
async fn a_new_file_beside_the_log_of_one_in_use_is_refused_with_what_to_do() {
    let server = Server::start();
    server.post(r#"{"text":"before"}"#).await.id();
    let path = server.place.dir.path().join("dunder.sqlite");
    fs::remove_file(&path).unwrap();
    let open = || SqliteStore::open(&path, &SqliteOptions::default());
    let Err(error) = open() else {
        panic!("two files share a log");
    };
    let sentence = error.to_string();
    assert!(sentence.contains("end those first"), "{sentence}");
    let _place = server.kill();
    open().unwrap().close().await;
}

#[tokio::test]
async fn a_server_whose_file_is_removed_says_so_and_acknowledges_nothing() {
    let server = Server::start();
    server.post(r#"{"text":"before"}"#).await.id();
    for entry in fs::read_dir(server.place.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("sqlite") {
            fs::remove_file(path).unwrap();
        }
    }
    let ready = server.get("/readyz").await;
    ready.refused(503, "unavailable", "removed or replaced");
    assert_ne!(ready.header("retry-after"), "");
    let refused = server.post(r#"{"text":"lost"}"#).await;
    refused.refused(503, "unavailable", "not available");
    assert!(
        server
            .log_so_far()
            .await
            .contains("dunder.sqlite was removed or replaced")
    );
}

#[tokio::test]
async fn a_server_whose_log_is_emptied_by_others_says_so_and_no_command_makes_it_worse() {
    let server = Server::start();
    let id = server.post(r#"{"text":"before"}"#).await.id();
    let beside = |suffix: &str| {
        server
            .place
            .dir
            .path()
            .join(format!("dunder.sqlite{suffix}"))
    };
    let kept = fs::read(beside("-wal")).unwrap();
    fs::remove_file(beside("-shm")).unwrap();
    let export = server.place.command(&["export"]).output().unwrap();
    assert!(String::from_utf8(export.stdout).unwrap().contains(&id));
    assert_eq!(
        fs::read(beside("-wal")).unwrap(),
        kept,
        "the log is left alone"
    );
    fs::write(beside("-wal"), "").unwrap();
    let ready = server.get("/readyz").await;
    ready.refused(503, "unavailable", "its log cut off");
    let refused = server.post(r#"{"text":"lost"}"#).await;
    refused.refused(503, "unavailable", "not available");
}
