//! Reading forward from a position.

use std::time::{Duration, Instant};

use chrono::Utc;
use dunder::domain::{Event, FeedLimit, FollowFilter, Message, MessageId, Position, Record, Store};

use super::{Fixture, draft, ids, record};

/// Longer than any store takes to close an id.
const PATIENCE: Duration = Duration::from_secs(60);

#[allow(
    clippy::needless_update,
    reason = "whatever else there is to be wanted"
)]
fn wanted(user: &str, hashtags: &[&str], limit: u16) -> FollowFilter {
    FollowFilter {
        users: user.parse().into_iter().collect(),
        hashtags: hashtags.iter().map(|tag| tag.parse().unwrap()).collect(),
        limit: FeedLimit::new(limit).unwrap(),
        ..FollowFilter::default()
    }
}

/// What follows a position up to an id that was posted, and where to go on.
async fn follow(
    store: &dyn Store,
    mut position: Option<Position>,
    filter: &FollowFilter,
    to: MessageId,
) -> (Vec<Message>, Option<Position>) {
    let (began, mut found) = (Instant::now(), Vec::new());
    // Who looks for what is seldom need not be told where the last one was.
    while position < Some(Position(to)) {
        let passage = store.after(position, filter).await.unwrap();
        assert!(passage.events.len() <= filter.limit.get());
        assert!(passage.position >= position);
        assert!(passage.position > position || passage.is_caught_up);
        for event in passage.events {
            let Event::Posted(message) = event else {
                panic!("{event:?}");
            };
            let at = Some(Position(message.id));
            assert!(at > position && at <= passage.position, "{message:?}");
            found.push(message);
        }
        position = passage.position;
        assert!(began.elapsed() < PATIENCE, "{to} is not closed");
        tokio::task::yield_now().await;
    }
    (found, position)
}

pub async fn who_follows_sees_every_message_once_and_in_order(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (mut position, mut seen, mut posted) = (None, Vec::new(), Vec::new());
    for round in 1..6 {
        for n in 0..round * 2 {
            let draft = draft(["ann", "bob"][n % 2], "text", &["a"]);
            posted.push(store.post(draft).await.unwrap());
        }
        let last = posted.last().unwrap().id;
        let (found, next) = follow(&*store, position, &wanted("", &[], 3), last).await;
        assert!(store.closed().await.unwrap() >= next);
        position = next;
        seen.extend(found);
    }
    assert_eq!(seen, posted);
}

pub async fn every_filter_is_told_what_it_wants_and_where_to_go_on(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let users = ["ann", "bob", "eve"];
    let tags = ["a", "b", "c"];
    let records = (0..1_500i64).map(|n| {
        let n = n as usize;
        // Few have all of them.
        let of: Vec<&str> = (0..3)
            .filter(|tag| n.is_multiple_of([2, 3, 250][*tag]))
            .map(|tag| tags[tag])
            .collect();
        record(
            draft(users[n % 3], &n.to_string(), &of),
            1_600_000_000_000 + n as i64,
        )
    });
    let records: Vec<_> = records.collect();
    store.import(records.clone()).await.unwrap();
    let last = store.post(draft("zoe", "last", &[])).await.unwrap();
    for (user, hashtags, limit) in [
        ("", &[][..], 1_000),
        ("ann", &[], 7),
        ("", &["a"], 50),
        ("", &["c"], 2),
        ("", &["a", "b", "c"], 2),
        ("bob", &["a"], 7),
        ("eve", &["b", "c"], 1_000),
        ("nobody", &[], 7),
        ("", &["none"], 7),
        ("ann", &["none"], 7),
    ] {
        let filter = wanted(user, hashtags, limit);
        let all = records.iter().map(|record| &record.message).chain([&last]);
        let expected: Vec<Message> = all.filter(|m| filter.matches(m)).cloned().collect();
        let (found, _) = follow(&*store, None, &filter, last.id).await;
        assert_eq!(ids(&found), ids(&expected), "{filter:?}");
        assert_eq!(found, expected);
        // From the middle on.
        let Some(middle) = expected.get(expected.len() / 2) else {
            continue;
        };
        let (found, _) = follow(&*store, Some(Position(middle.id)), &filter, last.id).await;
        assert_eq!(found, expected[expected.len() / 2 + 1..]);
    }
}

pub async fn what_is_posted_after_a_position_is_behind_it_at_every_opening(
    fixture: &mut impl Fixture,
) {
    let mut position = None;
    for round in 0..3 {
        let store = fixture.store();
        let posted = store
            .post(draft("ann", &round.to_string(), &[]))
            .await
            .unwrap();
        assert!(Some(Position(posted.id)) > position);
        let (found, next) = follow(&*store, position, &wanted("", &[], 10), posted.id).await;
        assert_eq!(found, [posted]);
        position = next.max(store.closed().await.unwrap());
        fixture.reopen().await;
    }
}

pub async fn messages_of_the_future_hide_no_post(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let ahead = Utc::now().timestamp_millis() + 9 * 60_000;
    let ahead = record(draft("bob", "ahead", &[]), ahead);
    store.import(vec![ahead]).await.unwrap();
    let mut position = None;
    for _ in 0..3 {
        let posted = store.post(draft("ann", "now", &[])).await.unwrap();
        let (found, next) = follow(&*store, position, &wanted("", &[], 10), posted.id).await;
        assert_eq!(found, [posted]);
        position = next;
    }
}

pub async fn who_follows_one_hashtag_live_from_behind_is_told_of_no_import(
    fixture: &mut impl Fixture,
) {
    let store = fixture.store();
    let then = Utc::now().timestamp_millis() - 60_000;
    // More of another hashtag than are read at once, and one of the right one.
    let others = (0..2_500).map(|n| (n, "other"));
    let imported = others.chain([(2_500, "right")]).map(|(n, tag)| Record {
        message: draft("bob", "imported", &[tag]).into_message(MessageId::from_parts(then, n)),
        idempotency_key: None,
    });
    store.import(imported.collect()).await.unwrap();
    let posted = store.post(draft("ann", "now", &["right"])).await.unwrap();
    let live = FollowFilter {
        is_live: true,
        ..wanted("", &["right"], 10)
    };
    let behind = Some(Position(MessageId::from_parts(then - 1, 0)));
    let (found, _) = follow(&*store, behind, &live, posted.id).await;
    assert_eq!(found, [posted]);
}

pub async fn what_an_import_puts_ahead_of_the_clock_is_never_live_and_hides_no_post(
    fixture: &mut impl Fixture,
) {
    let store = fixture.store();
    let ahead = Utc::now().timestamp_millis() + 40;
    let one = |n: i64| record(draft("bob", &format!("ahead {n}"), &[]), ahead + n);
    let imported: Vec<_> = (0..2).map(one).collect();
    let posted = store.post(draft("ann", "first", &[])).await.unwrap();
    store.import(imported.clone()).await.unwrap();
    let live = FollowFilter {
        is_live: true,
        ..wanted("", &[], 10)
    };
    let (mut position, mut all) = (Some(Position(posted.id)), vec![posted]);
    while all.last().unwrap().id.millis() <= ahead + 1 {
        let posted = store.post(draft("ann", "now", &[])).await.unwrap();
        let (found, next) = follow(&*store, position, &live, posted.id).await;
        assert_eq!(found, std::slice::from_ref(&posted));
        position = next;
        all.push(posted);
    }
    // As history it is there, in its place.
    let last = all.last().unwrap().id;
    all.extend(imported.into_iter().map(|record| record.message));
    all.sort_unstable_by_key(|message| message.id);
    let (found, _) = follow(&*store, None, &wanted("", &[], 1_000), last).await;
    assert_eq!(ids(&found), ids(&all));
}
