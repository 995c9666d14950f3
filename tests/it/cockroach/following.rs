//! Following on a cluster: several servers whose batches are committed in any
//! order, and whoever follows sees every message once, in the order of ids.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use dunder::domain::prelude::*;
use dunder::domain::{
    Event, FeedLimit, FollowFilter, Message, MessageId, Position, Record, StoreError,
};
use dunder::store::cockroach::{CockroachOptions, CockroachStore};
use tokio::task::JoinSet;

use super::proxy::Proxy;
use super::{assert_exact, draft, everything, open, postgres};
use crate::support::{in_time, until};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn all(limit: u16) -> FollowFilter {
    FollowFilter {
        limit: FeedLimit::new(limit).unwrap(),
        ..FollowFilter::default()
    }
}

/// What is new behind a position, up to the closed id.
pub async fn read_on(
    store: &CockroachStore,
    position: &mut Option<Position>,
) -> Result<Vec<Message>, StoreError> {
    let passage = store.after(*position, &all(50)).await?;
    assert!(passage.position >= *position);
    *position = passage.position;
    let posted = passage.events.into_iter().map(|event| match event {
        Event::Posted(message) => message,
        other => panic!("{other:?}"),
    });
    Ok(posted.collect())
}

/// Ends once everything up to an id is closed.
pub async fn closed_up_to(store: &CockroachStore, id: MessageId) {
    let began = Instant::now();
    while store.closed().await.unwrap() < Some(Position(id)) {
        assert!(began.elapsed() < PATIENCE, "{id} is not closed");
        tokio::task::yield_now().await;
    }
}

/// Three servers on one database, each through a proxy that has batches arrive
/// late; one gives out ids as if its clock were 30 s ahead.
struct Cluster {
    options: CockroachOptions,
    proxies: Vec<Proxy>,
    stores: Vec<Arc<CockroachStore>>,
}

impl Cluster {
    async fn start() -> Cluster {
        let mut options = postgres::shared().fresh();
        options.slot_silence = Duration::from_millis(1_200);
        options.write_attempt = Duration::from_secs(2);
        let (mut proxies, mut stores) = (Vec::new(), Vec::new());
        for n in 0..3 {
            if n == 2 {
                import_from_the_future(&stores[0]).await;
            }
            let proxy = Proxy::before(options.hosts[0].1).await;
            let mut through = options.clone();
            through.hosts = vec![("127.0.0.1".to_owned(), proxy.port)];
            stores.push(open(&through).await);
            proxies.push(proxy);
        }
        Cluster {
            options,
            proxies,
            stores,
        }
    }
}

/// A server that starts now gives out ids after this one.
async fn import_from_the_future(store: &Arc<CockroachStore>) {
    let millis = Utc::now().timestamp_millis() + 30_000;
    let message = draft("ann", "from the future", &[]);
    let record = Record {
        message: message.into_message(MessageId::from_parts(millis, 1)),
        idempotency_key: None,
    };
    store.import(vec![record]).await.unwrap();
}

/// Follows until it is told that all is posted and has seen what is expected
/// then; goes to another server now and then, and away from one that fails.
async fn follow(
    stores: Vec<Arc<CockroachStore>>,
    first: usize,
    last: Arc<tokio::sync::OnceCell<MessageId>>,
) -> Vec<MessageId> {
    let (mut at, mut position, mut seen) = (first, None, Vec::new());
    loop {
        match read_on(&stores[at], &mut position).await {
            Ok(messages) => seen.extend(messages.iter().map(|message| message.id)),
            Err(_) => at = (at + 1) % stores.len(),
        }
        if last
            .get()
            .is_some_and(|last| position >= Some(Position(*last)))
        {
            seen.retain(|id| Some(id) <= last.get());
            return seen;
        }
        if getrandom::u32().unwrap().is_multiple_of(8) {
            at = (at + 1) % stores.len();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What somebody sees who takes everything behind the last id for new.
async fn read_behind_the_last(store: Arc<CockroachStore>, is_over: Arc<AtomicBool>) -> usize {
    let (mut last, mut seen) = (None, 0);
    while !is_over.load(Ordering::SeqCst) {
        for record in store.export(last, 1_000).await.unwrap() {
            seen += 1;
            last = Some(record.message.id);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    seen + store.export(last, 1_000).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_servers_followers_see_every_message_once_in_order() {
    let Cluster {
        options,
        proxies,
        stores,
    } = Cluster::start().await;
    let last = Arc::new(tokio::sync::OnceCell::new());
    let followers: Vec<_> = (0..6)
        .map(|n| {
            // The last one is killed.
            let stores = stores[..2].to_vec();
            tokio::spawn(follow(stores, n % 2, last.clone()))
        })
        .collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let naive = tokio::spawn(read_behind_the_last(open(&options).await, is_over.clone()));
    proxies
        .iter()
        .for_each(|proxy| proxy.delay_batches(Duration::from_millis(150)));
    let mut posters = JoinSet::new();
    for poster in 0..24 {
        let store = stores[poster % 3].clone();
        posters.spawn(async move {
            let mut posted = Vec::new();
            for n in 0..25 {
                // What fails may be stored or not.
                let draft = draft("ann", &format!("{poster} {n}"), &["t"]);
                posted.extend(store.post(draft).await.map(|message| message.id));
            }
            posted
        });
    }
    let mut acknowledged = Vec::new();
    let mut count = 0;
    while let Some(posted) = in_time(posters.join_next()).await {
        acknowledged.extend(posted.unwrap());
        count += 1;
        if count == 1 {
            // Killed, and stopped for longer than others wait for it.
            proxies[2].close(true);
            proxies[1].stall(true);
            tokio::time::sleep(options.slot_silence * 3 / 2).await;
            proxies[1].stall(false);
        }
        if count == 16 {
            posters.abort_all();
            break;
        }
    }
    proxies
        .iter()
        .for_each(|proxy| proxy.delay_batches(Duration::ZERO));
    let end = stores[0].post(draft("ann", "the end", &[]));
    let end = in_time(end).await.unwrap();
    last.set(end.id).unwrap();
    let mut seen = Vec::new();
    for follower in followers {
        seen.push(
            tokio::time::timeout(PATIENCE, follower)
                .await
                .unwrap()
                .unwrap(),
        );
    }
    is_over.store(true, Ordering::SeqCst);
    let stored: Vec<MessageId> = everything(&*stores[0]).await.iter().map(|m| m.id).collect();
    let expected: Vec<MessageId> = stored.iter().copied().filter(|id| *id <= end.id).collect();
    for seen in seen {
        assert!(seen == expected, "{} of {}", seen.len(), expected.len());
    }
    assert!(acknowledged.len() > 100);
    assert!(acknowledged.iter().all(|id| stored.contains(id)));
    assert!(
        in_time(naive).await.unwrap() < stored.len(),
        "the naive reader lost nothing"
    );
    for store in &stores[..2] {
        store.close().await;
    }
    let messages = assert_exact(&*open(&options).await).await;
    let texts: BTreeSet<&str> = messages.iter().map(|m| m.text.as_str()).collect();
    assert_eq!(texts.len(), messages.len(), "stored twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_whose_slot_was_taken_stores_once_and_above_what_is_closed() {
    for is_answered in [true, false] {
        let options = postgres::shared().fresh();
        let proxy = Proxy::before(options.hosts[0].1).await;
        let mut through = options.clone();
        through.hosts = vec![("127.0.0.1".to_owned(), proxy.port)];
        through.writers = 1;
        let (store, other) = (open(&through).await, open(&options).await);
        let look = postgres::session(&options).await;
        for n in 0..5 {
            let first = store.post(draft("ann", &format!("{n}"), &["t"])).await;
            other
                .post(draft("bob", &format!("{n}"), &["t"]))
                .await
                .unwrap();
            let owner = "SELECT owner FROM slots WHERE posted = $1";
            let id = first.unwrap().id.to_string();
            let owner: String = look.query_one(owner, &[&id]).await.unwrap().get(0);
            let cuts = proxy.cuts();
            if !is_answered {
                // Stored, and the answer is lost.
                proxy.cut_every(1);
            }
            let posting = {
                let store = store.clone();
                let text = format!("taken {n}");
                tokio::spawn(async move { store.post(draft("ann", &text, &["t"])).await })
            };
            if !is_answered {
                until(async || proxy.cuts() != cuts).await;
            }
            let take = "UPDATE slots SET owner = '', expires_at = 0 WHERE owner = $1";
            look.execute(take, &[&owner]).await.unwrap();
            let now = MessageId::from_parts(Utc::now().timestamp_millis(), 0);
            closed_up_to(&other, now).await;
            proxy.cut_every(0);
            posting.await.unwrap().unwrap();
        }
        assert_eq!(assert_exact(&*other).await.len(), 15);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_closed_moves_on_without_a_writer_that_died() {
    let mut options = postgres::shared().fresh();
    options.slot_silence = Duration::from_millis(300);
    let (dead, alive) = (open(&options).await, open(&options).await);
    let died = dead.post(draft("ann", "the last", &[])).await.unwrap();
    let look = postgres::session(&options).await;
    // As if by a server that is gone.
    look.execute("UPDATE slots SET owner = 'x', closer = 'x'", &[])
        .await
        .unwrap();
    dead.close().await;
    closed_up_to(&alive, died.id.successor()).await;
    let posted = alive.post(draft("ann", "after it", &[])).await.unwrap();
    let mut position = None;
    let mut seen = Vec::new();
    while position < Some(Position(posted.id)) {
        seen.extend(read_on(&alive, &mut position).await.unwrap());
    }
    assert_eq!(seen, [died, posted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_server_of_an_older_release_nobody_follows_until_it_has_left() {
    let options = postgres::shared().fresh();
    let store = open(&options).await;
    let look = postgres::session(&options).await;
    store.post(draft("ann", "before", &[])).await.unwrap();
    let before = store.closed().await.unwrap();
    let statements = [
        "INSERT INTO slots (slot, owner, expires_at) VALUES (7, 'older', 9000000000000)",
        "UPDATE slots SET owner = 'older', expires_at = 9000000000000 WHERE slot = 7",
    ];
    for statement in statements {
        look.execute(statement, &[]).await.unwrap();
        let refused = store.closed().await.unwrap_err().to_string();
        assert!(refused.contains("older release"), "{refused}");
        store.post(draft("ann", "beside it", &[])).await.unwrap();
        look.execute("UPDATE slots SET expires_at = 0 WHERE slot = 7", &[])
            .await
            .unwrap();
        assert!(store.closed().await.unwrap() >= before);
    }
    assert_exact(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_follow_those_of_a_server_whose_clock_is_ahead_and_no_wrong_one() {
    let options = postgres::shared().fresh();
    let behind = open(&options).await;
    behind.post(draft("ann", "first", &[])).await.unwrap();
    import_from_the_future(&behind).await;
    let ahead = open(&options).await;
    let mut position = behind.closed().await.unwrap();
    let mut ids = Vec::new();
    for n in 0..6 {
        let store = [&ahead, &behind][n % 2];
        let posted = store
            .post(draft("ann", &format!("{n}"), &[]))
            .await
            .unwrap();
        ids.push(posted.id);
        let began = Instant::now();
        while position < Some(Position(posted.id)) {
            read_on(&behind, &mut position).await.unwrap();
            assert!(began.elapsed() < PATIENCE);
        }
    }
    assert!(ids.is_sorted());
    let now = Utc::now().timestamp_millis();
    assert!(ids.iter().all(|id| id.millis() < now + 31_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_an_hour_ahead_keeps_no_other_from_posting() {
    let options = postgres::shared().fresh();
    let wrong = open(&options).await;
    wrong.post(draft("ann", "first", &[])).await.unwrap();
    let look = postgres::session(&options).await;
    let ahead = MessageId::from_parts(Utc::now().timestamp_millis() + 3_600_000, 1);
    look.execute(
        "UPDATE slots SET closed = $1, posted = $1",
        &[&ahead.to_string()],
    )
    .await
    .unwrap();
    let right = open(&options).await;
    for store in [&right, &wrong, &right] {
        let posted = store.post(draft("bob", "now", &[])).await.unwrap();
        assert!(posted.id < ahead);
        closed_up_to(&right, posted.id).await;
    }
    assert!(right.closed().await.unwrap() < Some(Position(ahead)));
    assert_exact(&*right).await;
}
