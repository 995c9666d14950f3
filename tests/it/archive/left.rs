//! Files that no day names: which of them go, and which may be needed.

use std::fs;
use std::time::{Duration, SystemTime};

use chrono::Utc;
use dunder::domain::prelude::*;
use dunder::domain::{Day, Deleter, MessageId, Rule};
use dunder::store::archive::Moved;

use super::{Kept, before};
use crate::contract::model::Model;
use crate::place::{Backend, on_every_store};

on_every_store![
    a_file_that_may_be_the_only_copy_stays,
    a_deleted_text_is_in_no_file_of_a_day_that_has_none_yet,
    what_a_killed_program_had_begun_to_write_goes,
    files_of_another_store_stay_whatever_is_deleted,
];

/// Puts a file that no day names into the archive, as one that was begun when so
/// many removals were known; its name.
fn stray(kept: &Kept, day: Day, removals: u64) -> String {
    let folder = day.start().format("%Y/%m/%d").to_string();
    let id = MessageId::from_parts(Utc::now().timestamp_millis(), u128::from(removals));
    let name = format!("{folder}/{id}-{removals}.parquet");
    let root = kept.place.dir.path().join("archive");
    fs::create_dir_all(root.join(folder)).unwrap();
    fs::write(root.join(&name), "messages").unwrap();
    name
}

async fn a_file_that_may_be_the_only_copy_stays(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(101, 100);
    model.fill(&kept.archived).await;
    kept.move_before(Rule::All, 30).await;
    let gone = model.0[0].message.id;
    let day = Day::of(gone);
    let delete = || {
        let ids = vec![gone];
        kept.archived.delete(ids, Deleter::Operator, Utc::now())
    };
    delete().await.unwrap();
    // Of a later state of the store, of a day that it does not know, and one
    // that deletions have overtaken.
    let later = stray(&kept, day, 7);
    let foreign = stray(&kept, Day(day.0 - 40), 0);
    let outdated = stray(&kept, day, 0);
    let named = kept.files().await;
    let own = named.iter().find(|file| Day::of(file.first) == day);
    let own = kept
        .place
        .dir
        .path()
        .join("archive")
        .join(&own.unwrap().name);
    let aside = kept.place.dir.path().join("aside");
    let in_two_days = Utc::now() + chrono::Duration::hours(48);
    // As after a backup of the store was restored: its file was replaced.
    fs::rename(&own, &aside).unwrap();
    assert_eq!(kept.archived.sweep(in_two_days).await.unwrap(), 0);
    assert!(delete().await.is_err());
    for name in [&later, &foreign, &outdated] {
        assert!(kept.on_disk().contains(name), "{name}");
    }
    fs::rename(&aside, &own).unwrap();
    assert_eq!(kept.archived.sweep(in_two_days).await.unwrap(), 1);
    delete().await.unwrap();
    let on_disk = kept.on_disk();
    let is_there = [&later, &foreign, &outdated].map(|name| on_disk.contains(name));
    assert_eq!(is_there, [true, true, false]);
    kept.hot.close().await;
}

async fn a_deleted_text_is_in_no_file_of_a_day_that_has_none_yet(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(103, 40);
    model.fill(&kept.archived).await;
    let gone = model.0[0].message.id;
    let day = Day::of(gone);
    // As a program leaves it that is killed before the file is named.
    kept.hot.begin_day(day).await.unwrap();
    // Whoever was killed had signed before.
    let root = kept.place.dir.path().join("archive");
    let name = kept.hot.identity().await.unwrap();
    fs::write(root.join("_dunder-store"), format!("{name}\n")).unwrap();
    let name = stray(&kept, day, 0);
    let deleted = kept
        .archived
        .delete(vec![gone], Deleter::Operator, Utc::now());
    deleted.await.unwrap();
    assert!(!kept.on_disk().contains(&name));
    // Or if nobody deletes it until the day is written.
    let name = stray(&kept, day, 0);
    kept.move_before(Rule::All, 30).await;
    assert!(!kept.on_disk().contains(&name));
    kept.is_tidy().await;
    kept.hot.close().await;
}

async fn what_a_killed_program_had_begun_to_write_goes(on: Backend) {
    let kept = Kept::new(on).await;
    let root = kept.place.dir.path().join("archive");
    let ages = [
        (".dunder-old", 7_200),
        (".dunder-young", 60),
        ("notes", 7_200),
    ];
    for (name, age) in ages {
        fs::write(root.join(name), "text").unwrap();
        let file = fs::File::options()
            .write(true)
            .open(root.join(name))
            .unwrap();
        let then = SystemTime::now() - Duration::from_secs(age);
        file.set_modified(then).unwrap();
    }
    let due = before(Rule::All, 30);
    let done = kept.archived.move_due(&due, &mut Moved::default()).await;
    done.unwrap();
    assert_eq!(kept.on_disk(), [".dunder-young", "notes"]);
    kept.hot.close().await;
}

async fn files_of_another_store_stay_whatever_is_deleted(on: Backend) {
    // One that signed after this one was opened, and one that never did.
    for signature in [Some("0123456789abcdef0123456789abcdef\n"), None] {
        let kept = Kept::new(on).await;
        let model = Model::random(103, 40);
        model.fill(&kept.archived).await;
        let gone = model.0[0].message.id;
        let stray = stray(&kept, Day::of(gone), 0);
        let root = kept.place.dir.path().join("archive");
        if let Some(signature) = signature {
            fs::write(root.join("_dunder-store"), signature).unwrap();
        }
        for _ in 0..2 {
            let by = Deleter::Operator;
            // Whether the message is gone or not: what there is stays.
            let _ = kept.archived.delete(vec![gone], by, Utc::now()).await;
        }
        let (due, mut moved) = (before(Rule::All, 30), Moved::default());
        let done = kept.archived.move_due(&due, &mut moved).await;
        done.unwrap_err();
        let swept = kept
            .archived
            .sweep(Utc::now() + chrono::Duration::hours(48));
        let _ = swept.await;
        assert_eq!(kept.on_disk(), [stray]);
    }
}
