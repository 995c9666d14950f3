//! Tables, cards and lines of messages at the widths people have.

mod hashtags;
mod hostile;

use crate::api::Message;
use crate::domain::Zone;
use crate::output::format::{Format, Listing, Options, write_all};
use crate::output::records::MESSAGES;
use crate::output::row::{Fields, Record};
use crate::output::tags::{Period, TagRow};
use crate::output::*;

/// A message written at 11:00 on 24 November 2026.
pub(crate) fn message(user: &str, text: &str, hashtags: &[&str]) -> Message {
    Message {
        id: "01JDEN0W00000000000000000A".to_owned(),
        user: crate::api::User { name: user.into() },
        text: text.into(),
        hashtags: hashtags.iter().map(|tag| (*tag).into()).collect(),
        created_at: "2026-11-24T11:00:00Z".parse().unwrap(),
    }
}

fn clock() -> Clock {
    Clock {
        now: "2026-11-24T12:00:00Z".parse().unwrap(),
        zone: Zone::UTC,
    }
}

pub(crate) fn options(width: usize) -> Options {
    Options::new(plain(width), clock())
}

/// Records in a form.
fn list<R: Record>(format: &str, listing: Listing, records: &[R], options: Options) -> String {
    let writer = Format::named(format).unwrap().open(listing, options);
    String::from_utf8(write_all(writer, records)).unwrap()
}

/// Messages in a form, at 80 columns.
pub(crate) fn listed(format: &str, messages: &[Message]) -> String {
    list(format, Listing::of(&MESSAGES), messages, options(80))
}

fn table(messages: &[Message], look: Look) -> String {
    let options = Options::new(look, clock());
    list("table", Listing::of(&MESSAGES), messages, options)
}

fn period() -> Period {
    Period {
        from: "2026-11-17T00:00:00Z".parse().unwrap(),
        to: clock().now,
        clock: clock(),
    }
}

fn tags_table(tags: &[TagRow], look: Look) -> String {
    let options = Options::new(look, clock());
    list(
        "table",
        tags::listing(tags.len(), None, &period()),
        tags,
        options,
    )
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
    let mut feed = vec![
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
    ];
    for (at, message) in feed.iter_mut().enumerate() {
        message.id.replace_range(5..6, &at.to_string());
    }
    feed
}

#[test]
fn a_feed_at_40_columns() {
    insta::assert_snapshot!(table(&feed(), plain(40)), @r"
    WHEN, WHO      TEXT
    ────────────────────────────────────────
    01JDE00W       deploy of #prod done
    1 h ago  ann
    #prod
    ────────────────────────────────────────
    01JDE10W       世界，你好！这是一条很长
    1 h ago        的消息，没有空格，需要在
    李小龙  #世界  正确的位置换行。👩‍💻👍🏽
    ────────────────────────────────────────
    01JDE20W       storage: fix a deadlock
    2019-02-19     between compaction and
    14:03          ingestion that showed on
    john@example.  slow disks
    com
    #storage       Reported by several
    #release-note  users.
                     indented line
    ────────────────────────────────────────
    01JDE30W       שלום עולם, deploy בוצע
    1 h ago  דנה
    ────────────────────────────────────────
    01JDE40W       \u{1b}[31mred\u{202e}evil
    1 h ago        \u{7}
    mallory  #x
    ────────────────────────────────────────
    01JDE50W       xxxxxxxxxxxxxxxxxxxxxxxxx
    1 h ago  bob   xxxxxxxxxxxxxxxxxxxxxxxxx
    #a #b          xxxxxxxxxxxxxxxxxxxxxxxxx
    #c-long-hasht  xxxxxxxxxxxxxxx
    ag-indeed
    ");
}

#[test]
fn a_feed_at_60_columns() {
    insta::assert_snapshot!(table(&feed(), plain(60)), @r"
    WHEN, WHO             TEXT
    ────────────────────────────────────────────────────────────
    01JDE00W  1 h ago     deploy of #prod done
    ann  #prod
    ────────────────────────────────────────────────────────────
    01JDE10W  1 h ago     世界，你好！这是一条很长的消息，没有空
    李小龙  #世界         格，需要在正确的位置换行。👩‍💻👍🏽
    ────────────────────────────────────────────────────────────
    01JDE20W              storage: fix a deadlock between
    2019-02-19 14:03      compaction and ingestion that showed
    john@example.com      on slow disks
    #storage
    #release-note         Reported by several users.
                            indented line
    ────────────────────────────────────────────────────────────
    01JDE30W  1 h ago     שלום עולם, deploy בוצע
    דנה
    ────────────────────────────────────────────────────────────
    01JDE40W  1 h ago     \u{1b}[31mred\u{202e}evil\u{7}
    mallory  #x
    ────────────────────────────────────────────────────────────
    01JDE50W  1 h ago     xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    bob                   xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    #a #b                 xxxxxxxxxxxxxx
    #c-long-hashtag-inde
    ed
    ");
}

#[test]
fn a_feed_at_80_columns() {
    insta::assert_snapshot!(table(&feed(), plain(80)), @r"
    WHEN, WHO                   TEXT
    ────────────────────────────────────────────────────────────────────────────────
    01JDE00W  1 h ago  ann      deploy of #prod done
    #prod
    ────────────────────────────────────────────────────────────────────────────────
    01JDE10W  1 h ago  李小龙   世界，你好！这是一条很长的消息，没有空格，需要在正确
    #世界                       的位置换行。👩‍💻👍🏽
    ────────────────────────────────────────────────────────────────────────────────
    01JDE20W  2019-02-19 14:03  storage: fix a deadlock between compaction and
    john@example.com            ingestion that showed on slow disks
    #storage #release-note
                                Reported by several users.
                                  indented line
    ────────────────────────────────────────────────────────────────────────────────
    01JDE30W  1 h ago  דנה      שלום עולם, deploy בוצע
    ────────────────────────────────────────────────────────────────────────────────
    01JDE40W  1 h ago  mallory  \u{1b}[31mred\u{202e}evil\u{7}
    #x
    ────────────────────────────────────────────────────────────────────────────────
    01JDE50W  1 h ago  bob      xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    #a #b                       xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    #c-long-hashtag-indeed
    ");
}

#[test]
fn a_feed_at_200_columns() {
    insta::assert_snapshot!(table(&feed(), plain(200)), @r"
    ID        TIME              USER              HASHTAGS                      TEXT
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    01JDE00W  1 h ago           ann               #prod                         deploy of #prod done
    01JDE10W  1 h ago           李小龙            #世界                         世界，你好！这是一条很长的消息，没有空格，需要在正确的位置换行。👩‍💻👍🏽
    01JDE20W  2019-02-19 14:03  john@example.com  #storage #release-note        storage: fix a deadlock between compaction and ingestion that showed on slow disks

                                                                                Reported by several users.
                                                                                  indented line
    01JDE30W  1 h ago           דנה                                             שלום עולם, deploy בוצע
    01JDE40W  1 h ago           mallory           #x                            \u{1b}[31mred\u{202e}evil\u{7}
    01JDE50W  1 h ago           bob               #a #b #c-long-hashtag-indeed  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    ");
}

#[test]
fn below_40_columns_the_text_stands_below() {
    insta::assert_snapshot!(table(&feed()[..2], plain(24)), @"
    ────────────────────────
    01JDE00W  1 h ago  ann
    #prod
    deploy of #prod done
    ────────────────────────
    01JDE10W  1 h ago
    李小龙  #世界
    世界，你好！这是一条很长
    的消息，没有空格，需要在
    正确的位置换行。👩‍💻👍🏽
    ");
}

#[test]
fn one_line_each_is_cut_where_texts_are() {
    let oneline = |look| {
        let options = Options::new(look, clock());
        list("oneline", Listing::of(&MESSAGES), &feed(), options)
    };
    insta::assert_snapshot!(oneline(plain(60).with_lines(5)), @r"
    01JDE00W  1 h ago  ann  deploy of #prod done
    01JDE10W  1 h ago  李小龙  世界，你好！这是一条很长的消息，…
    01JDE20W  2019-02-19 14:03  john@example.com  storage: fix …
    01JDE30W  1 h ago  דנה  שלום עולם, deploy בוצע
    01JDE40W  1 h ago  mallory  \u{1b}[31mred\u{202e}evil\u{7}
    01JDE50W  1 h ago  bob  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    ");
    assert!(oneline(plain(60)).contains("Reported by several users. indented line"));
}

#[test]
fn a_text_is_cut_and_says_how_many_lines_are_left() {
    let long = message("ann", &"line\n".repeat(4_095), &[]);
    insta::assert_snapshot!(table(&[long], plain(80).with_lines(2)), @"
    ID        TIME     USER  HASHTAGS  TEXT
    ────────────────────────────────────────────────────────
    01JDEN0W  1 h ago  ann             line
                                       line
                                       … 4,093 more lines
    ");
}

#[test]
fn an_address_is_whole_in_every_table() {
    let address = format!("https://example.com/{}", "path/".repeat(20));
    let message = message("ann", &format!("see {address}, please"), &[]);
    for width in [20, 40, 60, 100] {
        let drawn = table(std::slice::from_ref(&message), plain(width));
        assert!(drawn.contains(&address), "{drawn}");
    }
    let linked = plain(60).with_urls(Urls::Linked);
    let drawn = table(&[message], linked);
    assert!(
        drawn.matches(&format!(";{address}\u{1b}")).count() > 1,
        "{drawn}"
    );
}

#[test]
fn fields_are_those_asked_for_in_their_order() {
    let fields = |names: &str| Fields::parse(&MESSAGES, names);
    let printed = |format| {
        let options = Options {
            fields: fields("text, user,time").ok(),
            ..options(80)
        };
        list(format, Listing::of(&MESSAGES), &feed()[..1], options)
    };
    assert_eq!(
        printed("lines"),
        "deploy of #prod done\tann\t2026-11-24T11:00:00.000Z\n"
    );
    assert_eq!(
        printed("csv"),
        "text,user_name,created_at\ndeploy of #prod done,ann,2026-11-24T11:00:00.000Z\n"
    );
    assert!(printed("table").starts_with("TEXT"), "{}", printed("table"));
    let error = fields("time,usr").unwrap_err().to_string();
    assert_eq!(
        error,
        "\"usr\" is not a field; there are time, id, user, hashtags, text"
    );
}

#[test]
fn a_feed_in_ascii_has_nothing_else() {
    let ascii = table(&feed(), Look::new(80, false, Charset::AsciiOnly));
    assert!(ascii.is_ascii(), "{ascii}");
    let drawn = table(&feed(), Look::new(80, false, Charset::AsciiDrawing));
    assert!(drawn.contains("世界") && !drawn.contains('─'), "{drawn}");
}

#[test]
fn an_empty_feed_says_so() {
    assert_eq!(table(&[], plain(80)), "no messages\n");
}

#[test]
fn a_message_on_its_own() {
    insta::assert_snapshot!(list("card", Listing::of(&MESSAGES), &feed()[2..3], options(60)), @"
    id        01JDE20W00000000000000000A
    time      2019-02-19 14:03:00 (7 years ago)
    user      john@example.com
    hashtags  #storage #release-note

    storage: fix a deadlock between compaction and ingestion
    that showed on slow disks

    Reported by several users.
      indented line
    ");
}

#[test]
fn a_user_has_one_colour_and_nothing_needs_it() {
    let colored = table(&feed(), Look::new(80, true, Charset::Unicode));
    assert!(colored.contains("\u{1b}["));
    // Hashtags have a colour that no user has, in both shapes of the table.
    for width in [80, 200] {
        let look = Look::new(width, true, Charset::Unicode);
        let colored = table(&feed(), look);
        for (code, text) in [("38;5;6", "#storage"), ("38;5;6", "#prod")] {
            let painted = format!("\u{1b}[{code}m{text}");
            assert!(colored.contains(&painted), "{colored:?}");
        }
        assert!(!colored.contains("\u{1b}[38;5;6mann"), "{colored:?}");
    }
    let stripped = regexless_strip(&colored);
    assert_eq!(stripped, table(&feed(), plain(80)));
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
