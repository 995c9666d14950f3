//! Batches, keys, slots and several servers.

use std::collections::BTreeSet;

use dunder::domain::prelude::*;
use dunder::domain::{FeedFilter, FeedLimit, Imported, MessageId, PostError, Record};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use tokio::task::JoinSet;

use super::{assert_exact, databases, draft, everything, keyed, open, postgres};

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_found_by_id_page_trend_and_export() {
    for options in databases() {
        let store = open(&options).await;
        let none = store.post(draft("ann", "no tags", &[])).await.unwrap();
        let two = store.post(draft("bob", "a b", &["b", "a"])).await.unwrap();
        assert_eq!(store.message(two.id).await.unwrap(), Some(two.clone()));
        assert_eq!(store.message(two.id.successor()).await.unwrap(), None);
        assert_eq!(assert_exact(&*store).await, [none, two]);
        let users = store.users("", 10).await.unwrap();
        assert_eq!(users, ["ann".parse().unwrap(), "bob".parse().unwrap()]);
        store.close().await;
        let closed = store.post(draft("ann", "late", &[])).await;
        assert!(matches!(closed, Err(PostError::Store(_))), "{closed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_posts_once_however_many_send_it_at_once_and_wherever() {
    for options in databases() {
        let stores = [open(&options).await, open(&options).await];
        let mut posts = JoinSet::new();
        for n in 0..64 {
            let store = stores[n % 2].clone();
            posts.spawn(async move { store.post(keyed("ann", "once", &["t"], "k")).await });
        }
        let answers = posts.join_all().await;
        let first = answers[0].clone().unwrap();
        for answer in answers {
            assert_eq!(answer.unwrap(), first);
        }
        let other = stores[0].post(keyed("ann", "twice", &["t"], "k")).await;
        assert!(matches!(other, Err(PostError::KeyReused { first: id }) if id == first.id));
        let same_key = stores[1]
            .post(keyed("bob", "mine", &[], "k"))
            .await
            .unwrap();
        assert_eq!(assert_exact(&*stores[0]).await, [first, same_key]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sent_twice_in_one_batch_with_another_text_is_refused() {
    for options in databases() {
        // Also when two writers have one each, of which neither has stored
        // anything before.
        for n in 1..=16 {
            let store = open(&options).await;
            let key = format!("k{n}");
            let mut posts = JoinSet::new();
            for text in ["one", "two"] {
                let (store, draft) = (store.clone(), keyed("ann", text, &[], &key));
                posts.spawn(async move { store.post(draft).await });
            }
            let answers = posts.join_all().await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
            assert_eq!(everything(&*store).await.len(), n);
            store.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_tells_stored_there_and_taken_apart_and_counts_once() {
    for options in databases() {
        let store = open(&options).await;
        let posted = store
            .post(keyed("ann", "first", &["t"], "k"))
            .await
            .unwrap();
        let mut records = store.export(None, 10).await.unwrap();
        let mut other = records[0].clone();
        other.message.text = "changed".to_owned().try_into().unwrap();
        let mut taken = records[0].clone();
        taken.message.id = posted.id.successor();
        let mut new = taken.clone();
        new.idempotency_key = None;
        records.extend([other, taken, new.clone()]);
        let expected = [
            Imported::AlreadyThere,
            Imported::IdTaken,
            Imported::KeyTaken { first: posted.id },
            Imported::Stored,
        ];
        assert_eq!(store.import(records).await.unwrap(), expected);
        assert_eq!(assert_exact(&*store).await, [posted, new.message]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_store_moves_into_the_cluster_and_back_with_ids_and_keys() {
    let dir = tempfile::tempdir().unwrap();
    let embedded = |name: &str| {
        let options = SqliteOptions::default();
        SqliteStore::open(&dir.path().join(name), &options).unwrap()
    };
    let (from, back) = (embedded("from.sqlite"), embedded("back.sqlite"));
    for n in 0..50 {
        let tags = ["été", "b", "c"];
        let text = format!("{n} \u{1f600} 'quoted' \\ \"text\"\n");
        let draft = match n % 2 {
            0 => draft("o'neil", &text, &tags[..n % 4]),
            _ => keyed("李", &text, &tags[..n % 4], &format!("key-{n}")),
        };
        from.post(draft).await.unwrap();
    }
    let records = from.export(None, 1_000).await.unwrap();
    for options in databases() {
        let cluster = open(&options).await;
        cluster.import(records.clone()).await.unwrap();
        assert_exact(&*cluster).await;
        assert_eq!(cluster.export(None, 1_000).await.unwrap(), records);
        let again = cluster.import(records.clone()).await.unwrap();
        assert!(again.iter().all(|fate| *fate == Imported::AlreadyThere));
    }
    back.import(records.clone()).await.unwrap();
    assert_eq!(back.export(None, 1_000).await.unwrap(), records);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_left_by_a_closed_store_is_used_again() {
    let options = postgres::shared().fresh();
    for text in ["one", "two", "three"] {
        let store = open(&options).await;
        store.post(draft("ann", text, &[])).await.unwrap();
        store.close().await;
    }
    let look = postgres::session(&options).await;
    let row = look
        .query_one("SELECT count(*), max(expires_at) FROM slots", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_write_at_once_never_add_to_one_counter_row() {
    let options = postgres::shared().fresh();
    let stores = [open(&options).await, open(&options).await];
    let mut posts = JoinSet::new();
    for n in 0..400 {
        let store = stores[n % 2].clone();
        posts.spawn(async move { store.post(draft("ann", &format!("{n}"), &["hot"])).await });
    }
    assert!(posts.join_all().await.iter().all(Result::is_ok));
    assert_eq!(assert_exact(&*stores[1]).await.len(), 400);
    let look = postgres::session(&options).await;
    let sql = "SELECT count(DISTINCT owner) = count(*), count(*) >= 2 FROM slots";
    let row = look.query_one(sql, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0) && row.get::<_, bool>(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn posting_works_with_room_for_five_connections_only() {
    let options = postgres::shared().fresh();
    open(&options).await.close().await;
    let look = postgres::session(&options).await;
    let limit = format!(
        "ALTER DATABASE {} CONNECTION LIMIT 5; CREATE ROLE user_{0} LOGIN; \
         GRANT ALL ON ALL TABLES IN SCHEMA public TO user_{0}",
        options.database
    );
    look.batch_execute(&limit).await.unwrap();
    drop(look);
    // A superuser would not be limited.
    let limited = dunder::store::cockroach::CockroachOptions {
        user: format!("user_{}", options.database),
        readers: 4,
        writers: 4,
        ..options.clone()
    };
    let store = open(&limited).await;
    let mut posts = JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        posts.spawn(async move {
            let post = store.post(draft("ann", &format!("{n}"), &["t"])).await;
            let id = post.unwrap().id;
            assert!(store.message(id).await.unwrap().is_some());
        });
    }
    posts.join_all().await;
    assert_exact(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_several_lists_hold_what_is_in_all_of_them_however_far_apart() {
    for options in databases() {
        let store = open(&options).await;
        // Two hashtags that many messages have, and few have both.
        let meets = |n: usize| n.is_multiple_of(700);
        let records = (0..2_800).map(|n| {
            let tags: &[&str] = match (meets(n), n % 2) {
                (true, _) => &["even", "odd", "all"],
                (false, 0) => &["even", "all"],
                (false, _) => &["odd", "all"],
            };
            Record {
                message: draft(["ann", "bob"][n / 1_400], &format!("{n}"), tags)
                    .into_message(MessageId::from_parts(1_000 * n as i64, 1)),
                idempotency_key: None,
            }
        });
        let records: Vec<Record> = records.collect();
        store.import(records.clone()).await.unwrap();
        for (user, tags) in [
            (None, &["even", "odd"][..]),
            (None, &["odd", "all", "even"]),
            (Some("ann"), &["even", "odd"]),
            (Some("bob"), &["odd"]),
        ] {
            let expected = records.iter().rev().map(|record| &record.message);
            let expected: Vec<_> = expected
                .filter(|m| user.is_none_or(|user| m.user.as_str() == user))
                .filter(|m| {
                    tags.iter()
                        .all(|tag| m.hashtags.iter().any(|t| t.as_str() == *tag))
                })
                .cloned()
                .collect();
            let mut filter = FeedFilter {
                users: user.iter().map(|user| user.parse().unwrap()).collect(),
                hashtags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
                // A part of eight first.
                limit: FeedLimit::new(1).unwrap(),
                ..FeedFilter::default()
            };
            let mut found = Vec::new();
            while found.len() <= 10 {
                let page = store.feed(&filter).await.unwrap();
                found.extend(page.messages);
                filter.cursor = page.next_cursor;
                if filter.cursor.is_none() {
                    break;
                }
            }
            let first = expected.len().min(11);
            assert_eq!(found, expected[..first], "{user:?} {tags:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_several_filters_has_each_message_once_while_others_post() {
    let store = open(&postgres::shared().fresh()).await;
    let filter = FeedFilter {
        hashtags: vec!["often".parse().unwrap(), "seldom".parse().unwrap()],
        limit: FeedLimit::new(2).unwrap(),
        ..FeedFilter::default()
    };
    let reading = async {
        for _ in 0..400 {
            let page = store.feed(&filter).await.unwrap();
            let ids: Vec<_> = page.messages.iter().map(|message| message.id).collect();
            let once: BTreeSet<_> = ids.iter().collect();
            assert_eq!(once.len(), ids.len(), "{ids:?}");
        }
    };
    let posting = async {
        for n in 0u64.. {
            let tags: &[&str] = if n.is_multiple_of(9) {
                &["often", "seldom"]
            } else {
                &["often"]
            };
            store.post(draft("ann", "text", tags)).await.unwrap();
        }
    };
    tokio::select! {
        () = reading => {}
        () = posting => {}
    }
}
