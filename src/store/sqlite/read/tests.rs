//! Reads that nobody waits for, and reads that take too long.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::store::sqlite::SqliteOptions;
use crate::store::sqlite::open::open_writer;

/// A statement without an end.
const ENDLESS: &str = "with recursive n (i) as (select 1 union all select i + 1 from n)
    select count(*) from n";

const LONG: Duration = Duration::from_secs(3_600);

/// One reader over an empty store.
fn one_reader(wait: Duration, run: Duration) -> (TempDir, Readers) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("dunder.sqlite");
    open_writer(&path, &SqliteOptions::default()).unwrap();
    let source = Source::new(&path, 100);
    let readers = Readers::spawn(&source, 1, Limits { wait, run }, &Arc::default());
    (dir, readers.unwrap())
}

fn count(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("select count(*) from users", [], |row| row.get(0))
}

fn endless(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row(ENDLESS, [], |row| row.get(0))
}

#[track_caller]
fn too_slow(read: Result<i64, StoreError>, why: &str) {
    match read {
        Err(StoreError::TooSlow(said)) => assert!(said.contains(why), "{said}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_read_whose_client_has_left_is_not_begun() {
    let (_dir, readers) = one_reader(LONG, LONG);
    let (go_on, told) = mpsc::channel::<()>();
    let mut first = pin!(readers.run(move |connection| {
        told.recv().unwrap();
        count(connection)
    }));
    assert!(timeout(Duration::ZERO, &mut first).await.is_err());
    let begun = Arc::new(AtomicBool::new(false));
    let begins = Arc::clone(&begun);
    {
        let second = readers.run(move |connection| {
            begins.store(true, Ordering::Relaxed);
            count(connection)
        });
        assert!(timeout(Duration::ZERO, pin!(second)).await.is_err());
    }
    go_on.send(()).unwrap();
    assert_eq!(first.await.unwrap(), 0);
    assert_eq!(readers.run(count).await.unwrap(), 0);
    assert!(!begun.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_read_whose_client_leaves_while_it_runs_is_ended() {
    let (_dir, readers) = one_reader(LONG, LONG);
    let (say, begun) = mpsc::channel();
    {
        let mut read = pin!(readers.run(move |connection| {
            say.send(()).unwrap();
            endless(connection)
        }));
        assert!(timeout(Duration::ZERO, &mut read).await.is_err());
        begun.recv().unwrap();
    }
    // The only reader is free again.
    assert_eq!(readers.run(count).await.unwrap(), 0);
}

#[tokio::test]
async fn a_read_that_runs_longer_than_the_limit_is_ended_wherever_it_runs() {
    let (_dir, readers) = one_reader(LONG, Duration::from_millis(5));
    too_slow(readers.run(endless).await, "its time was up");
    too_slow(readers.short(endless).await, "its time was up");
    // Nor does a transaction stay open.
    let begun = |connection: &Connection| {
        connection.execute_batch("begin")?;
        endless(connection)
    };
    too_slow(readers.run(begun).await, "its time was up");
    assert_eq!(readers.run(count).await.unwrap(), 0);
}

#[tokio::test]
async fn a_read_that_waited_too_long_is_refused() {
    let (_dir, readers) = one_reader(Duration::ZERO, LONG);
    too_slow(readers.run(count).await, "waited");
    assert_eq!(readers.short(count).await.unwrap(), 0);
}
