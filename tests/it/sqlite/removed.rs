//! A file, or the log beside it, that is taken away under its server.

use std::fs;

use dunder::domain::{FeedFilter, PostError, Store, StoreError};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};

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
