//! Clocks that were wrong, and messages of the future.

use chrono::Utc;
use dunder::domain::prelude::*;
use dunder::domain::{FeedFilter, Message, MessageId, Record};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;

use super::File;
use crate::contract::{Fixture, draft, ids, pages, totals};
use crate::place::Place;

const MINUTE: i64 = 60_000;
const YEAR: i64 = 365 * 24 * 60 * MINUTE;

fn now() -> i64 {
    Utc::now().timestamp_millis()
}

/// A record that is so far ahead of the clock.
fn ahead(millis: i64) -> Record {
    let id = MessageId::from_parts(now() + millis, 1);
    let message = draft("bob", "ahead", &["t"]).into_message(id);
    let idempotency_key = None;
    Record {
        message,
        idempotency_key,
    }
}

/// Has the file say that what was imported was posted, as by a clock that was
/// ahead then.
fn as_if_posted(file: &File) {
    let connection = Connection::open(file.path()).unwrap();
    connection.execute_batch("delete from imported").unwrap();
}

/// Posts, and checks that it is dated by the clock.
async fn posts_now(store: &SqliteStore) -> Message {
    let before = now();
    let posted = store.post(draft("ann", "now", &["t"])).await.unwrap();
    assert!((before..=now()).contains(&posted.id.millis()), "{posted:?}");
    posted
}

/// Checks that lists and counts have these and no others.
async fn lists(store: &SqliteStore, messages: &[MessageId]) {
    let mut newest_first = messages.to_vec();
    newest_first.sort_unstable_by(|one, other| other.cmp(one));
    let of_tag = FeedFilter {
        hashtags: vec!["t".parse().unwrap()],
        ..FeedFilter::default()
    };
    for filter in [FeedFilter::default(), of_tag] {
        assert_eq!(ids(&pages(store, &filter).await), newest_first);
    }
    let count = messages.len() as u64;
    assert_eq!(totals(store, &[]).await, [count]);
    assert_eq!(totals(store, &["t"]).await, [count]);
}

#[tokio::test]
async fn an_import_of_nine_minutes_ahead_moves_no_clock_not_even_over_a_restart() {
    for mut file in File::fresh().await {
        let first = posts_now(&file.store).await;
        let other = SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap();
        let imported = ahead(9 * MINUTE);
        other.import(vec![imported.clone()]).await.unwrap();
        other.close().await;
        let second = posts_now(&file.store).await;
        file.reopen().await;
        let third = posts_now(&file.store).await;
        assert!(first.id < second.id && second.id < third.id);
        let all = [first.id, second.id, third.id, imported.message.id];
        lists(&file.store, &all).await;
        assert_eq!(file.store.check().await.unwrap(), []);
    }
}

#[tokio::test]
async fn ids_go_on_after_what_was_posted_before_the_clock_stepped_back_a_little() {
    for mut file in File::fresh().await {
        let posted = ahead(9 * MINUTE).message;
        let record = Record {
            message: posted.clone(),
            idempotency_key: None,
        };
        file.store.import(vec![record]).await.unwrap();
        as_if_posted(&file);
        let live = file.store.post(draft("ann", "live", &["t"])).await.unwrap();
        assert!(live.id > posted.id);
        file.reopen().await;
        let later = file
            .store
            .post(draft("ann", "later", &["t"]))
            .await
            .unwrap();
        assert!(later.id > live.id);
        lists(&file.store, &[posted.id, live.id, later.id]).await;
    }
}

#[tokio::test]
async fn one_wrong_clock_does_not_date_later_posts_and_is_said() {
    for mut file in File::fresh().await {
        let wrong = ahead(YEAR).message;
        let record = Record {
            message: wrong.clone(),
            idempotency_key: None,
        };
        file.store.import(vec![record]).await.unwrap();
        as_if_posted(&file);
        let mut all = vec![wrong.id];
        for _ in 0..3 {
            for _ in 0..3 {
                all.push(posts_now(&file.store).await.id);
                lists(&file.store, &all).await;
            }
            assert!(all.is_sorted_by(|one, next| one < next || *one == wrong.id));
            let said = file.store.check().await.unwrap();
            let said = said.first().expect("a warning").to_string();
            assert!(said.contains("ahead of the server's clock"), "{said}");
            file.reopen().await;
        }
    }
}

#[tokio::test]
async fn posts_follow_the_clock_after_an_hour_of_posts_by_one_that_was_ahead() {
    for mut file in File::fresh().await {
        let before = posts_now(&file.store).await.id;
        // A little past each minute: each is still ahead when it is looked at.
        let wrong: Vec<_> = (0..=60).map(|n| ahead(n * MINUTE + MINUTE / 2)).collect();
        let mut all: Vec<_> = wrong.iter().map(|record| record.message.id).collect();
        all.push(before);
        file.store.import(wrong).await.unwrap();
        as_if_posted(&file);
        for _ in 0..2 {
            let posted = posts_now(&file.store).await.id;
            // Who follows is not past what is yet to be posted.
            let closed = file.store.closed().await.unwrap().unwrap();
            assert!(closed.0 >= before && closed.0 <= posted, "{closed:?}");
            all.push(posted);
            lists(&file.store, &all).await;
            file.reopen().await;
        }
    }
}

#[tokio::test]
async fn two_programs_post_to_a_store_with_messages_of_the_future_and_list_all() {
    let file = File::new();
    let options = SqliteOptions {
        unflushed: 2,
        ..SqliteOptions::default()
    };
    let other = SqliteStore::open(&file.path(), &options).unwrap();
    let mut all = Vec::new();
    for round in 0..4 {
        for store in [&*file.store, &other] {
            all.push(posts_now(store).await.id);
            all.push(posts_now(store).await.id);
        }
        if round == 1 {
            let future = ahead(YEAR);
            all.push(future.message.id);
            other.import(vec![future]).await.unwrap();
        }
        lists(&file.store, &all).await;
        lists(&other, &all).await;
    }
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_the_future_are_exported_imported_and_said_by_server_and_doctor() {
    let from = Place::embedded(std::sync::Arc::new(tempfile::TempDir::new().unwrap()));
    let store = from.open().await;
    let future = ahead(YEAR);
    store.import(vec![future.clone()]).await.unwrap();
    store.close().await;
    let server = from.serve(&[]);
    let posted = server.post(r#"{"text":"now"}"#).await;
    assert!(posted.id() < future.message.id.to_string());
    let ready = server.get("/readyz").await;
    assert_eq!(
        (ready.status, &ready.data()["status"]),
        (200, &"ready".into())
    );
    let said = ready.data()["warnings"][0].as_str().unwrap().to_owned();
    assert!(
        said.contains("365d ahead") || said.contains("364d"),
        "{said}"
    );
    let log = server.log();
    assert!(log.contains("ahead of the server's clock"), "{log}");
    let doctor = crate::support::dunder()
        .args(["doctor", "--server", &server.url])
        .output()
        .unwrap();
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains("problem\tdates\t"), "{doctor}");

    let exported = from.command(&["export"]).output().unwrap().stdout;
    let to = Place::embedded(std::sync::Arc::new(tempfile::TempDir::new().unwrap()));
    std::fs::write(to.dir.path().join("all.ndjson"), &exported).unwrap();
    let file = to.dir.path().join("all.ndjson");
    let import = to
        .command(&["import", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(import.status.success(), "{import:?}");
    let again = to.command(&["export"]).output().unwrap().stdout;
    assert_eq!(again, exported);
}
