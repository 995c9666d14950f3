//! Posting: what is stored, under which id, and how often.

use std::collections::HashSet;
use std::sync::Arc;

use dunder::domain::{FeedFilter, Hashtag, Message, MessageId, PostError, Store};
use tokio::task::JoinSet;

use super::{Fixture, all_time, draft, ids, keyed, pages, totals};

pub async fn a_message_is_read_back_exactly_as_posted(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let long = "ü".repeat(4096);
    let texts = [
        "plain",
        " spaces around \t and\nlines\r\n",
        "\u{1b}[31mred\u{7}\u{8}\u{7f}\u{9b}",
        "\u{202e}right to left\u{2066}",
        "e\u{301} 👩‍👩‍👧‍👦 \u{fffd}\u{10ffff}",
        "' \" \\ % _ ; -- {a,b} NULL \\N $1 ?1",
        &long,
    ];
    for text in texts {
        let draft = draft("john@example.com", text, &["b", "a", "日本", "x-y_z"]);
        let posted = store.post(draft.clone()).await.unwrap();
        assert!(draft.matches(&posted), "{text:?}");
        assert_eq!(store.message(posted.id).await.unwrap(), Some(posted));
    }
    let none = store.post(draft("ann", "no hashtags", &[])).await.unwrap();
    assert_eq!(
        store.message(none.id).await.unwrap().unwrap().hashtags,
        Vec::<Hashtag>::new()
    );
    assert_eq!(store.message(none.id.successor()).await.unwrap(), None);
}

pub async fn ids_rise_from_post_to_post(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let mut last = MessageId::MIN;
    for n in 0..50 {
        let posted = store.post(draft("ann", &n.to_string(), &[])).await.unwrap();
        assert!(posted.id > last);
        last = posted.id;
    }
}

pub async fn what_was_posted_is_in_the_next_read(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let filter = FeedFilter {
        hashtags: vec!["now".parse().unwrap()],
        ..FeedFilter::default()
    };
    for n in 1..=20 {
        let posted = store
            .post(draft("ann", &n.to_string(), &["now"]))
            .await
            .unwrap();
        let page = store.feed(&filter).await.unwrap();
        assert_eq!(page.messages.first(), Some(&posted));
        assert_eq!(totals(&*store, &["now"]).await, [n]);
    }
}

pub async fn one_key_posts_one_message(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let draft = keyed("ann", "once", &["a"], "k~!");
    let first = store.post(draft.clone()).await.unwrap();
    store
        .post(super::draft("ann", "once", &["a"]))
        .await
        .unwrap();
    assert_eq!(store.post(draft.clone()).await.unwrap(), first);
    fixture.reopen().await;
    let store = fixture.store();
    assert_eq!(store.post(draft).await.unwrap(), first);
    assert_eq!(totals(&*store, &[]).await, [2]);
}

pub async fn a_key_used_for_something_else_names_the_first_message(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let first = store
        .post(keyed("ann", "one", &["a"], "key"))
        .await
        .unwrap();
    for other in [
        keyed("ann", "two", &["a"], "key"),
        keyed("ann", "one", &["b"], "key"),
    ] {
        match store.post(other).await {
            Err(PostError::KeyReused { first: named }) => assert_eq!(named, first.id),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(totals(&*store, &[]).await, [1]);
    assert_eq!(totals(&*store, &["a", "b"]).await, [1, 0]);
}

pub async fn a_key_belongs_to_its_user(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let one = store.post(keyed("ann", "text", &[], "key")).await.unwrap();
    let two = store.post(keyed("bob", "text", &[], "key")).await.unwrap();
    assert_ne!(one.id, two.id);
}

pub async fn one_key_from_many_posters_at_once_is_one_message(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let results = at_once(&store, (0..64).map(|_| keyed("ann", "once", &["a"], "key"))).await;
    let ids: HashSet<MessageId> = results
        .into_iter()
        .map(|posted| posted.unwrap().id)
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(totals(&*store, &[]).await, [1]);
    assert_eq!(pages(&*store, &FeedFilter::default()).await.len(), 1);
}

pub async fn of_two_bodies_racing_for_a_key_one_wins(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let bodies = (0..40).map(|n| keyed("ann", ["one", "two"][n % 2], &[], "key"));
    let results = at_once(&store, bodies).await;
    let stored = pages(&*store, &FeedFilter::default()).await;
    let [winner] = stored.as_slice() else {
        panic!("{stored:?}");
    };
    let mut refused = 0;
    for result in results {
        match result {
            Ok(message) => assert_eq!(&message, winner),
            Err(PostError::KeyReused { first }) => {
                assert_eq!(first, winner.id);
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(refused, 20);
    assert_eq!(totals(&*store, &[]).await, [1]);
}

pub async fn sixty_four_posters_lose_nothing(fixture: &mut impl Fixture) {
    const EACH: usize = 20;
    let store = fixture.store();
    let mut posters = JoinSet::new();
    for poster in 0..64 {
        let store = Arc::clone(&store);
        posters.spawn(async move {
            let mut posted = Vec::new();
            for n in 0..EACH {
                let tags: &[&str] = if n % 2 == 0 {
                    &["all", "even"]
                } else {
                    &["all"]
                };
                let draft = draft(
                    &format!("user{}", poster % 8),
                    &format!("{poster}/{n}"),
                    tags,
                );
                posted.push(store.post(draft).await.unwrap());
            }
            posted
        });
    }
    let mut posted: Vec<Message> = posters.join_all().await.concat();
    posted.sort_unstable_by_key(|message| std::cmp::Reverse(message.id));
    assert_eq!(pages(&*store, &FeedFilter::default()).await, posted);
    let distinct: HashSet<_> = ids(&posted).into_iter().collect();
    assert_eq!(distinct.len(), 64 * EACH);
    let all = (64 * EACH) as u64;
    for interval in ["1m", "1h", "1day"] {
        let series = store.trend(&all_time(interval)).await.unwrap();
        assert_eq!(
            series[0].iter().map(|(_, count)| count).sum::<u64>(),
            all,
            "{interval}"
        );
    }
    assert_eq!(
        totals(&*store, &["all", "even", "odd"]).await,
        [all, all / 2, 0]
    );
}

async fn at_once(
    store: &Arc<dyn Store>,
    drafts: impl Iterator<Item = dunder::domain::Draft>,
) -> Vec<Result<Message, PostError>> {
    let mut posts = JoinSet::new();
    for draft in drafts {
        let store = Arc::clone(store);
        posts.spawn(async move { store.post(draft).await });
    }
    posts.join_all().await
}
