//! Counters that several writers have, put together: nothing that is counted
//! changes, whatever is stored and deleted meanwhile.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dunder::domain::prelude::*;
use dunder::domain::{
    Deleter, Interval, MessageId, Record, Series, Store, TrendFilter, TrendRequest,
};
use dunder::store::cockroach::{CockroachOptions, inspect};

use super::postgres::session;
use super::{databases, draft, open};
use crate::support::until;

const DAY: i64 = 86_400_000;
/// 2019-01-01.
const START: i64 = 1_546_300_800_000;
const DAYS: i64 = 100;

/// A message every three hours or so of the first days of 2019.
fn record(number: i64) -> Record {
    let millis = START + number * 10_800_000 % (DAYS * DAY);
    let tag = format!("t{}", number % 7);
    let message = draft("ann", "text", &[&tag, "all"]);
    Record {
        message: message.into_message(MessageId::from_parts(millis, number as u128)),
        idempotency_key: None,
    }
}

fn end() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(START + (DAYS + 60) * DAY).unwrap()
}

/// Everything, of two hashtags, by hours and by weeks.
async fn trends(store: &dyn Store) -> Vec<Vec<Series>> {
    let mut found = Vec::new();
    for (tags, interval) in [
        (&[][..], "1h"),
        (&["all"], "1day"),
        (&["t1", "t2"], "7d"),
        (&["t3"], "1h"),
    ] {
        let asked = TrendRequest {
            from: DateTime::from_timestamp_millis(START),
            to: Some(end()),
            interval: Some(interval.parse::<Interval>().unwrap()),
            hashtags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
            ..TrendRequest::default()
        };
        let filter = TrendFilter::new(asked, end()).unwrap();
        found.push(store.trend(&filter).await.unwrap());
    }
    found
}

/// Counters of which writers have more than one row: of hours, of days.
async fn sharded(options: &CockroachOptions) -> [i64; 2] {
    let session = session(options).await;
    let mut found = [0; 2];
    for (level, found) in [3_600_i64, 86_400].into_iter().zip(&mut found) {
        let of_level = "SELECT count(*) FROM (SELECT series FROM counters \
             WHERE level = $1 AND (slot >= 0 OR slot = -4) \
             GROUP BY series, bucket HAVING count(*) > 1) AS c";
        let row = session.query_one(of_level, &[&level]).await.unwrap();
        *found = row.get(0);
    }
    found
}

async fn assert_inspected(options: &CockroachOptions) {
    let found = inspect(options.clone()).await.unwrap();
    assert!(found.differences.is_empty(), "{:?}", found.differences);
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_of_several_writers_are_put_together_and_count_what_they_did() {
    for options in databases() {
        let (one, other) = (open(&options).await, open(&options).await);
        for (server, first) in [(&one, 0), (&other, 1)] {
            let some = (0..800).filter(|number| number % 2 == first);
            // The second round of a hundred days is on the hours of the first.
            let records = some
                .chain((800..1_600).filter(|n| n % 2 != first))
                .map(record);
            server.import(records.collect()).await.unwrap();
        }
        let ids = [3, 50, 700].map(|number| record(number).message.id);
        let by = Deleter::Operator;
        one.delete(ids.to_vec(), by, Utc::now()).await.unwrap();
        let before = trends(&*one).await;
        let [hours, days] = sharded(&options).await;
        assert!(hours > 800 && days > 300, "{hours}, {days}");

        assert!(one.compact_counters(end()).await.unwrap() > 0);
        assert_eq!(sharded(&options).await, [0, 0]);
        assert_eq!(trends(&*other).await, before);
        assert_eq!(one.compact_counters(end()).await.unwrap(), 0);

        // Old messages that come later count beside, and are put to the others.
        other.import(vec![record(2_001)]).await.unwrap();
        let with_one_more = trends(&*one).await;
        assert_ne!(with_one_more, before);
        assert!(other.compact_counters(end()).await.unwrap() > 0);
        assert_eq!(sharded(&options).await, [0, 0]);
        assert_eq!(trends(&*one).await, with_one_more);
        assert_inspected(&options).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_puts_counters_together_by_itself() {
    for mut options in databases() {
        let (one, other) = (open(&options).await, open(&options).await);
        one.import((0..800).map(record).collect()).await.unwrap();
        other
            .import((800..1_600).map(record).collect())
            .await
            .unwrap();
        assert_ne!(sharded(&options).await, [0, 0]);
        options.compact_after = Duration::ZERO;
        let _third = open(&options).await;
        until(async || sharded(&options).await == [0, 0]).await;
        assert_inspected(&options).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_not_over_is_left_alone() {
    for options in databases() {
        let (one, other) = (open(&options).await, open(&options).await);
        one.import((0..8).map(record).collect()).await.unwrap();
        other
            .import((800..808).map(record).collect())
            .await
            .unwrap();
        let a_day_later = DateTime::from_timestamp_millis(START).unwrap() + TimeDelta::days(1);
        assert_eq!(one.compact_counters(a_day_later).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_counted_twice_or_lost_while_messages_of_the_same_hours_come_and_go() {
    for options in databases() {
        let (one, other) = (open(&options).await, open(&options).await);
        one.import((0..800).map(record).collect()).await.unwrap();
        let servers = [Arc::clone(&one), Arc::clone(&other)];
        let changes = servers
            .into_iter()
            .zip([800, 1_600])
            .map(|(server, first)| async move {
                for number in (first..first + 800).step_by(40) {
                    let records: Vec<Record> = (number..number + 40).map(record).collect();
                    let gone: Vec<MessageId> = records[..4].iter().map(|r| r.message.id).collect();
                    server.import(records).await.unwrap();
                    let by = Deleter::Operator;
                    server.delete(gone, by, Utc::now()).await.unwrap();
                }
            });
        let mut changes = tokio::task::JoinSet::from_iter(changes);
        while !changes.is_empty() {
            let (put_together, changed) =
                tokio::join!(one.compact_counters(end()), changes.join_next());
            put_together.unwrap();
            changed.unwrap().unwrap();
        }
        other.compact_counters(end()).await.unwrap();
        assert_eq!(sharded(&options).await, [0, 0]);
        assert_inspected(&options).await;
    }
}
