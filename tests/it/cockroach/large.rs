//! The large form of the test in `following`: three servers in processes of
//! their own, batches that arrive up to two seconds late, one clock 30 s ahead,
//! one server killed and one stopped for longer than others wait for it, and
//! 50 followers that go from server to server. Minutes long, and so asked for
//! by name: `cargo test --test it a_hundred_thousand -- --ignored --nocapture`.
//! `DUNDER_TEST_POSTS` says how many posts (100,000).

use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dunder::domain::prelude::*;
use dunder::domain::{Event, FeedLimit, FollowFilter, MessageId, Position, StoreError};
use dunder::store::cockroach::{CockroachOptions, CockroachStore};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::proxy::Proxy;
use super::{assert_exact, everything, open, postgres};
use crate::place::Place;
use crate::support::{Server, bearer, client, dunder};

const POSTERS: usize = 600;
const FOLLOWERS: usize = 50;
const LATE: Duration = Duration::from_secs(2);
/// Longer than a writer may be silent.
const STOPPED: Duration = Duration::from_secs(8);

/// What somebody saw: how many, and a sum over all ids that tells sets apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    count: u64,
    sum: u128,
    last: Option<MessageId>,
}

impl Seen {
    fn add(&mut self, id: MessageId) {
        assert!(Some(id) > self.last, "{id} after {:?}", self.last);
        self.last = Some(id);
        self.count += 1;
        let value = u128::from_be_bytes(id.to_bytes());
        self.sum = self.sum.wrapping_add(value.wrapping_mul(value | 1));
    }
}

fn serve(proxy: &Proxy, options: &CockroachOptions, clock: &str) -> Server {
    let mut command = match clock {
        "" => dunder(),
        _ => {
            let mut command = Command::new("faketime");
            command.args(["--exclude-monotonic", "-f", clock]);
            command.arg(env!("CARGO_BIN_EXE_dunder"));
            command.env_remove("DUNDER_TEST_POSTS");
            command
        }
    };
    command
        .args(["serve", "--port", "0", "--log_level", "error"])
        .args(["--cockroach.host", "127.0.0.1"])
        .args(["--cockroach.port", &proxy.port.to_string()])
        .args(["--cockroach.user", &options.user])
        .args(["--cockroach.database", &options.database]);
    let dir = Arc::new(tempfile::TempDir::new().unwrap());
    Server::at(command, Place::embedded(dir))
}

/// When each message was acknowledged.
type Acknowledged = Arc<Mutex<HashMap<MessageId, Instant>>>;

/// Posts at one server after the other until so many were acknowledged.
async fn post(
    urls: Vec<String>,
    number: usize,
    most: usize,
    count: Arc<AtomicUsize>,
    acknowledged: Acknowledged,
) {
    let client = client();
    for n in 0.. {
        if count.load(Ordering::SeqCst) >= most {
            return;
        }
        let url = &urls[(number + n) % urls.len()];
        let posted = client
            .post(format!("{url}/message"))
            .header("authorization", bearer(&format!("user{}", number % 50)))
            .body(format!(r#"{{"text": "{number} {n}", "hashtags": ["t"]}}"#))
            .timeout(Duration::from_secs(20))
            .send();
        let Ok(posted) = posted.await else {
            // Dead, or stopped; the message may be stored or not.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if posted.status() == 201 {
            let location = posted.headers()["location"].to_str().unwrap();
            let id = location.rsplit('/').next().unwrap().parse().unwrap();
            let now = Instant::now();
            assert!(acknowledged.lock().unwrap().insert(id, now).is_none());
            count.fetch_add(1, Ordering::SeqCst);
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// When somebody saw each message.
type When = Arc<Mutex<Vec<(MessageId, Instant)>>>;

async fn follow(
    stores: Vec<Arc<CockroachStore>>,
    first: usize,
    last: Arc<OnceCell<MessageId>>,
    when: Option<When>,
) -> Seen {
    let all = FollowFilter {
        limit: FeedLimit::new(500).unwrap(),
        ..FollowFilter::default()
    };
    let (mut at, mut position, mut seen) = (first, None, Seen::default());
    loop {
        let passage = match stores[at].after(position, &all).await {
            Ok(passage) => passage,
            // As one who follows a server does: goes on, there or elsewhere.
            Err(StoreError::Unavailable(_)) => {
                at = (at + 1) % stores.len();
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        for event in passage.events {
            let Event::Posted(message) = event else {
                panic!("{event:?}");
            };
            if last.get().is_none_or(|last| message.id <= *last) {
                seen.add(message.id);
                if let Some(when) = &when {
                    when.lock().unwrap().push((message.id, Instant::now()));
                }
            }
        }
        position = passage.position;
        if last
            .get()
            .is_some_and(|last| position >= Some(Position(*last)))
        {
            return seen;
        }
        if getrandom::u32().unwrap().is_multiple_of(50) {
            at = (at + 1) % stores.len();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn read_behind_the_last(store: Arc<CockroachStore>, last: Arc<OnceCell<MessageId>>) -> u64 {
    let (mut behind, mut seen) = (None, 0);
    loop {
        let is_over = last.get().is_some();
        let records = store.export(behind, 1_000).await.unwrap();
        let is_all = records.is_empty();
        seen += records.len() as u64;
        behind = records.last().map(|record| record.message.id).or(behind);
        if is_over && is_all {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes and needs faketime; CONTRIBUTING.md says how to run it"]
async fn a_hundred_thousand_posts_are_seen_once_and_in_order_whatever_happens() {
    let most = std::env::var("DUNDER_TEST_POSTS").map_or(100_000, |n| n.parse().unwrap());
    let options = postgres::shared().fresh();
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(open(&options).await);
    }
    let (mut proxies, mut servers) = (Vec::new(), Vec::new());
    for clock in ["", "", "+30s"] {
        let proxy = Proxy::before(options.hosts[0].1).await;
        servers.push(serve(&proxy, &options, clock));
        proxies.push(proxy);
    }
    let late = |most| proxies.iter().for_each(|proxy| proxy.delay_batches(most));
    let urls: Vec<String> = servers.iter().map(|server| server.url.clone()).collect();
    let last = Arc::new(OnceCell::new());
    let naive = tokio::spawn(read_behind_the_last(open(&options).await, last.clone()));
    let when = When::default();
    let followers: Vec<_> = (0..FOLLOWERS)
        .map(|n| {
            let when = (n == 0).then(|| when.clone());
            tokio::spawn(follow(stores.clone(), n % 3, last.clone(), when))
        })
        .collect();

    late(LATE);
    let began = Instant::now();
    let count = Arc::new(AtomicUsize::new(0));
    let acknowledged = Acknowledged::default();
    let start = |most: usize, posters: usize, urls: &[String]| {
        let mut tasks = JoinSet::new();
        for number in 0..posters {
            let (urls, count, to) = (urls.to_vec(), count.clone(), acknowledged.clone());
            tasks.spawn(post(urls, number, most, count, to));
        }
        tasks
    };
    let posters = start(most, POSTERS, &urls);
    let reached = async |share: usize| {
        while count.load(Ordering::SeqCst) < most * share / 10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    reached(2).await;
    eprintln!("stopped at {:?}", began.elapsed());
    servers[0].signal("STOP");
    tokio::time::sleep(STOPPED).await;
    servers[0].signal("CONT");
    reached(6).await;
    servers.remove(1).kill();
    let newest = acknowledged.lock().unwrap().keys().max().copied();
    let (store, at) = (stores[0].clone(), Instant::now());
    let closing = tokio::spawn(async move {
        let then = newest.map(|newest| Position(newest.successor()));
        while store.closed().await.map_or(true, |closed| closed < then) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        at.elapsed()
    });
    posters.join_all().await;
    eprintln!("{most} posts took {:?}", began.elapsed());
    eprintln!("closed after a death in {:?}", closing.await.unwrap());

    // How long what is acknowledged takes to be seen, when nothing is late.
    late(Duration::ZERO);
    let quiet = Instant::now();
    let alive = [urls[0].clone(), urls[2].clone()];
    start(most + 2_000, 4, &alive).join_all().await;
    let end = *acknowledged.lock().unwrap().keys().max().unwrap();
    last.set(end).unwrap();
    let mut seen = Vec::new();
    for follower in followers {
        seen.push(follower.await.unwrap());
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    let mut added: Vec<Duration> = when
        .lock()
        .unwrap()
        .iter()
        .filter_map(|(id, seen)| acknowledged.get(id).map(|then| (then, seen)))
        .filter(|(then, _)| **then > quiet)
        .map(|(then, seen)| seen.saturating_duration_since(*then))
        .collect();
    added.sort_unstable();
    let at = |share: f64| added[(added.len() as f64 * share) as usize];
    eprintln!("added latency: p50 {:?}, p99 {:?}", at(0.5), at(0.99));

    let stored = everything(&*stores[0]).await;
    let mut expected = Seen::default();
    stored
        .iter()
        .filter(|message| message.id <= end)
        .for_each(|message| expected.add(message.id));
    assert!(seen.iter().all(|seen| *seen == expected), "{seen:?}");
    assert!(acknowledged.keys().all(|id| {
        stored
            .binary_search_by_key(id, |message| message.id)
            .is_ok()
    }));
    let naive = naive.await.unwrap();
    eprintln!(
        "a reader behind the last id saw {naive} of {}",
        stored.len()
    );
    assert!(naive < stored.len() as u64);
    assert_exact(&*stores[0]).await;
}
