//! `dunder import`, over a store in this process.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use dunder::app::admin::{Input, Progress, import};
use dunder::domain::{Interval, Store, TrendFilter};

use super::{counts, exported, imported, store};
use crate::place::{Backend, on_every_store};

on_every_store![
    the_same_lines_imported_twice_are_stored_and_counted_once,
    one_line_twice_in_one_input_is_one_message,
    refused_lines_are_named_by_number_and_the_rest_is_stored,
    the_first_refusals_are_shown_in_order_and_all_are_counted,
    what_belongs_to_another_message_is_refused_with_that_message,
    a_line_beyond_the_limit_is_refused_and_the_next_one_stored,
    an_input_that_fails_midway_is_an_error_and_keeps_what_was_stored,
    a_store_that_fails_says_how_to_go_on,
];

fn line(n: usize) -> String {
    let (minute, second) = (n / 60 % 60, n % 60);
    format!(
        r#"{{"user_name":"user{}","text":"message {n}","hashtags":["all","t{}"],"created_at":"2019-09-23T{:02}:{minute:02}:{second:02}Z"}}"#,
        n % 7,
        n % 3,
        n / 3600,
    ) + "\n"
}

fn lines(count: usize) -> String {
    (0..count).map(line).collect()
}

async fn counted(store: &Arc<dyn Store>, hashtag: Option<&str>) -> u64 {
    let at = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let filter = TrendFilter::new(
        Some(at("2019-09-23T00:00:00Z")),
        Some(at("2019-09-24T00:00:00Z")),
        Interval::MINUTE,
        hashtag.iter().map(|tag| tag.parse().unwrap()).collect(),
        at("2019-09-25T00:00:00Z"),
    );
    let series = store.trend(&filter.unwrap()).await.unwrap();
    series[0].iter().map(|(_, count)| count).sum()
}

async fn the_same_lines_imported_twice_are_stored_and_counted_once(on: Backend) {
    let (_place, store) = store(on).await;
    let input = lines(5_000);
    let (first, report) = imported(&store, input.clone()).await;
    assert_eq!(counts(&first.unwrap()), [5_000, 5_000, 0, 0]);
    let (again, _) = imported(&store, input).await;
    assert_eq!(counts(&again.unwrap()), [5_000, 0, 5_000, 0]);
    assert_eq!(report, "");
    assert_eq!(exported(&store).await.lines().count(), 5_000);
    assert_eq!(counted(&store, None).await, 5_000);
    assert_eq!(counted(&store, Some("all")).await, 5_000);
    assert_eq!(counted(&store, Some("t1")).await, 1_667);
}

async fn one_line_twice_in_one_input_is_one_message(on: Backend) {
    let (_place, store) = store(on).await;
    let (done, _) = imported(&store, line(1) + &line(2) + &line(1)).await;
    assert_eq!(counts(&done.unwrap()), [3, 2, 1, 0]);
    assert_eq!(counted(&store, None).await, 2);
}

async fn refused_lines_are_named_by_number_and_the_rest_is_stored(on: Backend) {
    let (_place, store) = store(on).await;
    let input = format!(
        "\u{feff}{}\r\n\r\n  \nnonsense\n{}",
        line(1).trim(),
        line(2).trim()
    );
    let (done, report) = imported(&store, input).await;
    let done = done.unwrap();
    assert_eq!(counts(&done), [3, 2, 0, 1]);
    assert_eq!(done.refusals[0].line, 4);
    assert!(
        report.starts_with("line 4: the line is not a JSON object"),
        "{report}"
    );
    assert_eq!(report.lines().count(), 1);
}

async fn the_first_refusals_are_shown_in_order_and_all_are_counted(on: Backend) {
    let (_place, store) = store(on).await;
    let good = lines(30);
    let mixed: String = good
        .lines()
        .flat_map(|line| [line, "\n", "{\"x\":1}\n"])
        .collect();
    let (done, report) = imported(&store, mixed).await;
    assert_eq!(counts(&done.unwrap()), [60, 30, 0, 30]);
    let shown: Vec<&str> = report.lines().collect();
    assert_eq!(shown.len(), 21, "{report}");
    assert!(
        shown[0].starts_with("line 2: unknown field `x`"),
        "{report}"
    );
    assert!(shown[19].starts_with("line 40: "), "{report}");
    assert_eq!(shown[20], "and 10 more lines refused");
}

async fn what_belongs_to_another_message_is_refused_with_that_message(on: Backend) {
    let (_place, store) = store(on).await;
    let with = |text: &str, id: &str, key: &str| {
        format!(r#"{{"user_name":"ann","text":"{text}","id":"{id}","idempotency_key":"{key}"}}"#)
            + "\n"
    };
    let (one, two) = ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW");
    let input = with("first", one, "k1") + &with("other", one, "k2") + &with("third", two, "k1");
    let (done, report) = imported(&store, input).await;
    assert_eq!(counts(&done.unwrap()), [3, 1, 0, 2], "{report}");
    let shown: Vec<&str> = report.lines().collect();
    assert!(
        shown[0].starts_with("line 2: ") && shown[0].contains(one),
        "{report}"
    );
    assert!(
        shown[1].starts_with("line 3: ") && shown[1].contains(one),
        "{report}"
    );
}

async fn a_line_beyond_the_limit_is_refused_and_the_next_one_stored(on: Backend) {
    let (_place, store) = store(on).await;
    let input = format!("{{\"text\":\"{}\"}}\n{}", "x".repeat(300_000), line(1));
    let (done, report) = imported(&store, input).await;
    assert_eq!(counts(&done.unwrap()), [2, 1, 0, 1]);
    assert!(
        report.starts_with("line 1: the line is longer than 262144 bytes"),
        "{report}"
    );
}

/// Gives some bytes, then fails.
struct Failing(io::Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk is gone")),
            taken => Ok(taken),
        }
    }
}

async fn an_input_that_fails_midway_is_an_error_and_keeps_what_was_stored(on: Backend) {
    let (_place, store) = store(on).await;
    let input = Input {
        reader: Box::new(BufReader::new(Failing(io::Cursor::new(
            lines(5_000).into_bytes(),
        )))),
        name: "the test".to_owned(),
        bytes: None,
    };
    let mut report = Vec::new();
    let progress = Progress::hidden();
    let error = import(Arc::clone(&store), input, &mut report, &progress)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot read the test: the disk is gone");
    let stored = exported(&store).await.lines().count();
    assert!((1..=5_000).contains(&stored), "{stored}");
}

async fn a_store_that_fails_says_how_to_go_on(on: Backend) {
    let (_place, store) = store(on).await;
    store.close().await;
    let (done, report) = imported(&store, lines(10)).await;
    assert_eq!(done.unwrap_err().exit_code(), 1);
    assert!(
        report.contains("0 messages were stored") && report.contains("again"),
        "{report}"
    );
}
