//! Lists and counters that are written later than their messages.

use std::path::Path;
use std::sync::Arc;

use dunder::domain::{FeedFilter, FeedLimit, Message, Store};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use super::File;
use crate::contract::{draft, ids, pages, totals};

fn of(user: &str, tag: &str) -> FeedFilter {
    FeedFilter {
        user: Some(user.parse().unwrap()),
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
            user: None,
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
fn unsettled(path: &Path) -> i64 {
    let file = Connection::open(path).unwrap();
    let unsettled = "select count(*) from messages, settled where messages.id > settled.until";
    file.query_row(unsettled, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn two_programs_list_each_others_posts_at_once() {
    for (one, other) in [(2, 5), (3, 1_000), (1_000, 1_000)] {
        let options = |unsettled| SqliteOptions {
            unsettled,
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
async fn what_was_not_settled_is_listed_by_whoever_opens_the_file_next() {
    let file = File::new();
    let mut posted = Vec::new();
    for n in 0..5 {
        let draft = draft("ann", &n.to_string(), &["t"]);
        posted.push(file.store.post(draft).await.unwrap());
    }
    assert_eq!(unsettled(&file.path()), 5);
    // The first program has not closed the file, as if it had crashed.
    let next = SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap();
    lists(&next, &posted).await;
    next.close().await;
    file.store.close().await;
    assert_eq!(unsettled(&file.path()), 0, "a closed store is settled");
    lists(
        &SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap(),
        &posted,
    )
    .await;
}

#[tokio::test]
async fn a_tail_is_settled_once_it_is_long() {
    let file = File::with(&SqliteOptions {
        unsettled: 10,
        ..SqliteOptions::default()
    });
    let store = Arc::clone(&file.store);
    let mut posted = Vec::new();
    for n in 0..35 {
        let draft = draft("ann", &n.to_string(), &["t"]);
        posted.push(store.post(draft).await.unwrap());
        assert!(unsettled(&file.path()) <= 10);
    }
    lists(&*store, &posted).await;
}

#[tokio::test]
async fn a_store_of_the_first_schema_keeps_its_lists() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("dunder.sqlite");
    let first = Connection::open(&path).unwrap();
    let schema = include_str!("../../../migrations/sqlite/0001_messages.sql");
    first.execute_batch(schema).unwrap();
    first
        .execute_batch(
            "pragma application_id = 0x44554e44;
             pragma user_version = 1;
             insert into users values (1, 'ann');
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
