//! Messages that are taken back.

use chrono::{DateTime, Utc};
use dunder::domain::{
    Deleter, Deletion, Event, FeedFilter, FollowFilter, HashtagsFilter, Imported, Message,
    MessageId, PostError, Record, Store, Tombstone,
};

use super::model::{Model, Random, START, TAGS, USERS};
use super::{Fixture, all_dates, all_time, draft, export, ids, keyed, pages, record, totals};

/// Deletes one message as its author or somebody else.
async fn delete(store: &dyn Store, id: MessageId, user: &str) -> Deletion {
    let author = Deleter::Author(user.parse().unwrap());
    let mut done = store.delete(vec![id], author, Utc::now()).await.unwrap();
    assert_eq!(done.len(), 1);
    done.remove(0)
}

/// The same, where it is there to be deleted.
async fn deleted(store: &dyn Store, message: &Message) -> Tombstone {
    match delete(store, message.id, message.user.as_str()).await {
        Deletion::Deleted(tombstone) => tombstone,
        other => panic!("{other:?}"),
    }
}

async fn all_tombstones(store: &dyn Store) -> Vec<Tombstone> {
    let mut found: Vec<Tombstone> = Vec::new();
    loop {
        let after = found.last().map(|last| last.position);
        let more = store.tombstones(after, 3).await.unwrap();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

pub async fn a_deleted_message_is_nowhere_and_its_tombstone_says_so(fixture: &mut impl Fixture) {
    let before = Utc::now().timestamp_millis();
    let store = fixture.store();
    let kept = store.post(draft("ann", "kept", &["a", "b"])).await.unwrap();
    let gone = store
        .post(keyed("ann", "gone", &["a", "only"], "key"))
        .await
        .unwrap();
    let other = store.post(draft("bob", "other", &["a"])).await.unwrap();
    // Those who asked for it before may have it in memory.
    for _ in 0..3 {
        assert!(store.message(gone.id).await.unwrap().is_some());
    }
    let stranger = delete(&*store, gone.id, "bob").await;
    assert_eq!(stranger, Deletion::NotTheirs);
    let unknown = delete(&*store, MessageId::from_parts(START, 1), "ann").await;
    assert_eq!(unknown, Deletion::Unknown);
    assert_eq!(store.tombstone(gone.id).await.unwrap(), None);

    let tombstone = deleted(&*store, &gone).await;
    assert_eq!((tombstone.id, tombstone.user.as_str()), (gone.id, "ann"));
    assert!(tombstone.deleted_at.timestamp_millis() >= before);
    assert!(tombstone.position.0 > other.id);
    for _ in 0..2 {
        let store = fixture.store();
        assert_eq!(store.message(gone.id).await.unwrap(), None);
        let found = pages(&*store, &FeedFilter::default()).await;
        assert_eq!(ids(&found), [other.id, kept.id]);
        let hashtags = ["a", "b", "only"];
        assert_eq!(totals(&*store, &hashtags).await, [2, 1, 0]);
        assert_eq!(totals(&*store, &[]).await, [2]);
        assert_eq!(export(&*store).await.len(), 2);
        let busiest = HashtagsFilter {
            range: all_dates(),
            prefix: String::new(),
            limit: 9,
        };
        let busiest = store.hashtags(&busiest).await.unwrap();
        let busiest: Vec<_> = busiest.iter().map(|tag| tag.hashtag.as_str()).collect();
        assert_eq!(busiest, ["a", "b"]);
        let again = delete(&*store, gone.id, "ann").await;
        assert_eq!(again, Deletion::AlreadyGone(tombstone.clone()));
        let stranger = delete(&*store, gone.id, "bob").await;
        assert_eq!(stranger, Deletion::NotTheirs);
        let found = store.tombstone(gone.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&tombstone));
        fixture.reopen().await;
    }
    let store = fixture.store();
    let next = store.post(draft("ann", "next", &["only"])).await.unwrap();
    assert!(next.id > tombstone.position.0);
    assert_eq!(totals(&*store, &["only"]).await, [1]);
}

pub async fn a_retried_post_of_a_deleted_message_is_refused(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let draft = keyed("ann", "once", &["a"], "key");
    let first = store.post(draft.clone()).await.unwrap();
    deleted(&*store, &first).await;
    for retry in [draft, keyed("ann", "else", &[], "key")] {
        let refused = store.post(retry).await;
        assert!(
            matches!(refused, Err(PostError::Deleted { first: id }) if id == first.id),
            "{refused:?}"
        );
    }
    // A key belongs to its user.
    let other = keyed("bob", "once", &["a"], "key");
    store.post(other).await.unwrap();
    assert_eq!(totals(&*store, &[]).await, [1]);
}

pub async fn an_import_brings_no_deleted_message_back(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let model = Model::random(3, 20);
    model.fill(&*store).await;
    let older = export(&*store).await;
    let gone = &older[7];
    deleted(&*store, &gone.message).await;
    let outcome = store.import(older.clone()).await.unwrap();
    for (record, outcome) in older.iter().zip(outcome) {
        let expected = match record == gone {
            true => Imported::Deleted,
            false => Imported::AlreadyThere,
        };
        assert_eq!(outcome, expected);
    }
    assert_eq!(export(&*store).await.len(), 19);
    assert_eq!(totals(&*store, &[]).await, [19]);
}

pub async fn tombstones_move_with_the_messages<F: Fixture>(fixture: &mut F) {
    let store = fixture.store();
    Model::random(4, 30).fill(&*store).await;
    let older = export(&*store).await;
    for record in older.iter().step_by(4) {
        deleted(&*store, &record.message).await;
    }
    let tombstones = all_tombstones(&*store).await;
    assert_eq!(tombstones.len(), 8);
    let in_order = |pair: &[Tombstone]| pair[0].position < pair[1].position;
    assert!(tombstones.windows(2).all(in_order));

    // Into an empty store: everything is as it was, positions too.
    let second = F::fresh().await.pop().unwrap();
    let copy = second.store();
    copy.import(export(&*store).await).await.unwrap();
    let imported = copy.import_tombstones(tombstones.clone()).await.unwrap();
    assert_eq!(imported, [Imported::Stored; 8]);
    assert_eq!(all_tombstones(&*copy).await, tombstones);
    let again = copy.import_tombstones(tombstones.clone()).await.unwrap();
    assert_eq!(again, [Imported::AlreadyThere; 8]);
    let outcome = copy.import(older.clone()).await.unwrap();
    assert_eq!(outcome[0], Imported::Deleted);

    // Into a store that has the messages: they are deleted there, too, at
    // positions that those who follow it have not passed.
    let third = F::fresh().await.pop().unwrap();
    let other = third.store();
    other.import(older.clone()).await.unwrap();
    let posted = other.post(draft("ann", "here", &[])).await.unwrap();
    other.import_tombstones(tombstones.clone()).await.unwrap();
    let moved = all_tombstones(&*other).await;
    assert!(
        moved
            .iter()
            .all(|tombstone| tombstone.position.0 > posted.id)
    );
    let what = |tombstones: &[Tombstone]| -> Vec<_> {
        let what = |tombstone: &Tombstone| (tombstone.id, tombstone.deleted_at);
        tombstones.iter().map(what).collect()
    };
    assert_eq!(what(&moved), what(&tombstones));
    assert_eq!(totals(&*other, &[]).await, [23]);
    let left = export(&*other).await;
    assert_eq!(left[..22], export(&*store).await);
    // Ids go on after positions.
    let next = other.post(draft("ann", "next", &[])).await.unwrap();
    assert!(moved.iter().all(|tombstone| tombstone.position.0 < next.id));
}

pub async fn many_are_deleted_at_once_or_none(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let model = Model::random(5, 60);
    model.fill(&*store).await;
    let unknown = MessageId::from_parts(START, 1);
    let mut wanted: Vec<MessageId> = model.0.iter().map(|record| record.message.id).collect();
    wanted.truncate(50);
    wanted.extend([unknown, wanted[0]]);
    let now: DateTime<Utc> = Utc::now();
    let done = store.delete(wanted, Deleter::Operator, now).await.unwrap();
    let is_deleted = |one: &Deletion| matches!(one, Deletion::Deleted(_));
    assert!(done[..50].iter().all(is_deleted));
    assert_eq!(done[50], Deletion::Unknown);
    assert!(matches!(done[51], Deletion::AlreadyGone(_)));
    assert_eq!(totals(&*store, &[]).await, [10]);
    assert_eq!(all_tombstones(&*store).await.len(), 50);
    let none = store.delete(Vec::new(), Deleter::Operator, now).await;
    assert_eq!(none.unwrap(), []);
}

/// Where the store can be followed: everything in one order, once.
pub async fn followers_are_told_of_deletions_in_order(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let mut expected = Vec::new();
    let mut posted = Vec::new();
    for n in 0..20 {
        let message = store
            .post(draft(["ann", "bob"][n % 2], &n.to_string(), &["a"]))
            .await
            .unwrap();
        expected.push((message.id, None));
        posted.push(message);
        if n % 3 == 2 {
            let gone = posted.remove(n / 3);
            let tombstone = deleted(&*store, &gone).await;
            expected.retain(|(id, _)| *id != gone.id);
            expected.push((tombstone.position.0, Some(tombstone)));
        }
    }
    let filter = FollowFilter {
        limit: dunder::domain::FeedLimit::new(3).unwrap(),
        ..FollowFilter::default()
    };
    let (mut position, mut seen) = (None, Vec::new());
    // On a cluster what was stored last is closed a moment later.
    while seen.len() < expected.len() {
        let passage = store.after(position, &filter).await.unwrap();
        for event in passage.events {
            seen.push(match event {
                Event::Posted(message) => (message.id, None),
                Event::Deleted(tombstone) => (tombstone.position.0, Some(tombstone)),
                Event::Gap { .. } => panic!("nothing is missing"),
            });
        }
        position = passage.position;
        if passage.is_caught_up {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(seen, expected);
    assert!(store.closed().await.unwrap() >= position);
}

/// One random step; the model keeps up.
async fn step(store: &dyn Store, model: &mut Model, random: &mut Random, n: usize) {
    let tags: Vec<&str> = TAGS.into_iter().filter(|_| random.once_in(3)).collect();
    let user = USERS[random.below(4) as usize];
    let text = format!("step {n}");
    match random.below(10) {
        0..=4 => {
            let message = store.post(draft(user, &text, &tags)).await.unwrap();
            model.0.push(Record {
                message,
                idempotency_key: None,
            });
        }
        5 => {
            let millis = START + random.below(86_400_000) as i64;
            let record = record(draft(user, &text, &tags), millis);
            store.import(vec![record.clone()]).await.unwrap();
            model.0.push(record);
        }
        _ if model.0.is_empty() => {}
        6 => {
            let some = (0..random.below(5)).map(|_| random.below(model.0.len() as u64) as usize);
            let some: Vec<MessageId> = some.map(|at| model.0[at].message.id).collect();
            let now = Utc::now();
            let done = store.delete(some.clone(), Deleter::Operator, now).await;
            assert_eq!(done.unwrap().len(), some.len());
            model.0.retain(|record| !some.contains(&record.message.id));
        }
        _ => {
            // Often the newest, as people do.
            let at = match random.once_in(2) {
                true => model.0.len() - 1,
                false => random.below(model.0.len() as u64) as usize,
            };
            let gone = model.0.remove(at);
            deleted(store, &gone.message).await;
        }
    }
    model.0.sort_unstable_by_key(|record| record.message.id);
}

pub async fn feed_trend_and_tags_agree_whatever_is_deleted(fixture: &mut impl Fixture) {
    let mut random = Random(11);
    let mut model = Model(Vec::new());
    for n in 0..160 {
        step(&*fixture.store(), &mut model, &mut random, n).await;
        if random.once_in(30) {
            fixture.reopen().await;
        }
        if model.0.is_empty() || !random.once_in(3) {
            continue;
        }
        let store = fixture.store();
        let mut filter = model.filter(&mut random);
        assert_eq!(pages(&*store, &filter).await, model.feed(&filter), "{n}");
        filter.hashtags.dedup();
        let mut trend = all_time(["1m", "1h", "1day", "30day"][random.below(4) as usize]);
        trend.hashtags = filter.hashtags;
        assert_eq!(
            store.trend(&trend).await.unwrap(),
            model.trend(&trend),
            "{n}"
        );
        let busiest = HashtagsFilter {
            range: all_dates(),
            prefix: String::new(),
            limit: 3,
        };
        assert_eq!(
            store.hashtags(&busiest).await.unwrap(),
            model.hashtags(&busiest),
            "{n}"
        );
        let at = random.below(model.0.len() as u64) as usize;
        let message = &model.0[at].message;
        let found = store.message(message.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(message));
    }
    assert_eq!(export(&*fixture.store()).await, model.0);
}
