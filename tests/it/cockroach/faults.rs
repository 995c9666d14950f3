//! What happens between a store and its database when the connection is cut
//! at the worst moment, stalls, or the database goes away: acknowledged is
//! stored, once, and counted, once.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dunder::domain::prelude::*;
use dunder::domain::{MessageId, PostError, StoreError};
use dunder::store::cockroach::{CockroachOptions, CockroachStore};
use tokio::task::JoinSet;

use super::postgres::Postgres;
use super::proxy::Proxy;
use super::{assert_exact, draft, keyed, open, postgres};

async fn through_proxy(options: &CockroachOptions) -> (Proxy, CockroachOptions) {
    let proxy = Proxy::before(options.hosts[0].1).await;
    let mut through = options.clone();
    through.hosts = vec![("127.0.0.1".to_owned(), proxy.port)];
    (proxy, through)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_commits_whose_answers_are_lost_store_and_count_once() {
    let options = postgres::shared().fresh();
    let (proxy, mut through) = through_proxy(&options).await;
    through.writers = 4;
    let store = open(&through).await;
    proxy.cut_every(2);
    let mut posters = JoinSet::new();
    for poster in 0..16 {
        let (store, proxy) = (store.clone(), proxy.clone());
        posters.spawn(async move {
            let mut ids = Vec::new();
            let mut n = 0;
            while proxy.cuts() < 1_000 {
                n += 1;
                let text = format!("{poster} {n}");
                let tag = format!("p{}", poster % 4);
                let draft = match n % 2 {
                    0 => keyed("ann", &text, &["hot", &tag], &format!("{poster}-{n}")),
                    _ => draft("ann", &text, &["hot", &tag]),
                };
                ids.push(store.post(draft).await.unwrap().id);
            }
            ids
        });
    }
    let acknowledged: Vec<MessageId> = posters.join_all().await.into_iter().flatten().collect();
    assert!(proxy.cuts() >= 1_000);
    proxy.cut_every(0);
    let messages = assert_exact(&*store).await;
    let stored: HashSet<MessageId> = messages.iter().map(|message| message.id).collect();
    assert_eq!(stored.len(), acknowledged.len());
    assert!(acknowledged.iter().all(|id| stored.contains(id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_commit_is_cut_off_is_stored_once_and_says_so() {
    let options = postgres::shared().fresh();
    let (proxy, through) = through_proxy(&options).await;
    let from = open(&postgres::shared().fresh()).await;
    for n in 0..20 {
        from.post(draft("ann", &format!("{n}"), &["t"]))
            .await
            .unwrap();
    }
    let records = from.export(None, 100).await.unwrap();
    let store = open(&through).await;
    proxy.cut_commits(3);
    let imported = store.import(records.clone()).await.unwrap();
    assert_eq!(proxy.cuts(), 3);
    assert!(
        imported
            .iter()
            .all(|fate| *fate == dunder::domain::Imported::Stored)
    );
    assert_exact(&*store).await;
    assert_eq!(store.export(None, 100).await.unwrap(), records);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_commit_fails_stores_its_users_when_tried_again() {
    let options = postgres::shared().fresh();
    let from = open(&postgres::shared().fresh()).await;
    from.post(draft("ann", "text", &["t"])).await.unwrap();
    let records = from.export(None, 100).await.unwrap();
    let store = open(&options).await;
    let look = postgres::session(&options).await;
    let failing = "CREATE SEQUENCE commits; \
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF nextval('commits') = 1 THEN \
             RAISE EXCEPTION 'restart transaction' USING ERRCODE = '40001'; \
           END IF; \
           RETURN NULL; \
         END $$; \
         CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON messages \
           DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail();";
    look.batch_execute(failing).await.unwrap();
    store.import(records).await.unwrap();
    let commits = look.query_one("SELECT last_value FROM commits", &[]).await;
    assert_eq!(commits.unwrap().get::<_, i64>(0), 2);
    let users = look.query("SELECT name FROM users", &[]).await.unwrap();
    let users: Vec<String> = users.iter().map(|row| row.get(0)).collect();
    assert_eq!(users, ["ann"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_database_costs_an_attempt_not_a_message() {
    let options = postgres::shared().fresh();
    let (proxy, mut through) = through_proxy(&options).await;
    // First through the proxy, then around it.
    through.hosts.extend(options.hosts.clone());
    through.write_attempt = Duration::from_millis(300);
    through.read_limit = Duration::from_secs(2);
    let store = open(&through).await;
    let before = store.post(draft("ann", "before", &["t"])).await.unwrap();
    proxy.stall(true);
    let during = store.post(draft("ann", "during", &["t"])).await.unwrap();
    assert!(store.message(before.id).await.unwrap().is_some());
    proxy.stall(false);
    assert_eq!(assert_exact(&*store).await, [before, during]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_everything_is_unavailable_and_then_recovers() {
    let options = postgres::shared().fresh();
    let (proxy, mut through) = through_proxy(&options).await;
    through.write_limit = Duration::from_millis(500);
    through.read_limit = Duration::from_millis(500);
    through.queue = 8;
    let store = open(&through).await;
    let posted = store.post(draft("ann", "before", &[])).await.unwrap();
    proxy.close(true);
    assert!(store.check().await.is_err());
    let read = store.message(posted.id).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let mut posts = JoinSet::new();
    for n in 0..100 {
        let store = store.clone();
        posts.spawn(async move { store.post(draft("ann", &format!("{n}"), &[])).await });
    }
    for post in posts.join_all().await {
        let unavailable = matches!(post, Err(PostError::Store(StoreError::Unavailable(_))));
        assert!(unavailable, "{post:?}");
    }
    proxy.close(false);
    retried(&store, || draft("ann", "after", &["t"])).await;
    store.check().await.unwrap();
    let texts: Vec<_> = assert_exact(&*store).await;
    let texts: Vec<_> = texts.iter().map(|m| m.text.as_str()).collect();
    assert_eq!(texts.first(), Some(&"before"));
    assert_eq!(texts.last(), Some(&"after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_does_not_use_up_its_time_on_a_database_that_is_away() {
    let options = postgres::shared().fresh();
    let (proxy, mut through) = through_proxy(&options).await;
    through.read_limit = Duration::from_secs(24 * 3600);
    let store = open(&through).await;
    let posted = store.post(draft("ann", "before", &[])).await.unwrap();
    proxy.close(true);
    let read = tokio::time::timeout(Duration::from_secs(60), store.message(posted.id));
    let read = read.await.expect("an answer");
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let ready = store.check().await.unwrap_err();
    assert_eq!(ready.reason, "the database does not answer");
    proxy.close(false);
    while store.message(posted.id).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_host_goes_away_the_next_one_takes_over() {
    let options = postgres::shared().fresh();
    let (first, mut through) = through_proxy(&options).await;
    let second = Proxy::before(options.hosts[0].1).await;
    let dead = postgres::free_port();
    for port in [dead, second.port] {
        through.hosts.push(("127.0.0.1".to_owned(), port));
    }
    let store = open(&through).await;
    let mut posted = Vec::new();
    for (n, gone) in [None, Some(&first), None].into_iter().enumerate() {
        if let Some(gone) = gone {
            gone.close(true);
        }
        for m in 0..10 {
            let text = format!("{n} {m}");
            posted.push(store.post(draft("ann", &text, &["t"])).await.unwrap());
            store.check().await.unwrap();
        }
    }
    // And back.
    first.close(false);
    second.close(true);
    posted.push(store.post(draft("ann", "back", &["t"])).await.unwrap());
    assert_eq!(assert_exact(&*store).await, posted);
}

#[tokio::test(flavor = "multi_thread")]
async fn prepared_statements_survive_a_change_of_the_schema() {
    let options = postgres::shared().fresh();
    let store = open(&options).await;
    let posted = store.post(draft("ann", "text", &["t"])).await.unwrap();
    for _ in 0..5 {
        store.message(posted.id).await.unwrap();
    }
    let look = postgres::session(&options).await;
    look.batch_execute("ALTER TABLE messages ALTER COLUMN text TYPE varchar(9000)")
        .await
        .unwrap();
    for _ in 0..5 {
        assert_eq!(
            store.message(posted.id).await.unwrap(),
            Some(posted.clone())
        );
    }
    store.post(draft("ann", "more", &["t"])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_and_sixteen_posters_lose_and_double_nothing_over_a_restart() {
    let server = Arc::new(Postgres::start());
    let options = server.fresh();
    let stores = [open(&options).await, open(&options).await];
    let restarted = Arc::new(AtomicBool::new(false));
    let mut posters = JoinSet::new();
    for poster in 0..16 {
        let (store, restarted) = (stores[poster % 2].clone(), restarted.clone());
        posters.spawn(async move {
            let mut ids = Vec::new();
            for n in 0.. {
                if n >= 60 && restarted.load(Ordering::SeqCst) {
                    break;
                }
                let text = format!("{poster} {n}");
                let draft = || keyed("ann", &text, &["hot"], &format!("{poster}-{n}"));
                ids.push(retried(&store, draft).await);
            }
            ids
        });
    }
    let restarting = server.clone();
    let restart = tokio::task::spawn_blocking(move || {
        for _ in 0..3 {
            restarting.crash_and_restart();
        }
        restarted.store(true, Ordering::SeqCst);
    });
    let posted: Vec<MessageId> = posters.join_all().await.into_iter().flatten().collect();
    restart.await.unwrap();
    let ids: HashSet<MessageId> = posted.iter().copied().collect();
    assert_eq!(ids.len(), posted.len());
    assert!(ids.len() >= 16 * 60);
    for store in &stores {
        let stored = assert_exact(&**store).await;
        assert_eq!(stored.len(), ids.len());
        assert!(stored.iter().all(|message| ids.contains(&message.id)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_opened_while_the_database_starts_waits_for_it() {
    let server = Arc::new(Postgres::start());
    let options = server.fresh();
    server.stop();
    let opening = tokio::spawn(async move { open(&options).await });
    let starting = server.clone();
    tokio::task::spawn_blocking(move || starting.start_again())
        .await
        .unwrap();
    opening.await.unwrap().check().await.unwrap();
}

/// Posts as a client does: again, under the same key, as long as the store is
/// unavailable. Anything else is a failure.
async fn retried(store: &CockroachStore, draft: impl Fn() -> dunder::domain::Draft) -> MessageId {
    loop {
        match store.post(draft()).await {
            Ok(message) => return message.id,
            Err(PostError::Store(StoreError::Unavailable(_))) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}
