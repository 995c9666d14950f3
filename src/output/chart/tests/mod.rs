//! Charts at the widths people have, and the cases that break charts.

mod limits;

use crate::domain::{TrendFilter, TrendRequest, Zone};
use crate::output::Charset;
use crate::output::chart::*;

fn clock() -> Clock {
    Clock {
        now: "2019-02-21T12:00:00Z".parse().unwrap(),
        zone: Zone::UTC,
    }
}

fn plain(width: usize) -> Look {
    Look::new(width, false, Charset::Unicode)
}

/// Whole buckets from a date on, as many as there are counts.
fn trend(from: &str, interval: &str, series: &[(Option<&str>, Vec<u64>)]) -> Trend {
    let interval: Interval = interval.parse().unwrap();
    let from: DateTime<Utc> = from.parse().unwrap();
    let length = interval.least_seconds() * series[0].1.len() as i64;
    trend_of(from, length, interval, "UTC", series)
}

fn trend_of(
    from: DateTime<Utc>,
    seconds: i64,
    interval: Interval,
    zone: &str,
    series: &[(Option<&str>, Vec<u64>)],
) -> Trend {
    let asked = TrendRequest {
        from: Some(from),
        to: Some(from + chrono::Duration::seconds(seconds)),
        interval: Some(interval),
        zone: Some(zone.parse().unwrap()),
        ..TrendRequest::default()
    };
    let buckets = TrendFilter::new(asked, from).unwrap().buckets;
    let counts = |counts: &[u64]| counts.iter().copied().cycle().take(buckets.len()).collect();
    Trend {
        series: series
            .iter()
            .map(|(tag, numbers)| Series {
                hashtag: tag.map(str::to_owned),
                counts: counts(numbers),
            })
            .collect(),
        buckets,
        interval,
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
    trend("2018-02-19T00:00:00Z", "week", &[(Some("sql"), weeks())])
}

fn two() -> Trend {
    let storage = weeks().into_iter().rev().map(|count| count / 2).collect();
    trend(
        "2018-02-19T00:00:00Z",
        "week",
        &[(Some("sql"), weeks()), (Some("storage"), storage)],
    )
}

#[test]
fn bars_at_40_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, &clock(), plain(40)), @"
    #sql: messages per week, 2018-02-19 to
    2019-02-18 (UTC)

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
      0 └────┬────────┬────────┬───────┬────
            Apr      Jul      Oct    2019

    1,739 messages in total. Peak: 97 in the
    week from 2018-09-17. Last: 63 in the
    week from 2019-02-11.
    ");
}

#[test]
fn bars_at_60_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, &clock(), plain(60)), @"
    #sql: messages per week, 2018-02-19 to 2019-02-18 (UTC)

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
      0 └─┬────────┬────────┬────────┬───────┬────────┬──────
         Mar      May      Jul      Sep     Nov     2019

    1,739 messages in total. Peak: 97 in the week from
    2018-09-17. Last: 63 in the week from 2019-02-11.
    ");
}

#[test]
fn bars_at_80_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, &clock(), plain(80)), @"
    #sql: messages per week, 2018-02-19 to 2019-02-18 (UTC)

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
      0 └─┬────────┬────────┬────────┬───────┬────────┬──────
         Mar      May      Jul      Sep     Nov     2019

    1,739 messages in total. Peak: 97 in the week from 2018-09-17. Last: 63 in the
    week from 2019-02-11.
    ");
}

#[test]
fn bars_at_200_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, &clock(), plain(200)), @"
    #sql: messages per week, 2018-02-19 to 2019-02-18 (UTC)

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
      0 └────┬─────────────┬───────────┬─────────────┬────────────┬────────────┬────────────┬────────────┬────────────┬────────────┬────────────┬─────────────┬──────
            Mar           Apr         May           Jun          Jul          Aug          Sep          Oct          Nov          Dec         2019           Feb

    1,739 messages in total. Peak: 97 in the week from 2018-09-17. Last: 63 in the week from 2019-02-11.
    ");
}

#[test]
fn a_line_at_60_columns() {
    insta::assert_snapshot!(draw(&year(), ChartStyle::Line, &clock(), plain(60)), @"
    #sql: messages per week, 2018-02-19 to 2019-02-18 (UTC)

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
      0 └──┬────────┬────────┬────────┬─────────┬────────┬──────
          Mar      May      Jul      Sep       Nov     2019

    1,739 messages in total. Peak: 97 in the week from
    2018-09-17. Last: 63 in the week from 2019-02-11.
    ");
}

#[test]
fn two_hashtags_as_bars() {
    insta::assert_snapshot!(draw(&two(), ChartStyle::Bars, &clock(), plain(60)), @"
    messages per week, 2018-02-19 to 2019-02-18 (UTC)

    #sql  1,739 in total, peak 97 from 2018-09-17, last 63
    100 ┤                              ▇
        │                              █                  ▂
        │                              █     ▄  ▄ ▁▅ ▁▅ ▂▆█▂▆
     50 ┤             ▁  ▁  ▂  ▂  ▃▇ ▃▇█     █▅██▅██▆██▆█████
        │   ▄  ▄ ▁▄ ▁▅█▂▅█▂▆█▃▆█▃▇██▇███     ████████████████
        │ ▄██▄██▅██▅████████████████████     ████████████████
      0 └────────────────────────────────────────────────────
    #storage  858 in total, peak 48 from 2018-07-16, last 0
    100 ┤
        │
        │
     50 ┤  ▁                  ▇
        │▇▅█▇▅▃▆▄▃▆▄▃▆▄▂▆     █▄▂ ▃▁  ▁  ▁  ▁
        │████████████████     ██████▇▅█▇▅█▇▅█▇▅█▆▄▂▆▄▂▆▄▂▆▄▂
      0 └─┬────────┬────────┬────────┬───────┬────────┬──────
         Mar      May      Jul      Sep     Nov     2019

    Counts are per week.
    ");
}

#[test]
fn two_hashtags_as_lines() {
    insta::assert_snapshot!(draw(&two(), ChartStyle::Line, &clock(), plain(60)), @"
    messages per week, 2018-02-19 to 2019-02-18 (UTC)

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
      0 └──┬────────┬────────┬────────┬─────────┬────────┬──────
          Mar      May      Jul      Sep       Nov     2019

    ● #sql  1,739 in total, peak 97 from 2018-09-17, last 63
    ○ #storage  858 in total, peak 48 from 2018-07-16, last 0

    Counts are per week.
    ");
}

#[test]
fn spark_lines() {
    insta::assert_snapshot!(draw(&two(), ChartStyle::Spark, &clock(), plain(60)), @"
    #sql     ·▁▁▂▁▁▂▁▂▁▂▂▃▂▃▂▂▃▂▃▂▃▃▄▃▄█·····▅▄▅▄▄▅▄▅▄▄▅▆▅ 1,739
    #storage ▃▂▃▃▂▂▂▂▂▂▂▂▂▂·····▄▂▁▂▂▁▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁   858
    ");
}

#[test]
fn ascii_has_nothing_else() {
    let look = Look::new(60, false, Charset::AsciiDrawing);
    for style in [ChartStyle::Bars, ChartStyle::Line, ChartStyle::Spark] {
        for trend in [year(), two()] {
            let drawn = draw(&trend, style, &clock(), look);
            assert!(drawn.is_ascii(), "{drawn}");
        }
    }
    insta::assert_snapshot!(draw(&year(), ChartStyle::Bars, &clock(), look), @"
    #sql: messages per week, 2018-02-19 to 2019-02-18 (UTC)

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
      0 +-+--------+--------+--------+-------+--------+------
         Mar      May      Jul      Sep     Nov     2019

    1,739 messages in total. Peak: 97 in the week from
    2018-09-17. Last: 63 in the week from 2019-02-11.
    ");
}
