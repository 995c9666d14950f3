//! An archive whose files are missing, truncated or somebody else's.

use std::fs;
use std::path::PathBuf;

use dunder::domain::prelude::*;
use dunder::domain::{Day, Deleter, Event, FeedFilter, FollowFilter, Rule, StoreError, Warning};

use super::{Kept, first_day, is_as, over};
use crate::contract::draft;
use crate::contract::model::{Model, Random};
use crate::place::{Backend, on_every_store};

on_every_store![
    an_answer_never_looks_whole_without_a_file,
    an_archive_that_is_not_read_is_said_to_be_missing,
    an_archive_that_is_away_keeps_what_is_hot,
];

fn path(kept: &Kept, name: &str) -> PathBuf {
    kept.place.dir.path().join("archive").join(name)
}

async fn an_answer_never_looks_whole_without_a_file(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(91, 150);
    model.fill(&kept.archived).await;
    kept.move_before(Rule::All, 30).await;
    let posted = kept.archived.post(draft("ann", "hot", &[])).await.unwrap();
    let files = kept.files().await;
    let broken = &files[1];
    let day = Day::of(broken.first);
    let whole = fs::read(path(&kept, &broken.name)).unwrap();
    let other = fs::read(path(&kept, &files[0].name)).unwrap();
    let in_it = model
        .0
        .iter()
        .filter(|record| Day::of(record.message.id) == day);
    let in_it: Vec<_> = in_it.map(|record| record.message.clone()).collect();
    // A footer that is whole, of messages that are not.
    let mut messages = whole.clone();
    messages[4..100].fill(b'x');
    let cuts: [Option<&[u8]>; 6] = [
        None,
        Some(&whole[..whole.len() / 2]),
        Some(b""),
        Some(&other),
        Some(&vec![b'x'; whole.len()]),
        Some(&messages),
    ];
    for (at, cut) in cuts.into_iter().enumerate() {
        match cut {
            Some(bytes) => fs::write(path(&kept, &broken.name), bytes).unwrap(),
            None => fs::remove_file(path(&kept, &broken.name)).unwrap(),
        }
        // As a program that begins finds it.
        let archived = over(&kept.place, &kept.hot, true);
        let filter = FeedFilter {
            limit: dunder::domain::FeedLimit::new(1000).unwrap(),
            ..FeedFilter::default()
        };
        let page = archived.feed(&filter).await.unwrap();
        assert_eq!(page.cold.missing, [day..Day(day.0 + 1)], "{at}");
        assert_eq!(page.messages[0], posted);
        assert_eq!(page.messages.len(), 151 - in_it.len());
        let shown = archived.message(in_it[0].id).await;
        assert!(
            matches!(shown, Err(StoreError::ArchiveAway(_))),
            "{shown:?}"
        );
        assert_eq!(
            archived.message(posted.id).await.unwrap(),
            Some(posted.clone())
        );
        let exported = archived.export(None, 1000).await;
        assert!(matches!(exported, Err(StoreError::ArchiveAway(_))));
        let deleted = archived.delete(vec![in_it[0].id], Deleter::Operator, chrono::Utc::now());
        assert!(matches!(deleted.await, Err(StoreError::ArchiveAway(_))));
        assert_eq!(
            archived.check().await.unwrap(),
            [Warning::Unreadable { day }]
        );
        let (mut seen, mut gaps, mut position) = (0, Vec::new(), None);
        loop {
            let passage = archived
                .after(position, &FollowFilter::default())
                .await
                .unwrap();
            for event in passage.events {
                match event {
                    Event::Posted(_) => seen += 1,
                    Event::Gap { from, to } => gaps.push((from.0, to.0)),
                    Event::Deleted(_) => {}
                }
            }
            position = passage.position.max(position);
            if passage.is_caught_up {
                break;
            }
        }
        assert_eq!(seen, 151 - in_it.len());
        let is_hidden = |gap: &(_, _)| gap.0 < in_it[0].id && in_it[in_it.len() - 1].id <= gap.1;
        assert!(gaps.len() == 1 && is_hidden(&gaps[0]), "{gaps:?}");
        // It is not written over: somebody may find it again.
        let late = archived.import(vec![]).await.unwrap();
        assert!(late.is_empty());
        fs::write(path(&kept, &broken.name), &whole).unwrap();
        let page = archived.feed(&filter).await.unwrap();
        assert_eq!((page.cold.missing.len(), page.messages.len()), (0, 151));
        assert_eq!(archived.check().await.unwrap(), []);
    }
    kept.hot.close().await;
}

async fn an_archive_that_is_not_read_is_said_to_be_missing(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(93, 60);
    model.fill(&kept.archived).await;
    kept.move_before(Rule::All, 30).await;
    let posted = kept.archived.post(draft("ann", "hot", &[])).await.unwrap();
    let closed = over(&kept.place, &kept.hot, false);
    let page = closed.feed(&FeedFilter::default()).await.unwrap();
    assert_eq!(page.messages, std::slice::from_ref(&posted));
    let last = Day::of(model.0[59].message.id);
    assert_eq!(page.cold.missing[0].end, Day(last.0 + 1));
    let shown = closed.message(model.0[3].message.id).await;
    assert!(
        matches!(shown, Err(StoreError::ArchiveClosed(_))),
        "{shown:?}"
    );
    let newer = FeedFilter {
        from: Some(posted.created_at()),
        ..FeedFilter::default()
    };
    assert!(closed.feed(&newer).await.unwrap().cold.missing.is_empty());
    let passage = closed.after(None, &FollowFilter::default()).await.unwrap();
    assert!(
        matches!(passage.events[0], Event::Gap { .. }),
        "{passage:?}"
    );
    kept.hot.close().await;
}

async fn an_archive_that_is_away_keeps_what_is_hot(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(95, 80);
    model.fill(&kept.archived).await;
    let root = kept.place.dir.path().join("archive");
    let elsewhere = kept.place.dir.path().join("elsewhere");
    fs::rename(&root, &elsewhere).unwrap();
    fs::write(&root, "no directory").unwrap();
    let mut moved = dunder::store::archive::Moved::default();
    let failed = kept
        .archived
        .move_due(&super::before(Rule::All, 30), &mut moved)
        .await;
    assert!(failed.is_err());
    assert_eq!(moved.messages, 0);
    is_as(&kept.archived, &model, &mut Random(96)).await;
    fs::remove_file(&root).unwrap();
    fs::rename(&elsewhere, &root).unwrap();
    kept.move_before(Rule::All, 2).await;
    fs::rename(&root, &elsewhere).unwrap();
    fs::write(&root, "no directory").unwrap();
    let archived = over_file(&kept);
    let page = archived.feed(&FeedFilter::default()).await.unwrap();
    assert!(!page.cold.missing.is_empty());
    assert!(
        page.messages
            .iter()
            .all(|message| Day::of(message.id).0 >= first_day() + 2)
    );
    let gone = model.0[0].message.id;
    let deleted = archived
        .delete(vec![gone], Deleter::Operator, chrono::Utc::now())
        .await;
    assert!(deleted.is_err());
    fs::remove_file(&root).unwrap();
    fs::rename(&elsewhere, &root).unwrap();
    is_as(&archived, &model, &mut Random(97)).await;
    kept.hot.close().await;
}

/// The same archive with nothing of it in memory.
fn over_file(kept: &Kept) -> dunder::store::archive::Archived {
    let root = kept.place.dir.path().join("archive");
    let away = kept.place.dir.path().join("away");
    // Opening makes the directory: it has to be there for that moment.
    fs::rename(&root, &away).unwrap();
    let archived = over(&kept.place, &kept.hot, true);
    fs::remove_dir(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    archived
}
