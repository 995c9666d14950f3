//! What a store knows of an archive.

use chrono::Utc;
use dunder::domain::{
    ArchiveFile, ArchivedDay, Day, Deleter, Deletion, Imported, MessageId, PostError, Record,
    Store, Tombstone,
};

use super::model::START;
use super::{Fixture, draft, export, keyed, record, totals};

/// The day that tests archive.
fn day() -> Day {
    Day(START / 86_400_000)
}

fn file(name: &str) -> ArchiveFile {
    ArchiveFile {
        name: name.to_owned(),
        rows: 7,
        bytes: 4_096,
        first: MessageId::from_parts(START, 1),
        last: MessageId::from_parts(START + 1, 2),
        checksum: [0xab; 32],
    }
}

/// Names a file for the day as it was seen; whether that worked.
async fn swap(store: &dyn Store, seen: &ArchivedDay, name: &str) -> bool {
    let file = (!name.is_empty()).then(|| file(name));
    store.swap_day(seen, file.as_ref()).await.unwrap()
}

async fn look(store: &dyn Store) -> ArchivedDay {
    let mut days = store.archived_days(day(), day(), 9).await.unwrap();
    assert_eq!(days.len(), 1);
    days.remove(0)
}

pub async fn a_store_is_told_from_others_by_a_name_that_stays(fixture: &mut impl Fixture) {
    let name = fixture.store().identity().await.unwrap();
    assert_eq!(name.len(), 32);
    assert!(name.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
    fixture.reopen().await;
    assert_eq!(fixture.store().identity().await.unwrap(), name);
}

pub async fn a_day_has_the_file_that_was_named_last(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (first, last) = (Day(0), Day(1_000_000));
    assert!(
        store
            .archived_days(first, last, 9)
            .await
            .unwrap()
            .is_empty()
    );
    let seen = store.begin_day(day()).await.unwrap();
    assert_eq!(store.begin_day(day()).await.unwrap(), seen);
    assert_eq!((&seen.file, seen.removals, seen.cleaned), (&None, 0, 0));
    assert!(swap(&*store, &seen, "one").await);
    // Who saw it as it was is late.
    assert!(!swap(&*store, &seen, "two").await);
    let one = look(&*store).await;
    assert_eq!(one.file, Some(file("one")));
    assert_eq!(one.replaced, None);
    assert!(store.unfinished_days().await.unwrap().is_empty());
    assert!(swap(&*store, &one, "two").await);
    fixture.reopen().await;
    let store = fixture.store();
    let two = look(&*store).await;
    assert_eq!(two.file, Some(file("two")));
    assert_eq!(two.replaced.as_deref(), Some("one"));
    assert_eq!(store.unfinished_days().await.unwrap(), vec![two.clone()]);
    // The one replaced before is not known to be gone.
    assert!(!swap(&*store, &two, "three").await);
    store.forget_replaced(day(), "another").await.unwrap();
    assert!(!swap(&*store, &two, "three").await);
    assert!(swap(&*store, &two, "two").await);
    store.forget_replaced(day(), "one").await.unwrap();
    let two = look(&*store).await;
    assert_eq!(two.replaced, None);
    assert!(swap(&*store, &two, "").await);
    let none = look(&*store).await;
    assert_eq!((none.file, none.replaced.as_deref()), (None, Some("two")));
    for n in [3, 1, 2] {
        store.begin_day(Day(n)).await.unwrap();
    }
    let some = store.archived_days(Day(1), Day(3), 2).await.unwrap();
    let some: Vec<Day> = some.into_iter().map(|one| one.day).collect();
    assert_eq!(some, [Day(3), Day(2)]);
}

async fn delete(store: &dyn Store, id: MessageId) {
    let done = store.delete(vec![id], Deleter::Operator, Utc::now());
    assert!(matches!(done.await.unwrap()[..], [Deletion::Deleted(_)]));
}

pub async fn a_day_that_lost_a_message_meanwhile_is_not_swapped(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let at = |n: i64| record(draft("ann", &n.to_string(), &["a"]), START + n * 1_000);
    let records: Vec<Record> = (0..4).map(at).collect();
    store.import(records.clone()).await.unwrap();
    let id = |n: usize| records[n].message.id;
    let other = store
        .post(draft("ann", "of another day", &[]))
        .await
        .unwrap();
    let seen = store.begin_day(day()).await.unwrap();
    delete(&*store, other.id).await;
    assert!(swap(&*store, &seen, "one").await);
    let seen = store.begin_day(day()).await.unwrap();
    delete(&*store, id(0)).await;
    assert!(!swap(&*store, &seen, "two").await);
    let unclean = look(&*store).await;
    assert!(unclean.is_unclean());
    assert_eq!(
        store.unfinished_days().await.unwrap(),
        vec![unclean.clone()]
    );
    assert!(swap(&*store, &unclean, "two").await);
    store.forget_replaced(day(), "one").await.unwrap();
    let clean = look(&*store).await;
    assert!(!clean.is_unclean());
    // Of one that never was here, an archive may know.
    let elsewhere = Tombstone {
        id: MessageId::from_parts(START + 5_000, 1),
        user: "ann".parse().unwrap(),
        deleted_at: Utc::now(),
        position: dunder::domain::Position(MessageId::from_parts(START + 6_000, 1)),
        idempotency_key: None,
    };
    let gone = elsewhere.id;
    let done = store.import_tombstones(vec![elsewhere]).await.unwrap();
    assert_eq!(done, [Imported::Stored]);
    assert!(look(&*store).await.is_unclean());
    let ids = vec![id(1), gone, id(0), id(2)];
    let mut deleted = store.deleted_of(ids).await.unwrap();
    deleted.sort_unstable();
    assert_eq!(deleted, [id(0), gone]);
}

pub async fn a_message_that_only_an_archive_has_is_deleted_with_its_counts(
    fixture: &mut impl Fixture,
) {
    let store = fixture.store();
    let at = |n: i64| {
        let draft = keyed("ann", &n.to_string(), &["a", "b"], &format!("key-{n}"));
        record(draft, START + n * 60_000)
    };
    let records: Vec<Record> = (0..4).map(at).collect();
    store.import(records.clone()).await.unwrap();
    store.post(draft("ann", "new", &["b"])).await.unwrap();
    store.begin_day(day()).await.unwrap();
    let ids = |these: &[Record]| -> Vec<MessageId> {
        these.iter().map(|record| record.message.id).collect()
    };
    store.evict(ids(&records[..3]), None).await.unwrap();
    assert_eq!(totals(&*store, &["a", "b"]).await, [4, 5]);
    let bob = || Deleter::Author("bob".parse().unwrap());
    let now = Utc::now();
    let refused = store.delete_archived(records[..1].to_vec(), bob(), now);
    assert_eq!(refused.await.unwrap(), [Deletion::NotTheirs]);
    // One that is still here goes as well, and one twice is one.
    let mut input = records[1..].to_vec();
    input.push(records[1].clone());
    let done = store.delete_archived(input, Deleter::Operator, now).await;
    let done = done.unwrap();
    let [
        Deletion::Deleted(first),
        Deletion::Deleted(_),
        Deletion::Deleted(_),
        Deletion::AlreadyGone(again),
    ] = &done[..]
    else {
        panic!("{done:?}");
    };
    assert_eq!(first, again);
    assert_eq!(first.idempotency_key, records[1].idempotency_key);
    assert_eq!(totals(&*store, &["a", "b"]).await, [1, 2]);
    assert_eq!(totals(&*store, &[]).await, [2]);
    assert_eq!(look(&*store).await.removals, 3);
    fixture.reopen().await;
    let store = fixture.store();
    let gone = store.tombstone(records[1].message.id).await.unwrap();
    assert_eq!(gone.as_ref(), Some(first));
    let retry = store.post(keyed("ann", "1", &["a", "b"], "key-1")).await;
    assert!(matches!(retry, Err(PostError::Deleted { .. })), "{retry:?}");
    // The last that a hashtag counted.
    let last = store.delete_archived(records[..1].to_vec(), Deleter::Operator, now);
    assert!(matches!(last.await.unwrap()[..], [Deletion::Deleted(_)]));
    assert_eq!(totals(&*store, &["a", "b"]).await, [0, 1]);
    assert_eq!(export(&*store).await.len(), 1);
}
