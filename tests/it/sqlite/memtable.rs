//! Lists and counters that are written later than their messages.

use std::path::Path;
use std::sync::Arc;

use dunder::domain::prelude::*;
use dunder::domain::{FeedFilter, FeedLimit, Message, Store};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use super::File;
use crate::contract::{draft, ids, pages, totals};

fn of(user: &str, tag: &str) -> FeedFilter {
    FeedFilter {
        users: vec![user.parse().unwrap()],
        hashtags: vec![tag.parse().unwrap()],
        limit: FeedLimit::new(3).unwrap(),
        ..FeedFilter::default()
    }
}

/// Whether a store lists and counts these and no others, newest first.
async fn lists(store: &dyn Store, posted: &[Message]) {
    let mut newest_first = ids(posted);
    newest_first.reverse();
    for filter in [
        FeedFilter::default(),
        of("ann", "t"),
        FeedFilter {
            users: Vec::new(),
            ..of("ann", "t")
        },
        FeedFilter {
            hashtags: Vec::new(),
            ..of("ann", "t")
        },
    ] {
        assert_eq!(
            ids(&pages(store, &filter).await),
            newest_first,
            "{filter:?}"
        );
    }
    let count = posted.len() as u64;
    assert_eq!(totals(store, &[]).await, [count]);
    assert_eq!(totals(store, &["t"]).await, [count]);
}

/// How many messages a file has that its lists do not know.
fn unflushed(path: &Path) -> i64 {
    let file = Connection::open(path).unwrap();
    let unflushed = "select count(*) from messages, settled where messages.id > settled.until";
    file.query_row(unflushed, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn two_programs_list_each_others_posts_at_once() {
    for (one, other) in [(2, 5), (3, 1_000), (1_000, 1_000)] {
        let options = |unflushed| SqliteOptions {
            unflushed,
            ..SqliteOptions::default()
        };
        let file = File::with(&options(one));
        let other = SqliteStore::open(&file.path(), &options(other)).unwrap();
        let stores: [&dyn Store; 2] = [&*file.store, &other];
        let mut posted = Vec::new();
        for n in 0..24 {
            let draft = draft("ann", &n.to_string(), &["t"]);
            // In turns of different length.
            let store = stores[n * n % 5 % 2];
            posted.push(store.post(draft).await.unwrap());
            for store in stores {
                lists(store, &posted).await;
            }
        }
        other.close().await;
    }
}

#[tokio::test]
async fn what_was_not_flushed_is_listed_by_whoever_opens_the_file_next() {
    let file = File::new();
    let mut posted = Vec::new();
    for n in 0..5 {
        let draft = draft("ann", &n.to_string(), &["t"]);
        posted.push(file.store.post(draft).await.unwrap());
    }
    assert_eq!(unflushed(&file.path()), 5);
    // The first program has not closed the file, as if it had crashed.
    let next = SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap();
    lists(&next, &posted).await;
    next.close().await;
    file.store.close().await;
    assert_eq!(unflushed(&file.path()), 0, "a closed store is flushed");
    lists(
        &SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap(),
        &posted,
    )
    .await;
}

#[tokio::test]
async fn a_memtable_is_flushed_once_it_is_long() {
    let file = File::with(&SqliteOptions {
        unflushed: 10,
        ..SqliteOptions::default()
    });
    let store = Arc::clone(&file.store);
    let mut posted = Vec::new();
    for n in 0..35 {
        let draft = draft("ann", &n.to_string(), &["t"]);
        posted.push(store.post(draft).await.unwrap());
        assert!(unflushed(&file.path()) <= 10);
    }
    lists(&*store, &posted).await;
}

#[tokio::test]
async fn a_memtable_that_a_crash_left_is_flushed_by_posts_alone() {
    let options = SqliteOptions {
        unflushed: 10,
        ..SqliteOptions::default()
    };
    let file = File::with(&options);
    file.store.post(draft("ann", "0", &["t"])).await.unwrap();
    // The first program has not closed the file, as if it had crashed.
    let next = SqliteStore::open(&file.path(), &options).unwrap();
    for n in 0..35 {
        let draft = draft("ann", &n.to_string(), &["t"]);
        next.post(draft).await.unwrap();
        assert!(unflushed(&file.path()) <= 10);
    }
    next.close().await;
    assert_eq!(unflushed(&file.path()), 0);
}

#[tokio::test]
async fn two_programs_that_only_post_flush() {
    let options = SqliteOptions {
        unflushed: 10,
        ..SqliteOptions::default()
    };
    let file = File::with(&options);
    let other = SqliteStore::open(&file.path(), &options).unwrap();
    let stores: [&dyn Store; 2] = [&*file.store, &other];
    for n in 0..100 {
        let draft = draft("ann", &n.to_string(), &["t"]);
        stores[n % 2].post(draft).await.unwrap();
        // Each learns of the other's last post with its own next one.
        assert!(unflushed(&file.path()) <= 12);
    }
    other.close().await;
}

#[tokio::test]
async fn a_store_too_full_to_flush_takes_posts_until_it_is_full_and_counts_them_later() {
    let file = File::with(&SqliteOptions {
        unflushed: 2_000,
        ..SqliteOptions::default()
    });
    let posted = |n: usize| {
        let tags: Vec<String> = (0..16).map(|tag| format!("t{n}x{tag}")).collect();
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let draft = draft("ann", "text", &tags);
        let store = Arc::clone(&file.store);
        async move { store.post(draft).await.is_ok() }
    };
    // Many names are in before the disk is full, and nothing of their lists.
    let mut taken = 0;
    while taken < 62 {
        assert!(posted(taken).await);
        taken += 1;
    }
    assert_eq!(unflushed(&file.path()), 62);
    let pages = Connection::open(file.path())
        .and_then(|open| open.query_row("pragma page_count", [], |row| row.get::<_, u32>(0)));
    // Room for rows of messages, not for what has to be flushed.
    file.store.limit_pages(pages.unwrap() + 20).await.unwrap();
    assert!(posted(62).await);
    taken += 1;
    while posted(taken % 62).await {
        taken += 1;
        assert!(taken < 10_000, "posts are taken without end");
    }
    assert_eq!(unflushed(&file.path()), taken as i64);
    assert!(taken > 100, "only {taken}");
    assert!(file.store.check().await.is_err());
    assert!(!posted(0).await);
    file.store.limit_pages(1_000_000).await.unwrap();
    file.store.check().await.unwrap();
    assert!(posted(0).await);
    assert_eq!(totals(&*file.store, &[]).await, [taken as u64 + 1]);
    assert!(unflushed(&file.path()) <= 1);
}

/// An empty store as the first dunder made it.
fn first_schema(path: &Path) -> Connection {
    let first = Connection::open(path).unwrap();
    let schema = include_str!("../../../migrations/sqlite/0001_messages.sql");
    first.execute_batch(schema).unwrap();
    let marks = "pragma application_id = 0x44554e44; pragma user_version = 1;";
    first.execute_batch(marks).unwrap();
    first
}

#[tokio::test]
async fn a_program_of_the_first_schema_that_still_runs_counts_nothing_any_more() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("dunder.sqlite");
    let first = first_schema(&path);
    let count = "insert into counters (level, era, series, bucket, count) values (60, 1, 0, ?1, 1)";
    let mut count = first.prepare(count).unwrap();
    count.execute([0]).unwrap();
    let store = SqliteStore::open(&path, &SqliteOptions::default()).unwrap();
    let refused = count.execute([60]).unwrap_err().to_string();
    assert!(refused.contains("no such table"), "{refused}");
    store.close().await;
}

#[tokio::test]
async fn a_store_of_the_first_schema_keeps_its_lists() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("dunder.sqlite");
    let first = first_schema(&path);
    first
        .execute_batch(
            "insert into users values (1, 'ann');
             insert into hashtags values (1, 't');
             insert into messages values
                 (x'0160b0b8f40000000000000000000001', 1, 't', null, 'one'),
                 (x'0160b0b8f40000000000000000000002', 1, 't', 'key', 'two');
             insert into message_hashtags select 1, id from messages;
             insert into counters values
                 (60, 17532, 0, 1514764800, 2), (60, 17532, 1, 1514764800, 2),
                 (3600, 4383, 0, 1514764800, 2), (3600, 4383, 1, 1514764800, 2),
                 (86400, 1095, 0, 1514764800, 2), (86400, 1095, 1, 1514764800, 2);",
        )
        .unwrap();
    drop(first);
    let store = SqliteStore::open(&path, &SqliteOptions::default()).unwrap();
    let mut posted = store.feed(&FeedFilter::default()).await.unwrap().messages;
    posted.reverse();
    assert_eq!(posted.len(), 2);
    lists(&store, &posted).await;
    posted.push(store.post(draft("ann", "three", &["t"])).await.unwrap());
    lists(&store, &posted).await;
}
