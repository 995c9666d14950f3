//! Trends and the busiest hashtags, against the model.

use chrono::{DateTime, Utc};
use dunder::domain::{Hashtag, HashtagsFilter, TrendFilter};

use super::model::{Model, Random, START, TAGS};
use super::{Fixture, all_time, draft, record};

pub async fn trends_of_every_width_follow_the_model(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let model = Model::random(3, 700);
    model.fill(&*store).await;
    let mut random = Random(4);
    let tags = |names: &[&str]| names.iter().map(|tag| tag.parse().unwrap()).collect();
    let choices: [Vec<Hashtag>; 4] = [
        tags(&[]),
        tags(&["rare"]),
        tags(&["ui", "never", "sql"]),
        tags(&TAGS),
    ];
    for interval in [
        "1m", "7m", "90m", "1h", "6h", "1day", "7days", "7d1m", "26d1h", "30days", "365days",
    ] {
        for hashtags in &choices {
            let mut whole = all_time(interval);
            whole.hashtags.clone_from(hashtags);
            assert_eq!(
                store.trend(&whole).await.unwrap(),
                model.trend(&whole),
                "{whole:?}"
            );
            let (from, to) = range(&model, &mut random);
            let mut part =
                TrendFilter::unlimited(Some(from), Some(to), whole.interval, to).unwrap();
            part.hashtags.clone_from(hashtags);
            assert_eq!(
                store.trend(&part).await.unwrap(),
                model.trend(&part),
                "{part:?}"
            );
        }
    }
}

pub async fn a_message_counts_once_in_each_of_its_series(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let two = record(draft("ann", "#a #b", &["a"]), START + 60_000);
    let none = record(draft("ann", "untagged", &[]), START + 119_999);
    store.import(vec![two, none]).await.unwrap();
    let mut filter = all_time("1m");
    let minute = START / 1000 + 60;
    assert_eq!(store.trend(&filter).await.unwrap(), [vec![(minute, 2)]]);
    filter.hashtags = ["b", "c", "a"].map(|tag| tag.parse().unwrap()).to_vec();
    let series = store.trend(&filter).await.unwrap();
    assert_eq!(series, [vec![(minute, 1)], vec![], vec![(minute, 1)]]);
}

pub async fn the_busiest_hashtags_follow_the_model(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let mut model = Model::random(5, 500);
    // Many of one count, so that names decide, over two years.
    for n in 0..60 {
        let (one, two) = (format!("s{n:02}"), format!("s{:02}", n / 2));
        model.0.push(record(
            draft("ann", "more", &[&one, &two]),
            START + n * 11 * 86_400_000,
        ));
    }
    model.0.sort_unstable_by_key(|record| record.message.id);
    model.fill(&*store).await;
    let mut random = Random(6);
    for n in 0..120 {
        let (from, to) = range(&model, &mut random);
        let interval = ["1m", "1h", "1day"][random.below(3) as usize]
            .parse()
            .unwrap();
        let filter = HashtagsFilter {
            range: match n % 4 {
                0 => all_time("1day"),
                _ => TrendFilter::unlimited(Some(from), Some(to), interval, to).unwrap(),
            },
            prefix: ["", "s", "s0", "日", "x"][random.below(5) as usize].to_owned(),
            limit: [1, 3, 10, 1000][random.below(4) as usize],
        };
        assert_eq!(
            store.hashtags(&filter).await.unwrap(),
            model.hashtags(&filter),
            "{filter:?}"
        );
    }
}

fn range(model: &Model, random: &mut Random) -> (DateTime<Utc>, DateTime<Utc>) {
    let (a, b) = (model.moment(random), model.moment(random));
    (a.min(b), a.max(b) + chrono::Duration::milliseconds(1))
}
