//! Copies of a store: what they have, and what they never replace.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dunder::domain::MessageId;
use dunder::domain::prelude::*;
use dunder::store::OpenError;
use dunder::store::sqlite::{SqliteOptions, SqliteStore, back_up, restore};

use super::File;
use crate::contract::{draft, export, keyed, totals};
use crate::place::{Backend, Place};
use crate::support::{Server, contents};

fn quietly() -> impl FnMut(u64, u64) {
    |_, _| {}
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_under_load_has_every_post_acknowledged_before_it_began() {
    const COPIES: usize = 12;
    let file = File::with(&SqliteOptions {
        unflushed: 64,
        log_kib: 512,
        ..SqliteOptions::default()
    });
    let (done, store) = (Arc::new(AtomicBool::new(false)), Arc::clone(&file.store));
    let posting = tokio::spawn({
        let done = Arc::clone(&done);
        async move {
            let text = "x".repeat(500);
            while !done.load(Ordering::Relaxed) {
                store.post(draft("ann", &text, &["a"])).await.unwrap();
            }
        }
    });
    let dir = tempfile::TempDir::new().unwrap();
    for n in 0..COPIES {
        let marker = format!("marker-{n}");
        let posted = file
            .store
            .post(keyed("bob", &marker, &["m"], &marker))
            .await;
        let copy = dir.path().join(format!("copy{n}"));
        let path = file.path();
        let to = copy.clone();
        let copied = tokio::task::spawn_blocking(move || back_up(&path, &to, &mut quietly()));
        copied.await.unwrap().unwrap();
        let mode = fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let path = dir.path().join(format!("store{n}.sqlite"));
        restore(&copy, &path, &mut quietly()).unwrap();
        let restored = SqliteStore::open(&path, &SqliteOptions::default()).unwrap();
        let posted = posted.unwrap();
        assert_eq!(restored.message(posted.id).await.unwrap(), Some(posted));
        assert_eq!(totals(&restored, &["m"]).await, [n as u64 + 1]);
        let all = export(&restored).await.len() as u64;
        assert_eq!(totals(&restored, &[]).await, [all]);
        restored.close().await;
    }
    done.store(true, Ordering::Relaxed);
    posting.await.unwrap();
    assert_eq!(names(dir.path()).len(), 2 * COPIES, "nothing else is left");
}

/// What posters of a server were told is stored.
type Acknowledged = Arc<std::sync::Mutex<Vec<String>>>;

/// Posts one message after the other until it is over.
async fn post_on(server: Arc<Server>, acknowledged: Acknowledged, is_over: Arc<AtomicBool>) {
    let body = format!(r#"{{"text":"{}","hashtags":["a"]}}"#, "x".repeat(200));
    while !is_over.load(Ordering::SeqCst) {
        let id = server.post(&body).await.id();
        acknowledged.lock().unwrap().push(id);
    }
}

/// Runs a command over a store, beside everything else.
async fn run(place: &Place, arguments: [&str; 2]) {
    let mut command = place.command(&arguments);
    let done = tokio::task::spawn_blocking(move || command.output());
    let done = done.await.unwrap().unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// Copies a store that is posted to and checks what is restored: how many
/// messages that were.
async fn copy_and_restore(server: &Server, before: &[String]) -> usize {
    let dir = Arc::new(tempfile::TempDir::new().unwrap());
    let copy = dir.path().join("copy");
    run(&server.place, ["backup", copy.to_str().unwrap()]).await;
    let restored = Place::embedded(dir);
    run(&restored, ["restore", copy.to_str().unwrap()]).await;
    let file = rusqlite::Connection::open(restored.dir.path().join("dunder.sqlite")).unwrap();
    let check = file.query_row("pragma integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.unwrap(), "ok");
    drop(file);
    let store = restored.open().await;
    let mut ids: Vec<MessageId> = Vec::new();
    loop {
        let some = store.export(ids.last().copied(), 5_000).await.unwrap();
        if some.is_empty() {
            break;
        }
        ids.extend(some.iter().map(|record| record.message.id));
    }
    for id in before {
        let id = id.parse().unwrap();
        assert!(ids.binary_search(&id).is_ok(), "{id} is not there");
    }
    assert_eq!(totals(&*store, &["a"]).await, [ids.len() as u64]);
    store.close().await;
    ids.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; CONTRIBUTING.md says how it is run"]
async fn two_hundred_copies_made_under_full_load_are_restored_whole() {
    let mut beside = 0;
    for round in 1..=10 {
        let server = Arc::new(Server::start());
        let (acknowledged, is_over) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
        let posters: Vec<_> = (0..32)
            .map(|_| {
                let (acknowledged, is_over) = (Arc::clone(&acknowledged), Arc::clone(&is_over));
                tokio::spawn(post_on(Arc::clone(&server), acknowledged, is_over))
            })
            .collect();
        let mut messages = 0;
        for _ in 0..20 {
            let before = acknowledged.lock().unwrap().clone();
            messages = copy_and_restore(&server, &before).await;
            beside += acknowledged.lock().unwrap().len() - before.len();
        }
        is_over.store(true, Ordering::SeqCst);
        for poster in posters {
            poster.await.unwrap();
        }
        println!(
            "{} copies; the last one had {messages} messages",
            round * 20
        );
    }
    println!("{beside} posts were acknowledged beside them");
    assert!(beside > 200);
}

#[tokio::test]
async fn nothing_is_replaced_by_a_copy_or_a_restored_store() {
    let file = File::new();
    file.store.post(draft("ann", "text", &[])).await.unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let copy = dir.path().join("copy");
    back_up(&file.path(), &copy, &mut quietly()).unwrap();
    let before = contents(dir.path());
    let taken = |done: Result<(), OpenError>| {
        let error = done.unwrap_err();
        assert!(matches!(error, OpenError::Taken { .. }), "{error}");
    };
    taken(back_up(&file.path(), &copy, &mut quietly()));
    taken(restore(&copy, &file.path(), &mut quietly()));
    assert!(contents(dir.path()) == before);
    // A log that is left would be read into the new file.
    let path = dir.path().join("new.sqlite");
    fs::write(dir.path().join("new.sqlite-wal"), "left").unwrap();
    taken(restore(&copy, &path, &mut quietly()));
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_damaged_or_no_store_is_not_copied_and_leaves_nothing() {
    let file = File::new();
    for n in 0..200 {
        let text = format!("{n} {}", "x".repeat(2_000));
        file.store.post(draft("ann", &text, &["a"])).await.unwrap();
    }
    file.store.close().await;
    let mut bytes = fs::read(file.path()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    fs::write(file.path(), bytes).unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let to = dir.path().join("copy");
    let error = back_up(&file.path(), &to, &mut quietly()).unwrap_err();
    assert!(error.to_string().contains("damaged") || error.to_string().contains("malformed"));
    fs::write(file.path(), "notes").unwrap();
    let error = back_up(&file.path(), &to, &mut quietly()).unwrap_err();
    assert!(matches!(error, OpenError::NotDunder { .. }), "{error}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[tokio::test]
async fn the_commands_copy_a_store_that_is_served_and_serve_what_they_restore() {
    let server = Server::start();
    let id = server.post(r#"{"text":"kept"}"#).await.id();
    let copy = server.place.dir.path().join("copy");
    let copy = copy.to_str().unwrap();
    let done = server.place.command(&["backup", copy]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(
        String::from_utf8(done.stdout)
            .unwrap()
            .contains("has all of")
    );
    let again = server.place.command(&["backup", copy]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("is there already"), "{said}");
    let other = Place::embedded(Arc::new(tempfile::TempDir::new().unwrap()));
    let done = other.command(&["restore", copy]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let restored = other.serve(&[]);
    assert_eq!(restored.get(&format!("/message/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_database_is_copied_with_its_own_tools() {
    let place = Backend::Postgres.place();
    let done = place.command(&["backup", "never"]).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("pg_dump"), "{said}");
}
