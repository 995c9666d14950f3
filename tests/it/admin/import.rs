//! `dunder import`, over a store in this process.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use dunder::app::admin::{Input, Progress, Refusals, import};
use dunder::domain::{Store, TrendFilter, TrendRequest};

use super::{counts, exported, imported, store};
use crate::place::{Backend, on_every_store};

on_every_store![
    the_same_lines_imported_twice_are_stored_and_counted_once,
    one_line_twice_in_one_input_is_one_message,
    refused_lines_are_named_by_number_and_the_rest_is_stored,
    the_first_refusals_are_shown_in_order_and_all_are_written_to_a_named_file,
    a_file_of_refusals_that_cannot_be_written_is_said_once_and_stops_nothing,
    lines_alike_but_for_their_keys_are_two_messages_and_again_the_same_two,
    a_line_whose_key_is_that_of_the_same_message_under_another_id_is_there_already,
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
    let asked = TrendRequest {
        from: Some(at("2019-09-23T00:00:00Z")),
        to: Some(at("2019-09-24T00:00:00Z")),
        hashtags: hashtag.iter().map(|tag| tag.parse().unwrap()).collect(),
        ..TrendRequest::default()
    };
    let filter = TrendFilter::new(asked, at("2019-09-25T00:00:00Z"));
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

async fn the_first_refusals_are_shown_in_order_and_all_are_written_to_a_named_file(on: Backend) {
    let (place, store) = store(on).await;
    let good = lines(30);
    let mixed: String = good
        .lines()
        .flat_map(|line| [line, "\n", "{\"x\":1}\n"])
        .collect();
    let (done, report) = imported(&store, mixed.clone()).await;
    let done = done.unwrap();
    assert_eq!(counts(&done), [60, 30, 0, 30]);
    let shown: Vec<&str> = report.lines().collect();
    assert_eq!(shown.len(), 21, "{report}");
    assert!(
        shown[0].starts_with("line 2: unknown field \"x\""),
        "{report}"
    );
    assert!(shown[19].starts_with("line 40: "), "{report}");
    let temporary = done.refused_file.unwrap();
    let named = format!(
        "and 10 more; all 30 refused lines and their reasons are in {}",
        temporary.display()
    );
    assert_eq!(shown[20], named);
    let numbers: Vec<u64> = (1..=30).map(|n| 2 * n).collect();
    assert_eq!(refused(&temporary), numbers);
    std::fs::remove_file(&temporary).unwrap();

    // A file that is asked for has them all, however few.
    let file = place.dir.path().join("refused");
    std::fs::write(&file, "of another day").unwrap();
    for (text, numbers) in [
        (mixed, numbers),
        ("{}\n".to_owned(), vec![1]),
        (lines(1), vec![]),
    ] {
        let input = Input {
            reader: Box::new(io::Cursor::new(text.into_bytes())),
            name: "the test".to_owned(),
            bytes: None,
        };
        let refusals = Refusals::new(Some(&file)).unwrap();
        let progress = Progress::hidden();
        let done = import(
            Arc::clone(&store),
            input,
            refusals,
            &mut Vec::new(),
            &progress,
        )
        .await;
        assert_eq!(done.unwrap().refused_file, Some(file.clone()));
        assert_eq!(refused(&file), numbers);
    }
}

/// The numbers of the lines in a file of refusals, each with a reason.
fn refused(file: &std::path::Path) -> Vec<u64> {
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(!line["reason"].as_str().unwrap().is_empty());
        line["line"].as_u64().unwrap()
    });
    lines.collect()
}

async fn a_file_of_refusals_that_cannot_be_written_is_said_once_and_stops_nothing(on: Backend) {
    let (_place, store) = store(on).await;
    let full = std::path::Path::new("/dev/full");
    let text = "{}\n".repeat(50_000) + &line(1);
    let input = Input {
        reader: Box::new(io::Cursor::new(text.into_bytes())),
        name: "the test".to_owned(),
        bytes: None,
    };
    let (refusals, progress) = (Refusals::new(Some(full)).unwrap(), Progress::hidden());
    let mut report = Vec::new();
    let done = import(Arc::clone(&store), input, refusals, &mut report, &progress).await;
    let done = done.unwrap();
    assert_eq!(counts(&done), [50_001, 1, 0, 50_000]);
    assert_eq!(done.refused_file, None);
    let report = String::from_utf8(report).unwrap();
    assert_eq!(
        report.matches("cannot write /dev/full").count(),
        1,
        "{report}"
    );
}

async fn lines_alike_but_for_their_keys_are_two_messages_and_again_the_same_two(on: Backend) {
    let (_place, store) = store(on).await;
    let with = |key: &str| {
        format!(
            r#"{{"user_name":"ann","text":"t","hashtags":null,"created_at":"2019-09-23","idempotency_key":"{key}"}}"#
        ) + "\n"
    };
    let input = with("k1") + &with("k2") + &with("k1");
    let (done, report) = imported(&store, input.clone()).await;
    assert_eq!(counts(&done.unwrap()), [3, 2, 1, 0], "{report}");
    let (done, report) = imported(&store, input).await;
    assert_eq!(counts(&done.unwrap()), [3, 0, 3, 0], "{report}");
}

async fn a_line_whose_key_is_that_of_the_same_message_under_another_id_is_there_already(
    on: Backend,
) {
    let (_place, store) = store(on).await;
    let with = |id: &str, text: &str, at: &str| {
        format!(
            r#"{{"user_name":"ann","text":"{text}","created_at":"{at}",{id}"idempotency_key":"k"}}"#
        )
    };
    let at = "2016-07-30T23:54:10.259Z";
    let id = r#""id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","#;
    let (done, _) = imported(&store, with(id, "t", at)).await;
    assert_eq!(counts(&done.unwrap()), [1, 1, 0, 0]);
    for (line, outcome) in [
        (with("", "t", at), [1, 0, 1, 0]),
        (with("", "other", at), [1, 0, 0, 1]),
        (with("", "t", "2016-07-30T23:54:10.260Z"), [1, 0, 0, 1]),
        (
            with(r#""id":"01ARZ3NDEKTSV4RRFFQ69G5FAW","#, "t", at),
            [1, 0, 0, 1],
        ),
    ] {
        let (done, report) = imported(&store, line.clone()).await;
        assert_eq!(counts(&done.unwrap()), outcome, "{line}: {report}");
    }
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
    let (refusals, progress) = (Refusals::new(None).unwrap(), Progress::hidden());
    let error = import(Arc::clone(&store), input, refusals, &mut report, &progress)
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
