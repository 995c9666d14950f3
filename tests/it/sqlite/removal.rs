//! What is removed is gone for every program that has the file open, and in
//! none of its bytes.

use std::fs;
use std::path::Path;

use chrono::Utc;
use dunder::domain::prelude::*;
use dunder::domain::{Deleter, Deletion, HashtagsFilter, Message, MessageId};
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;

use super::File;
use crate::contract::{all_dates, draft, totals};

/// Whether the files of a store have some bytes anywhere.
fn has(path: &Path, bytes: &str) -> bool {
    let in_file = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let found = fs::read(name).unwrap_or_default();
        found
            .windows(bytes.len())
            .any(|window| window == bytes.as_bytes())
    };
    ["", "-wal", "-shm", "-journal"].into_iter().any(in_file)
}

async fn delete(store: &SqliteStore, ids: Vec<MessageId>) {
    let count = ids.len();
    let done = store.delete(ids, Deleter::Operator, Utc::now()).await;
    let is_deleted = |one: &&Deletion| matches!(one, Deletion::Deleted(_));
    assert_eq!(done.unwrap().iter().filter(is_deleted).count(), count);
}

#[tokio::test]
async fn a_deleted_text_is_in_no_file_once_the_deletion_is_acknowledged() {
    let file = File::new();
    // Short ones, and some that take pages of their own.
    for length in [1, 40, 900, 1_100, 5_000] {
        let text = format!("hunter{length} {} {length}retnuh", "x".repeat(length));
        let tag = format!("secret{length}");
        let post = draft("ann", &text, &[&tag]);
        let posted = file.store.post(post).await.unwrap();
        file.store.post(draft("ann", "kept", &["t"])).await.unwrap();
        assert!(has(&file.path(), &format!("hunter{length}")));
        delete(&file.store, vec![posted.id]).await;
        for part in [format!("hunter{length} "), format!(" {length}retnuh"), tag] {
            assert!(!has(&file.path(), &part), "{part}");
        }
    }
    assert_eq!(totals(&*file.store, &[]).await, [5]);
}

#[tokio::test]
async fn a_file_that_is_written_anew_has_nothing_in_it_but_the_store() {
    let file = File::new();
    let mut ids = Vec::new();
    for n in 0..300 {
        let text = format!("<{n}> {}", "x".repeat(n));
        ids.push(file.store.post(draft("ann", &text, &[])).await.unwrap().id);
    }
    // As an older program left it: rows deleted, and their bytes still there.
    let older = Connection::open(file.path()).unwrap();
    older
        .execute_batch("pragma secure_delete = off; delete from messages where text like '<1%'")
        .unwrap();
    assert!(has(&file.path(), "<150>"));
    assert!(dunder::store::sqlite::vacuum(&file.path()).unwrap());
    assert!(!has(&file.path(), "<150>") && has(&file.path(), "<250>"));
    // The program that has it open goes on.
    file.store.check().await.unwrap();
    file.store.post(draft("ann", "next", &[])).await.unwrap();
    let found = file.store.message(ids[250]).await.unwrap();
    assert!(found.is_some_and(|found| found.text.as_str().starts_with("<250>")));
}

#[tokio::test]
async fn a_read_of_another_program_keeps_the_log_until_it_ends() {
    let file = File::new();
    for job in file.store.jobs() {
        tokio::spawn(job.start());
    }
    let posted = file.store.post(draft("ann", "hunter2", &[])).await.unwrap();
    let other = Connection::open(file.path()).unwrap();
    other
        .execute_batch("begin; select * from messages")
        .unwrap();
    delete(&file.store, vec![posted.id]).await;
    assert!(has(&file.path(), "hunter2"), "the other program reads it");
    // Posts go on meanwhile.
    file.store.post(draft("ann", "next", &[])).await.unwrap();
    other.execute_batch("commit").unwrap();
    while has(&file.path(), "hunter2") {
        tokio::task::yield_now().await;
    }
    file.store.post(draft("ann", "last", &[])).await.unwrap();
    assert_eq!(totals(&*file.store, &[]).await, [2]);
}

#[tokio::test]
async fn what_a_removal_had_to_leave_in_the_log_the_next_program_empties_it_of() {
    let file = File::new();
    let posted = file.store.post(draft("ann", "hunter2", &[])).await.unwrap();
    let reader = Connection::open(file.path()).unwrap();
    reader
        .execute_batch("begin; select * from messages")
        .unwrap();
    delete(&file.store, vec![posted.id]).await;
    // As a program that is killed now leaves it.
    let dir = tempfile::TempDir::new().unwrap();
    let left = dir.path().join("left");
    for suffix in ["", "-wal"] {
        let of = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(of(&file.path()), of(&left)).unwrap();
    }
    assert!(has(&left, "hunter2"), "it could not be emptied");
    let next = SqliteStore::open(&left, &SqliteOptions::default()).unwrap();
    next.post(draft("ann", "next", &[])).await.unwrap();
    let emptied = async {
        while has(&left, "hunter2") {
            tokio::task::yield_now().await;
        }
    };
    let bound = std::time::Duration::from_secs(60);
    tokio::time::timeout(bound, emptied).await.unwrap();
}

#[tokio::test]
async fn what_another_program_removes_is_gone_from_the_memory_of_this_one() {
    let file = File::new();
    let other = SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap();
    let tags = HashtagsFilter {
        range: all_dates(),
        prefix: String::new(),
        limit: 9,
    };
    for round in 0..3 {
        let mut posted: Vec<Message> = Vec::new();
        for n in 0..4 {
            let tag = format!("t{round}{}", n % 2);
            let text = format!("{n}");
            posted.push(file.store.post(draft("ann", &text, &[&tag])).await.unwrap());
        }
        // Lists, counts and messages are at hand.
        for _ in 0..3 {
            file.store.message(posted[1].id).await.unwrap().unwrap();
            assert_eq!(file.store.hashtags(&tags).await.unwrap().len(), 2);
        }
        delete(&other, vec![posted[1].id, posted[3].id]).await;
        assert_eq!(file.store.message(posted[1].id).await.unwrap(), None);
        let left = file.store.hashtags(&tags).await.unwrap();
        assert_eq!((left.len(), left[0].count), (1, 2));
        // A name whose number is another's since.
        let tag = format!("new{round}");
        other.post(draft("ann", "new", &[&tag])).await.unwrap();
        let again = draft("ann", "again", &[&format!("t{round}1")]);
        let again = file.store.post(again).await.unwrap();
        let counts = totals(&other, &[&tag, &format!("t{round}1")]).await;
        assert_eq!(counts, [1, 1]);
        let mut rest = vec![posted[0].id, posted[2].id, again.id];
        let new = other.feed(&Default::default()).await.unwrap().messages;
        rest.extend(
            new.iter()
                .filter(|new| new.text.as_str() == "new")
                .map(|new| new.id),
        );
        delete(&file.store, rest).await;
        assert_eq!(totals(&other, &[]).await, [0]);
    }
    other.close().await;
}
