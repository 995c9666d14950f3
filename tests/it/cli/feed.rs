use serde_json::Value;

use super::Person;
use crate::place::{Backend, on_every_store};
use crate::support::Server;

on_every_store![
    lines_have_five_fields_and_the_newest_first,
    filters_are_joined_and_dates_are_read_in_the_zone_of_the_person,
    names_are_any_of_several_and_left_out,
    the_next_page_begins_at_a_start_of_an_id,
    times_are_written_as_asked_for_or_that_is_refused,
    all_pages_are_printed_in_every_format,
    json_is_the_document_of_the_server,
    nothing_found_is_an_empty_answer_and_no_error,
    a_reader_that_leaves_is_no_error,
    hostile_text_is_harmless_to_people_and_exact_to_programs,
];

/// A server with `count` messages, made by import: numbered texts a second
/// apart from 2019-09-23 10:00 on.
fn server_with(on: Backend, count: usize) -> Server {
    let place = on.place();
    let mut lines = String::new();
    for n in 0..count {
        let (user, tag) = if n % 2 == 0 {
            ("ann", "even")
        } else {
            ("bob", "odd")
        };
        lines += &format!(
            "{{\"user_name\":\"{user}\",\"text\":\"message {n}\",\"hashtags\":[\"{tag}\",\"all\"],\"created_at\":\"2019-09-23T{:02}:{:02}:{:02}Z\"}}\n",
            10 + n / 3600,
            n / 60 % 60,
            n % 60
        );
    }
    let file = place.dir.path().join("messages.ndjson");
    std::fs::write(&file, lines).unwrap();
    let mut import = place.command(&["import"]);
    let done = import.arg(&file).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    place.serve(&[])
}

fn texts(lines: &str) -> Vec<&str> {
    lines
        .lines()
        .map(|line| line.rsplit('\t').next().unwrap())
        .collect()
}

async fn lines_have_five_fields_and_the_newest_first(on: Backend) {
    let server = server_with(on, 3);
    let person = Person::of(&server);
    let lines = person.run(&["feed", "--limit", "2"]).ok();
    let first: Vec<&str> = lines.lines().next().unwrap().split('\t').collect();
    assert_eq!(first.len(), 5, "{lines}");
    assert_eq!(first[0], "2019-09-23T10:00:02.000Z");
    assert_eq!(first[1].len(), 26);
    assert_eq!(first[2..], ["ann", "#even #all", "message 2"]);
    assert_eq!(texts(&lines), ["message 2", "message 1"]);
}

async fn filters_are_joined_and_dates_are_read_in_the_zone_of_the_person(on: Backend) {
    let server = server_with(on, 200);
    let person = Person::of(&server);
    let lines = person
        .run(&[
            "feed",
            "--all",
            "--hashtag",
            "#EVEN",
            "-t",
            "all",
            "--user",
            "ann",
            "--since",
            "2019-09-23 10:01:30",
            "--until",
            "2019-09-23T10:01:40Z",
        ])
        .ok();
    // Whole minutes: from 10:01 to 10:02.
    let even = (60..120)
        .rev()
        .step_by(2)
        .map(|n| format!("message {}", n - 1));
    assert_eq!(texts(&lines), even.collect::<Vec<_>>());
    let mut east = person.command(&["feed", "--all", "--since", "2019-09-23 12:03"]);
    let output = east.env("TZ", "Europe/Paris").output().unwrap();
    let last = super::Ran::of(output).ok();
    assert_eq!(texts(&last).len(), 20);
    assert!(last.ends_with("message 180\n"), "{last}");
    person
        .run(&["feed", "--since", "2019-09-24", "--until", "2019-09-23"])
        .failed(2, "--since 2019-09-24T00:00:00Z");
    person
        .run(&["feed", "--since", "someday"])
        .failed(2, "\"someday\"");
}

async fn names_are_any_of_several_and_left_out(on: Backend) {
    let server = server_with(on, 4);
    let person = Person::of(&server);
    let found = |args: &[&str]| {
        let lines = person.run(&[&["feed"], args].concat()).ok();
        texts(&lines).join(", ")
    };
    let (all, even) = (
        "message 3, message 2, message 1, message 0",
        "message 2, message 0",
    );
    assert_eq!(found(&["-u", "ann", "-u", "bob"]), all);
    assert_eq!(found(&["even", "#odd", "--any"]), all);
    assert_eq!(found(&["all", "--not", "#Odd"]), even);
    assert_eq!(found(&["--not", "odd", "--not", "nobody"]), even);
    person
        .run(&["feed", "--any"])
        .failed(2, "dunder feed ops prod --any");
    person
        .run(&["feed", "a", "--not", "a"])
        .failed(1, "#a is asked for and excluded");
}

async fn the_next_page_begins_at_a_start_of_an_id(on: Backend) {
    let server = server_with(on, 5);
    let person = Person::of(&server);
    let first = person.run(&["feed", "-n", "2", "--fields", "id"]).ok();
    let last = first.lines().last().unwrap();
    for cursor in [last, &last[..24].to_lowercase()] {
        let next = person.run(&["feed", "-n", "2", "--cursor", cursor]).ok();
        assert_eq!(texts(&next), ["message 2", "message 1"]);
    }
    person
        .run(&["feed", "--cursor", "01ARZ3NDEKTSV4RRFFQ69G5FAVX"])
        .failed(2, "not the id of a message");
    let shown = super::terminal::on_terminal(&person, 120, "dunder feed -n 2");
    assert!(
        shown.contains(&format!("(there are older ones: --cursor {last}, or -n N")),
        "{shown}"
    );
}

async fn times_are_written_as_asked_for_or_that_is_refused(on: Backend) {
    let server = server_with(on, 1);
    let person = Person::of(&server);
    let unix = |command: &[&str]| {
        let args = [command, &["--time-format", "unix", "--fields"]].concat();
        let time = if command[0] == "trend" {
            "from"
        } else {
            "time"
        };
        person.run(&[&args[..], &[time]].concat())
    };
    let moment = "1569232800";
    for form in ["lines", "csv"] {
        let feed = unix(&["feed", "-o", form]).ok();
        assert_eq!(feed.lines().last(), Some(moment), "{feed}");
        let minute = [
            "--since",
            "2019-09-23T10:00Z",
            "--until",
            "2019-09-23T10:01Z",
        ];
        let trend = unix(&[&["trend", "-o", form], &minute[..]].concat()).ok();
        assert_eq!(trend.lines().last(), Some(moment), "{trend}");
    }
    for args in [
        &["feed", "-o", "ndjson"][..],
        &["feed", "--json"],
        &["show", "-1", "-o", "json"],
        &["trend", "--json"],
        &["trend", "-o", "chart"],
    ] {
        person
            .run(&[args, &["--time-format", "unix"]].concat())
            .failed(2, "--time-format goes with");
    }
}

async fn all_pages_are_printed_in_every_format(on: Backend) {
    let server = server_with(on, 2100);
    let person = Person::of(&server);
    let lines = person.run(&["feed", "--all"]).ok();
    assert_eq!(lines.lines().count(), 2100);
    assert_eq!(texts(&lines).last(), Some(&"message 0"));
    let many = person.run(&["feed", "--limit", "1500"]).ok();
    assert_eq!(many.lines().count(), 1500);
    let turned = person.run(&["feed", "--all", "--reverse"]).ok();
    assert_eq!(texts(&turned)[0], "message 0");
    let ndjson = person.run(&["feed", "--all", "-o", "ndjson"]).ok();
    assert_eq!(ndjson.lines().count(), 2100);
    assert!(
        ndjson
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    let json: Value = serde_json::from_str(&person.run(&["feed", "--all", "--json"]).ok()).unwrap();
    assert_eq!(json["data"]["messages"].as_array().unwrap().len(), 2100);
    let csv = person.run(&["feed", "--all", "-o", "csv"]).ok();
    assert_eq!(csv.lines().count(), 2101);
    let table = person.run(&["feed", "--all", "-o", "table"]).ok();
    assert_eq!(
        table
            .lines()
            .filter(|line| line.contains("message "))
            .count(),
        2100
    );
    assert_eq!(table.matches("HASHTAGS").count(), 1);
}

async fn json_is_the_document_of_the_server(on: Backend) {
    let server = server_with(on, 3);
    let person = Person::of(&server);
    let json = person.run(&["feed", "--json", "--limit", "2"]).ok();
    assert_eq!(
        json.trim_end(),
        server.get("/message?limit=2").await.body.trim_end()
    );
}

async fn nothing_found_is_an_empty_answer_and_no_error(on: Backend) {
    let server = on.server();
    let person = Person::of(&server);
    assert_eq!(person.run(&["feed"]).ok(), "");
    assert_eq!(person.run(&["feed", "-o", "table"]).ok(), "no messages\n");
    let json: Value = serde_json::from_str(&person.run(&["feed", "--all", "--json"]).ok()).unwrap();
    assert_eq!(json["data"]["messages"], serde_json::json!([]));
    person
        .run(&["show", "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
        .failed(1, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    person.run(&["show", "nonsense"]).failed(2, "nonsense");
}

async fn a_reader_that_leaves_is_no_error(on: Backend) {
    let server = server_with(on, 2100);
    let person = Person::of(&server);
    let mut child = person
        .command(&["feed", "--all"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(
        (ended.status.code(), ended.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

async fn hostile_text_is_harmless_to_people_and_exact_to_programs(on: Backend) {
    let server = on.server();
    let text = "\u{1b}]0;owned\u{7}\u{9b}31m \u{202e}evil\nnext\tline \u{7f}";
    let posted = server
        .post(&serde_json::json!({ "text": text }).to_string())
        .await;
    let id = posted.id();
    let person = Person::of(&server);
    for args in [
        &["feed", "-o", "table"][..],
        &["feed", "-o", "lines"],
        &["feed", "-o", "csv"],
        &["show", &id, "-o", "card"],
        &["show", &id],
    ] {
        let shown = person.run(args).ok();
        let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{202e}';
        assert!(
            shown.contains("evil") && !shown.contains(obeyed),
            "{shown:?}"
        );
    }
    for args in [&["feed", "--json"][..], &["feed", "-o", "ndjson"]] {
        let json: Value = serde_json::from_str(&person.run(args).ok()).unwrap();
        let shown = json.pointer("/data/messages/0/text").or(json.get("text"));
        assert_eq!(shown.unwrap(), text);
    }
}
