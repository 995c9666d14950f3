//! Steps that are cut off: a program that is killed, or a place that takes no
//! more files.

use std::fs;
use std::pin::pin;
use std::task::Poll;

use chrono::Utc;
use dunder::domain::prelude::*;
use dunder::domain::{ArchivedDay, Day, Deleter, MessageId, Record, Rule};
use dunder::store::archive::Moved;

use super::{Kept, before, is_as};
use crate::contract::export;
use crate::contract::model::{Model, Random};
use crate::place::{Backend, on_every_store};

on_every_store![
    an_archiving_that_is_cut_off_anywhere_loses_nothing,
    a_deletion_that_is_cut_off_anywhere_is_finished_later,
    two_who_archive_one_day_name_one_file,
];

/// Runs work until it has waited so often, then drops it there; whether it came
/// to its end.
async fn cut_off<T>(work: impl Future<Output = T>, waits: usize) -> Option<T> {
    let mut work = pin!(work);
    let mut left = waits;
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

async fn an_archiving_that_is_cut_off_anywhere_loses_nothing(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(61, 60);
    model.fill(&kept.archived).await;
    let due = before(Rule::All, 30);
    let mut waits = 0;
    loop {
        let mut moved = Moved::default();
        let work = kept.archived.move_due(&due, &mut moved);
        let done = cut_off(work, waits).await;
        assert_eq!(export(&kept.archived).await, model.0, "after {waits} waits");
        if let Some(done) = done {
            done.unwrap();
            break;
        }
        waits += 1 + waits / 8;
    }
    assert!(waits > 5);
    assert!(export(&*kept.hot).await.is_empty());
    is_as(&kept.archived, &model, &mut Random(62)).await;
    kept.archived.finish().await.unwrap();
    // What was about to be named may be there; what is named is.
    let later = Utc::now() + chrono::Duration::hours(25);
    assert_eq!(kept.archived.sweep(later).await.unwrap(), 0);
    let on_disk = kept.on_disk();
    let named = kept.files().await;
    assert!(named.iter().all(|file| on_disk.contains(&file.name)));
    is_as(&kept.archived, &model, &mut Random(63)).await;
    kept.hot.close().await;
}

async fn a_deletion_that_is_cut_off_anywhere_is_finished_later(on: Backend) {
    let kept = Kept::new(on).await;
    let mut model = Model::random(71, 60);
    model.fill(&kept.archived).await;
    let due = before(Rule::All, 30);
    kept.archived
        .move_due(&due, &mut Moved::default())
        .await
        .unwrap();
    for waits in (0..24).step_by(2) {
        let gone = model.0.remove(waits / 2).message;
        let delete = || {
            let delete = kept
                .archived
                .delete(vec![gone.id], Deleter::Operator, Utc::now());
            async { delete.await.unwrap() }
        };
        let _ = cut_off(delete(), waits).await;
        // Either way it is told to delete again, and then it is gone.
        delete().await;
        knows_of_no_removed_text(&kept).await;
        assert_eq!(export(&kept.archived).await, model.0, "after {waits} waits");
        let rows: u64 = kept.files().await.iter().map(|file| file.rows).sum();
        assert_eq!(rows, model.0.len() as u64);
    }
    is_as(&kept.archived, &model, &mut Random(72)).await;
    // Somebody else goes on with what nobody asks for again.
    let gone: Vec<Record> = (0..3).map(|n| model.0.remove(n * 4)).collect();
    let deleted = kept
        .hot
        .delete_archived(gone, Deleter::Operator, Utc::now());
    deleted.await.unwrap();
    assert_eq!(export(&kept.archived).await, model.0);
    assert!(!kept.archived.is_finished().await.unwrap());
    kept.archived.finish().await.unwrap();
    assert!(kept.archived.is_finished().await.unwrap());
    kept.archived.sweep(Utc::now()).await.unwrap();
    knows_of_no_removed_text(&kept).await;
    let rows: u64 = kept.files().await.iter().map(|file| file.rows).sum();
    assert_eq!(rows, model.0.len() as u64);
    kept.hot.close().await;
}

/// Files that no day names were begun after all of its removals were known;
/// once what a step that was cut off had begun is at its end.
async fn knows_of_no_removed_text(kept: &Kept) {
    assert!(kept.hot.unfinished_days().await.unwrap().is_empty());
    for _ in 0..1_000 {
        kept.archived.sweep(Utc::now()).await.unwrap();
        let days = kept.hot.archived_days(Day(0), Day(40_000), 1_000).await;
        let is_tidy = |day: &ArchivedDay| {
            let folder = day.day.start().format("%Y/%m/%d/").to_string();
            let begun = format!("-{}.parquet", day.removals);
            let named = day.file.as_ref().map(|file| &file.name);
            let mut files = kept.on_disk().into_iter();
            files.all(|name| {
                !name.starts_with(&folder) || Some(&name) == named || name.ends_with(&begun)
            })
        };
        if days.unwrap().iter().all(is_tidy) {
            return;
        }
    }
    panic!("{:?}", kept.on_disk());
}

async fn two_who_archive_one_day_name_one_file(on: Backend) {
    let kept = Kept::new(on).await;
    let mut model = Model::random(81, 60);
    model.fill(&kept.archived).await;
    let due = before(Rule::All, 30);
    let gone: Vec<MessageId> = (0..5).map(|n| model.0.remove(n * 3).message.id).collect();
    let (mut one, mut other) = (Moved::default(), Moved::default());
    // Beside each other, and beside somebody who deletes.
    let (one, other, deleted) = tokio::join!(
        kept.archived.move_due(&due, &mut one),
        kept.archived.move_due(&due, &mut other),
        kept.archived.delete(gone, Deleter::Operator, Utc::now()),
    );
    deleted.unwrap();
    // One of them may have lost a day to the other too often.
    let _ = (one, other);
    let done = kept.archived.move_due(&due, &mut Moved::default()).await;
    done.unwrap();
    is_as(&kept.archived, &model, &mut Random(82)).await;
    kept.archived.finish().await.unwrap();
    let later = Utc::now() + chrono::Duration::hours(25);
    kept.archived.sweep(later).await.unwrap();
    kept.is_tidy().await;
    assert!(export(&*kept.hot).await.is_empty());
    let folder = kept.place.dir.path().join("archive");
    assert!(fs::metadata(folder).unwrap().is_dir());
    let days = kept
        .hot
        .archived_days(Day(0), Day(40_000), 1_000)
        .await
        .unwrap();
    assert!(
        days.iter()
            .all(|day| !day.is_unclean() && day.replaced.is_none())
    );
    kept.hot.close().await;
}
