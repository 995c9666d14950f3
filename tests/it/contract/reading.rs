//! Reading: pages, dates and names, against the model.

use dunder::domain::{FeedFilter, FeedLimit, FeedPage, HashtagsFilter, Record};

use super::model::{Model, Random, START, TAGS, USERS};
use super::{Fixture, all_dates, all_time, draft, ids, pages, record};

pub async fn every_combination_of_filters_pages_to_the_end(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let model = Model::random(1, 700);
    model.fill(&*store).await;
    let mut random = Random(2);
    let mut found = 0;
    for _ in 0..150 {
        let filter = model.filter(&mut random);
        let expected = model.feed(&filter);
        assert_eq!(pages(&*store, &filter).await, expected, "{filter:?}");
        found += usize::from(!expected.is_empty());
    }
    assert!(found > 75, "only {found} filters found anything");
    for user in USERS.map(Some).into_iter().chain([None]) {
        for tags in 0..1 << TAGS.len() {
            let tags = (0..TAGS.len()).filter(|n| tags >> n & 1 == 1);
            let filter = FeedFilter {
                users: user.iter().map(|user| user.parse().unwrap()).collect(),
                hashtags: tags.map(|n| TAGS[n].parse().unwrap()).collect(),
                limit: FeedLimit::new(40).unwrap(),
                ..FeedFilter::default()
            };
            assert_eq!(
                pages(&*store, &filter).await,
                model.feed(&filter),
                "{filter:?}"
            );
        }
    }
}

/// Imports are of any time around the posts, later ones included.
pub async fn posts_and_imports_in_turn_are_read_at_once(fixture: &mut impl Fixture) {
    let mut random = Random(11);
    let mut model = Model(Vec::new());
    let now = chrono::Utc::now();
    for step in 0..40 {
        let store = fixture.store();
        for n in 0..random.below(9) {
            let text = format!("message {step} {n}");
            let tags = TAGS.iter().filter(|_| random.once_in(3));
            let tags: Vec<&str> = tags.copied().collect();
            let user = USERS[random.below(4) as usize];
            let draft = draft(user, &text, &tags);
            let message = store.post(draft).await.unwrap();
            model.0.push(Record {
                message,
                idempotency_key: None,
            });
        }
        if random.once_in(4) {
            let ago = random.below(400_000) as i64 - 100_000;
            let tags = [TAGS[random.below(5) as usize]];
            let draft = draft("ann", &format!("import {step}"), &tags);
            let imported = record(draft, now.timestamp_millis() - ago);
            store.import(vec![imported.clone()]).await.unwrap();
            model.0.push(imported);
        }
        if step == 25 {
            fixture.reopen().await;
        }
        model.0.sort_unstable_by_key(|record| record.message.id);
        if !model.0.is_empty() {
            holds(fixture, &model, &mut random).await;
        }
    }
}

/// Whether a store answers what the model does.
async fn holds(fixture: &impl Fixture, model: &Model, random: &mut Random) {
    let store = fixture.store();
    for _ in 0..8 {
        let filter = model.filter(random);
        let expected = model.feed(&filter);
        assert_eq!(pages(&*store, &filter).await, expected, "{filter:?}");
    }
    let mut trend = all_time(["1m", "1h", "365days"][random.below(3) as usize]);
    trend.hashtags = [TAGS[0], "never", TAGS[4]]
        .map(|tag| tag.parse().unwrap())
        .into();
    assert_eq!(store.trend(&trend).await.unwrap(), model.trend(&trend));
    trend.hashtags.clear();
    assert_eq!(store.trend(&trend).await.unwrap(), model.trend(&trend));
    let filter = HashtagsFilter {
        range: all_dates(),
        prefix: String::new(),
        limit: 1 + random.below(6) as usize,
    };
    assert_eq!(
        store.hashtags(&filter).await.unwrap(),
        model.hashtags(&filter)
    );
}

pub async fn dates_include_their_start_and_exclude_their_end(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let records: Vec<_> = (-2..=2)
        .map(|n| record(draft("ann", &n.to_string(), &["t"]), START + n))
        .collect();
    store.import(records.clone()).await.unwrap();
    let at = |n: usize| records[n].message.created_at();
    let (user, tag) = ("ann".parse().unwrap(), "t".parse().unwrap());
    for (users, hashtags) in [(vec![], vec![]), (vec![user], vec![]), (vec![], vec![tag])] {
        let filter = FeedFilter {
            users,
            hashtags,
            from: Some(at(1)),
            to: Some(at(3)),
            ..FeedFilter::default()
        };
        let texts: Vec<_> = pages(&*store, &filter)
            .await
            .into_iter()
            .map(|m| m.text.as_str().to_owned())
            .collect();
        assert_eq!(texts, ["0", "-1"]);
    }
    let between = FeedFilter {
        from: Some(at(1) + chrono::Duration::nanoseconds(1)),
        to: Some(at(3) + chrono::Duration::nanoseconds(1)),
        ..FeedFilter::default()
    };
    let found = pages(&*store, &between).await;
    assert_eq!(ids(&found), [records[3].message.id, records[2].message.id]);
}

pub async fn a_page_has_a_cursor_only_when_another_follows(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let filter = |limit| FeedFilter {
        limit: FeedLimit::new(limit).unwrap(),
        ..FeedFilter::default()
    };
    assert_eq!(store.feed(&filter(1)).await.unwrap(), FeedPage::default());
    let records: Vec<_> = (0..6)
        .map(|n| record(draft("ann", "x", &[]), START + n))
        .collect();
    store.import(records).await.unwrap();
    for (limit, more) in [(5, true), (6, false), (7, false)] {
        let page = store.feed(&filter(limit)).await.unwrap();
        assert_eq!(page.next_cursor.is_some(), more, "{limit}");
    }
}

pub async fn names_nobody_used_match_nothing(fixture: &mut impl Fixture) {
    let store = fixture.store();
    store.post(draft("ann", "text", &["a"])).await.unwrap();
    let a: dunder::domain::Hashtag = "a".parse().unwrap();
    for (user, hashtags) in [
        (Some("Ann"), vec![]),
        (None, vec!["b".parse().unwrap()]),
        (None, vec![a.clone(), "b".parse().unwrap()]),
        (Some("bob"), vec![a]),
    ] {
        let filter = FeedFilter {
            users: user.iter().map(|user| user.parse().unwrap()).collect(),
            hashtags,
            ..FeedFilter::default()
        };
        assert_eq!(
            store.feed(&filter).await.unwrap(),
            FeedPage::default(),
            "{filter:?}"
        );
    }
}

pub async fn users_are_found_by_how_they_start(fixture: &mut impl Fixture) {
    let store = fixture.store();
    for user in [
        "bob",
        "ann",
        "anna",
        "an%",
        "an_x",
        "Ann",
        "żaba",
        "\u{10ffff}z",
    ] {
        store.post(draft(user, "text", &[])).await.unwrap();
    }
    let found = async |prefix: &str, limit| {
        let users = store.users(prefix, limit).await.unwrap();
        users
            .iter()
            .map(|user| user.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("ann", 9).await, ["ann", "anna"]);
    assert_eq!(found("an%", 9).await, ["an%"]);
    assert_eq!(found("an_", 9).await, ["an_x"]);
    assert_eq!(found("ż", 9).await, ["żaba"]);
    assert_eq!(found("\u{10ffff}", 9).await, ["\u{10ffff}z"]);
    assert_eq!(found("c", 9).await, [""; 0]);
    assert_eq!(found("", 3).await, ["Ann", "an%", "an_x"]);
    assert_eq!(found("", 99).await.len(), 8);
}

/// Two busy hashtags that stand beside each other for long, and together
/// three times only.
pub async fn hashtags_that_meet_rarely_are_still_found(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let mut records = Vec::new();
    for n in 0..6_000 {
        let tags: &[&str] = match n {
            17 | 3_000 | 5_998 => &["even", "odd"],
            n if n % 2 == 0 => &["even"],
            _ => &["odd"],
        };
        records.push(record(draft("ann", &n.to_string(), tags), START + n * 1000));
    }
    let model = Model(records);
    model.fill(&*store).await;
    for (user, limit) in [(None, 100), (None, 2), (Some("ann"), 1)] {
        let filter = FeedFilter {
            users: user.iter().map(|user| user.parse().unwrap()).collect(),
            hashtags: vec!["even".parse().unwrap(), "odd".parse().unwrap()],
            limit: FeedLimit::new(limit).unwrap(),
            ..FeedFilter::default()
        };
        assert_eq!(pages(&*store, &filter).await, model.feed(&filter));
        assert_eq!(model.feed(&filter).len(), 3);
    }
}
