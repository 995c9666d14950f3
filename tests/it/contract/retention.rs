//! Messages that are kept for a time, or moved elsewhere.

use chrono::{Duration, Utc};
use dunder::domain::{
    Boundary, Deleter, Deletion, Event, FeedFilter, FeedLimit, FollowFilter, HashtagsFilter,
    Imported, MessageId, Position, Record, Rule, Store,
};

use super::model::{Model, Random, START, TAGS, USERS};
use super::{Fixture, all_dates, all_time, draft, export, ids, keyed, pages, record, totals};

/// The rule of a hashtag.
fn of(hashtag: &str) -> Rule {
    Rule::Hashtag(hashtag.parse().unwrap())
}

/// Evicts what a rule is about before an id, in small steps; what went.
async fn evict(store: &dyn Store, rule: &Rule, before: MessageId) -> Vec<MessageId> {
    let mut gone = Vec::new();
    loop {
        let due = store.due(rule, None, before, 7).await.unwrap();
        assert!(due.len() <= 7 && due.is_sorted());
        if due.is_empty() {
            return gone;
        }
        let evicted = store.evict(due.clone(), Some(rule.clone())).await.unwrap();
        assert_eq!(evicted, due.len() as u64);
        gone.extend(due);
    }
}

/// Every hashtag with its count, of all time.
fn busiest(prefix: &str) -> HashtagsFilter {
    HashtagsFilter {
        range: all_dates(),
        prefix: prefix.to_owned(),
        limit: 9,
    }
}

pub async fn what_is_evicted_is_nowhere_and_counts_still(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let model = Model::random(5, 60);
    model.fill(&*store).await;
    let newest = store.post(draft("ann", "newest", &["sql"])).await.unwrap();
    let trend = all_time("1h");
    let before = (
        store.trend(&trend).await.unwrap(),
        store.hashtags(&busiest("")).await.unwrap(),
        totals(&*store, &TAGS).await,
    );
    let old = &model.0[20].message;
    // Those who asked for it before may have it in memory.
    for _ in 0..3 {
        assert!(store.message(old.id).await.unwrap().is_some());
    }
    let gone = evict(&*store, &Rule::All, model.0[30].message.id).await;
    let expected: Vec<MessageId> = model.0[..30].iter().map(|r| r.message.id).collect();
    assert_eq!(gone, expected);
    for round in 0..2 {
        let store = fixture.store();
        assert_eq!(store.message(old.id).await.unwrap(), None, "{round}");
        assert_eq!(store.tombstone(old.id).await.unwrap(), None);
        let deleted = store.delete(vec![old.id], Deleter::Operator, Utc::now());
        assert_eq!(deleted.await.unwrap(), [Deletion::Unknown]);
        let mut left = model.feed(&FeedFilter::default());
        left.truncate(30);
        left.insert(0, newest.clone());
        assert_eq!(pages(&*store, &FeedFilter::default()).await, left);
        assert_eq!(export(&*store).await.len(), 31);
        let after = (
            store.trend(&trend).await.unwrap(),
            store.hashtags(&busiest("")).await.unwrap(),
            totals(&*store, &TAGS).await,
        );
        assert_eq!(after, before);
        let boundary = Boundary {
            rule: Rule::All,
            first: expected[0],
            last: expected[29],
        };
        assert_eq!(store.boundaries().await.unwrap(), [boundary]);
        fixture.reopen().await;
    }
    // Of everything, the newest too: counts and order stay.
    let store = fixture.store();
    evict(&*store, &Rule::All, MessageId::MAX).await;
    assert!(export(&*store).await.is_empty());
    assert_eq!(store.trend(&trend).await.unwrap(), before.0);
    assert_eq!(store.hashtags(&busiest("")).await.unwrap(), before.1);
    fixture.reopen().await;
    let store = fixture.store();
    assert_eq!(store.trend(&trend).await.unwrap(), before.0);
    assert_eq!(store.hashtags(&busiest("")).await.unwrap(), before.1);
    let next = store.post(draft("ann", "next", &["sql"])).await.unwrap();
    assert!(next.id > newest.id);
    assert_eq!(totals(&*store, &[]).await, [62]);
}

pub async fn a_hashtag_can_be_kept_for_a_time_of_its_own(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let model = Model::random(6, 80);
    model.fill(&*store).await;
    let posted = store
        .post(draft("ann", "new", &["ui", "sql"]))
        .await
        .unwrap();
    let (ui, before) = (of("ui"), model.0[50].message.id);
    let is_due = |record: &&Record| ui.is_about(&record.message.hashtags);
    let due = model.0[..50].iter().filter(is_due);
    let due: Vec<MessageId> = due.map(|record| record.message.id).collect();
    let after = due[2];
    let some = store.due(&ui, Some(after), before, 3).await.unwrap();
    assert_eq!(some, due[3..6]);
    assert_eq!(evict(&*store, &ui, before).await, due);
    let left = model.0.iter().map(|record| record.message.clone());
    let mut left: Vec<_> = left.filter(|message| !due.contains(&message.id)).collect();
    left.push(posted.clone());
    left.reverse();
    assert_eq!(pages(&*store, &FeedFilter::default()).await, left);
    let tagged = FeedFilter {
        hashtags: vec!["ui".parse().unwrap()],
        ..FeedFilter::default()
    };
    left.retain(|message| ui.is_about(&message.hashtags));
    assert_eq!(pages(&*store, &tagged).await, left);
    // What was just posted can go as well.
    let all = evict(&*store, &ui, MessageId::MAX).await;
    assert_eq!(all.last(), Some(&posted.id));
    assert!(pages(&*store, &tagged).await.is_empty());
    assert!(
        evict(&*store, &of("nobody"), MessageId::MAX)
            .await
            .is_empty()
    );
    let boundaries = store.boundaries().await.unwrap();
    let boundary = Boundary {
        rule: ui,
        first: due[0],
        last: posted.id,
    };
    assert_eq!(boundaries, [boundary]);
}

pub async fn an_import_of_what_may_have_been_evicted_is_refused(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let at = |n: i64, tags: &[&str]| record(draft("ann", &n.to_string(), tags), START + n * 60_000);
    let records: Vec<Record> = (0..10).map(|n| at(n, &["a"])).collect();
    store.import(records.clone()).await.unwrap();
    evict(&*store, &Rule::All, records[4].message.id).await;
    evict(&*store, &of("a"), records[6].message.id).await;
    // Never seen, and as old as what went.
    let others = [at(2, &[]), at(5, &["b"]), at(4, &["b", "a"]), at(7, &["b"])];
    let mut input = records.clone();
    input.extend(others.clone());
    let imported = store.import(input).await.unwrap();
    let mut expected = vec![Imported::Evicted; 6];
    expected.extend([Imported::AlreadyThere; 4]);
    let [gone, new] = [Imported::Evicted, Imported::Stored];
    expected.extend([gone, new, gone, new]);
    assert_eq!(imported, expected);
    assert_eq!(totals(&*store, &["a", "b"]).await, [10, 2]);
    assert_eq!(totals(&*store, &[]).await, [12]);
    // Moved, not gone: whoever moved it knows.
    let moved = records[8].message.id;
    assert_eq!(store.evict(vec![moved], None).await.unwrap(), 1);
    assert_eq!(store.evict(vec![moved], None).await.unwrap(), 0);
    assert_eq!(store.boundaries().await.unwrap().len(), 2);
}

pub async fn a_key_is_free_again_once_its_message_is_evicted(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let first = keyed("ann", "once", &["a"], "key");
    let gone = store.post(first.clone()).await.unwrap();
    assert_eq!(store.post(first.clone()).await.unwrap(), gone);
    store.evict(vec![gone.id], Some(Rule::All)).await.unwrap();
    let other = store
        .post(keyed("ann", "again", &["a"], "key"))
        .await
        .unwrap();
    assert!(other.id > gone.id);
    assert_eq!(totals(&*store, &["a"]).await, [2]);
}

pub async fn work_is_leased_to_one_at_a_time(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (soon, past) = (
        Utc::now() + Duration::minutes(5),
        Utc::now() - Duration::minutes(5),
    );
    let take = |owner, until| store.lease("evict", owner, until);
    assert!(take("ann", soon).await.unwrap());
    assert!(!take("bob", soon).await.unwrap());
    assert!(store.lease("other", "bob", soon).await.unwrap());
    assert!(take("ann", past).await.unwrap());
    // Ann is late.
    assert!(take("bob", soon).await.unwrap());
    assert!(!take("ann", soon).await.unwrap());
    store.release("evict", "ann").await.unwrap();
    assert!(!take("ann", soon).await.unwrap());
    store.release("evict", "bob").await.unwrap();
    assert!(take("ann", soon).await.unwrap());
}

/// What a follower is told behind a position, up to a message: ids, and ends of
/// gaps.
async fn told(
    store: &dyn Store,
    after: Option<MessageId>,
    filter: &FollowFilter,
    until: MessageId,
) -> Vec<(MessageId, Option<MessageId>)> {
    let (mut position, mut seen) = (after.map(Position), Vec::new());
    // On a cluster what was stored last is closed a moment later.
    while position < Some(Position(until)) {
        let passage = store.after(position, filter).await.unwrap();
        assert!(passage.events.len() <= filter.limit.get());
        assert!(passage.events.is_sorted_by_key(Event::position));
        for event in passage.events {
            seen.push(match event {
                Event::Posted(message) => (message.id, None),
                Event::Deleted(_) => panic!("nothing was deleted"),
                Event::Gap { from, to } => (to.0, Some(from.0)),
            });
        }
        position = passage.position;
        if passage.is_caught_up {
            tokio::task::yield_now().await;
        }
    }
    seen
}

pub async fn who_follows_is_told_what_is_gone(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let at = |n: i64| {
        let tags: &[&str] = if n % 2 == 0 { &["a"] } else { &[] };
        record(draft("ann", &n.to_string(), tags), START + n * 60_000)
    };
    let records: Vec<Record> = (0..10).map(at).collect();
    store.import(records.clone()).await.unwrap();
    let last = store.post(draft("ann", "last", &[])).await.unwrap().id;
    let id = |n: usize| records[n].message.id;
    let gap = |first: usize, last: usize| (id(last), Some(id(first).predecessor()));
    let there = |n: usize| (id(n), None);
    evict(&*store, &of("a"), id(6)).await;
    let any = FollowFilter {
        limit: FeedLimit::new(3).unwrap(),
        ..FollowFilter::default()
    };
    let mut expected = vec![there(1), there(3), gap(0, 4)];
    expected.extend((5..10).map(there).chain([(last, None)]));
    assert_eq!(told(&*store, None, &any, last).await, expected);
    assert_eq!(told(&*store, Some(id(2)), &any, last).await, expected[1..]);
    // Who has seen all that is gone misses nothing.
    assert_eq!(told(&*store, Some(id(4)), &any, last).await, expected[3..]);
    let others = FollowFilter {
        without: vec!["a".parse().unwrap()],
        ..any.clone()
    };
    let untagged = [
        there(1),
        there(3),
        there(5),
        there(7),
        there(9),
        (last, None),
    ];
    assert_eq!(told(&*store, None, &others, last).await, untagged);
    evict(&*store, &Rule::All, id(8)).await;
    let expected = [gap(0, 4), gap(1, 7), there(8), there(9), (last, None)];
    for limit in [1, 2, 9] {
        let any = FollowFilter {
            limit: FeedLimit::new(limit).unwrap(),
            ..any.clone()
        };
        assert_eq!(told(&*store, None, &any, last).await, expected);
        assert_eq!(told(&*store, Some(id(6)), &any, last).await, expected[1..]);
        assert_eq!(told(&*store, Some(id(7)), &any, last).await, expected[2..]);
    }
    // All of it, the last one too.
    evict(&*store, &Rule::All, MessageId::MAX).await;
    let (from, gone) = (id(1).predecessor(), last);
    assert_eq!(
        told(&*store, Some(id(9)), &any, last).await,
        [(gone, Some(from))]
    );
    assert!(store.closed().await.unwrap() >= Some(Position(last)));
    let next = store.post(draft("ann", "next", &[])).await.unwrap().id;
    assert_eq!(told(&*store, Some(last), &any, next).await, [(next, None)]);
}

/// What is there, and what counts.
struct Models {
    hot: Model,
    counted: Model,
}

impl Models {
    fn add(&mut self, record: Record) {
        for model in [&mut self.hot, &mut self.counted] {
            model.0.push(record.clone());
            model.0.sort_unstable_by_key(|record| record.message.id);
        }
    }

    fn random(&self, random: &mut Random) -> Option<MessageId> {
        let len = self.hot.0.len() as u64;
        (len > 0).then(|| self.hot.0[random.below(len) as usize].message.id)
    }
}

/// One random step; the models keep up.
async fn step(store: &dyn Store, models: &mut Models, random: &mut Random, n: usize) {
    let tags: Vec<&str> = TAGS.into_iter().filter(|_| random.once_in(3)).collect();
    let user = USERS[random.below(4) as usize];
    let text = format!("step {n}");
    match random.below(10) {
        0..=4 => {
            let message = store.post(draft(user, &text, &tags)).await.unwrap();
            models.add(Record {
                message,
                idempotency_key: None,
            });
        }
        5 => {
            let millis = START + random.below(86_400_000) as i64;
            let record = record(draft(user, &text, &tags), millis);
            let boundaries = store.boundaries().await.unwrap();
            let message = &record.message;
            let has_passed = |one: &Boundary| one.has_passed(message.id, &message.hashtags);
            let refused = boundaries.iter().any(has_passed);
            let imported = store.import(vec![record.clone()]).await.unwrap();
            let expected = if refused {
                Imported::Evicted
            } else {
                Imported::Stored
            };
            assert_eq!(imported, [expected]);
            if !refused {
                models.add(record);
            }
        }
        6 => {
            let Some(id) = models.random(random) else {
                return;
            };
            store
                .delete(vec![id], Deleter::Operator, Utc::now())
                .await
                .unwrap();
            for model in [&mut models.hot, &mut models.counted] {
                model.0.retain(|record| record.message.id != id);
            }
        }
        kind => {
            let Some(before) = models.random(random) else {
                return;
            };
            let gone = match kind {
                7 => evict(store, &Rule::All, before).await,
                8 => evict(store, &of(TAGS[random.below(5) as usize]), before).await,
                _ => {
                    let some: Vec<MessageId> = (0..random.below(9))
                        .filter_map(|_| models.random(random))
                        .collect();
                    store.evict(some.clone(), None).await.unwrap();
                    some
                }
            };
            models
                .hot
                .0
                .retain(|record| !gone.contains(&record.message.id));
        }
    }
}

pub async fn feed_trend_and_tags_are_right_whatever_is_evicted(fixture: &mut impl Fixture) {
    let mut random = Random(17);
    let mut models = Models {
        hot: Model(Vec::new()),
        counted: Model(Vec::new()),
    };
    for n in 0..160 {
        step(&*fixture.store(), &mut models, &mut random, n).await;
        if random.once_in(30) {
            fixture.reopen().await;
        }
        if models.hot.0.is_empty() || !random.once_in(3) {
            continue;
        }
        let store = fixture.store();
        let mut filter = models.hot.filter(&mut random);
        let found = pages(&*store, &filter).await;
        assert_eq!(ids(&found), ids(&models.hot.feed(&filter)), "{n}");
        filter.hashtags.dedup();
        let mut trend = all_time(["1m", "1h", "1day", "30day"][random.below(4) as usize]);
        trend.hashtags = filter.hashtags;
        let counted = store.trend(&trend).await.unwrap();
        assert_eq!(counted, models.counted.trend(&trend), "{n}");
        for filter in [busiest(""), busiest("s")] {
            let found = store.hashtags(&filter).await.unwrap();
            assert_eq!(found, models.counted.hashtags(&filter), "{n}");
        }
    }
    assert_eq!(export(&*fixture.store()).await, models.hot.0);
}
