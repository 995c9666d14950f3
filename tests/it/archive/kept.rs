//! A store with an archive in a directory, for tests of both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use dunder::domain::{ArchiveFile, Day, Rule, Store};
use dunder::store::archive::{ArchiveOptions, ArchivePlace, Archived, Due, Moved};

use crate::contract::model::START;
use crate::place::{Backend, Place};

/// The first of the model's days.
pub fn first_day() -> i64 {
    START / 86_400_000
}

/// A place, its store, and the same with an archive beside it.
pub struct Kept {
    pub place: Place,
    pub hot: Arc<dyn Store>,
    pub archived: Archived,
}

impl Kept {
    pub async fn new(on: Backend) -> Kept {
        let place = on.place();
        let hot = place.open().await;
        let archived = over(&place, &hot, true);
        Kept {
            place,
            hot,
            archived,
        }
    }

    /// Moves what a rule is about and is older than the `n`th of the model's
    /// days.
    pub async fn move_before(&self, rule: Rule, n: i64) -> Moved {
        let mut moved = Moved::default();
        let due = before(rule, n);
        let done = self.archived.move_due(&due, &mut moved);
        done.await.unwrap();
        moved
    }

    /// What the manifest names.
    pub async fn files(&self) -> Vec<ArchiveFile> {
        let days = self.hot.archived_days(Day(0), Day(40_000), 1_000).await;
        let files = days.unwrap().into_iter().filter_map(|day| day.file);
        files.collect()
    }

    /// Files of the archive on disk, below its root, in order.
    pub fn on_disk(&self) -> Vec<String> {
        let root = self.place.dir.path().join("archive");
        let names = files_below(&root).into_iter();
        let names = names.map(|path| path.strip_prefix(&root).unwrap().display().to_string());
        names.collect()
    }

    /// Each file is named and each name is a file.
    pub async fn is_tidy(&self) {
        let mut named: Vec<String> = self
            .files()
            .await
            .into_iter()
            .map(|file| file.name)
            .collect();
        named.sort();
        assert_eq!(self.on_disk(), named);
        assert!(self.hot.unfinished_days().await.unwrap().is_empty());
    }
}

/// The files of days below a folder, in order; none where there is no folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = all_below(folder);
    files.retain(|path| !path.ends_with("_dunder-store"));
    files
}

fn all_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = paths
        .flat_map(|path| match path.is_dir() {
            true => all_below(&path),
            false => vec![path],
        })
        .collect();
    files.sort();
    files
}

pub fn over(place: &Place, hot: &Arc<dyn Store>, is_read: bool) -> Archived {
    with_patience(place, hot, is_read, Duration::from_secs(60))
}

pub fn with_patience(
    place: &Place,
    hot: &Arc<dyn Store>,
    is_read: bool,
    patience: Duration,
) -> Archived {
    let directory = ArchivePlace::Directory(place.dir.path().join("archive"));
    let options = ArchiveOptions { is_read, patience };
    Archived::open(Arc::clone(hot), &directory, options).unwrap()
}

pub fn before(rule: Rule, n: i64) -> Due {
    Due::by([(rule, Day(first_day() + n))], Utc::now())
}
