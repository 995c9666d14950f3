//! The store on CockroachDB and PostgreSQL: the contract, and all that can go
//! wrong between a server and its database.

mod busiest;
pub mod cluster;
mod compaction;
mod disguised;
mod faults;
mod following;
mod hosts;
mod large;
mod migrations;
mod plans;
pub mod postgres;
mod proxy;
mod refold;
mod regions;
mod serving;
mod slots;
mod standby;
mod suite;
mod tls;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;

use dunder::domain::{
    Draft, FeedFilter, FeedLimit, Hashtag, Interval, Message, Store, TrendFilter, TrendRequest,
};
use dunder::store::cockroach::{CockroachOptions, CockroachStore};

/// A database of its own on every backend there is: PostgreSQL always, and
/// CockroachDB where one is named or can be started.
fn databases() -> Vec<CockroachOptions> {
    let mut databases = vec![postgres::shared().fresh()];
    databases.extend(cluster::fresh());
    databases
}

async fn open(options: &CockroachOptions) -> Arc<CockroachStore> {
    let store = Arc::new(CockroachStore::open(options.clone()).await.unwrap());
    run_jobs(store.as_ref());
    store
}

/// What goes on beside requests, as in a server.
pub fn run_jobs(store: &dyn Store) {
    for job in store.jobs() {
        tokio::spawn(job.start());
    }
}

fn draft(user: &str, text: &str, tags: &[&str]) -> Draft {
    Draft::new(user.parse().unwrap(), text.to_owned(), tags).unwrap()
}

fn keyed(user: &str, text: &str, tags: &[&str], key: &str) -> Draft {
    let mut draft = draft(user, text, tags);
    draft.idempotency_key = Some(key.parse().unwrap());
    draft
}

/// Every message there is, oldest first.
async fn everything(store: &dyn Store) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let after = all.last().map(|message| message.id);
        let records = store.export(after, 5_000).await.unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(records.into_iter().map(|record| record.message));
    }
}

/// Checks that counters, hashtag pages and messages say the same.
async fn assert_exact(store: &dyn Store) -> Vec<Message> {
    let messages = everything(store).await;
    let mut expected: BTreeMap<Option<Hashtag>, u64> = BTreeMap::new();
    for message in &messages {
        *expected.entry(None).or_default() += 1;
        for tag in &message.hashtags {
            *expected.entry(Some(tag.clone())).or_default() += 1;
        }
    }
    let first = messages.first().expect("messages").created_at();
    let last = messages.last().expect("messages").created_at();
    for interval in ["1m", "1h", "1day"] {
        let interval: Interval = interval.parse().unwrap();
        for (tag, count) in &expected {
            let tags = tag.iter().cloned().collect();
            let end = last + chrono::Duration::seconds(1);
            let asked = TrendRequest {
                from: Some(first),
                to: Some(end),
                interval: Some(interval),
                hashtags: tags,
                ..TrendRequest::default()
            };
            let filter = TrendFilter::new(asked, end).unwrap();
            let series = store.trend(&filter).await.unwrap();
            let counted: u64 = series[0].iter().map(|(_, count)| count).sum();
            assert_eq!(counted, *count, "{tag:?} at {interval}");
        }
    }
    for (tag, count) in &expected {
        let mut filter = FeedFilter {
            limit: FeedLimit::new(1000).unwrap(),
            hashtags: tag.iter().cloned().collect(),
            ..FeedFilter::default()
        };
        let mut found = 0;
        loop {
            let page = store.feed(&filter).await.unwrap();
            found += page.messages.len() as u64;
            filter.cursor = page.next_cursor;
            if filter.cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, *count, "pages of {tag:?}");
    }
    messages
}
