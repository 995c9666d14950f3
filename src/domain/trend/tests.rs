use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::*;

fn date(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    date("2019-09-23T12:00:30Z")
}

fn asked(from: Option<&str>, to: Option<&str>, interval: &str, zone: &str) -> TrendRequest {
    TrendRequest {
        from: from.map(date),
        to: to.map(date),
        interval: Some(interval.parse().unwrap()),
        zone: Some(zone.parse().unwrap()),
        hashtags: Vec::new(),
    }
}

/// The edges of a range's buckets.
fn edges(from: &str, to: &str, interval: &str, zone: &str) -> Vec<String> {
    let filter = TrendFilter::new(asked(Some(from), Some(to), interval, zone), now()).unwrap();
    let cells = filter.cells(&[Vec::new()], true);
    let last = cells.last().map(|cell| cell.edges().1);
    let starts = cells.iter().map(|cell| cell.edges().0);
    let text = |date: DateTime<Utc>| date.format("%Y-%m-%dT%H:%MZ").to_string();
    starts.chain(last).map(text).collect()
}

#[test]
fn a_range_is_what_was_said_and_its_first_and_last_bucket_end_at_its_edges() {
    assert_eq!(
        edges(
            "2019-09-23T10:07:03Z",
            "2019-09-23T10:52:00.001Z",
            "15m",
            "UTC"
        ),
        [
            "2019-09-23T10:07Z",
            "2019-09-23T10:15Z",
            "2019-09-23T10:30Z",
            "2019-09-23T10:45Z",
            "2019-09-23T10:53Z"
        ]
    );
    assert_eq!(
        edges(
            "2019-09-23T10:07:03Z",
            "2019-09-23T10:07:04Z",
            "year",
            "Asia/Tokyo"
        ),
        ["2019-09-23T10:07Z", "2019-09-23T10:08Z"]
    );
}

#[test]
fn without_dates_it_is_sixty_buckets_up_to_now() {
    for (interval, zone, from) in [
        ("1m", "UTC", "2019-09-23T11:01:00Z"),
        ("day", "UTC", "2019-07-26T00:00:00Z"),
        ("day", "Asia/Tokyo", "2019-07-25T15:00:00Z"),
        ("day", "Europe/Berlin", "2019-07-25T22:00:00Z"),
        ("month", "Europe/Berlin", "2014-09-30T22:00:00Z"),
        ("1h", "America/New_York", "2019-09-21T01:00:00Z"),
        // 1970 is where time begins.
        ("year", "UTC", "1970-01-01T00:00:00Z"),
    ] {
        let filter = TrendFilter::new(asked(None, None, interval, zone), now()).unwrap();
        let cells = filter.cells(&[Vec::new()], true);
        assert_eq!(cells[0].edges().0, date(from), "{interval} {zone}");
        assert_eq!(
            cells.last().unwrap().edges().1,
            date("2019-09-23T12:01:00Z")
        );
        assert_eq!(filter.buckets.len(), cells.len());
        assert_eq!(cells.len(), if interval == "year" { 50 } else { 60 });
    }
}

#[test]
fn weeks_begin_on_mondays_and_months_on_their_first() {
    assert_eq!(
        edges(
            "2019-09-20T00:00:00Z",
            "2019-10-02T00:00:00Z",
            "week",
            "UTC"
        ),
        [
            "2019-09-20T00:00Z",
            "2019-09-23T00:00Z",
            "2019-09-30T00:00Z",
            "2019-10-02T00:00Z"
        ]
    );
    assert_eq!(
        edges(
            "2019-01-15T00:00:00Z",
            "2019-04-01T00:00:00Z",
            "1month",
            "UTC"
        ),
        [
            "2019-01-15T00:00Z",
            "2019-02-01T00:00Z",
            "2019-03-01T00:00Z",
            "2019-04-01T00:00Z"
        ]
    );
    assert_eq!(
        edges(
            "2018-12-31T00:00:00Z",
            "2020-01-02T00:00:00Z",
            "year",
            "Asia/Kolkata"
        ),
        [
            "2018-12-31T00:00Z",
            "2018-12-31T18:30Z",
            "2019-12-31T18:30Z",
            "2020-01-02T00:00Z"
        ]
    );
    assert_eq!(
        edges(
            "2019-02-01T00:00:00Z",
            "2019-10-01T00:00:00Z",
            "3months",
            "UTC"
        ),
        [
            "2019-02-01T00:00Z",
            "2019-04-01T00:00Z",
            "2019-07-01T00:00Z",
            "2019-10-01T00:00Z"
        ]
    );
}

#[test]
fn days_are_those_of_the_zone_however_its_clocks_are_set() {
    for (zone, from, to, expected) in [
        // 23 and 25 hours.
        (
            "America/New_York",
            "2019-03-09T05:00:00Z",
            "2019-03-12T04:00:00Z",
            &[
                "2019-03-09T05:00Z",
                "2019-03-10T05:00Z",
                "2019-03-11T04:00Z",
                "2019-03-12T04:00Z",
            ][..],
        ),
        (
            "America/New_York",
            "2019-11-02T04:00:00Z",
            "2019-11-05T05:00:00Z",
            &[
                "2019-11-02T04:00Z",
                "2019-11-03T04:00Z",
                "2019-11-04T05:00Z",
                "2019-11-05T05:00Z",
            ],
        ),
        // Half an hour.
        (
            "Australia/Lord_Howe",
            "2019-04-05T13:00:00Z",
            "2019-04-08T13:30:00Z",
            &[
                "2019-04-05T13:00Z",
                "2019-04-06T13:00Z",
                "2019-04-07T13:30Z",
                "2019-04-08T13:30Z",
            ],
        ),
        // Between the hours, and never set.
        (
            "Asia/Kolkata",
            "2019-09-22T18:30:00Z",
            "2019-09-24T18:30:00Z",
            &[
                "2019-09-22T18:30Z",
                "2019-09-23T18:30Z",
                "2019-09-24T18:30Z",
            ],
        ),
        // At midnight, which is skipped, and shown twice.
        (
            "Africa/Cairo",
            "2023-04-26T22:00:00Z",
            "2023-04-29T21:00:00Z",
            &[
                "2023-04-26T22:00Z",
                "2023-04-27T22:00Z",
                "2023-04-28T21:00Z",
                "2023-04-29T21:00Z",
            ],
        ),
        (
            "Africa/Cairo",
            "2023-10-25T21:00:00Z",
            "2023-10-28T22:00:00Z",
            &[
                "2023-10-25T21:00Z",
                "2023-10-26T22:00Z",
                "2023-10-27T22:00Z",
                "2023-10-28T22:00Z",
            ],
        ),
        // The 30th of December 2011 never was.
        (
            "Pacific/Apia",
            "2011-12-29T10:00:00Z",
            "2012-01-01T10:00:00Z",
            &[
                "2011-12-29T10:00Z",
                "2011-12-30T10:00Z",
                "2011-12-31T10:00Z",
                "2012-01-01T10:00Z",
            ],
        ),
        // A minute past midnight the clocks show the day before again.
        (
            "America/St_Johns",
            "2010-11-06T02:30:00Z",
            "2010-11-09T03:30:00Z",
            &[
                "2010-11-06T02:30Z",
                "2010-11-07T02:30Z",
                "2010-11-08T03:30Z",
                "2010-11-09T03:30Z",
            ],
        ),
        (
            "Asia/Tokyo",
            "2019-09-22T15:00:00Z",
            "2019-09-24T15:00:00Z",
            &[
                "2019-09-22T15:00Z",
                "2019-09-23T15:00Z",
                "2019-09-24T15:00Z",
            ],
        ),
    ] {
        for interval in ["day", "24h"] {
            assert_eq!(edges(from, to, interval, zone), expected, "{zone}");
        }
    }
}

#[test]
fn hours_are_those_the_clocks_show() {
    // Two hours from 1 to 2 o'clock, each a bucket.
    assert_eq!(
        edges(
            "2019-11-03T04:00:00Z",
            "2019-11-03T08:00:00Z",
            "1h",
            "America/New_York"
        ),
        [
            "2019-11-03T04:00Z",
            "2019-11-03T05:00Z",
            "2019-11-03T06:00Z",
            "2019-11-03T07:00Z",
            "2019-11-03T08:00Z"
        ]
    );
    // A quarter of a day of five hours.
    assert_eq!(
        edges(
            "2019-03-10T05:00:00Z",
            "2019-03-11T04:00:00Z",
            "6h",
            "America/New_York"
        ),
        [
            "2019-03-10T05:00Z",
            "2019-03-10T10:00Z",
            "2019-03-10T16:00Z",
            "2019-03-10T22:00Z",
            "2019-03-11T04:00Z"
        ]
    );
    // From 2:00 the clocks go back to 1:30: an hour and a half.
    assert_eq!(
        edges(
            "2019-04-06T13:00:00Z",
            "2019-04-06T17:30:00Z",
            "1h",
            "Australia/Lord_Howe"
        ),
        [
            "2019-04-06T13:00Z",
            "2019-04-06T14:00Z",
            "2019-04-06T15:30Z",
            "2019-04-06T16:30Z",
            "2019-04-06T17:30Z"
        ]
    );
    assert_eq!(
        edges(
            "2019-09-23T00:00:00Z",
            "2019-09-23T02:00:00Z",
            "1h",
            "Asia/Kolkata"
        ),
        [
            "2019-09-23T00:00Z",
            "2019-09-23T00:30Z",
            "2019-09-23T01:30Z",
            "2019-09-23T02:00Z"
        ]
    );
}

#[test]
fn too_many_buckets_say_what_would_fit() {
    for zone in ["UTC", "Europe/Berlin"] {
        let request = |interval| {
            asked(
                Some("2019-03-24T12:00:00Z"),
                Some("2019-04-23T12:00:00Z"),
                interval,
                zone,
            )
        };
        let error = TrendFilter::new(request("1m"), now())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("43200 buckets of 1m") && error.contains("such as 5m"),
            "{error}"
        );
        assert!(TrendFilter::new(request("5m"), now()).is_ok());
        let all = asked(
            Some("1970-01-01T00:00:00Z"),
            Some("9999-12-31T23:59:59Z"),
            "1m",
            zone,
        );
        let error = TrendFilter::new(all, now()).unwrap_err().to_string();
        assert!(error.contains("such as year"), "{error}");
        let all = asked(
            Some("1970-01-01T00:00:00Z"),
            Some("9999-12-31T23:59:59Z"),
            "year",
            zone,
        );
        assert!(TrendFilter::new(all, now()).unwrap().buckets.len() >= 8_030);
    }
}

#[test]
fn empty_buckets_are_filled_only_when_asked() {
    let request = asked(
        Some("2019-09-23T10:00:00Z"),
        Some("2019-09-23T10:03:00Z"),
        "1m",
        "UTC",
    );
    let filter = TrendFilter::new(request, now()).unwrap();
    let series = vec![vec![(date("2019-09-23T10:01:00Z").timestamp(), 5)]];
    let counts = |fill| -> Vec<u64> {
        let cells = filter.cells(&series, fill);
        cells.iter().map(|cell| cell.count).collect()
    };
    assert_eq!(counts(false), [5]);
    assert_eq!(counts(true), [0, 5, 0]);
}

proptest! {
    #[test]
    fn buckets_join_without_gaps_and_each_moment_is_in_the_one_around_it(
        from in 0i64..253_000_000_000, length in 1i64..400_000_000,
        interval in prop::sample::select(&["1m", "7m", "1h", "90m", "6h", "36h", "day", "3d", "week", "14d",
            "month", "5months", "year", "10years"]),
        zone in prop::sample::select(&["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
            "Africa/Cairo", "Africa/Casablanca", "Pacific/Apia", "Pacific/Kwajalein", "Africa/Monrovia",
            "America/St_Johns", "Antarctica/Troll", "IST-2IDT,M3.4.4/26,M10.5.0"]),
        part in 0.0f64..1.0,
    ) {
        let moment = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let request = TrendRequest {
            from: Some(moment(from)),
            to: Some(moment(from + length)),
            interval: Some(interval.parse().unwrap()),
            zone: Some(zone.parse().unwrap()),
            hashtags: Vec::new(),
        };
        let Ok(filter) = TrendFilter::new(request, now()) else { return Ok(()) };
        let buckets = &filter.buckets;
        let mut at = buckets.from();
        for (index, (start, end)) in buckets.iter().enumerate() {
            prop_assert!(start == at && start < end);
            prop_assert_eq!((start % 60, end % 60), (0, 0));
            for moment in [start, end - 1] {
                prop_assert_eq!(buckets.around(moment), (start, end));
                prop_assert_eq!(buckets.index_of(moment), index);
            }
            at = end;
        }
        prop_assert_eq!(at, buckets.to());
        // An edge is one whatever the range it is looked at from.
        let within = buckets.from() + ((buckets.to() - buckets.from()) as f64 * part) as i64;
        let some = buckets.between(within, buckets.to() - 1).unwrap();
        prop_assert_eq!((some.from(), some.to()), (buckets.around(within).0, buckets.to()));
        prop_assert_eq!(some.len(), buckets.len() - buckets.index_of(within));
        prop_assert_eq!(some.around(within), buckets.around(within));
    }
}
