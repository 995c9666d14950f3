//! The cases that break charts.

use proptest::prelude::*;

use super::*;

#[test]
fn nothing_at_all_is_an_empty_chart_that_says_so() {
    let trend = trend("2019-02-21T11:00:00Z", "1m", &[(None, vec![0; 60])]);
    insta::assert_snapshot!(draw(&trend, ChartStyle::Bars, &clock(), plain(60)), @"
    messages per minute, 2019-02-21 11:00 to 2019-02-21 12:00
    (UTC)

    1 ┤
      │
      │
      │
      │
      │
      │
      │
      │
      │
    0 └┬─────────┬────────┬─────────┬────────┬─────────┬────────
       11:00   11:10    11:20     11:30    11:40     11:50

    No messages.
    ");
    assert_eq!(
        draw(&trend, ChartStyle::Spark, &clock(), plain(60)).trim(),
        format!("{} 0", "·".repeat(58))
    );
}

#[test]
fn one_bucket_is_a_chart_too() {
    let trend = trend("2019-02-21T12:00:00Z", "1h", &[(None, vec![1])]);
    insta::assert_snapshot!(draw(&trend, ChartStyle::Bars, &clock(), plain(60)), @"
    messages per hour, 2019-02-21 12:00 to 2019-02-21 13:00
    (UTC)

    1 ┤███████
      │███████
      │███████
      │███████
      │███████
      │███████
      │███████
      │███████
      │███████
      │███████
    0 └┬───────
       12:00

    1 message in total. Peak: 1 in the hour from 2019-02-21
    12:00. Last: 1 in the hour from 2019-02-21 12:00, not over
    yet.
    ");
    insta::assert_snapshot!(draw(&trend, ChartStyle::Line, &clock(), plain(60)), @"
    messages per hour, 2019-02-21 12:00 to 2019-02-21 13:00
    (UTC)

    1 ┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉
      │
      │
      │
      │
      │
      │
      │
      │
      │
    0 └┬─────────┬────────┬─────────┬────────┬─────────┬────────
       12:00   12:10    12:20     12:30    12:40     12:50

    1 message in total. Peak: 1 in the hour from 2019-02-21
    12:00. Last: 1 in the hour from 2019-02-21 12:00, not over
    yet.
    ");
}

#[test]
fn huge_counts_keep_a_narrow_axis() {
    let trend = trend(
        "2019-02-20T12:00:00Z",
        "1h",
        &[(None, vec![u64::MAX, 0, u64::MAX / 2, 1])],
    );
    insta::assert_snapshot!(draw(&trend, ChartStyle::Bars, &clock(), plain(60)), @"
    messages per hour, 2019-02-20 12:00 to 2019-02-20 16:00
    (UTC)

    20E ┤▁▁▁▁▁▁▁
        │███████
        │███████
    15E ┤███████
        │███████
        │███████
    10E ┤███████         ▄▄▄▄▄▄▄
        │███████         ███████
        │███████         ███████
     5E ┤███████         ███████
        │███████         ███████
        │███████         ███████ ▁▁▁▁▁▁▁
      0 └┬───────────────┬───────────────
         12:00         14:00

    18,446,744,073,709,551,615 messages in total. Peak:
    18,446,744,073,709,551,615 in the hour from 2019-02-20
    12:00. Last: 1 in the hour from 2019-02-20 15:00.
    ");
}

#[test]
fn ticks_fall_on_round_times_of_the_zone() {
    let mut clock = clock();
    clock.zone = "Asia/Kolkata".parse().unwrap();
    let trend = trend("2019-02-20T12:00:00Z", "15m", &[(None, vec![1; 96])]);
    let drawn = draw(&trend, ChartStyle::Bars, &clock, plain(80));
    assert!(
        drawn.contains("18:00") && drawn.contains("Feb 21"),
        "{drawn}"
    );
    assert!(drawn.contains("(UTC+05:30)"), "{drawn}");
}

#[test]
fn months_of_the_calendar_have_their_ticks_where_they_begin() {
    let from = "2018-01-15T23:00:00Z".parse().unwrap();
    let counts = vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let month = "month".parse().unwrap();
    let series = [(None, counts)];
    let trend = trend_of(from, 340 * 86_400, month, "Europe/Berlin", &series);
    let mut clock = clock();
    clock.zone = "Europe/Berlin".parse().unwrap();
    insta::assert_snapshot!(draw(&trend, ChartStyle::Bars, &clock, plain(60)), @"
    messages per month, 2018-01-16 to 2018-12-22 (UTC+01:00)

    12 ┤                                            ███
       │                                        ███ ███
    10 ┤                                    ███ ███ ███
       │                                ███ ███ ███ ███
     8 ┤                            ███ ███ ███ ███ ███
       │                        ███ ███ ███ ███ ███ ███
     6 ┤                    ███ ███ ███ ███ ███ ███ ███
       │                ███ ███ ███ ███ ███ ███ ███ ███
     4 ┤            ███ ███ ███ ███ ███ ███ ███ ███ ███
       │        ███ ███ ███ ███ ███ ███ ███ ███ ███ ███
     2 ┤    ███ ███ ███ ███ ███ ███ ███ ███ ███ ███ ███
       │███ ███ ███ ███ ███ ███ ███ ███ ███ ███ ███ ███
     0 └────────┬───────┬───────┬───────┬───────┬───────
               Mar     May     Jul     Sep     Nov

    78 messages in total. Peak: 12 in the part of a month from
    2018-12-01. Last: 12 in the part of a month from 2018-12-01.
    ");
}

#[test]
fn gaps_in_an_answer_are_zero() {
    let bucket = |from: &str, count| TrendBucket {
        from_date: from.parse().unwrap(),
        to_date: from.parse().unwrap(),
        count,
        hashtag: None,
    };
    let buckets = [
        bucket("2019-02-21T10:00:00Z", 5),
        bucket("2019-02-21T10:03:00Z", 7),
        bucket("2031-01-01T00:00:00Z", 9),
    ];
    let from: DateTime<Utc> = "2019-02-21T09:59:00Z".parse().unwrap();
    let six = trend_of(from, 360, Interval::MINUTE, "UTC", &[(None, vec![0])]);
    let trend = Trend::new(&buckets, &[], six.buckets, six.interval);
    assert_eq!(trend.series[0].counts, [0, 5, 0, 0, 7, 0]);
}

proptest! {
    #[test]
    fn any_trend_can_be_drawn_within_the_width(
        counts in proptest::collection::vec(prop_oneof![Just(0u64), 0u64..50, any::<u64>()], 1..400),
        series in 1usize..17,
        width in 1usize..300,
        interval in prop::sample::select(&["1m", "7m", "1h", "6h", "day", "week", "month", "year", "100years"]),
        zone in prop::sample::select(&["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
        from in 0i64..10_000_000_000,
        seconds in 60i64..100_000_000_000,
        style in prop_oneof![Just(ChartStyle::Bars), Just(ChartStyle::Line), Just(ChartStyle::Spark)],
        unicode: bool,
    ) {
        let tags: Vec<String> = (0..series).map(|n| format!("tag{n}")).collect();
        let all: Vec<_> = tags.iter().map(|tag| (Some(tag.as_str()), counts.clone())).collect();
        let from = DateTime::from_timestamp(from, 0).unwrap();
        let interval: Interval = interval.parse().unwrap();
        let seconds = seconds.min(interval.least_seconds() * counts.len() as i64);
        let trend = trend_of(from, seconds, interval, zone, &all);
        let counts = &trend.series[0].counts;
        let charset = if unicode { Charset::Unicode } else { Charset::AsciiDrawing };
        let look = Look::new(width, false, charset);
        let drawn = draw(&trend, style, &clock(), look);
        prop_assert!(widest(&drawn) <= look.width(), "{drawn}");
        let colored = draw(&trend, style, &clock(), Look::new(width, true, charset));
        prop_assert!(colored.len() > drawn.len() || counts.iter().all(|&c| c == 0));
    }
}
