//! The busiest hashtags of long ranges, of which servers keep what months
//! count: what other servers store, import and delete is in the next answer.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use dunder::domain::prelude::*;
use dunder::domain::{Deleter, HashtagsFilter, MessageId, Range, Record};

use super::{databases, draft, open};

const DAY: i64 = 86_400_000;

/// A message of so many days ago.
fn ago(days: i64, number: u128, tags: &[&str]) -> Record {
    let millis = Utc::now().timestamp_millis() - days * DAY;
    Record {
        message: draft("ann", "text", tags).into_message(MessageId::from_parts(millis, number)),
        idempotency_key: None,
    }
}

fn of_days(days: i64, limit: usize) -> HashtagsFilter {
    let now = Utc::now();
    let (from, to) = (now - TimeDelta::days(days), now + TimeDelta::minutes(1));
    HashtagsFilter {
        range: Range::new(from, to).unwrap(),
        prefix: String::new(),
        limit,
    }
}

async fn list(store: &dyn dunder::domain::Store, days: i64, limit: usize) -> Vec<(String, u64)> {
    let counts = store.hashtags(&of_days(days, limit)).await.unwrap();
    let pair = |count: &dunder::domain::HashtagCount| (count.hashtag.to_string(), count.count);
    counts.iter().map(pair).collect()
}

/// What they should be.
fn busiest(counts: &BTreeMap<String, u64>, limit: usize) -> Vec<(String, u64)> {
    let counts = counts.iter().filter(|(_, count)| **count > 0);
    let mut list: Vec<(String, u64)> = counts.map(|(name, n)| (name.clone(), *n)).collect();
    list.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    list.truncate(limit);
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn the_busiest_hashtags_of_years_are_what_other_servers_stored_a_moment_ago() {
    for options in databases() {
        let (one, other) = (open(&options).await, open(&options).await);
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut ids = Vec::new();
        for turn in 0..60_u32 {
            let (tag, day) = (format!("t{}", turn * turn % 11), i64::from(turn * 13 % 600));
            match turn % 4 {
                0 | 1 => {
                    let record = ago(day, turn.into(), &[&tag, "all"]);
                    ids.push((record.message.id, tag.clone()));
                    other.import(vec![record]).await.unwrap();
                }
                2 => drop(
                    other
                        .post(draft("ann", "now", &[&tag, "all"]))
                        .await
                        .unwrap(),
                ),
                _ => {
                    let (id, tag) = ids.remove(ids.len() / 2);
                    let by = Deleter::Operator;
                    other.delete(vec![id], by, Utc::now()).await.unwrap();
                    *counts.get_mut(&tag).unwrap() -= 1;
                    *counts.get_mut("all").unwrap() -= 1;
                }
            }
            if turn % 4 < 3 {
                *counts.entry(tag).or_default() += 1;
                *counts.entry("all".to_owned()).or_default() += 1;
            }
            for limit in [1, 4, 100] {
                let found = list(&*one, 700, limit).await;
                assert_eq!(found, busiest(&counts, limit), "turn {turn}, {limit}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_hashtags_of_one_count_than_are_counted_one_by_one_are_listed_by_name() {
    for options in databases() {
        let store = open(&options).await;
        let tags: Vec<String> = (0..2_000).map(|n| format!("n{n:04}")).collect();
        let records = tags.iter().enumerate().map(|(number, tag)| {
            let day = 10 + number as i64 % 200;
            ago(day, number as u128, &[tag])
        });
        store.import(records.collect()).await.unwrap();
        store.post(draft("ann", "twice", &["n1999"])).await.unwrap();
        let expected: Vec<(String, u64)> = [("n1999", 2), ("n0000", 1), ("n0001", 1)]
            .map(|(name, count)| (name.to_owned(), count))
            .into();
        assert_eq!(list(&*store, 300, 3).await, expected);
    }
}
