//! Trends and the busiest hashtags, against the model.

use chrono::{DateTime, Utc};
use dunder::domain::{
    FeedFilter, FeedLimit, Hashtag, HashtagsFilter, Interval, Range, Series, TrendFilter,
    TrendRequest,
};

use super::model::{Model, Random, START, TAGS};
use super::{Fixture, all_dates, all_time, draft, record};

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
        "month", "year",
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
            let range = Range::new(from, to).unwrap();
            let mut part = TrendFilter::unlimited(range, whole.interval).unwrap();
            part.hashtags.clone_from(hashtags);
            assert_eq!(
                store.trend(&part).await.unwrap(),
                model.trend(&part),
                "{part:?}"
            );
        }
    }
}

/// Zones around all kinds of changes, and one without any.
const ZONES: [&str; 7] = [
    "UTC",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Cairo",
    "Pacific/Apia",
    "Asia/Tokyo",
];

const WIDTHS: [&str; 11] = [
    "7m", "1h", "90m", "6h", "day", "3d", "week", "month", "3months", "year", "7d1m",
];

fn trend(
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    interval: &str,
    zone: &str,
    hashtags: &[&str],
) -> Option<TrendFilter> {
    let asked = TrendRequest {
        from: Some(from),
        to: Some(to),
        interval: Some(interval.parse::<Interval>().unwrap()),
        zone: Some(zone.parse().unwrap()),
        hashtags: hashtags.iter().map(|tag| tag.parse().unwrap()).collect(),
    };
    TrendFilter::new(asked, to).ok()
}

pub async fn calendar_buckets_of_any_zone_follow_the_model(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let mut model = Model::random(7, 400);
    // Around changes of the clocks, where edges are not where they were.
    for (n, change) in [
        "2019-03-10T07:00:00Z",
        "2019-11-03T06:00:00Z",
        "2019-04-06T15:00:00Z",
        "2019-10-05T15:30:00Z",
        "2023-04-27T22:00:00Z",
        "2011-12-30T10:00:00Z",
    ]
    .into_iter()
    .enumerate()
    {
        let change = change.parse::<DateTime<Utc>>().unwrap().timestamp_millis();
        for step in -40..40 {
            let at = change + step * 47 * 60_000 + n as i64;
            model.0.push(record(draft("ann", "changes", &["ui"]), at));
        }
    }
    model.0.sort_unstable_by_key(|record| record.message.id);
    model.fill(&*store).await;
    let mut random = Random(8);
    for n in 0..240 {
        let zone = ZONES[n % ZONES.len()];
        let interval = WIDTHS[random.below(WIDTHS.len() as u64) as usize];
        let tags: &[&str] = [&[][..], &["ui"], &["sql", "ui", "never"]][n % 3];
        let Some(filter) = trend(range(&model, &mut random), interval, zone, tags) else {
            continue;
        };
        let counted = store.trend(&filter).await.unwrap();
        assert_eq!(counted, model.trend(&filter), "{filter:?}");
    }
}

pub async fn trend_feed_and_tags_give_one_number(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let model = Model::random(9, 600);
    model.fill(&*store).await;
    let mut random = Random(10);
    for n in 0..60 {
        let (from, to) = range(&model, &mut random);
        let tag = ["sql", "ui", "rare"][n % 3];
        let zone = ZONES[n % ZONES.len()];
        let filter = FeedFilter {
            from: Some(from),
            to: Some(to),
            hashtags: vec![tag.parse().unwrap()],
            limit: FeedLimit::new(1000).unwrap(),
            ..FeedFilter::default()
        };
        let page = store.feed(&filter.checked().unwrap()).await.unwrap();
        let listed = page.messages.len() as u64;
        let tags = HashtagsFilter {
            range: Range::new(from, to).unwrap(),
            prefix: tag.to_owned(),
            limit: 1000,
        };
        let tags = store.hashtags(&tags).await.unwrap();
        let found = tags.iter().find(|found| found.hashtag.as_str() == tag);
        assert_eq!(found.map_or(0, |found| found.count), listed, "{from} {to}");
        for interval in WIDTHS {
            let Some(filter) = trend((from, to), interval, zone, &[tag]) else {
                continue;
            };
            let series = store.trend(&filter).await.unwrap();
            let sum = |series: &Series| series.iter().map(|(_, count)| count).sum::<u64>();
            assert_eq!(sum(&series[0]), listed, "{filter:?}");
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
        let filter = HashtagsFilter {
            range: match n % 4 {
                0 => all_dates(),
                _ => Range::new(from, to).unwrap(),
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
