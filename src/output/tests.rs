//! Tables and cards at the widths people have, and the promise of the whole
//! module: whatever others wrote, nothing a terminal obeys comes out.

use proptest::prelude::*;

use crate::api::{HashtagCount, Hashtags, Message, TrendBucket, User, Users};
use crate::output::chart::{ChartStyle, Trend, draw};
use crate::output::checks::{Check, State, check_line, checks_table};
use crate::output::feed::{Times, feed_table, message_card};
use crate::output::lines::{
    bucket_csv, bucket_line, message_csv, message_line, tag_csv, tag_lines, user_csv, user_lines,
};
use crate::output::tags::{Period, TagRow, tags_table};
use crate::output::*;

/// A message written at 11:00 on 24 November 2026.
pub(crate) fn message(user: &str, text: &str, hashtags: &[&str]) -> Message {
    Message {
        id: "01JDEN0W00000000000000000A".to_owned(),
        user: User { name: user.into() },
        text: text.into(),
        hashtags: hashtags.iter().map(|tag| (*tag).into()).collect(),
        created_at: "2026-11-24T11:00:00Z".parse().unwrap(),
    }
}

fn clock() -> Clock {
    Clock {
        now: "2026-11-24T12:00:00Z".parse().unwrap(),
        zone: Zone::Utc,
    }
}

fn times() -> Times {
    Times {
        clock: clock(),
        format: TimeFormat::Auto,
    }
}

fn plain(width: usize) -> Look {
    Look::new(width, false, Charset::Unicode)
}

fn feed() -> Vec<Message> {
    let mut old = message(
        "john@example.com",
        "storage: fix a deadlock between compaction and ingestion that showed on slow disks\n\nReported by several users.\n  indented line",
        &["storage", "release-note"],
    );
    old.created_at = "2019-02-19T14:03:00Z".parse().unwrap();
    vec![
        message("ann", "deploy of #prod done", &["prod"]),
        message(
            "李小龙",
            "世界，你好！这是一条很长的消息，没有空格，需要在正确的位置换行。👩‍💻👍🏽",
            &["世界"],
        ),
        old,
        message("דנה", "שלום עולם, deploy בוצע", &[]),
        message("mallory", "\u{1b}[31mred\u{202e}evil\u{7}", &["x"]),
        message("bob", &"x".repeat(90), &["a", "b", "c-long-hashtag-indeed"]),
    ]
}

#[test]
fn a_feed_at_40_columns() {
    insta::assert_snapshot!(feed_table(&feed(), &times(), plain(40)), @r"
    WHEN, WHO      TEXT
    ────────────────────────────────────────
    1 h ago        deploy of #prod done
    ann
    #prod
    ────────────────────────────────────────
    1 h ago        世界，你好！这是一条很长
    李小龙         的消息，没有空格，需要在
    #世界          正确的位置换行。👩‍💻👍🏽
    ────────────────────────────────────────
    2019-02-19     storage: fix a deadlock
    14:03          between compaction and
    john@example.  ingestion that showed on
    com            slow disks
    #storage
    #release-note  Reported by several
                   users.
                     indented line
    ────────────────────────────────────────
    1 h ago        שלום עולם, deploy בוצע
    דנה
    ────────────────────────────────────────
    1 h ago        \u{1b}[31mred\u{202e}evil
    mallory        \u{7}
    #x
    ────────────────────────────────────────
    1 h ago        xxxxxxxxxxxxxxxxxxxxxxxxx
    bob            xxxxxxxxxxxxxxxxxxxxxxxxx
    #a #b          xxxxxxxxxxxxxxxxxxxxxxxxx
    #c-long-hasht  xxxxxxxxxxxxxxx
    ag-indeed
    ");
}

#[test]
fn a_feed_at_60_columns() {
    insta::assert_snapshot!(feed_table(&feed(), &times(), plain(60)), @r"
    WHEN, WHO             TEXT
    ────────────────────────────────────────────────────────────
    1 h ago               deploy of #prod done
    ann
    #prod
    ────────────────────────────────────────────────────────────
    1 h ago               世界，你好！这是一条很长的消息，没有空
    李小龙                格，需要在正确的位置换行。👩‍💻👍🏽
    #世界
    ────────────────────────────────────────────────────────────
    2019-02-19 14:03      storage: fix a deadlock between
    john@example.com      compaction and ingestion that showed
    #storage              on slow disks
    #release-note
                          Reported by several users.
                            indented line
    ────────────────────────────────────────────────────────────
    1 h ago               שלום עולם, deploy בוצע
    דנה
    ────────────────────────────────────────────────────────────
    1 h ago               \u{1b}[31mred\u{202e}evil\u{7}
    mallory
    #x
    ────────────────────────────────────────────────────────────
    1 h ago               xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    bob                   xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    #a #b                 xxxxxxxxxxxxxx
    #c-long-hashtag-inde
    ed
    ");
}

#[test]
fn a_feed_at_80_columns() {
    insta::assert_snapshot!(feed_table(&feed(), &times(), plain(80)), @r"
    WHEN, WHO               TEXT
    ────────────────────────────────────────────────────────────────────────────────
    1 h ago                 deploy of #prod done
    ann
    #prod
    ────────────────────────────────────────────────────────────────────────────────
    1 h ago                 世界，你好！这是一条很长的消息，没有空格，需要在正确的位
    李小龙                  置换行。👩‍💻👍🏽
    #世界
    ────────────────────────────────────────────────────────────────────────────────
    2019-02-19 14:03        storage: fix a deadlock between compaction and ingestion
    john@example.com        that showed on slow disks
    #storage #release-note
                            Reported by several users.
                              indented line
    ────────────────────────────────────────────────────────────────────────────────
    1 h ago                 שלום עולם, deploy בוצע
    דנה
    ────────────────────────────────────────────────────────────────────────────────
    1 h ago                 \u{1b}[31mred\u{202e}evil\u{7}
    mallory
    #x
    ────────────────────────────────────────────────────────────────────────────────
    1 h ago                 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    bob                     xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    #a #b
    #c-long-hashtag-indeed
    ");
}

#[test]
fn a_feed_at_200_columns() {
    insta::assert_snapshot!(feed_table(&feed(), &times(), plain(200)), @r"
    TIME              USER              HASHTAGS                      TEXT
    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    1 h ago           ann               #prod                         deploy of #prod done
    1 h ago           李小龙            #世界                         世界，你好！这是一条很长的消息，没有空格，需要在正确的位置换行。👩‍💻👍🏽
    2019-02-19 14:03  john@example.com  #storage #release-note        storage: fix a deadlock between compaction and ingestion that showed on slow disks

                                                                      Reported by several users.
                                                                        indented line
    1 h ago           דנה                                             שלום עולם, deploy בוצע
    1 h ago           mallory           #x                            \u{1b}[31mred\u{202e}evil\u{7}
    1 h ago           bob               #a #b #c-long-hashtag-indeed  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    ");
}

#[test]
fn a_feed_in_ascii_has_nothing_else() {
    let table = feed_table(&feed(), &times(), Look::new(80, false, Charset::AsciiOnly));
    assert!(table.is_ascii(), "{table}");
    let drawn = feed_table(
        &feed(),
        &times(),
        Look::new(80, false, Charset::AsciiDrawing),
    );
    assert!(drawn.contains("世界") && !drawn.contains('─'), "{drawn}");
}

#[test]
fn an_empty_feed_says_so() {
    assert_eq!(feed_table(&[], &times(), plain(80)), "no messages\n");
}

#[test]
fn a_message_on_its_own() {
    insta::assert_snapshot!(message_card(&feed()[2], clock(), plain(60)), @"
    id        01JDEN0W00000000000000000A
    time      2019-02-19 14:03:00 (7 years ago)
    user      john@example.com
    hashtags  #storage #release-note

    storage: fix a deadlock between compaction and ingestion
    that showed on slow disks

    Reported by several users.
      indented line
    ");
}

fn period() -> Period {
    Period {
        from: "2026-11-17T00:00:00Z".parse().unwrap(),
        to: clock().now,
        clock: clock(),
    }
}

fn tag(hashtag: &str, count: u64, counts: &[u64]) -> TagRow {
    TagRow {
        hashtag: hashtag.to_owned(),
        count,
        counts: counts.to_vec(),
    }
}

#[test]
fn the_busiest_hashtags() {
    let tags = [
        tag("storage", 1234, &[0, 3, 9, 27, 81, 100, 2, 0]),
        tag("世界", 1, &[0, 0, 0, 0, 0, 0, 0, 1]),
        tag("quiet", 0, &[0; 8]),
    ];
    insta::assert_snapshot!(tags_table(&tags, period(), plain(60)), @"
    the 3 busiest hashtags, 2026-11-17 to 2026-11-24 12:00 (UTC)

    HASHTAG   MESSAGES  WHEN
    ────────────────────────────
    #storage     1,234  ·▁▁▂▆█▁·
    #世界            1  ·······█
    #quiet           0  ········
    ");
    assert_eq!(
        tags_table(&[], period(), plain(60)),
        "no hashtags from 2026-11-17 to 2026-11-24 12:00 (UTC)\n"
    );
}

#[test]
fn hashtags_of_any_length_and_count_stay_within_40_columns() {
    let tags = [
        tag(&"x".repeat(64), u64::MAX, &[u64::MAX; 40]),
        tag("one-point", 1, &[1]),
    ];
    insta::assert_snapshot!(tags_table(&tags, period(), plain(40)), @"
    the 2 busiest hashtags, 2026-11-17 to
    2026-11-24 12:00 (UTC)

    HASHTA  MESSAGES                    WHEN
    G
    ────────────────────────────────────────
    #xxxxx  18,446,744,073,709,551,615  ████
    xxxxxx
    xxxxxx
    xxxxxx
    xxxxxx
    xxxxxx
    xxxxxx
    xxxxxx
    xxxxxx
    xxxxxx
    xxxxx
    #one-p                           1  █
    oint
    ");
}

#[test]
fn hashtags_at_80_and_200_columns_take_what_they_need() {
    let counts: Vec<u64> = (0..40).map(|day| day * day % 17).collect();
    let tags = [tag("שלום", 12_345, &counts), tag("all-zeros", 0, &[0; 40])];
    let at = |width| tags_table(&tags, period(), plain(width));
    insta::assert_snapshot!(at(80), @"
    the 2 busiest hashtags, 2026-11-17 to 2026-11-24 12:00 (UTC)

    HASHTAG     MESSAGES  WHEN
    ──────────────────────────────────────────────────────────────
    #שלום         12,345  ·▁▂▅█▄▁█▇▇█▁▄█▅▂▁·▁▂▅█▄▁█▇▇█▁▄█▅▂▁·▁▂▅█▄
    #all-zeros         0  ········································
    ");
    assert_eq!(at(200), at(80));
    let ascii = tags_table(&tags, period(), Look::new(80, false, Charset::AsciiOnly));
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn a_user_has_one_colour_and_nothing_needs_it() {
    let colored = feed_table(&feed(), &times(), Look::new(80, true, Charset::Unicode));
    assert!(colored.contains("\u{1b}["));
    // Hashtags have a colour that no user has, in both shapes of the table.
    for width in [80, 200] {
        let look = Look::new(width, true, Charset::Unicode);
        let colored = feed_table(&feed(), &times(), look);
        for (code, text) in [("38;5;6", "#storage"), ("38;5;6", "#prod")] {
            let painted = format!("\u{1b}[{code}m{text}");
            assert!(colored.contains(&painted), "{colored:?}");
        }
        assert!(!colored.contains("\u{1b}[38;5;6mann"), "{colored:?}");
    }
    let stripped = regexless_strip(&colored);
    assert_eq!(stripped, feed_table(&feed(), &times(), plain(80)));
}

/// Without the colour codes, and the blanks before them at a line's end.
fn regexless_strip(text: &str) -> String {
    let mut plain = String::new();
    for line in text.lines() {
        let mut parts = line.split('\u{1b}');
        let mut line = parts.next().unwrap().to_owned();
        for part in parts {
            line += part.split_once('m').unwrap().1;
        }
        plain += line.trim_end();
        plain.push('\n');
    }
    plain
}

#[test]
fn thousands_are_separated() {
    assert_eq!(thousands(0), "0");
    assert_eq!(thousands(999), "999");
    assert_eq!(thousands(1_234_567), "1,234,567");
    assert_eq!(counted(1, "message"), "1 message");
}

/// Characters that a terminal obeys or that hide or reorder text. Written out
/// here on its own, so that a mistake in the sanitiser is not repeated.
fn obeyed(c: char) -> bool {
    (c < ' ' && c != '\n' && c != '\t')
        || ('\u{7f}'..='\u{9f}').contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
        || [
            '\u{200e}', '\u{200f}', '\u{61c}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{200b}',
        ]
        .contains(&c)
        || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

fn hostile() -> impl Strategy<Value = String> {
    let chars = prop_oneof![
        any::<char>(),
        (0u32..0xa0).prop_filter_map("char", char::from_u32),
        (0x2000u32..0x2070).prop_filter_map("char", char::from_u32),
        Just('世'),
        Just('a'),
        Just(' '),
    ];
    proptest::collection::vec(chars, 0..60).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn no_renderer_lets_hostile_text_through(
        text in hostile(), name in hostile(), tag in hostile(), width in 1usize..220,
    ) {
        let look = plain(width);
        let mut message = message(&name, &text, &[&tag, "b"]);
        message.id = text.clone();
        let bucket = TrendBucket {
            from_date: clock().now,
            to_date: clock().now + chrono::Duration::hours(1),
            count: 3,
            hashtag: Some(tag.as_str().into()),
        };
        let trend = Trend::new(
            std::slice::from_ref(&bucket), &[tag.clone(), name.clone()], bucket.from_date, bucket.to_date, 3600,
        );
        let tags = Hashtags { hashtags: vec![HashtagCount { hashtag: tag.clone(), count: 1 }] };
        let row = TagRow { hashtag: tag.clone(), count: 1, counts: vec![1] };
        let users = Users { users: vec![User { name: name.as_str().into() }] };
        let check = Check { name: "server", state: State::Problem, found: text.clone(), advice: Some(name.clone()) };
        let fitted = [
            checks_table(std::slice::from_ref(&check), look),
            feed_table(&[message.clone()], &times(), look),
            message_card(&message, clock(), look),
            draw(&trend, ChartStyle::Bars, clock(), look),
            draw(&trend, ChartStyle::Line, clock(), look),
            draw(&trend, ChartStyle::Spark, clock(), look),
            tags_table(&[row], period(), look),
        ];
        for drawn in &fitted {
            prop_assert!(!drawn.contains(obeyed), "{drawn:?}");
            for line in drawn.lines() {
                prop_assert!(columns(line) <= look.width(), "{} > {}: {line:?}", columns(line), look.width());
            }
        }
        let lines = [
            message_line(&message, clock(), &TimeFormat::Iso),
            bucket_line(&bucket),
            tag_lines(&tags),
            user_lines(&users),
            check_line(&check),
        ];
        for line in &lines {
            prop_assert!(!line.contains(obeyed), "{line:?}");
            prop_assert_eq!(line.matches('\n').count(), 1);
        }
        for csv in [message_csv(&message), bucket_csv(&bucket), tag_csv(&tags), user_csv(&users)] {
            prop_assert!(!csv.contains(obeyed), "{csv:?}");
        }
    }
}
