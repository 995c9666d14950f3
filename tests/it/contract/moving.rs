//! Import and export: whole stores move, and nothing is doubled on the way.

use chrono::Utc;
use dunder::domain::{FeedFilter, Imported, PostError, Record};

use super::model::{Model, START, TAGS};
use super::{Fixture, all_time, draft, export, keyed, pages, record, totals};

pub async fn importing_twice_stores_once(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let model = Model::random(7, 200);
    model.fill(&*store).await;
    let before = totals(&*store, &TAGS).await;
    let again = store.import(model.0.clone()).await.unwrap();
    assert!(again.iter().all(|one| *one == Imported::AlreadyThere));
    assert_eq!(totals(&*store, &[]).await, [200]);
    assert_eq!(totals(&*store, &TAGS).await, before);

    let new = record(draft("ann", "twice in one call", &[]), START);
    let outcome = store.import(vec![new.clone(), new]).await.unwrap();
    assert_eq!(outcome, [Imported::Stored, Imported::AlreadyThere]);
    assert_eq!(totals(&*store, &[]).await, [201]);
}

pub async fn taken_ids_and_keys_are_named(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let first = record(keyed("ann", "first", &["a"], "key"), START);
    let plain = record(draft("ann", "plain", &["a"]), START + 1);
    store
        .import(vec![first.clone(), plain.clone()])
        .await
        .unwrap();
    let under = |record: &Record, id| {
        let mut record = record.clone();
        record.message.id = id;
        record
    };
    let other = record(keyed("ann", "other", &["a"], "key"), START + 2);
    let bob = record(keyed("bob", "first", &["a"], "key"), START + 3);
    let first_id = first.message.id;
    let without_key = Record {
        idempotency_key: None,
        ..first.clone()
    };
    let with_key = Record {
        idempotency_key: Some("new".parse().unwrap()),
        ..plain.clone()
    };
    let with_taken_key = Record {
        idempotency_key: Some("key".parse().unwrap()),
        ..plain.clone()
    };
    let cases = [
        (other.clone(), Imported::KeyTaken { first: first_id }),
        (
            under(&first, other.message.id),
            Imported::KeyTaken { first: first_id },
        ),
        (under(&bob, first_id), Imported::IdTaken),
        (under(&plain, first_id), Imported::IdTaken),
        (without_key, Imported::AlreadyThere),
        (with_key, Imported::IdTaken),
        (with_taken_key, Imported::KeyTaken { first: first_id }),
        (bob, Imported::Stored),
        (first, Imported::AlreadyThere),
    ];
    for (record, expected) in &cases {
        let outcome = store.import(vec![record.clone()]).await.unwrap();
        assert_eq!(outcome, [*expected], "{record:?}");
    }
    let all = cases.iter().map(|(record, _)| record.clone()).collect();
    let outcome = store.import(all).await.unwrap();
    assert_eq!(outcome[0], Imported::KeyTaken { first: first_id });
    assert_eq!(totals(&*store, &[]).await, [3]);
}

pub async fn a_refused_record_leaves_nothing_behind(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let first = record(keyed("ann", "first", &["a"], "key"), START);
    store.import(vec![first.clone()]).await.unwrap();
    let mut stranger = record(keyed("stranger", "other", &["b"], "new"), START + 60_000);
    stranger.message.id = first.message.id;
    let reused = record(keyed("ann", "other", &["b"], "key"), START + 60_000);
    let outcome = store.import(vec![stranger, reused]).await.unwrap();
    assert_eq!(
        outcome,
        [
            Imported::IdTaken,
            Imported::KeyTaken {
                first: first.message.id
            }
        ]
    );
    assert_eq!(store.users("", 9).await.unwrap().len(), 1);
    assert_eq!(totals(&*store, &[]).await, [1]);
    assert_eq!(totals(&*store, &["a", "b"]).await, [1, 0]);
    assert_eq!(export(&*store).await, [first]);
}

pub async fn imported_keys_hold_for_posts(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let kept = record(keyed("ann", "kept", &["a"], "key"), START);
    store.import(vec![kept.clone()]).await.unwrap();
    let again = store
        .post(keyed("ann", "kept", &["a"], "key"))
        .await
        .unwrap();
    assert_eq!(again, kept.message);
    let other = store.post(keyed("ann", "else", &["a"], "key")).await;
    assert!(matches!(other, Err(PostError::KeyReused { first }) if first == kept.message.id));
}

pub async fn export_import_export_is_identical<F: Fixture>(fixture: &mut F) {
    let store = fixture.store();
    let model = Model::random(8, 300);
    model.fill(&*store).await;
    store
        .post(keyed("ann", "posted #here", &["x"], "p"))
        .await
        .unwrap();
    let exported = export(&*store).await;
    assert_eq!(exported[..300], model.0);
    assert_eq!(exported.len(), 301);
    assert_eq!(
        exported[300].idempotency_key.as_ref().unwrap().as_str(),
        "p"
    );

    let second = F::fresh().await.pop().unwrap();
    let copy = second.store();
    let imported = copy.import(exported.clone()).await.unwrap();
    assert!(imported.iter().all(|one| *one == Imported::Stored));
    assert_eq!(export(&*copy).await, exported);
    let all = FeedFilter::default();
    assert_eq!(pages(&*copy, &all).await, pages(&*store, &all).await);
    let trend = all_time("1m");
    assert_eq!(
        copy.trend(&trend).await.unwrap(),
        store.trend(&trend).await.unwrap()
    );
}

pub async fn an_import_of_nothing_is_nothing(fixture: &mut impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.import(Vec::new()).await.unwrap(), []);
    assert_eq!(export(&*store).await, []);
}

pub async fn messages_of_the_future_move_no_clock_and_no_count<F: Fixture>(fixture: &mut F) {
    const MINUTE: i64 = 60_000;
    let now = || Utc::now().timestamp_millis();
    for ahead in [9 * MINUTE, 365 * 24 * 60 * MINUTE] {
        let record = record(draft("bob", "ahead", &["a"]), now() + ahead);
        let store = fixture.store();
        assert_eq!(
            store.import(vec![record]).await.unwrap(),
            [Imported::Stored]
        );
        let before = now();
        let posted = store.post(draft("ann", "now", &["a"])).await.unwrap();
        assert!((before..=now()).contains(&posted.id.millis()), "{posted:?}");
    }
    fixture.reopen().await;
    let store = fixture.store();
    let before = now();
    let posted = store.post(draft("ann", "now", &["a"])).await.unwrap();
    assert!((before..=now()).contains(&posted.id.millis()), "{posted:?}");
    let said = store.check().await.unwrap();
    assert!(said[0].to_string().contains("ahead"), "{said:?}");
    assert_eq!(totals(&*store, &["a"]).await, [5]);
    let second = F::fresh().await.pop().unwrap();
    let copy = second.store();
    let exported = export(&*store).await;
    copy.import(exported.clone()).await.unwrap();
    assert_eq!(export(&*copy).await, exported);
}
