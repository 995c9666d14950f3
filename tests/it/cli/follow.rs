//! `dunder feed --follow` against a server that does as it is told: what is
//! printed, and what ends it. `following.rs` has the real one.

mod commands;
mod positions;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::Receiver;

use serde_json::json;

use super::stub::{Reply, serve};
use super::{Person, Ran};
use crate::support::signal;

/// The id of the message with this number.
pub(super) fn id(number: usize) -> String {
    format!("01M8MYEG3EKV1XN822QVND{number:04}")
}

/// The line of a message.
fn message(number: usize, text: &str) -> String {
    let id = id(number);
    let message = json!({
        "id": id,
        "user": { "name": "ann" },
        "text": text,
        "hashtags": ["ops", "prod"],
        "created_at": "2026-12-01T10:00:07.123Z",
    });
    line(json!({ "event": "message", "position": id, "message": message }))
}

fn line(event: serde_json::Value) -> String {
    format!("{event}\n")
}

fn caught_up(number: usize) -> String {
    line(json!({ "event": "caught-up", "position": id(number) }))
}

/// The head of a stream, and what it has said so far.
fn stream(lines: &[String]) -> String {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";
    format!("{head}{}", lines.concat())
}

/// A stream that is cut behind these lines.
fn cut(lines: &[String]) -> Reply {
    Reply::Bytes(stream(lines))
}

/// A stream that goes on, quietly.
fn held(lines: &[String]) -> Reply {
    Reply::Held(stream(lines))
}

fn followed(replies: Vec<Reply>, args: &[&str]) -> (Ran, Receiver<String>) {
    let (url, requests) = serve(replies);
    let args = [&["feed", "--follow"], args].concat();
    (Person::at(&url).run(&args), requests)
}

/// What was asked for, without the head's other lines.
fn asked(requests: &Receiver<String>) -> String {
    let request = requests.recv().unwrap();
    request.split_whitespace().nth(1).unwrap().to_owned()
}

fn texts(lines: &str) -> Vec<&str> {
    let texts = lines.lines().map(|line| line.rsplit('\t').next().unwrap());
    texts.collect()
}

#[test]
fn a_lost_connection_goes_on_behind_the_last_message_and_repeats_nothing() {
    let whole = message(3, "three");
    let half = whole[..whole.len() / 2].to_owned();
    let (ran, requests) = followed(
        vec![
            cut(&[message(1, "one"), caught_up(1), message(2, "two"), half]),
            Reply::Lost,
            cut(&[message(2, "two"), message(3, "three")]),
            held(&[message(4, "four")]),
        ],
        &["-n", "1", "-t", "ops", "-u", "ann", "--count", "4"],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(texts(&ran.out), ["one", "two", "three", "four"]);
    let asked_with = |begin: &str| format!("/message/stream?{begin}&hashtag=ops&user_name=ann");
    assert_eq!(asked(&requests), asked_with("last=1"));
    for number in [2, 2, 3] {
        let begin = format!("after={}", id(number));
        assert_eq!(asked(&requests), asked_with(&begin));
    }
    // Once when it is lost and once when it is back, each time.
    assert_eq!(ran.err.matches("trying again").count(), 2, "{}", ran.err);
    assert_eq!(
        ran.err.matches("it goes on where it was").count(),
        2,
        "{}",
        ran.err
    );
}

#[test]
fn a_server_that_stops_is_left_alone_and_one_that_is_busy_waited_for() {
    let bye = line(json!({ "event": "bye", "position": id(1), "retry": 20 }));
    let busy = r#"{"error":"too many follow","code":"unavailable"}"#;
    let (ran, requests) = followed(
        vec![
            Reply::new("503 Service Unavailable", "Retry-After: 0\r\n", busy),
            held(&[caught_up(1), bye]),
            Reply::new("502 Bad Gateway", "", "<html>"),
            held(&[message(2, "two")]),
        ],
        &["--count", "1"],
    );
    assert_eq!((ran.code, texts(&ran.out)), (0, vec!["two"]), "{ran:?}");
    assert!(ran.err.contains("too many follow"), "{}", ran.err);
    assert!(ran.err.contains("the server stops"), "{}", ran.err);
    for expected in ["last=0", "last=0", &format!("after={}", id(1))] {
        assert!(asked(&requests).ends_with(expected));
    }
}

#[test]
fn a_refusal_ends_it_with_its_sentence_first_or_later() {
    let refusal = |status: &str, sentence: &str, code: &str| {
        let body = json!({ "error": sentence, "code": code }).to_string();
        Reply::new(status, "Content-Type: application/json\r\n", &body)
    };
    for (reply, said) in [
        (
            refusal("400 Bad Request", "after: it is ahead", "invalid_parameter"),
            "after: it is ahead",
        ),
        (
            refusal("403 Forbidden", "not for you", "forbidden"),
            "not for you",
        ),
        (
            refusal("401 Unauthorized", "?", "unauthorized"),
            "dunder login",
        ),
        (
            refusal(
                "400 Bad Request",
                "path: \"stream\" is not a ULID; write 26",
                "invalid_parameter",
            ),
            "older dunder without streams",
        ),
        (
            refusal("404 Not Found", "no such path", "not_found"),
            "without streams",
        ),
        (
            refusal("501 Not Implemented", "this store cannot", "not_yet"),
            "this store cannot",
        ),
        (
            Reply::new("200 OK", "Content-Type: text/html\r\n", "<html>"),
            "did not answer as a dunder server",
        ),
        (cut(&["<html>\n".to_owned()]), "did not answer as a dunder"),
    ] {
        followed(vec![reply], &[]).0.failed(1, said);
    }
    let later = refusal("400 Bad Request", "after: it is ahead", "invalid_parameter");
    let (ran, _) = followed(vec![cut(&[message(1, "one")]), later], &[]);
    assert_eq!((ran.code, texts(&ran.out)), (1, vec!["one"]), "{ran:?}");
    assert!(ran.err.contains("after: it is ahead"), "{}", ran.err);
    let nobody = Person::at("http://127.0.0.1:1");
    nobody.run(&["feed", "-f"]).failed(3, "could not reach");
}

#[test]
fn what_was_deleted_and_what_is_gone_is_told_in_the_way_of_the_form() {
    let deleted = |number| line(json!({ "event": "deleted", "position": id(7), "id": id(number) }));
    let gap = line(
        json!({ "event": "gap", "position": id(9), "from": format!("\u{1b}[31m{}", id(8)), "to": id(9) }),
    );
    let said = |form: &[&str]| {
        let of_another = deleted(6).replace(&id(7), &id(5));
        let lines = [
            message(1, "one"),
            of_another,
            deleted(1),
            gap.clone(),
            message(10, "two"),
        ];
        let args = [&["--count", "2"], form].concat();
        followed(vec![held(&lines)], &args).0
    };
    let lines = said(&[]);
    assert_eq!(texts(&lines.out), ["one", "two"]);
    assert!(lines.err.contains("not kept by the server"), "{lines:?}");
    assert!(lines.err.contains(&id(8)) && lines.err.contains(&id(9)));
    assert!(!lines.err.contains('\u{1b}'), "{:?}", lines.err);
    let csv = said(&["-o", "csv"]).out;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.starts_with("created_at,id,"), "{csv}");
    let ndjson = said(&["-o", "ndjson"]).out;
    let objects: Vec<serde_json::Value> = ndjson
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects[0]["text"], "one");
    assert_eq!(objects[1], json!({ "event": "deleted", "id": id(6) }));
    assert_eq!(objects[2], json!({ "event": "deleted", "id": id(1) }));
    assert_eq!(objects[3]["hashtags"], json!(["ops", "prod"]));
    // People are told of what they saw.
    for form in ["table", "oneline"] {
        let table = said(&["-o", form]).out;
        let line = format!("({} was deleted by its author)", id(1));
        assert!(table.contains(&line), "{table}");
        assert!(!table.contains(&id(6)), "{table}");
    }
    let template = said(&["--template", "{text}!"]).out;
    assert_eq!(template, "one!\ntwo!\n");
}

/// A follower that has printed its first message, and nothing since.
fn running(args: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let (url, _) = serve(vec![held(&[message(1, "one"), caught_up(1)])]);
    let args = [&["feed", "--follow"], args].concat();
    let mut child = Person::at(&url)
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    assert!(first.ends_with("one\n"), "{first}");
    (child, output)
}

#[track_caller]
fn ended_well(child: Child) {
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!((ended.status.code(), err.as_ref()), (Some(0), ""));
}

#[test]
fn signals_and_a_reader_that_leaves_end_it_and_are_no_failure() {
    for name in ["INT", "TERM"] {
        let (child, mut output) = running(&[]);
        signal(child.id(), name);
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        ended_well(child);
    }
    let (child, output) = running(&[]);
    drop(output);
    ended_well(child);
}

#[test]
fn time_ends_it_well_unless_messages_were_waited_for() {
    let said = |args: &[&str]| {
        let lines = [message(1, "one"), caught_up(1)];
        let args = [&["--timeout", "2s"], args].concat();
        followed(vec![held(&lines)], &args).0
    };
    assert_eq!(texts(&said(&[]).ok()), ["one"]);
    let ran = said(&["--count", "2"]);
    assert_eq!((ran.code, texts(&ran.out)), (1, vec!["one"]));
    assert!(ran.err.contains("1 message of 2"), "{}", ran.err);
    // One that says nothing at all was not reached.
    let (ran, _) = followed(vec![held(&[])], &["--timeout", "2s"]);
    ran.failed(3, "--timeout");
}

#[test]
fn what_cannot_be_meant_together_is_refused_before_anything_is_called() {
    let person = Person::at("http://127.0.0.1:1");
    for (args, named) in [
        (&["--until", "now"][..], "--until"),
        (&["--cursor", &id(1)], "--cursor"),
        (&["--reverse"], "--reverse"),
        (&["--json"], "ndjson"),
        (&["-o", "json"], "ndjson"),
        (&["--since", "1h", "-n", "3"], "--since and -n"),
        (&["--after", &id(1), "--all"], "--after and --all"),
        (&["-n", "1001"], "1000"),
        (&["--exec", "no-such-program"], "no-such-program"),
        (&["--exec", "echo hi"], "words of their own"),
        (&["--fail-fast"], "--exec"),
        (&["--fields", "x"], "\"x\""),
    ] {
        let args = [&["feed", "-f"], args].concat();
        person.run(&args).failed(2, named);
    }
    for args in [&["--count", "1"][..], &["--exec", "cat"]] {
        let args = [&["feed"], args].concat();
        person.run(&args).failed(2, "--follow");
    }
    for (args, named) in [
        (&["--until", "1h"][..], "--until"),
        (&["--json"], "draws a chart"),
        (&["-o", "lines"], "draws a chart"),
        (&[], "in place on a terminal"),
    ] {
        let args = [&["trend", "-f"], args].concat();
        person.run(&args).failed(2, named);
    }
}

#[test]
fn it_runs_where_there_is_neither_a_home_nor_a_user() {
    let (url, _) = serve(vec![held(&[message(1, "one")])]);
    let mut command = Person::at(&url).command(&["feed", "-f", "--count", "1"]);
    command.env_clear().env("DUNDER_SERVER", &url);
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(texts(&ran.ok()), ["one"]);
}
