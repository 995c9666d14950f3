//! The log beside the file stays small, whoever reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dunder::domain::FeedFilter;
use dunder::domain::prelude::*;
use dunder::store::sqlite::SqliteOptions;
use rusqlite::Connection;
use tokio::task::JoinSet;

use super::File;
use crate::contract::model::Model;
use crate::contract::{draft, pages, totals};

#[tokio::test]
async fn the_log_shrinks_again_after_a_read_that_kept_it() {
    const LOG_KIB: u32 = 256;
    let file = File::with(&SqliteOptions {
        log_kib: LOG_KIB,
        ..SqliteOptions::default()
    });
    let log = file.dir.path().join("dunder.sqlite-wal");
    let log_kib = || std::fs::metadata(&log).unwrap().len() / 1024;
    let text = "x".repeat(8000);
    let post = async || {
        file.store.post(draft("ann", &text, &["a"])).await.unwrap();
    };
    post().await;
    let reader = Connection::open(file.path()).unwrap();
    reader
        .execute_batch("begin; select count(*) from users")
        .unwrap();
    while log_kib() < 4 * u64::from(LOG_KIB) {
        post().await;
    }
    reader.execute_batch("commit").unwrap();
    let mut posts = 0;
    while log_kib() > 2 * u64::from(LOG_KIB) {
        post().await;
        posts += 1;
        assert!(posts < 500, "the log still has {} KiB", log_kib());
    }
    assert_eq!(
        pages(&*file.store, &FeedFilter::default()).await.len() as u64,
        totals(&*file.store, &[]).await[0]
    );
}

/// Records of the export that each long read walks through.
const RECORDS: usize = 4_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_under_twice_its_setting_while_long_reads_never_pause() {
    const LOG_KIB: u64 = 1_024;
    let file = File::with(&SqliteOptions {
        log_kib: LOG_KIB as u32,
        readers: 4,
        ..SqliteOptions::default()
    });
    let log = file.dir.path().join("dunder.sqlite-wal");
    for records in Model::random(4, RECORDS).0.chunks(500) {
        file.store.import(records.to_vec()).await.unwrap();
    }
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..8 {
        let (store, done) = (Arc::clone(&file.store), Arc::clone(&done));
        readers.spawn(async move {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                // One statement, one snapshot, and always some under way.
                let page = store.export(None, RECORDS).await.unwrap();
                assert_eq!(page.len(), RECORDS);
                reads += 1;
            }
            reads
        });
    }
    let text = "x".repeat(8_000);
    let mut largest = 0;
    for _ in 0..1_500 {
        file.store.post(draft("ann", &text, &[])).await.unwrap();
        largest = largest.max(std::fs::metadata(&log).unwrap().len() / 1024);
    }
    done.store(true, Ordering::Relaxed);
    let reads: usize = readers.join_all().await.into_iter().sum();
    assert!(reads >= 8, "the reads went on");
    assert!(largest <= 2 * LOG_KIB, "the log had {largest} KiB");
    assert_eq!(totals(&*file.store, &[]).await, [RECORDS as u64 + 1_500]);
}
