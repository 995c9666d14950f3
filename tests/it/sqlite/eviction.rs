//! The file under retention.

use std::sync::Arc;

use dunder::domain::prelude::*;
use dunder::domain::{MessageId, Rule};
use rusqlite::Connection;
use tokio::task::JoinSet;

use super::File;
use crate::contract::draft;

/// Pages of the file, and how many of them are free.
fn pages(file: &File) -> (i64, i64) {
    let look = Connection::open(file.path()).unwrap();
    let read = |name| look.pragma_query_value(None, name, |row| row.get(0));
    (read("page_count").unwrap(), read("freelist_count").unwrap())
}

/// Posts so many messages at once, and evicts as many of the oldest.
async fn period(file: &File, count: usize, is_first: bool) {
    let text = "a text of some length, as people write them, and a bit more than that";
    let mut posts = JoinSet::new();
    for n in 0..count {
        let tags = ["ci", ["a", "b", "c", "d"][n % 4]];
        let draft = draft(["ann", "bob"][n % 2], text, &tags);
        let store = Arc::clone(&file.store);
        posts.spawn(async move { store.post(draft).await.unwrap() });
    }
    posts.join_all().await;
    for _ in 0..if is_first { 0 } else { count / 250 } {
        let due = file.store.due(&Rule::All, None, MessageId::MAX, 250).await;
        file.store
            .evict(due.unwrap(), Some(Rule::All))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn at_a_steady_rate_the_file_grows_no_more_after_the_first_period() {
    const PERIOD: usize = 1_000;
    let file = File::new();
    period(&file, PERIOD, true).await;
    for _ in 0..2 {
        period(&file, PERIOD, false).await;
    }
    let (before, _) = pages(&file);
    for _ in 0..8 {
        period(&file, PERIOD, false).await;
    }
    let (after, free) = pages(&file);
    // Counters are a row a minute, level and series.
    assert!(
        after <= before + before / 20 + 2,
        "{before} to {after}, {free} free"
    );
}
