//! Commands that only read leave a store as they found it.

use std::fs;
use std::os::unix::fs::symlink;

use dunder::domain::prelude::*;
use dunder::domain::{FeedFilter, PostError, StoreError};
use dunder::store::OpenError;
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;

use super::File;
use crate::contract::{draft, export, ids, pages, totals};
use crate::support::{Server, contents};

fn open(file: &File) -> Result<SqliteStore, OpenError> {
    SqliteStore::open_for_reading(&file.path(), &SqliteOptions::default())
}

/// What two messages, a hashtag and a token leave, closed or as a crash does.
async fn written(closed: bool) -> File {
    let file = File::new();
    for text in ["first", "second"] {
        file.store.post(draft("ann", text, &["a"])).await.unwrap();
    }
    if closed {
        file.store.close().await;
        return file;
    }
    let copy = tempfile::TempDir::new().unwrap();
    for name in ["dunder.sqlite", "dunder.sqlite-wal"] {
        fs::copy(file.dir.path().join(name), copy.path().join(name)).unwrap();
    }
    File { dir: copy, ..file }
}

#[tokio::test]
async fn a_closed_store_is_read_and_stays_one_file_of_the_same_bytes() {
    let file = written(true).await;
    let before = contents(file.dir.path());
    let store = open(&file).unwrap();
    assert_eq!(export(&store).await.len(), 2);
    assert_eq!(totals(&store, &["a"]).await, [2]);
    assert!(store.tokens().await.unwrap().is_empty());
    store.close().await;
    assert!(contents(file.dir.path()) == before);
}

#[tokio::test]
async fn what_a_crash_left_is_read_and_kept_for_the_next_who_writes() {
    let file = written(false).await;
    let before = contents(file.dir.path());
    let store = open(&file).unwrap();
    let filter = FeedFilter {
        hashtags: vec!["a".parse().unwrap()],
        ..FeedFilter::default()
    };
    assert_eq!(pages(&store, &filter).await.len(), 2);
    assert_eq!(totals(&store, &["a"]).await, [2]);
    store.close().await;
    let after = contents(file.dir.path());
    let same = |(path, bytes)| after.contains(&(path, bytes));
    assert!(before.into_iter().all(same), "the file or its log changed");
}

#[tokio::test]
async fn a_store_opened_for_reading_takes_nothing_and_sees_what_others_post() {
    let file = File::new();
    let reader = open(&file).unwrap();
    assert!(export(&reader).await.is_empty());
    let posted = file.store.post(draft("ann", "text", &["a"])).await.unwrap();
    let found = pages(&reader, &FeedFilter::default()).await;
    assert_eq!(ids(&found), [posted.id]);
    assert_eq!(totals(&reader, &["a"]).await, [1]);
    let refused = reader.post(draft("ann", "no", &[])).await;
    assert!(
        matches!(refused, Err(PostError::Store(StoreError::Unavailable(_)))),
        "{refused:?}"
    );
    reader.close().await;
    file.store.post(draft("ann", "text", &[])).await.unwrap();
}

#[tokio::test]
async fn a_store_in_a_place_where_nothing_can_be_made_is_read_if_it_was_closed() {
    // Whatever forbids it: here something else has the name.
    let forbid = |file: &File| {
        let index = file.dir.path().join("dunder.sqlite-shm");
        symlink("nowhere", index).unwrap();
    };
    let file = written(true).await;
    forbid(&file);
    let store = open(&file).unwrap();
    assert_eq!(export(&store).await.len(), 2);
    store.close().await;
    let file = written(false).await;
    forbid(&file);
    let Err(error) = open(&file) else {
        panic!("its log was not read");
    };
    assert!(error.to_string().contains("not closed properly"), "{error}");
}

#[tokio::test]
async fn an_old_schema_is_a_sentence_that_says_what_to_do() {
    let file = written(true).await;
    let old = Connection::open(file.path()).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    let Err(error) = open(&file) else {
        panic!("an old schema was read");
    };
    assert!(matches!(error, OpenError::Old { found: 1, .. }), "{error}");
    assert!(error.to_string().contains("dunder migrate"), "{error}");
}

#[tokio::test]
async fn commands_that_read_change_nothing_beside_a_server_that_ended_badly() {
    let server = Server::start();
    let id = server.post(r#"{"text":"before"}"#).await.id();
    let place = server.kill();
    let files = || -> Vec<_> {
        let mut files = contents(place.dir.path());
        files.retain(|(path, _)| !path.to_string_lossy().ends_with("-shm"));
        files
    };
    let before = files();
    for arguments in [&["export"][..], &["token", "list"]] {
        let done = place.command(arguments).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let out = String::from_utf8(done.stdout).unwrap();
        assert_eq!(out.contains(&id), arguments == ["export"], "{out}");
    }
    assert!(files() == before);
}
