//! A store with an archive: reading it is the same as before, wherever the
//! boundary is, whatever is deleted, and wherever a step was cut off.

mod broken;
mod cut;
mod hangs;
mod kept;
mod left;
mod retired;
mod serving;

use std::time::Duration;

use chrono::Utc;
use dunder::domain::prelude::*;
use dunder::domain::{
    ArchiveFile, Day, Deleter, Deletion, Event, FeedFilter, FollowFilter, HashtagsFilter, Imported,
    MessageId, Record, Rule, Store, Tombstone,
};
use dunder::store::archive::Moved;

use self::kept::{Kept, before, files_below, first_day, over, with_patience};
use crate::contract::model::{Model, Random, START, TAGS};
use crate::contract::{all_dates, all_time, draft, export, pages, record};
use crate::place::{Backend, on_every_store};

on_every_store![
    reading_is_the_same_wherever_the_boundary_is,
    what_is_deleted_is_in_no_file_and_counts_no_more,
    a_hashtag_moves_before_the_others,
    late_imports_are_read_and_moved_the_next_time,
    tombstones_of_another_store_reach_into_the_archive,
    what_is_imported_again_while_it_moves_counts_once,
    an_answer_with_little_time_says_where_to_go_on,
    who_reads_while_messages_move_and_arrive_sees_each_once,
];

/// Ids of messages in the order in which followers see them.
async fn followed(store: &dyn Store, filter: &FollowFilter) -> Vec<MessageId> {
    let (mut seen, mut position) = (Vec::new(), None);
    loop {
        let passage = store.after(position, filter).await.unwrap();
        for event in passage.events {
            assert!(Some(event.position()) > position);
            match event {
                Event::Posted(message) => seen.push(message.id),
                Event::Deleted(_) => {}
                Event::Gap { .. } => panic!("nothing is gone"),
            }
        }
        position = passage.position.max(position);
        if passage.is_caught_up {
            return seen;
        }
    }
}

/// Everything there is to read is what the model has.
async fn is_as(store: &dyn Store, model: &Model, random: &mut Random) {
    assert_eq!(export(store).await, model.0);
    for _ in 0..12 {
        let filter = model.filter(random);
        assert_eq!(
            pages(store, &filter).await,
            model.feed(&filter),
            "{filter:?}"
        );
    }
    let trend = all_time("1h");
    assert_eq!(store.trend(&trend).await.unwrap(), model.trend(&trend));
    let busiest = HashtagsFilter {
        range: all_dates(),
        prefix: String::new(),
        limit: 9,
    };
    assert_eq!(
        store.hashtags(&busiest).await.unwrap(),
        model.hashtags(&busiest)
    );
    for record in model.0.iter().step_by(23) {
        let shown = store.message(record.message.id).await.unwrap();
        assert_eq!(shown.as_ref(), Some(&record.message));
    }
    let tagged = FollowFilter {
        hashtags: vec![TAGS[0].parse().unwrap()],
        ..FollowFilter::default()
    };
    for filter in [FollowFilter::default(), tagged] {
        let wanted = model.0.iter().map(|record| &record.message);
        let wanted = wanted.filter(|message| filter.matches(message));
        let wanted: Vec<MessageId> = wanted.map(|message| message.id).collect();
        assert_eq!(followed(store, &filter).await, wanted);
    }
}

async fn reading_is_the_same_wherever_the_boundary_is(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(11, 300);
    model.fill(&kept.archived).await;
    let mut random = Random(12);
    is_as(&kept.archived, &model, &mut random).await;
    for boundary in [1, 3, 4, 30] {
        let moved = kept.move_before(Rule::All, boundary).await;
        let again = kept.move_before(Rule::All, boundary).await;
        assert_eq!(again, Moved::default(), "{moved:?}");
        is_as(&kept.archived, &model, &mut random).await;
        kept.is_tidy().await;
        let rows: u64 = kept.files().await.iter().map(|file| file.rows).sum();
        let hot = export(&*kept.hot).await.len() as u64;
        assert_eq!((rows > 0, rows + hot), (true, 300));
    }
    // All of it is cold, and somebody may go on.
    assert!(export(&*kept.hot).await.is_empty());
    let posted = kept
        .archived
        .post(draft("ann", "new", &["ui"]))
        .await
        .unwrap();
    let page = kept.archived.feed(&FeedFilter::default()).await.unwrap();
    assert_eq!(page.messages[0], posted);
    assert!(page.cold.files > 0 && page.cold.missing.is_empty());
    // What the hot store fills never asks the archive.
    let newest = FeedFilter {
        from: Some(posted.created_at()),
        ..FeedFilter::default()
    };
    let page = kept.archived.feed(&newest).await.unwrap();
    assert_eq!((page.messages.len(), page.cold.files), (1, 0));
    kept.hot.close().await;
}

async fn what_is_deleted_is_in_no_file_and_counts_no_more(on: Backend) {
    let kept = Kept::new(on).await;
    let mut model = Model::random(21, 200);
    model.fill(&kept.archived).await;
    kept.move_before(Rule::All, 3).await;
    let mut random = Random(22);
    let rows = |files: Vec<ArchiveFile>| files.iter().map(|file| file.rows).sum::<u64>();
    for _ in 0..3 {
        let mut gone = Vec::new();
        for _ in 0..5 {
            let at = random.below(model.0.len() as u64) as usize;
            gone.push(model.0.remove(at).message);
        }
        let ids: Vec<MessageId> = gone.iter().map(|message| message.id).collect();
        let author = Deleter::Author("nobody".parse().unwrap());
        let refused = kept.archived.delete(ids.clone(), author, Utc::now()).await;
        assert_eq!(refused.unwrap(), vec![Deletion::NotTheirs; 5]);
        let done = kept
            .archived
            .delete(ids.clone(), Deleter::Operator, Utc::now())
            .await;
        let is_new = |done: &Deletion| matches!(done, Deletion::Deleted(_));
        assert!(done.unwrap().iter().all(is_new));
        let again = kept
            .archived
            .delete(ids.clone(), Deleter::Operator, Utc::now())
            .await;
        let is_old = |done: &Deletion| matches!(done, Deletion::AlreadyGone(_));
        assert!(again.unwrap().iter().all(is_old));
        is_as(&kept.archived, &model, &mut random).await;
        kept.is_tidy().await;
        let hot = export(&*kept.hot).await.len();
        assert_eq!(rows(kept.files().await) as usize + hot, model.0.len());
        for message in &gone {
            assert_eq!(kept.archived.message(message.id).await.unwrap(), None);
            assert!(kept.archived.tombstone(message.id).await.unwrap().is_some());
        }
        let record = Record {
            message: gone[0].clone(),
            idempotency_key: None,
        };
        let done = kept.archived.import(vec![record]).await.unwrap();
        assert_eq!(done, [Imported::Deleted]);
    }
    // The last of a day takes its file along.
    let day = Day::of(model.0[0].message.id);
    let of_day = model.0.iter().map(|record| record.message.id);
    let of_day: Vec<MessageId> = of_day.filter(|id| Day::of(*id) == day).collect();
    let files = kept.files().await.len();
    let done = kept
        .archived
        .delete(of_day.clone(), Deleter::Operator, Utc::now());
    assert_eq!(done.await.unwrap().len(), of_day.len());
    model.0.retain(|record| Day::of(record.message.id) != day);
    is_as(&kept.archived, &model, &mut random).await;
    assert_eq!(kept.files().await.len(), files - 1);
    kept.is_tidy().await;
    kept.hot.close().await;
}

async fn a_hashtag_moves_before_the_others(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(31, 200);
    model.fill(&kept.archived).await;
    let ui = Rule::Hashtag("ui".parse().unwrap());
    let wanted = model
        .0
        .iter()
        .filter(|record| ui.is_about(&record.message.hashtags));
    let wanted = wanted.filter(|record| Day::of(record.message.id).0 < first_day() + 3);
    let wanted = wanted.count() as u64;
    let due = kept
        .archived
        .due_days(&before(ui.clone(), 3))
        .await
        .unwrap();
    assert_eq!(due.iter().map(|day| day.messages).sum::<u64>(), wanted);
    let moved = kept.move_before(ui, 3).await;
    assert_eq!(moved.messages, wanted);
    let mut random = Random(32);
    is_as(&kept.archived, &model, &mut random).await;
    let moved = kept.move_before(Rule::All, 3).await;
    assert!(moved.messages > 0);
    is_as(&kept.archived, &model, &mut random).await;
    kept.is_tidy().await;
    kept.hot.close().await;
}

async fn late_imports_are_read_and_moved_the_next_time(on: Backend) {
    let kept = Kept::new(on).await;
    let mut model = Model::random(41, 120);
    model.fill(&kept.archived).await;
    kept.move_before(Rule::All, 30).await;
    let mut random = Random(42);
    let late: Vec<_> = (0..5)
        .map(|n| {
            record(
                draft("late", &format!("late {n}"), &["ui"]),
                START + n * 40_000_000,
            )
        })
        .collect();
    let both = [late.as_slice(), &model.0[..4]].concat();
    let done = kept.archived.import(both).await.unwrap();
    assert_eq!(done[..5], [Imported::Stored; 5]);
    assert_eq!(done[5..], [Imported::AlreadyThere; 4]);
    let mut keyless = model.0[0].clone();
    keyless.idempotency_key = None;
    let done = kept.archived.import(vec![keyless]).await.unwrap();
    assert_eq!(done, [Imported::AlreadyThere]);
    let mut other = model.0[0].clone();
    other.message.text = "something else".to_owned().try_into().unwrap();
    let done = kept.archived.import(vec![other]).await.unwrap();
    assert_eq!(done, [Imported::IdTaken]);
    model.0.extend(late);
    model.0.sort_by_key(|record| record.message.id);
    is_as(&kept.archived, &model, &mut random).await;
    assert_eq!(kept.move_before(Rule::All, 30).await.messages, 5);
    is_as(&kept.archived, &model, &mut random).await;
    kept.is_tidy().await;
    kept.hot.close().await;
}

async fn tombstones_of_another_store_reach_into_the_archive(on: Backend) {
    let (kept, other) = (Kept::new(on).await, Kept::new(on).await);
    let mut model = Model::random(51, 100);
    model.fill(&kept.archived).await;
    model.fill(&other.archived).await;
    kept.move_before(Rule::All, 3).await;
    let gone: Vec<MessageId> = (0..6).map(|_| model.0.remove(2).message.id).collect();
    let done = other
        .archived
        .delete(gone.clone(), Deleter::Operator, Utc::now());
    done.await.unwrap();
    let tombstones: Vec<Tombstone> = other.archived.tombstones(None, 100).await.unwrap();
    let done = kept
        .archived
        .import_tombstones(tombstones.clone())
        .await
        .unwrap();
    assert_eq!(done, [Imported::Stored; 6]);
    let again = kept.archived.import_tombstones(tombstones).await.unwrap();
    assert_eq!(again, [Imported::AlreadyThere; 6]);
    is_as(&kept.archived, &model, &mut Random(52)).await;
    kept.is_tidy().await;
    kept.hot.close().await;
    other.hot.close().await;
}

async fn what_is_imported_again_while_it_moves_counts_once(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(53, 200);
    model.fill(&kept.archived).await;
    // As of another program over the same store.
    let other = over(&kept.place, &kept.hot, true);
    let again = async {
        for records in model.0.chunks(9) {
            let done = other.import(records.to_vec()).await.unwrap();
            let is_there = |done: &Imported| *done == Imported::AlreadyThere;
            assert!(done.iter().all(is_there), "{done:?}");
        }
    };
    tokio::join!(kept.move_before(Rule::All, 30), again);
    assert!(export(&*kept.hot).await.is_empty());
    is_as(&kept.archived, &model, &mut Random(54)).await;
    kept.hot.close().await;
}

async fn an_answer_with_little_time_says_where_to_go_on(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(55, 150);
    model.fill(&kept.archived).await;
    kept.move_before(Rule::All, 3).await;
    let hurried = with_patience(&kept.place, &kept.hot, true, Duration::ZERO);
    let mut filter = FeedFilter::default();
    let mut found = Vec::new();
    loop {
        let page = hurried.feed(&filter).await.unwrap();
        assert_eq!(page.cold.missing, []);
        found.extend(page.messages);
        let Some(cursor) = page.next_cursor else {
            break;
        };
        assert!(filter.cursor.is_none_or(|last| cursor < last));
        filter.cursor = Some(cursor);
    }
    assert_eq!(found, model.feed(&FeedFilter::default()));
    let all = model.0.iter().map(|record| record.message.id);
    let all: Vec<MessageId> = all.collect();
    assert_eq!(followed(&hurried, &FollowFilter::default()).await, all);
    assert_eq!(hurried.check().await.unwrap(), []);
    kept.hot.close().await;
}

async fn who_reads_while_messages_move_and_arrive_sees_each_once(on: Backend) {
    let kept = Kept::new(on).await;
    let model = Model::random(57, 150);
    model.fill(&kept.archived).await;
    let old: Vec<MessageId> = model.0.iter().map(|record| record.message.id).collect();
    let is_moved = std::sync::atomic::AtomicBool::new(false);
    let ordering = std::sync::atomic::Ordering::SeqCst;
    let moves = async {
        let mut posted = Vec::new();
        for day in 1..=12 {
            kept.move_before(Rule::All, day).await;
            let text = format!("new {day}");
            let message = kept.archived.post(draft("ann", &text, &[])).await.unwrap();
            posted.push(message.id);
        }
        is_moved.store(true, ordering);
        posted
    };
    // Of all commits between two of its looks none takes or repeats anything.
    let reads = async {
        let mut longest = Vec::new();
        loop {
            let is_last = is_moved.load(ordering);
            for limit in [7, 100] {
                let filter = FollowFilter {
                    limit: dunder::domain::FeedLimit::new(limit).unwrap(),
                    ..FollowFilter::default()
                };
                let seen = followed(&kept.archived, &filter).await;
                assert_eq!(seen[..old.len()], old);
                assert!(seen.len() >= longest.len());
                assert_eq!(seen[..longest.len()], longest);
                longest = seen;
            }
            if is_last {
                return longest;
            }
        }
    };
    let (posted, seen) = tokio::join!(moves, reads);
    assert_eq!(seen[old.len()..], posted);
    assert!(export(&*kept.hot).await.len() <= posted.len());
    kept.hot.close().await;
}
