//! A full disk, a crash, others at the same file.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use dunder::domain::prelude::*;
use dunder::domain::{FeedFilter, Imported, PostError, StoreError};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tokio::task::JoinSet;

use super::File;
use crate::contract::model::Model;
use crate::contract::{draft, ids, keyed, pages, totals};

fn full(error: &PostError) -> bool {
    matches!(error, PostError::Store(StoreError::Unavailable(text)) if text.contains("full"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_posts_until_there_is_room_and_loses_none() {
    let file = File::new();
    let store = Arc::clone(&file.store);
    store.limit_pages(60).await.unwrap();
    let text = "x".repeat(2000);
    let mut acknowledged = Vec::new();
    let refused = loop {
        match store.post(draft("ann", &text, &["a"])).await {
            Ok(message) => acknowledged.push(message.id),
            Err(error) => break error,
        }
    };
    assert!(full(&refused), "{refused}");
    assert!(!acknowledged.is_empty());
    // Not ready while posts would fail, though reading works.
    let ready = store.check().await.unwrap_err();
    assert!(ready.reason.contains("does not take writes"), "{ready}");
    assert_eq!(
        pages(&*store, &FeedFilter::default()).await.len(),
        acknowledged.len()
    );

    store.limit_pages(1_000_000).await.unwrap();
    store.check().await.unwrap();
    acknowledged.push(
        store
            .post(draft("new", &text, &["a", "b"]))
            .await
            .unwrap()
            .id,
    );
    acknowledged.reverse();
    let kept = pages(&*store, &FeedFilter::default()).await;
    assert_eq!(ids(&kept), acknowledged);
    assert_eq!(totals(&*store, &["a", "b"]).await, [kept.len() as u64, 1]);
}

#[tokio::test]
async fn a_batch_that_failed_leaves_no_names_behind() {
    let file = File::new();
    let store = &file.store;
    store.post(draft("ann", "first", &["a"])).await.unwrap();
    store.limit_pages(1).await.unwrap();
    let text = "x".repeat(8000);
    for n in 0.. {
        let (user, tag) = (format!("user{n}"), format!("tag{n}"));
        if let Err(error) = store.post(draft(&user, &text, &[&tag])).await {
            assert!(full(&error), "{error}");
            assert!(store.users(&user, 1).await.unwrap().is_empty());
            // The same names again, now with room: their numbers are new.
            store.limit_pages(1_000_000).await.unwrap();
            let posted = store.post(draft(&user, &text, &[&tag])).await.unwrap();
            assert_eq!(store.message(posted.id).await.unwrap(), Some(posted));
            assert_eq!(totals(&**store, &[&tag]).await, [1]);
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_wait_for_another_program_that_is_writing() {
    let file = File::new();
    let store = Arc::clone(&file.store);
    let other = Connection::open(file.path()).unwrap();
    other
        .execute_batch("begin immediate; insert into users (name) values ('other')")
        .unwrap();
    let mut posts = JoinSet::new();
    for n in 0..20 {
        let store = Arc::clone(&store);
        posts.spawn(async move { store.post(draft("ann", &n.to_string(), &[])).await });
    }
    // Reading goes on meanwhile, and sees nothing half done.
    for _ in 0..50 {
        assert_eq!(totals(&*store, &[]).await, [0]);
        assert!(store.users("", 9).await.unwrap().is_empty());
    }
    assert!(posts.try_join_next().is_none());
    other.execute_batch("commit").unwrap();
    for posted in posts.join_all().await {
        posted.unwrap();
    }
    assert_eq!(totals(&*store, &[]).await, [20]);
    assert_eq!(store.users("", 9).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_and_an_import_share_a_file_without_meeting_a_lock() {
    let file = File::new();
    let server = Arc::clone(&file.store);
    let import = SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap();
    let model = Model::random(10, 3_000);
    let importing = tokio::spawn(async move {
        for chunk in model.0.chunks(50) {
            let stored = import.import(chunk.to_vec()).await.unwrap();
            assert!(stored.iter().all(|one| *one == Imported::Stored));
        }
        import.close().await;
    });
    let mut posted = 0;
    while !importing.is_finished() || posted < 50 {
        server
            .post(keyed("posts", "text", &["posted"], &format!("k{posted}")))
            .await
            .unwrap();
        posted += 1;
        assert_eq!(totals(&*server, &["posted"]).await, [posted]);
    }
    importing.await.unwrap();
    assert_eq!(totals(&*server, &[]).await, [3_000 + posted]);
}

#[tokio::test]
async fn what_was_acknowledged_is_in_the_file_before_the_store_is_closed() {
    let file = File::new();
    let posted = file.store.post(draft("ann", "text", &["a"])).await.unwrap();
    let copy = tempfile::TempDir::new().unwrap();
    // As a crash leaves it: the file and its log, nothing said goodbye.
    for name in ["dunder.sqlite", "dunder.sqlite-wal"] {
        std::fs::copy(file.dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let after = SqliteStore::open(
        &copy.path().join("dunder.sqlite"),
        &SqliteOptions::default(),
    )
    .unwrap();
    assert_eq!(after.message(posted.id).await.unwrap(), Some(posted));
    assert_eq!(totals(&after, &["a"]).await, [1]);
    after.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_posts_instead_of_growing() {
    let file = File::with(&SqliteOptions {
        queue: 4,
        batch: 2,
        ..SqliteOptions::default()
    });
    let (locked, release) = lock(&file.path());
    locked.recv().unwrap();
    let mut posts = JoinSet::new();
    for n in 0..50 {
        let store = Arc::clone(&file.store);
        posts.spawn(async move { store.post(draft("ann", &n.to_string(), &[])).await });
    }
    let mut refused = 0;
    // At most two in the batch that waits for the lock and four in the queue.
    while refused < 50 - 6 {
        let error = posts.join_next().await.unwrap().unwrap().unwrap_err();
        assert!(full(&error), "{error}");
        refused += 1;
    }
    release.send(()).unwrap();
    let posted = posts
        .join_all()
        .await
        .into_iter()
        .filter(Result::is_ok)
        .count();
    assert_eq!(totals(&*file.store, &[]).await, [posted as u64]);
    file.store.check().await.unwrap();
}

/// Another program that holds the write lock until told.
fn lock(path: &Path) -> (mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (say, locked) = mpsc::channel();
    let (release, told) = mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || {
        let other = Connection::open(path).unwrap();
        other.execute_batch("begin immediate").unwrap();
        say.send(()).unwrap();
        let _ = told.recv();
        other.execute_batch("rollback").unwrap();
    });
    (locked, release)
}

#[tokio::test]
async fn a_listed_message_without_its_row_is_an_error_and_no_shorter_page() {
    let file = File::with(&SqliteOptions {
        message_cache_kib: 0,
        unflushed: 0,
        ..SqliteOptions::default()
    });
    let mut posted = Vec::new();
    for text in ["first", "second", "third"] {
        posted.push(file.store.post(draft("ann", text, &["a"])).await.unwrap());
    }
    let damage = Connection::open(file.path()).unwrap();
    let removed = damage.execute(
        "delete from messages where id = ?1",
        [posted[1].id.to_bytes()],
    );
    assert_eq!(removed.unwrap(), 1);
    let filter = FeedFilter {
        hashtags: vec!["a".parse().unwrap()],
        ..FeedFilter::default()
    };
    let page = file.store.feed(&filter).await;
    let named = posted[1].id.to_string();
    assert!(
        matches!(&page, Err(StoreError::Corrupt(text)) if text.contains(&named)),
        "{page:?}"
    );
}
