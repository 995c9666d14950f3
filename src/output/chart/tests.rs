//! Charts at the widths people have, and the cases that break charts.

use proptest::prelude::*;

use crate::output::chart::*;
use crate::output::{Charset, Zone};

fn clock() -> Clock {
    Clock {
        now: "2019-02-21T12:00:00Z".parse().unwrap(),
        zone: Zone::Utc,
    }
}

fn plain(width: usize) -> Look {
    Look::new(width, false, Charset::Unicode)
}

fn trend(from: &str, interval: i64, series: &[(Option<&str>, Vec<u64>)]) -> Trend {
    Trend {
        from: from.parse().unwrap(),
        interval,
        series: series
            .iter()
            .map(|(tag, counts)| Series {
                hashtag: tag.map(str::to_owned),
                counts: counts.clone(),
            })
            .collect(),
    }
}

/// A year of weeks with a slope, a peak and a gap.
fn weeks() -> Vec<u64> {
    (0..52)
        .map(|week| match week {
            30 => 97,
            31..36 => 0,
            _ => (week * 7) % 23 + week,
        })
        .collect()
}

fn year() -> Trend {
    trend("2018-02-22T00:00:00Z", 604_800, &[(Some("sql"), weeks())])
}

fn two() -> Trend {
    let storage = weeks().into_iter().rev().map(|count| count / 2).collect();
    trend(
        "2018-02-22T00:00:00Z",
        604_800,
        &[(Some("sql"), weeks()), (Some("storage"), storage)],
    )
}

#[test]
fn bars_at_40_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, clock(), plain(40)), @"
    #sql: messages per 7 days, 2018-02-22 to
    2019-02-21 (UTC)

    100 ┤                    ▆
        │                    █
     80 ┤                    █
        │                    █         ▁ ▂█▂
     60 ┤                    █   ▆ ▇ █ █ ███
        │                  ▆ █   █▂█▃█▄█▅███
     40 ┤         ▄ ▅ ▆ ▆▁▇███   ███████████
        │  ▃ ▄ ▅ ▆█▆█▇████████   ███████████
     20 ┤  █ █ █▁█████████████   ███████████
        │ ▆█▇█████████████████   ███████████
      0 └─┬─────┬────┬─────┬─────┬─────┬────
         Mar   May  Jul   Sep   Nov  2019

    1,739 messages in total. Peak: 97 in the
    7 days from 2018-09-20. Last: 63 in the
    7 days from 2019-02-14.
    ");
}

#[test]
fn bars_at_60_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, clock(), plain(60)), @"
    #sql: messages per 7 days, 2018-02-22 to 2019-02-21 (UTC)

    100 ┤                              ▆
        │                              █
     80 ┤                              █
        │                              █              ▁  ▂█ ▂
     60 ┤                              █     ▆ ▁▇ ▂█ ▂█ ▃██▄█
        │                          ▆  ▆█     █▂██▃██▄██▅█████
     40 ┤             ▄  ▅  ▆  ▆ ▁▇█▂███     ████████████████
        │   ▃  ▄  ▅  ▆█ ▆█▁▇█▂██▂███████     ████████████████
     20 ┤  ▅█ ▆█ ▆█▁▇███████████████████     ████████████████
        │ ▆██▇██████████████████████████     ████████████████
      0 └─┬────────┬───────┬────────┬────────┬────────┬──────
         Mar      May     Jul      Sep      Nov     2019

    1,739 messages in total. Peak: 97 in the 7 days from
    2018-09-20. Last: 63 in the 7 days from 2019-02-14.
    ");
}

#[test]
fn bars_at_80_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, clock(), plain(80)), @"
    #sql: messages per 7 days, 2018-02-22 to 2019-02-21 (UTC)

    100 ┤                              ▆
        │                              █
     80 ┤                              █
        │                              █              ▁  ▂█ ▂
     60 ┤                              █     ▆ ▁▇ ▂█ ▂█ ▃██▄█
        │                          ▆  ▆█     █▂██▃██▄██▅█████
     40 ┤             ▄  ▅  ▆  ▆ ▁▇█▂███     ████████████████
        │   ▃  ▄  ▅  ▆█ ▆█▁▇█▂██▂███████     ████████████████
     20 ┤  ▅█ ▆█ ▆█▁▇███████████████████     ████████████████
        │ ▆██▇██████████████████████████     ████████████████
      0 └─┬────────┬───────┬────────┬────────┬────────┬──────
         Mar      May     Jul      Sep      Nov     2019

    1,739 messages in total. Peak: 97 in the 7 days from 2018-09-20. Last: 63 in the
    7 days from 2019-02-14.
    ");
}

#[test]
fn bars_at_200_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, clock(), plain(200)), @"
    #sql: messages per 7 days, 2018-02-22 to 2019-02-21 (UTC)

    100 ┤                                                                                          ▆▆
        │                                                                                          ██
     80 ┤                                                                                          ██
        │                                                                                          ██                                           ▁▁       ▂▂ ██    ▂▂
     60 ┤                                                                                          ██                ▆▆    ▁▁ ▇▇    ▂▂ ██    ▂▂ ██    ▃▃ ██ ██ ▄▄ ██
        │                                                                              ▆▆       ▆▆ ██                ██ ▂▂ ██ ██ ▃▃ ██ ██ ▄▄ ██ ██ ▅▅ ██ ██ ██ ██ ██
     40 ┤                                       ▄▄       ▅▅       ▆▆       ▆▆    ▁▁ ▇▇ ██ ▂▂ ██ ██ ██                ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██
        │         ▃▃       ▄▄       ▅▅       ▆▆ ██    ▆▆ ██ ▁▁ ▇▇ ██ ▂▂ ██ ██ ▂▂ ██ ██ ██ ██ ██ ██ ██                ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██
     20 ┤      ▅▅ ██    ▆▆ ██    ▆▆ ██ ▁▁ ▇▇ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██                ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██
        │   ▆▆ ██ ██ ▇▇ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██                ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██ ██
      0 └───┬────────────┬────────────┬────────────┬────────────┬─────────────┬────────────┬────────────┬────────────┬────────────┬────────────┬────────────┬────────
           Mar          Apr          May          Jun          Jul           Aug          Sep          Oct          Nov          Dec         2019          Feb

    1,739 messages in total. Peak: 97 in the 7 days from 2018-09-20. Last: 63 in the 7 days from 2019-02-14.
    ");
}

#[test]
fn a_line_at_60_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Line, clock(), plain(60)), @"
    #sql: messages per 7 days, 2018-02-22 to 2019-02-21 (UTC)

    100 ┤                               ⢠⡆
        │                               ⢸⡇
     80 ┤                               ⡸⡇
        │                               ⡇⡇              ⢀   ⡔⢇⢀⠤
     60 ┤                               ⡇⡇     ⡾⡀⢠⠺⡀⢠⠺⡀⡰⠙⡄⢀⠎ ⠘⠎
        │                           ⡠⡆ ⡔⠁⢸     ⡇⠳⠁ ⠳⠁ ⠙  ⠑⠁
     40 ┤             ⡠⡆ ⢀⢴ ⢀⢴ ⢠⠺⡀⢠⠊ ⠸⡜  ⢸    ⢸
        │   ⣠  ⡠⡆ ⡠⡆ ⡰⠁⠸⡔⠁ ⢧⠊ ⠳⠁ ⠳⠁      ⢸    ⢸
     20 ┤ ⢀⠜⠈⢆⠔⠁⠸⡔⠁⠸⡔⠁                   ⢸    ⡇
        │⣠⠊                              ⠸⣀⣀⣀⣀⡇
      0 └─┬────────┬────────┬─────────┬────────┬────────┬───────
         Mar      May      Jul       Sep      Nov     2019

    1,739 messages in total. Peak: 97 in the 7 days from
    2018-09-20. Last: 63 in the 7 days from 2019-02-14.
    ");
}

#[test]
fn two_hashtags_as_bars() {
    insta::assert_snapshot!(draw(&two(), ChartStyle::Bars, clock(), plain(60)), @"
    messages per 7 days, 2018-02-22 to 2019-02-21 (UTC)

    #sql  1,739 in total, peak 97 from 2018-09-20, last 63
    100 ┤                              ▇
        │                              █                  ▂
        │                              █     ▄  ▄ ▁▅ ▁▅ ▂▆█▂▆
     50 ┤             ▁  ▁  ▂  ▂  ▃▇ ▃▇█     █▅██▅██▆██▆█████
        │   ▄  ▄ ▁▄ ▁▅█▂▅█▂▆█▃▆█▃▇██▇███     ████████████████
        │ ▄██▄██▅██▅████████████████████     ████████████████
      0 └────────────────────────────────────────────────────
    #storage  858 in total, peak 48 from 2018-07-19, last 0
    100 ┤
        │
        │
     50 ┤  ▁                  ▇
        │▇▅█▇▅▃▆▄▃▆▄▃▆▄▂▆     █▄▂ ▃▁  ▁  ▁  ▁
        │████████████████     ██████▇▅█▇▅█▇▅█▇▅█▆▄▂▆▄▂▆▄▂▆▄▂
      0 └─┬────────┬───────┬────────┬────────┬────────┬──────
         Mar      May     Jul      Sep      Nov     2019

    Counts are per 7 days.
    ");
}

#[test]
fn two_hashtags_as_lines() {
    insta::assert_snapshot!(draw(&two(), ChartStyle::Line, clock(), plain(60)), @"
    messages per 7 days, 2018-02-22 to 2019-02-21 (UTC)

    100 ┤
        │
     80 ┤
        │                                ●                   ●
     60 ┤                               ● ●       ●  ●  ●● ●● ●●
        │                               ● ●    ●●● ●● ●●  ●
     40 ┤                 ●  ● ○●  ●●●●●  ●    ●
        │○○○○○ ○○ ○○  ●● ● ●● ●●○●●       ●    ●
     20 ┤   ● ○●●○●●○● ○● ○●  ●○ ○○○○○  ○ ●○  ○● ○
        │●●● ●●  ●  ●     ○○○○○       ○○ ○●●●●●○○ ○○○○○○○○○○○○○○
      0 └─┬────────┬────────┬─────────┬────────┬────────┬───────
         Mar      May      Jul       Sep      Nov     2019

    ● #sql  1,739 in total, peak 97 from 2018-09-20, last 63
    ○ #storage  858 in total, peak 48 from 2018-07-19, last 0

    Counts are per 7 days.
    ");
}

#[test]
fn spark_lines() {
    insta::assert_snapshot!(draw(&two(), ChartStyle::Spark, clock(), plain(60)), @"
    #sql     ·▁▁▂▁▁▂▁▂▁▂▂▃▂▃▂▂▃▂▃▂▃▃▄▃▄█·····▅▄▅▄▄▅▄▅▄▄▅▆▅ 1,739
    #storage ▃▂▃▃▂▂▂▂▂▂▂▂▂▂·····▄▂▁▂▂▁▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁   858
    ");
}

#[test]
fn ascii_has_nothing_else() {
    let look = Look::new(60, false, Charset::AsciiDrawing);
    for style in [ChartStyle::Bars, ChartStyle::Line, ChartStyle::Spark] {
        for trend in [year(), two()] {
            let drawn = draw(&trend, style, clock(), look);
            assert!(drawn.is_ascii(), "{drawn}");
        }
    }
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, clock(), look), @"
    #sql: messages per 7 days, 2018-02-22 to 2019-02-21 (UTC)

    100 +                              #
        |                              #
     80 +                              #
        |                              #              .  .# .
     60 +                              #     # .# .# .# :##:#
        |                          #  ##     #.##:##:##:#####
     40 +             :  :  #  # .##.###     ################
        |   :  :  :  ## ##.##.##.#######     ################
     20 +  :# ## ##.####################     ################
        | ##############################     ################
      0 +-+--------+-------+--------+--------+--------+------
         Mar      May     Jul      Sep      Nov     2019

    1,739 messages in total. Peak: 97 in the 7 days from
    2018-09-20. Last: 63 in the 7 days from 2019-02-14.
    ");
}

#[test]
fn nothing_at_all_is_an_empty_chart_that_says_so() {
    let trend = trend("2019-02-21T11:00:00Z", 60, &[(None, vec![0; 60])]);
    insta::assert_snapshot!(draw(&trend, ChartStyle::Bars, clock(), plain(60)), @"
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
        draw(&trend, ChartStyle::Spark, clock(), plain(60)).trim(),
        format!("{} 0", "·".repeat(58))
    );
}

#[test]
fn one_bucket_is_a_chart_too() {
    let trend = trend("2019-02-21T11:30:00Z", 3_600, &[(None, vec![1])]);
    insta::assert_snapshot!(draw(&trend, ChartStyle::Bars, clock(), plain(60)), @"
    messages per hour, 2019-02-21 11:30 to 2019-02-21 12:30
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
    0 └────┬───
         12:00

    1 message in total. Peak: 1 in the hour from 2019-02-21
    11:30. Last: 1 in the hour from 2019-02-21 11:30, not over
    yet.
    ");
    insta::assert_snapshot!(draw(&trend, ChartStyle::Line, clock(), plain(60)), @"
    messages per hour, 2019-02-21 11:30 to 2019-02-21 12:30
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
       11:30   11:40    11:50     12:00    12:10     12:20

    1 message in total. Peak: 1 in the hour from 2019-02-21
    11:30. Last: 1 in the hour from 2019-02-21 11:30, not over
    yet.
    ");
}

#[test]
fn huge_counts_keep_a_narrow_axis() {
    let trend = trend(
        "2019-02-20T12:00:00Z",
        3_600,
        &[(None, vec![u64::MAX, 0, u64::MAX / 2, 1])],
    );
    insta::assert_snapshot!(draw(&trend, ChartStyle::Bars, clock(), plain(60)), @"
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
    clock.zone = Zone::Fixed(chrono::FixedOffset::east_opt(19_800).unwrap());
    let trend = trend("2019-02-20T12:00:00Z", 900, &[(None, vec![1; 96])]);
    let drawn = draw(&trend, ChartStyle::Bars, clock, plain(80));
    assert!(
        drawn.contains("18:00") && drawn.contains("Feb 21"),
        "{drawn}"
    );
    assert!(drawn.contains("(UTC+05:30)"), "{drawn}");
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
    let trend = Trend::new(&buckets, &[], from, from + chrono::Duration::minutes(6), 60);
    assert_eq!(trend.series[0].counts, [0, 5, 0, 0, 7, 0]);
}

proptest! {
    #[test]
    fn any_trend_can_be_drawn_within_the_width(
        counts in proptest::collection::vec(prop_oneof![Just(0u64), 0u64..50, any::<u64>()], 1..400),
        series in 1usize..17,
        width in 1usize..300,
        minutes in prop_oneof![1i64..100, Just(1440), Just(10_080), 1i64..50_000_000],
        from in -2_000_000_000i64..100_000_000_000,
        style in prop_oneof![Just(ChartStyle::Bars), Just(ChartStyle::Line), Just(ChartStyle::Spark)],
        unicode: bool,
    ) {
        let tags: Vec<String> = (0..series).map(|n| format!("tag{n}")).collect();
        let all: Vec<_> = tags.iter().map(|tag| (Some(tag.as_str()), counts.clone())).collect();
        let mut trend = trend("2019-02-21T11:30:00Z", minutes * 60, &all);
        trend.from = DateTime::from_timestamp(from, 0).unwrap();
        let charset = if unicode { Charset::Unicode } else { Charset::AsciiDrawing };
        let look = Look::new(width, false, charset);
        let drawn = draw(&trend, style, clock(), look);
        prop_assert!(widest(&drawn) <= look.width(), "{drawn}");
        let colored = draw(&trend, style, clock(), Look::new(width, true, charset));
        prop_assert!(colored.len() > drawn.len() || counts.iter().all(|&c| c == 0));
    }
}
