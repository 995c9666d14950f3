//! Reading forward from a position.

use chrono::Utc;
use dunder::domain::prelude::*;
use dunder::domain::{Event, FeedLimit, FollowFilter, MessageId, Passage, Position, Record};

use super::File;
use crate::contract::{draft, record};

fn ids(passage: &Passage) -> Vec<MessageId> {
    let id = |event: &Event| match event {
        Event::Posted(message) => message.id,
        other => panic!("{other:?}"),
    };
    passage.events.iter().map(id).collect()
}

fn by(user: &str, tag: &str, limit: u16) -> FollowFilter {
    FollowFilter {
        users: user.parse().into_iter().collect(),
        hashtags: tag.parse().into_iter().collect(),
        limit: FeedLimit::new(limit).unwrap(),
        ..FollowFilter::default()
    }
}

#[tokio::test]
async fn a_follower_sees_every_message_once_in_its_order_and_ends_at_the_closed_one() {
    let file = File::new();
    assert_eq!(file.store.closed().await.unwrap(), None);
    let all = by("", "", 3);
    let nothing = file.store.after(None, &all).await.unwrap();
    assert!(nothing.is_caught_up && nothing.events.is_empty() && nothing.position.is_none());
    let mut posted = Vec::new();
    let mut seen = Vec::new();
    let mut position = None;
    for round in 0..5 {
        for n in 0..round * 2 {
            let user = ["ann", "bob"][n % 2];
            posted.push(
                file.store
                    .post(draft(user, "text", &["a"]))
                    .await
                    .unwrap()
                    .id,
            );
        }
        loop {
            let passage = file.store.after(position, &all).await.unwrap();
            assert!(passage.events.len() <= 3);
            seen.extend(ids(&passage));
            position = passage.position;
            if passage.is_caught_up {
                break;
            }
        }
        assert_eq!(seen, posted);
        assert_eq!(file.store.closed().await.unwrap(), position);
    }
}

#[tokio::test]
async fn a_filter_that_matches_seldom_moves_its_position_over_what_it_skips() {
    let file = File::new();
    let records = |user: &str, from: i64, count: i64| -> Vec<Record> {
        let one = |n: i64| record(draft(user, &n.to_string(), &["a"]), 1_600_000_000_000 + n);
        (from..from + count).map(one).collect()
    };
    file.store.import(records("bob", 0, 2_500)).await.unwrap();
    file.store.import(records("ann", 2_500, 2)).await.unwrap();
    let filter = by("ann", "a", 100);
    let (mut position, mut reads, mut found) = (None, 0, Vec::new());
    loop {
        let passage = file.store.after(position, &filter).await.unwrap();
        found.extend(ids(&passage));
        assert!(passage.position > position || passage.is_caught_up);
        position = passage.position;
        reads += 1;
        if passage.is_caught_up {
            break;
        }
    }
    assert_eq!((reads, found.len()), (3, 2));
    assert_eq!(position, found.last().copied().map(Position));
}

#[tokio::test]
async fn messages_of_the_future_hide_no_post_from_a_follower() {
    let file = File::new();
    let ahead = Utc::now().timestamp_millis() + 9 * 60_000;
    file.store
        .import(vec![record(draft("bob", "ahead", &[]), ahead)])
        .await
        .unwrap();
    let mut position = None;
    for _ in 0..3 {
        let posted = file.store.post(draft("ann", "now", &[])).await.unwrap();
        let passage = file.store.after(position, &by("", "", 10)).await.unwrap();
        assert_eq!(ids(&passage), [posted.id]);
        assert!(passage.is_caught_up);
        position = passage.position;
    }
}

#[tokio::test]
async fn what_an_import_brings_is_history_and_nothing_that_is_live() {
    let file = File::new();
    let now = Utc::now().timestamp_millis();
    let import = async |from: i64, count: i64| {
        let one = |n: i64| record(draft("bob", &n.to_string(), &[]), from + n);
        let records = (0..count).map(one).collect();
        file.store.import(records).await.unwrap();
    };
    let live = FollowFilter {
        is_live: true,
        ..by("", "", 1000)
    };
    let mut position = None;
    let mut sees = async |posted: &[MessageId]| {
        let passage = file.store.after(position, &live).await.unwrap();
        assert_eq!(ids(&passage), posted);
        assert!(passage.is_caught_up);
        position = passage.position;
    };
    let hours = 3_600_000;
    // Into an empty store, behind that, before all of it, and as of just now.
    import(now - 9 * hours, 3).await;
    import(now - 8 * hours, 3).await;
    sees(&[]).await;
    let first = file.store.post(draft("ann", "1", &[])).await.unwrap().id;
    import(now - 10 * hours, 3).await;
    import(now - 100, 3).await;
    sees(&[first]).await;
    let second = file.store.post(draft("ann", "2", &[])).await.unwrap().id;
    sees(&[second]).await;
    // Behind the last post, and a little ahead of the clock.
    import(Utc::now().timestamp_millis() + 60_000, 2).await;
    let third = file.store.post(draft("ann", "3", &[])).await.unwrap().id;
    sees(&[third]).await;
    let all = file.store.after(None, &by("", "", 1000)).await.unwrap();
    assert_eq!(all.events.len(), 9 + 3 + 3);
}

#[tokio::test]
async fn what_an_import_puts_behind_the_last_post_is_no_place_before_the_next() {
    let file = File::new();
    let ahead = Utc::now().timestamp_millis() + 20;
    let first = file.store.post(draft("ann", "1", &[])).await.unwrap().id;
    let imported = record(draft("bob", "imported", &[]), ahead);
    file.store.import(vec![imported.clone()]).await.unwrap();
    while Utc::now().timestamp_millis() <= ahead {
        tokio::task::yield_now().await;
    }
    // A post that is being stored may be dated before it.
    let closed = file.store.closed().await.unwrap();
    assert_eq!(closed, Some(Position(first)));
    let all = by("", "", 10);
    let passage = file.store.after(closed, &all).await.unwrap();
    assert!(passage.is_caught_up && passage.events.is_empty());
    assert_eq!(passage.position, closed);
    let second = file.store.post(draft("ann", "2", &[])).await.unwrap().id;
    assert_eq!(file.store.closed().await.unwrap(), Some(Position(second)));
    let passage = file.store.after(closed, &all).await.unwrap();
    assert_eq!(ids(&passage), [imported.message.id, second]);
}
