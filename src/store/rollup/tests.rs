use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::domain::{Interval, TrendFilter, TrendRequest};

/// To the widths that all stores have come 30 days.
const WITH_MONTHS: [i64; 4] = [MINUTE, HOUR, DAY, 30 * DAY];

fn filter(from: &str, to: &str, interval: &str, zone: &str) -> TrendFilter {
    let date = |text: &str| text.parse().unwrap();
    let asked = TrendRequest {
        from: Some(date(from)),
        to: Some(date(to)),
        interval: Some(interval.parse().unwrap()),
        zone: Some(zone.parse().unwrap()),
        ..TrendRequest::default()
    };
    TrendFilter::new(asked, date(to)).unwrap()
}

/// How many counters, in how many walks, a year takes.
fn of_a_year(interval: &str, zone: &str) -> (i64, usize) {
    let filter = filter(
        "2018-06-14T09:21:00Z",
        "2019-06-14T09:21:00Z",
        interval,
        zone,
    );
    let walks = cover(&filter.buckets, &WITH_MONTHS);
    (walks.iter().map(|walk| walk.counters()).sum(), walks.len())
}

#[test]
fn a_year_takes_hundreds_or_some_thousands_of_counters_not_a_million() {
    for (interval, zone, most, walks) in [
        ("day", "UTC", 520, 5),
        ("week", "UTC", 520, 5),
        ("month", "UTC", 520, 5),
        ("1h", "UTC", 9_000, 3),
        ("day", "Asia/Tokyo", 9_000, 5),
        ("day", "America/New_York", 9_000, 5),
        ("week", "America/New_York", 2_000, 120),
        ("month", "Europe/Berlin", 900, 40),
        ("year", "Europe/Berlin", 200, 15),
        ("6h", "Europe/Berlin", 9_000, 5),
        ("week", "Asia/Kolkata", 5_500, 230),
        ("day", "Asia/Kolkata", 31_000, 740),
    ] {
        let (counters, count) = of_a_year(interval, zone);
        assert!(
            counters <= most && count <= walks,
            "{interval} {zone}: {counters} counters in {count} walks"
        );
    }
}

#[test]
fn the_usual_trends_are_one_walk() {
    for (from, to, interval) in [
        ("2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z", "1m"),
        ("2025-06-01T10:07:00Z", "2025-06-02T10:07:00Z", "1m"),
        ("2025-06-01T00:00:00Z", "2027-06-01T00:00:00Z", "24h"),
        ("2025-06-02T00:00:00Z", "2027-06-07T00:00:00Z", "7d"),
    ] {
        let filter = filter(from, to, interval, "UTC");
        assert_eq!(cover(&filter.buckets, &WITH_MONTHS).len(), 1, "{interval}");
    }
}

#[test]
fn each_width_divides_the_next() {
    let divides = |pair: &[i64]| pair[1] % pair[0] == 0;
    assert!(WITH_MONTHS.windows(2).all(divides));
    assert_eq!(counter_of(HOUR, 7_199_999), 3_600);
    assert_eq!(counter_of(HOUR, -1), -3_600);
}

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&[
        "UTC",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Africa/Cairo",
        "Pacific/Apia",
        "Asia/Tokyo",
        "America/St_Johns",
        "Europe/London",
    ])
}

fn intervals() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&[
        "7m", "61m", "90m", "1h", "6h", "10h1m", "day", "3d", "week", "month", "3months", "year",
        "7d1m",
    ])
}

proptest! {
    #[test]
    fn walks_are_adjacent_whole_and_inside_buckets(
        from in 0i64..40_000_000, length in 1i64..200_000, interval in intervals(), zone in zones(),
    ) {
        let date = |minutes: i64| DateTime::from_timestamp(minutes * 60, 0);
        let asked = TrendRequest {
            from: date(from),
            to: date(from + length),
            interval: Some(interval.parse::<Interval>().unwrap()),
            zone: Some(zone.parse().unwrap()),
            ..TrendRequest::default()
        };
        let Ok(filter) = TrendFilter::new(asked, DateTime::UNIX_EPOCH) else {
            return Ok(());
        };
        let mut at = filter.buckets.from();
        for walk in cover(&filter.buckets, &WITH_MONTHS) {
            prop_assert_eq!(walk.from, at);
            prop_assert_eq!((walk.from % walk.width, walk.to % walk.width), (0, 0));
            for start in (walk.from..walk.to).step_by(walk.width as usize) {
                let (from, to) = filter.buckets.around(start);
                prop_assert!(from <= start && start + walk.width <= to);
            }
            at = walk.to;
        }
        prop_assert_eq!(at, filter.buckets.to());
    }

    #[test]
    fn a_range_takes_few_counters(from in 0i64..40_000_000, length in 0i64..3_000_000) {
        let (from, to) = (from * 60, (from + length) * 60);
        let mut at = from;
        let mut counters = 0;
        for walk in cover_range(from, to, &WITH_MONTHS) {
            prop_assert_eq!(walk.from, at);
            prop_assert_eq!((walk.from % walk.width, walk.to % walk.width), (0, 0));
            counters += walk.counters();
            at = walk.to;
        }
        prop_assert_eq!(at, to);
        prop_assert!(counters <= 2 * (59 + 23 + 29) + length / (30 * 24 * 60));
    }
}
