//! An archive that takes a question and never answers it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dunder::domain::prelude::*;
use dunder::domain::{Day, FeedFilter, FollowFilter, Rule, StoreError};

use super::{Kept, is_as, with_patience};
use crate::contract::draft;
use crate::contract::model::{Model, Random};
use crate::place::{Backend, on_every_store};

on_every_store![a_file_that_never_answers_holds_nobody_up];

/// A pipe in the place of a file: who opens it waits for somebody to write.
struct Hanging {
    path: PathBuf,
    aside: PathBuf,
}

impl Hanging {
    fn new(path: PathBuf) -> Hanging {
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).unwrap();
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        Hanging { path, aside }
    }

    /// Puts the file back, and ends all who wait: a runtime waits for their
    /// threads.
    fn end(&self) {
        let pipe = self.path.with_extension("pipe");
        fs::rename(&self.path, &pipe).unwrap();
        fs::rename(&self.aside, &self.path).unwrap();
        drop(open(&pipe));
    }
}

fn open(pipe: &Path) -> fs::File {
    // Both ends, so that it does not wait itself.
    let both = fs::File::options().read(true).write(true).open(pipe);
    both.unwrap()
}

async fn a_file_that_never_answers_holds_nobody_up(on: Backend) {
    let kept = Kept::new(on).await;
    let mut model = Model::random(61, 150);
    model.fill(&kept.archived).await;
    kept.move_before(Rule::All, 30).await;
    let posted = kept.archived.post(draft("ann", "hot", &[])).await.unwrap();
    let files = kept.files().await;
    let silent = &files[1];
    let root = kept.place.dir.path().join("archive");
    let hanging = Hanging::new(root.join(&silent.name));
    let patience = Duration::from_millis(20);
    let archived = with_patience(&kept.place, &kept.hot, true, patience);
    // What is newer is answered, and then it is said what is missing.
    let (mut filter, mut seen) = (FeedFilter::default(), Vec::new());
    let missing = loop {
        let page = archived.feed(&filter).await.unwrap();
        seen.extend(page.messages);
        if !page.cold.missing.is_empty() {
            break page.cold.missing;
        }
        filter.cursor = page.next_cursor;
        assert!(filter.cursor.is_some());
    };
    assert_eq!(seen[0], posted);
    assert!(seen.iter().all(|message| message.id > silent.last));
    assert!(seen.iter().any(|message| message.id == files[0].first));
    assert!(missing[0].contains(&Day::of(silent.last)), "{missing:?}");
    // One message of this day is not known to be there or not; others are.
    let shown = archived.message(silent.first).await;
    assert!(
        matches!(
            shown,
            Err(StoreError::TooSlow(_) | StoreError::ArchiveAway(_))
        ),
        "{shown:?}"
    );
    let other = archived.message(files[0].first).await.unwrap();
    assert_eq!(other.map(|message| message.id), Some(files[0].first));
    let hot = archived.message(posted.id).await.unwrap();
    assert_eq!(hot.as_ref(), Some(&posted));
    let followed = archived.after(None, &FollowFilter::default()).await;
    assert!(
        followed.as_ref().is_err() || !followed.as_ref().unwrap().is_caught_up,
        "{followed:?}"
    );
    hanging.end();
    model.0.push(dunder::domain::Record {
        message: posted,
        idempotency_key: None,
    });
    is_as(&kept.archived, &model, &mut Random(62)).await;
    kept.hot.close().await;
}
