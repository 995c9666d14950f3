//! Slots that are claimed, lost and started late.

use std::time::Duration;

use chrono::Utc;
use dunder::domain::prelude::*;
use dunder::domain::{Deleter, Deletion, MessageId};
use dunder::store::cockroach::CockroachOptions;

use super::following::closed_up_to;
use super::proxy::Proxy;
use super::{assert_exact, draft, open, postgres};

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_claimed_while_all_are_looked_at_is_kept() {
    let mut options = postgres::shared().fresh();
    // Nobody frees what was claimed and let go of.
    options.slot_silence = Duration::from_secs(24 * 3_600);
    options.writers = 1;
    let look = {
        open(&options).await.close().await;
        postgres::session(&options).await
    };
    let proxy = Proxy::before(options.hosts[0].1).await;
    options.hosts = vec![("127.0.0.1".to_owned(), proxy.port)];
    let store = open(&options).await;
    store.post(draft("ann", "first", &[])).await.unwrap();
    store.closed().await.unwrap();
    proxy.delay_answers(Duration::from_millis(40));
    for n in 0..16 {
        let take = "UPDATE slots SET owner = '', expires_at = 0";
        look.execute(take, &[]).await.unwrap();
        let text = format!("{n}");
        let posted = store.post(draft("ann", &text, &[])).await.unwrap();
        closed_up_to(&store, posted.id).await;
        let held = "SELECT count(*) FROM slots WHERE owner <> ''";
        let held: i64 = look.query_one(held, &[]).await.unwrap().get(0);
        assert_eq!(held, 1, "after {n} times");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_deleted_before_its_batch_is_sent_again_does_not_come_back() {
    let options = postgres::shared().fresh();
    let proxy = Proxy::before(options.hosts[0].1).await;
    let through = CockroachOptions {
        hosts: vec![("127.0.0.1".to_owned(), proxy.port)],
        writers: 1,
        ..options.clone()
    };
    let (store, other) = (open(&through).await, open(&options).await);
    let look = postgres::session(&options).await;
    let before = store.post(draft("ann", "before", &["t"])).await.unwrap();
    let owner = "SELECT owner FROM slots WHERE posted = $1";
    let owner = look.query_one(owner, &[&before.id.to_string()]).await;
    let owner: String = owner.unwrap().get(0);
    let cuts = proxy.cuts();
    // Stored, and the answer is lost; as are those of all further attempts.
    proxy.cut_every(1);
    let posting = {
        let store = store.clone();
        tokio::spawn(async move { store.post(draft("ann", "secret", &["t"])).await })
    };
    while proxy.cuts() == cuts {
        tokio::task::yield_now().await;
    }
    let take = "UPDATE slots SET owner = '', expires_at = 0 WHERE owner = $1";
    look.execute(take, &[&owner]).await.unwrap();
    let stored = "SELECT id FROM messages WHERE text = 'secret'";
    let id: String = look.query_one(stored, &[]).await.unwrap().get(0);
    let id: MessageId = id.parse().unwrap();
    let deleted = other.delete(vec![id], Deleter::Operator, Utc::now()).await;
    assert!(matches!(*deleted.unwrap(), [Deletion::Deleted(_)]));
    proxy.cut_every(0);
    assert_eq!(posting.await.unwrap().unwrap().id, id);
    assert_eq!(other.message(id).await.unwrap(), None);
    assert_eq!(assert_exact(&*other).await, [before]);
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_are_stored_while_one_of_two_writers_gets_no_connection() {
    let options = postgres::shared().fresh();
    open(&options).await.close().await;
    let look = postgres::session(&options).await;
    let user = format!("user_{}", options.database);
    // One connection that reads and one that stores.
    let role = format!(
        "CREATE ROLE {user} LOGIN CONNECTION LIMIT 2; \
         GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}"
    );
    look.batch_execute(&role).await.unwrap();
    let proxy = Proxy::before(options.hosts[0].1).await;
    let limited = CockroachOptions {
        hosts: vec![("127.0.0.1".to_owned(), proxy.port)],
        user,
        readers: 1,
        writers: 2,
        ..options.clone()
    };
    let store = open(&limited).await;
    let began = proxy.connections();
    // The other one tries, again and again.
    while proxy.connections() < began + 4 {
        store.post(draft("ann", "text", &["t"])).await.unwrap();
    }
    store.check().await.unwrap();
    assert_exact(&*store).await;
}

/// A statement of the store's, by its name there.
fn statement(name: &str) -> String {
    let sources = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/store/cockroach/sql/slots.rs"
    );
    let sources = std::fs::read_to_string(sources).unwrap();
    let (_, rest) = sources.split_once(&format!("\n    {name} (")).unwrap();
    let (_, rest) = rest.split_once('"').unwrap();
    rest.split_once("\";").unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_comes_late_takes_nothing_back_that_was_closed_since() {
    let options = postgres::shared().fresh();
    let store = open(&options).await;
    let posted = store.post(draft("ann", "text", &[])).await.unwrap();
    let look = postgres::session(&options).await;
    let slot = "SELECT slot, owner FROM slots WHERE posted = $1";
    let row = look
        .query_one(slot, &[&posted.id.to_string()])
        .await
        .unwrap();
    let (slot, owner): (i64, String) = (row.get(0), row.get(1));
    let start = statement("START_SLOT");
    let low = posted.id.predecessor().to_string();
    let closed = async || {
        let closed = "SELECT closed FROM slots WHERE slot = $1";
        let row = look.query_one(closed, &[&slot]).await.unwrap();
        row.get::<_, String>(0)
    };
    let before = closed().await;
    // Sent twice, to two hosts, of which one was slow.
    let started = look.query(&start, &[&slot, &owner, &low]).await.unwrap();
    assert_eq!(started.len(), 1);
    assert!(closed().await >= before);
    store.post(draft("ann", "another", &[])).await.unwrap();
    // To an owner that has not started it says where; to nobody else anything.
    let starting = "UPDATE slots SET closer = '?' || owner, closed = '7' WHERE slot = $1";
    look.execute(starting, &[&slot]).await.unwrap();
    let wrong = look.query(&start, &[&slot, &"nobody", &low]).await;
    assert!(wrong.unwrap().is_empty());
    look.query(&start, &[&slot, &owner, &low]).await.unwrap();
    assert_eq!(closed().await, low);
}
