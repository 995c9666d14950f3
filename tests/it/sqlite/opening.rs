//! Whose file it is, and that anybody else's stays as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Barrier};

use dunder::domain::prelude::*;
use dunder::store::OpenError;
use dunder::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use super::File;
use crate::contract::{draft, totals};
use crate::support::{Server, contents};

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, &SqliteOptions::default())
}

/// Opens what must not be opened; checks that nothing in the directory
/// changed and gives the sentence.
#[track_caller]
fn refused(path: &Path) -> OpenError {
    let dir = path.parent().unwrap();
    let before = contents(dir);
    let Err(error) = open(path) else {
        panic!("{} was opened", path.display());
    };
    assert!(
        contents(dir) == before,
        "something in {} changed",
        dir.display()
    );
    let sentence = error.to_string();
    assert!(
        sentence.contains(path.to_str().unwrap()),
        "{sentence:?} does not name the path"
    );
    error
}

#[tokio::test]
async fn a_first_start_makes_a_private_directory_and_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("share/dunder/dunder.sqlite");
    let store = open(&path).unwrap();
    store.post(draft("ann", "text", &[])).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&dir.path().join("share")), 0o700);
    store.close().await;
    let left: Vec<_> = contents(path.parent().unwrap())
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(left, [path], "a closed store is one file");
}

#[tokio::test]
async fn a_store_that_everybody_can_read_is_said_at_the_start() {
    let file = File::new();
    file.store.close().await;
    let dir = Arc::new(file.dir);
    let start = |mode: u32, directory: u32| {
        let permissions = |mode| fs::Permissions::from_mode(mode);
        fs::set_permissions(dir.path().join("dunder.sqlite"), permissions(mode)).unwrap();
        fs::set_permissions(dir.path(), permissions(directory)).unwrap();
        let said = Server::over(Arc::clone(&dir), &[]).log();
        let _ = fs::remove_file(dir.path().join("log"));
        said.contains("chmod o-rwx")
    };
    assert!(start(0o644, 0o755));
    assert!(!start(0o640, 0o755));
    // Nobody else gets as far as the file.
    assert!(!start(0o644, 0o700));
}

#[test]
fn a_pipe_is_not_a_store_and_keeps_nobody_waiting() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    for opened in [
        open(&path),
        SqliteStore::open_for_reading(&path, &SqliteOptions::default()),
    ] {
        let Err(error) = opened else {
            panic!("a pipe was opened")
        };
        assert!(matches!(error, OpenError::NotDunder { .. }), "{error}");
    }
}

#[test]
fn files_of_others_are_refused_untouched() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("other");
    for bytes in [
        &b"x"[..],
        b"#!/bin/sh\necho a shell script\n",
        b"SQLite format 2",
        &[0; 4096],
    ] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(refused(&path), OpenError::NotDunder { .. }));
    }
    fs::remove_file(&path).unwrap();
    for mode in ["delete", "wal"] {
        let other = Connection::open(&path).unwrap();
        other.pragma_update(None, "journal_mode", mode).unwrap();
        other
            .execute_batch(
                "create table if not exists notes (text); insert into notes values ('mine')",
            )
            .unwrap();
        // Once with its owner beside us, once without.
        assert!(matches!(refused(&path), OpenError::NotDunder { .. }));
        drop(other);
        assert!(matches!(refused(&path), OpenError::NotDunder { .. }));
    }
}

#[test]
fn a_directory_is_not_a_store() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("folder");
    fs::create_dir(&path).unwrap();
    let Err(error) = open(&path) else { panic!() };
    assert!(matches!(error, OpenError::NotDunder { .. }), "{error}");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[tokio::test]
async fn a_store_of_a_newer_dunder_is_refused_untouched() {
    let file = File::new();
    file.store.post(draft("ann", "text", &[])).await.unwrap();
    file.store.close().await;
    let newer = Connection::open(file.path()).unwrap();
    newer.pragma_update(None, "user_version", 4711).unwrap();
    drop(newer);
    let error = refused(&file.path());
    assert!(
        matches!(error, OpenError::Newer { found: 4711, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("4711"), "{error}");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_left_as_it_is() {
    let file = File::new();
    file.store.post(draft("ann", "text", &[])).await.unwrap();
    file.store.close().await;
    let read = || SqliteStore::open_for_reading(&file.path(), &SqliteOptions::default());
    for change in ["pragma user_version = 1", "pragma user_version = 4711"] {
        let changed = Connection::open(file.path()).unwrap();
        changed.execute_batch(change).unwrap();
        drop(changed);
        let before = contents(file.dir.path());
        let Err(error) = read() else {
            panic!("opened after {change}")
        };
        assert!(contents(file.dir.path()) == before, "{change}: {error}");
    }
}

#[tokio::test]
async fn a_read_only_file_or_directory_is_refused_even_for_root() {
    let file = File::new();
    file.store.close().await;
    for read_only in [file.path(), file.dir.path().to_owned()] {
        let writable = fs::metadata(&read_only).unwrap().permissions();
        let mut permissions = writable.clone();
        permissions.set_mode(permissions.mode() & !0o222);
        fs::set_permissions(&read_only, permissions).unwrap();
        let error = refused(&file.path());
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains("read-only"), "{error}");
        fs::set_permissions(&read_only, writable).unwrap();
    }
    open(&file.path()).unwrap().close().await;
}

#[tokio::test]
async fn a_damaged_store_is_a_sentence() {
    let file = File::new();
    file.store.close().await;
    let mut bytes = fs::read(file.path()).unwrap();
    bytes[100..].fill(0xa5);
    fs::write(file.path(), bytes).unwrap();
    let Err(error) = open(&file.path()) else {
        panic!()
    };
    assert!(matches!(error, OpenError::Database { .. }), "{error}");
    assert!(error.to_string().contains("malformed"), "{error}");
}

#[tokio::test]
async fn an_empty_file_is_a_store_in_the_making() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("dunder.sqlite");
    fs::write(&path, b"").unwrap();
    let store = open(&path).unwrap();
    store.post(draft("ann", "text", &[])).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_starting_at_once_share_one_store() {
    const STARTS: usize = 8;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("new/dunder.sqlite");
    let together = Arc::new(Barrier::new(STARTS));
    let starts: Vec<_> = (0..STARTS)
        .map(|_| {
            let (path, together) = (path.clone(), Arc::clone(&together));
            std::thread::spawn(move || {
                together.wait();
                open(&path).unwrap()
            })
        })
        .collect();
    let stores: Vec<_> = starts
        .into_iter()
        .map(|start| start.join().unwrap())
        .collect();
    for store in &stores {
        store.post(draft("ann", "text", &["a"])).await.unwrap();
    }
    for store in &stores {
        assert_eq!(totals(store, &["a"]).await, [STARTS as u64]);
    }
    for store in &stores {
        store.close().await;
    }
}
