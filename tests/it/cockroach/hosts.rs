//! Several hosts, and a database that does only a part of what it should.

use std::time::Duration;

use dunder::domain::{Lifecycle, Messages, PostError, StoreError};
use dunder::store::cockroach::{CockroachOptions, CockroachStore};
use tokio::task::JoinSet;

use super::postgres::Postgres;
use super::proxy::Proxy;
use super::{assert_exact, draft, open, postgres};

#[tokio::test(flavor = "multi_thread")]
async fn writers_and_readers_begin_at_different_hosts() {
    let mut options = postgres::shared().fresh();
    let port = options.hosts[0].1;
    // The first host is for migrating, and for whoever comes first.
    open(&options).await.close().await;
    let proxies = [
        Proxy::before(port).await,
        Proxy::before(port).await,
        Proxy::before(port).await,
    ];
    options.hosts = proxies
        .iter()
        .map(|p| ("127.0.0.1".to_owned(), p.port))
        .collect();
    options.writers = 3;
    let store = open(&options).await;
    while proxies.iter().any(|proxy| proxy.connections() == 0) {
        store.post(draft("ann", "text", &[])).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_at_another_host_while_one_hangs() {
    let mut options = postgres::shared().fresh();
    let proxy = Proxy::before(options.hosts[0].1).await;
    options
        .hosts
        .insert(1, ("127.0.0.1".to_owned(), proxy.port));
    options.read_attempt = Duration::from_secs(2);
    let store = open(&options).await;
    let posted = store.post(draft("ann", "text", &["t"])).await.unwrap();
    // Every reader has its connection, one of them through the proxy.
    while proxy.connections() < 2 {
        let reads: JoinSet<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                async move { store.message(posted.id).await.unwrap() }
            })
            .collect();
        reads.join_all().await;
    }
    proxy.stall(true);
    for _ in 0..4 {
        let reads: JoinSet<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                async move { store.message(posted.id).await }
            })
            .collect();
        for read in reads.join_all().await {
            assert_eq!(read.unwrap(), Some(posted.clone()));
        }
    }
    store.check().await.unwrap();
    proxy.stall(false);
}

/// Has every transaction of a server only read, or not.
async fn only_read(look: &tokio_postgres::Client, state: &str) {
    let set = format!("ALTER SYSTEM SET default_transaction_read_only = {state}");
    look.batch_execute("SET default_transaction_read_only = off")
        .await
        .unwrap();
    look.batch_execute(&set).await.unwrap();
    look.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_became_read_only_is_not_ready_refuses_posts_and_is_read() {
    let server = Postgres::start();
    let mut options = server.fresh();
    // A post gives up long before.
    options.write_limit = Duration::from_secs(24 * 3600);
    let store = open(&options).await;
    let posted = store.post(draft("ann", "before", &["t"])).await.unwrap();
    let look = postgres::session(&options).await;
    only_read(&look, "on").await;
    // Posts that nobody has refused yet, until the server has taken it over.
    let refused = loop {
        if let Err(refused) = store.post(draft("ann", "during", &[])).await {
            break refused;
        }
    };
    let unavailable = matches!(refused, PostError::Store(StoreError::Unavailable(_)));
    assert!(unavailable, "{refused:?}");
    let not_ready = store.check().await.unwrap_err();
    assert_eq!(not_ready.reason, "the database is read-only");
    assert_eq!(store.message(posted.id).await.unwrap(), Some(posted));
    // A store that has posted nothing knows it as well.
    let mut reading = options.clone();
    reading.should_migrate = false;
    let other = open(&reading).await;
    let not_ready = other.check().await.unwrap_err();
    assert_eq!(not_ready.reason, "the database is read-only");
    assert!(other.post(draft("ann", "refused", &[])).await.is_err());
    only_read(&look, "off").await;
    while store.check().await.is_err() {
        tokio::task::yield_now().await;
    }
    while store.post(draft("ann", "after", &["t"])).await.is_err() {
        tokio::task::yield_now().await;
    }
    let texts = assert_exact(&*store).await;
    let texts: Vec<_> = texts.iter().map(|m| m.text.as_str()).collect();
    assert_eq!(
        (texts.first(), texts.last()),
        (Some(&"before"), Some(&"after"))
    );
    assert!(!texts.contains(&"refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_answers_and_reads_nothing_is_not_ready() {
    let options = postgres::shared().fresh();
    let store = open(&options).await;
    store.check().await.unwrap();
    let mut look = postgres::session(&options).await;
    let held = look.transaction().await.unwrap();
    let lock = "LOCK TABLE messages, users, message_hashtags IN ACCESS EXCLUSIVE MODE";
    held.batch_execute(lock).await.unwrap();
    let not_ready = store.check().await.unwrap_err();
    assert_eq!(not_ready.reason, "the database does not answer");
    held.rollback().await.unwrap();
    while store.check().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_batch_waits_for_what_others_do_to_their_slots() {
    let options = postgres::shared().fresh();
    let store = open(&options).await;
    let mut holder = postgres::session(&options).await;
    let held = holder.transaction().await.unwrap();
    held.batch_execute(
        "INSERT INTO slots (slot, owner, expires_at) VALUES (100, 'one', 9000000000000)",
    )
    .await
    .unwrap();
    held.commit().await.unwrap();
    store.post(draft("ann", "first", &[])).await.unwrap();
    let held = holder.transaction().await.unwrap();
    held.batch_execute("UPDATE slots SET owner = 'two' WHERE slot = 100")
        .await
        .unwrap();
    for n in 0..20 {
        let text = format!("while it is held {n}");
        store.post(draft("ann", &text, &["t"])).await.unwrap();
    }
    held.rollback().await.unwrap();
    assert_exact(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_writers_get_no_connection_is_not_ready_though_it_reads() {
    let options = postgres::shared().fresh();
    open(&options).await.close().await;
    let look = postgres::session(&options).await;
    let user = format!("user_{}", options.database);
    let role =
        format!("CREATE ROLE {user} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}");
    look.batch_execute(&role).await.unwrap();
    let limited = CockroachOptions {
        user: user.clone(),
        readers: 1,
        ..options.clone()
    };
    let store = open(&limited).await;
    store.post(draft("ann", "before", &[])).await.unwrap();
    store.check().await.unwrap();
    // One connection, which reads, and no other.
    let limit = |most: i64| format!("ALTER ROLE {user} CONNECTION LIMIT {most}");
    look.batch_execute(&limit(1)).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE usename = $1 AND pid NOT IN (
                 SELECT pid FROM pg_stat_activity WHERE usename = $1
                 AND query NOT LIKE 'WITH f%' AND query NOT LIKE 'SET %' LIMIT 1)";
    look.execute(cut, &[&user]).await.unwrap();
    let posting = {
        let store = store.clone();
        tokio::spawn(async move { store.post(draft("ann", "meanwhile", &[])).await })
    };
    // At first it is what the cut connections said.
    let reason = "the database is out of connections, memory or disk";
    while !matches!(store.check().await, Err(not_ready) if not_ready.reason == reason) {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.users("", 10).await.unwrap().len(), 1);
    look.batch_execute(&limit(-1)).await.unwrap();
    while store.check().await.is_err() {
        tokio::task::yield_now().await;
    }
    posting.await.unwrap().unwrap();
    assert_eq!(assert_exact(&*store).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_ends_with_a_sentence_wherever_the_database_falls_silent() {
    let options = postgres::shared().fresh();
    open(&options).await.close().await;
    for answers in 1..8 {
        let proxy = Proxy::before(options.hosts[0].1).await;
        let mut through = options.clone();
        through.hosts = vec![("127.0.0.1".to_owned(), proxy.port)];
        through.connect_timeout = Duration::from_millis(200);
        through.write_attempt = Duration::from_millis(200);
        through.read_limit = Duration::from_millis(400);
        through.open_patience = Duration::from_millis(300);
        proxy.stall_after(answers);
        let opened = CockroachStore::open(through).await;
        let refused = opened.err().expect("an error").to_string();
        assert!(refused.contains("no answer within"), "{answers}: {refused}");
    }
}
