//! Several regions: what PostgreSQL can show of them in the disguise of a
//! CockroachDB, and how long posts and reads wait between regions.

use std::time::{Duration, Instant};

use dunder::domain::prelude::*;
use dunder::domain::{FeedFilter, Interval, TrendFilter, TrendRequest};
use dunder::store::cockroach::{
    CockroachOptions, CockroachStore, OpenError, migrate, pending_statements,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::disguised::disguised;
use super::{assert_exact, draft, open, postgres};

/// A node of a CockroachDB 21.1 in the region `eu`.
const OF_EU: &str = "CREATE OR REPLACE FUNCTION public.version() RETURNS text LANGUAGE sql \
     AS $$ SELECT 'CockroachDB CCL v21.1.0 (x86_64-unknown-linux-gnu)' $$; \
     CREATE FUNCTION public.gateway_region() RETURNS text LANGUAGE sql AS $$ SELECT 'eu' $$;";

fn with_regions(options: &CockroachOptions, own: Option<&str>) -> CockroachOptions {
    CockroachOptions {
        regions: ["us", "eu", "asia"].map(str::to_owned).into(),
        region: own.map(str::to_owned),
        should_migrate: false,
        ..options.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_posts_has_the_number_of_its_region_in_ids_and_slots() {
    let (options, look) = disguised(OF_EU).await;
    let mut all = Vec::new();
    // That of the node, where none is set.
    for (own, number) in [(None, 1), (Some("asia"), 2), (Some("us"), 0), (None, 1)] {
        let store = open(&with_regions(&options, own)).await;
        for n in 0..20 {
            let posted = store.post(draft("ann", "text", &["t"])).await.unwrap();
            let id = posted.id.to_string();
            assert_eq!(id[10..11], format!("{number:X}"), "{id}, post {n}");
            let last = all
                .last()
                .map(|message: &dunder::domain::Message| message.id);
            assert!(last < Some(posted.id), "{id}");
            all.push(posted);
        }
        let owned = "SELECT slot FROM slots WHERE owner <> ''";
        for row in look.query(owned, &[]).await.unwrap() {
            let slot: i64 = row.get(0);
            assert_eq!(slot / 1_000, number, "slot {slot}");
        }
        store.close().await;
    }
    assert_eq!(assert_exact(&*open(&options).await).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_regions_and_a_node_without_one_are_named() {
    let options = with_regions(&postgres::shared().fresh(), None);
    migrate(CockroachOptions {
        regions: Vec::new(),
        ..options.clone()
    })
    .await
    .unwrap();
    let refused = CockroachStore::open(options.clone()).await.err().unwrap();
    let said = refused.to_string();
    assert!(said.contains("PostgreSQL has no regions"), "{said}");
    let refused = pending_statements(options).await.unwrap_err();
    assert!(matches!(refused, OpenError::WithoutRegions { .. }));
    let without = OF_EU.replace("SELECT 'eu'", "SELECT text 'x' WHERE 1 / 0 > 0");
    let (options, _look) = disguised(&without).await;
    let refused = CockroachStore::open(with_regions(&options, None)).await;
    let said = refused.err().unwrap().to_string();
    assert!(said.contains("set cockroach.region"), "{said}");
    open(&with_regions(&options, Some("eu"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statements_of_a_migration_are_told_and_none_is_run() {
    let options = postgres::shared().fresh();
    let all = pending_statements(options.clone()).await.unwrap();
    assert!(all[0].starts_with("CREATE DATABASE"), "{}", all[0]);
    let messages = all
        .iter()
        .filter(|text| text.contains("CREATE TABLE IF NOT EXISTS messages"));
    assert_eq!(messages.count(), 1);
    assert!(
        !all.iter().any(|text| text.contains("STORING")),
        "CockroachDB's alone"
    );
    assert_eq!(pending_statements(options.clone()).await.unwrap(), all);
    migrate(options.clone()).await.unwrap();
    assert!(pending_statements(options).await.unwrap().is_empty());
}

/// A way to the database that takes so long in each direction.
async fn far(port: u16, one_way: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::spawn(carry(from_client, to_server, one_way));
            tokio::spawn(carry(from_server, to_client, one_way));
        }
    });
    own
}

/// Carries bytes, all of them late by as much, none waiting for others.
async fn carry(
    mut from: impl AsyncReadExt + Unpin + Send + 'static,
    mut to: impl AsyncWriteExt + Unpin,
    late: Duration,
) {
    let (sender, mut under_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if sender
                .send((Instant::now() + late, buffer[..length].to_vec()))
                .is_err()
            {
                return;
            }
        }
    });
    while let Some((due, bytes)) = under_way.recv().await {
        tokio::time::sleep_until(due.into()).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// In the middle of so many.
async fn median<F: Future<Output = ()>>(mut work: impl FnMut() -> F) -> Duration {
    let mut times = Vec::new();
    for _ in 0..21 {
        let started = Instant::now();
        work().await;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// The table of docs/regions.md: `cargo test --test it between_regions --
/// --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints how long posts and reads wait, on a machine that is quiet"]
async fn what_posts_and_reads_wait_for_between_regions() {
    let options = postgres::shared().fresh();
    migrate(options.clone()).await.unwrap();
    println!(
        "| way to the leaseholders, there and back | post | page | page of two hashtags | trend |"
    );
    println!("|--:|--:|--:|--:|--:|");
    for round_trip in [0, 2, 30, 70, 150] {
        let mut through = options.clone();
        through.hosts[0].1 = far(options.hosts[0].1, Duration::from_millis(round_trip) / 2).await;
        let store = open(&through).await;
        let (one, two) = (
            FeedFilter::default(),
            FeedFilter {
                hashtags: ["a", "b"].map(|tag| tag.parse().unwrap()).into(),
                ..FeedFilter::default()
            },
        );
        let asked = TrendRequest {
            interval: Some("1m".parse::<Interval>().unwrap()),
            ..TrendRequest::default()
        };
        let trend = TrendFilter::new(asked, chrono::Utc::now()).unwrap();
        // Connections are made and statements prepared.
        for _ in 0..6 {
            store.post(draft("ann", "text", &["a", "b"])).await.unwrap();
            tokio::join!(store.feed(&one), store.feed(&two), store.trend(&trend))
                .0
                .unwrap();
        }
        let post = || async { drop(store.post(draft("ann", "text", &["a"])).await.unwrap()) };
        let waits = [
            median(post).await,
            median(|| async { drop(store.feed(&one).await.unwrap()) }).await,
            median(|| async { drop(store.feed(&two).await.unwrap()) }).await,
            median(|| async { drop(store.trend(&trend).await.unwrap()) }).await,
        ];
        let cells = waits.map(|wait| format!("{} ms", wait.as_millis()));
        println!("| {round_trip} ms | {} |", cells.join(" | "));
    }
}
