//! Messages that wait for a server: kept whole, sent once, in order, by whom
//! and to where they were written for.

mod crashes;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;
use tokio::net::TcpSocket;

use super::post::{posted, texts_and_tags};
use super::stub::{Reply, header, serve};
use super::{Person, Ran};
use crate::place::{Backend, Place};
use crate::support::Server;

/// A port where nobody listens, and nobody else can, until a server starts.
struct Port(TcpSocket);

impl Port {
    fn reserve() -> Port {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Port(socket)
    }

    fn number(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn start(self) -> Server {
        let number = self.number();
        drop(self);
        start(number, &Backend::Embedded.place())
    }
}

/// A server on a certain port.
fn start(port: u16, place: &Place) -> Server {
    let command = place.command(&["serve", "--port", &port.to_string()]);
    Server::at(command, place.clone())
}

/// Someone whose server is not there yet.
fn person_of_nobody() -> (Person, Port) {
    let port = Port::reserve();
    let url = format!("http://127.0.0.1:{}", port.number());
    (Person::at(&url), port)
}

/// What `dunder queue` knows.
fn waiting(person: &Person) -> Vec<Value> {
    let json = person.run(&["queue", "--json"]).ok();
    let json: Value = serde_json::from_str(&json).unwrap();
    json["data"]["messages"].as_array().unwrap().clone()
}

fn texts(person: &Person) -> Vec<String> {
    let texts = waiting(person).into_iter();
    texts
        .map(|m| m["text"].as_str().unwrap().to_owned())
        .collect()
}

/// Checks that a message was kept: exit code 0, its number in the queue where
/// an id would stand, and it is said.
#[track_caller]
fn kept(ran: Ran, number: u64) {
    let out = format!("{number}\n");
    assert_eq!((ran.code, ran.out.as_str()), (0, &*out), "{}", ran.err);
    assert!(
        ran.err.contains(&format!("kept as {number}")),
        "{}",
        ran.err
    );
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
}

async fn posted_texts(server: &Server) -> Vec<String> {
    let mut texts: Vec<String> = texts_and_tags(server)
        .await
        .into_iter()
        .map(|m| m.0)
        .collect();
    texts.reverse();
    texts
}

#[tokio::test]
async fn what_waits_goes_out_in_order_with_the_next_command() {
    let (person, port) = person_of_nobody();
    kept(person.run(&["post", "--queue", "one", "-t", "a"]), 1);
    kept(person.run(&["post", "two", "--queue"]), 2);
    let queued = person.run_with(&["post", "--queue", "--json"], "three");
    let document: Value = serde_json::from_str(&queued.out).unwrap();
    assert_eq!(document["data"]["queue_id"], 3);
    assert_eq!(document["data"]["state"], "queued");
    assert_eq!(texts(&person), ["one", "two", "three"]);
    assert!(
        waiting(&person)
            .iter()
            .all(|m| m["state"] == "waits for the server"
                && m["user"] == "john"
                && m["server"] == format!("http://127.0.0.1:{}", port.number()))
    );

    let server = port.start();
    let ran = person.run(&["feed"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 3), "{ran:?}");
    assert_eq!(ran.err, "dunder: sent 3 messages that had waited\n");
    assert_eq!(posted_texts(&server).await, ["one", "two", "three"]);
    assert_eq!(waiting(&person), [Value::Null; 0]);
    assert_eq!(person.run(&["feed"]).ok().lines().count(), 3);
}

#[tokio::test]
async fn a_new_post_goes_behind_what_waits() {
    let (person, port) = person_of_nobody();
    kept(person.run(&["post", "--queue", "older"]), 1);
    // Without --queue nothing is kept, and nothing overtakes.
    person
        .run(&["post", "newer"])
        .failed(3, "older messages wait");
    kept(person.run(&["post", "--queue", "old"]), 2);
    let server = port.start();
    let ran = person.run(&["post", "new"]);
    assert_eq!(ran.err, "dunder: sent 2 messages that had waited\n");
    assert_eq!(ran.out.trim().len(), 26);
    assert_eq!(posted_texts(&server).await, ["older", "old", "new"]);
}

#[test]
fn messages_are_kept_for_their_owner_only() {
    let (person, _port) = person_of_nobody();
    let folder = person.home().join(".local/state/dunder/queue");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    kept(person.run(&["post", "--queue", "private"]), 1);
    let mode = |path: &PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
}

#[test]
fn keeping_is_set_by_flag_variable_or_file_in_this_order() {
    let (person, _port) = person_of_nobody();
    let config = person.home().join(".config/dunder");
    std::fs::create_dir_all(&config).unwrap();
    let file = config.join("client.yaml");
    std::fs::write(&file, "# kept\nqueue: true\n").unwrap();
    kept(person.run(&["post", "by file"]), 1);
    person
        .run(&["post", "x", "--queue=false"])
        .failed(3, "refused");
    let with = |value: &str, args: &[&str]| {
        Ran::of(
            person
                .command(args)
                .env("DUNDER_QUEUE", value)
                .output()
                .unwrap(),
        )
    };
    with("0", &["post", "x"]).failed(3, "refused");
    kept(with("false", &["post", "by flag", "--queue"]), 2);
    std::fs::write(&file, "queue: false\n").unwrap();
    kept(with("true", &["post", "by variable"]), 3);
    with("perhaps", &["post", "x"]).failed(2, "perhaps");
    std::fs::write(&file, "queue: true\nqueeu: true\n").unwrap();
    person.run(&["post", "x"]).failed(2, "queeu");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(texts(&person), ["by file", "by flag", "by variable"]);
}

/// A server whose store is away for long.
fn unavailable() -> Reply {
    Reply::new(
        "503 Service Unavailable",
        "Retry-After: 3600\r\n",
        r#"{"error":"the store is away","code":"unavailable"}"#,
    )
}

#[test]
fn only_a_server_that_is_away_makes_a_message_wait() {
    let (url, requests) = serve(vec![unavailable()]);
    let person = Person::at(&url);
    let ran = person.run(&["post", "--queue", "kept"]);
    assert!(ran.err.contains("the store is away"), "{}", ran.err);
    kept(ran, 1);
    let first = header(&requests.recv().unwrap(), "idempotency-key")
        .unwrap()
        .to_owned();

    for (status, code) in [
        ("400 Bad Request", "invalid_body"),
        ("429 Too Many Requests", "rate_limited"),
    ] {
        let body = format!(r#"{{"error":"no","code":"{code}"}}"#);
        let (url, _requests) = serve(vec![Reply::new(status, "Retry-After: 3600\r\n", &body)]);
        let person = Person::at(&url);
        person.run(&["post", "--queue", "x"]).failed(1, "no");
        assert_eq!(waiting(&person), [Value::Null; 0], "{status}");
    }
    assert_eq!(first.len(), 32);
}

#[test]
fn a_refused_message_is_set_aside_with_its_reason_and_blocks_nobody() {
    let refusal = || {
        Reply::new(
            "400 Bad Request",
            "",
            r#"{"error":"not \u001b[31mthis","code":"invalid_body"}"#,
        )
    };
    let answers = vec![
        unavailable(),
        unavailable(),
        refusal(),
        posted(),
        posted(),
        refusal(),
    ];
    let (url, requests) = serve(answers);
    let person = Person::at(&url);
    for text in ["bad", "good"] {
        kept_anyhow(person.run(&["post", text, "--queue"]));
        requests.recv().unwrap();
    }
    let ran = person.run(&["post", "new"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.err,
        "dunder: sent 1 message that had waited; 1 message that had waited was refused (number 1: not \\u{1b}[31mthis), see 'dunder queue'\n"
    );
    let list = waiting(&person);
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["text"], "bad");
    assert!(
        list[0]["refused"].as_str().unwrap().starts_with("not "),
        "{list:?}"
    );
    assert!(
        person
            .run(&["queue", "list"])
            .ok()
            .contains("refused: not \\u{1b}[31mthis")
    );
    // It is tried again only when that is asked for.
    person
        .run(&["queue", "send"])
        .failed(1, "message 1 was refused");
    person.run(&["queue", "drop", "1"]);
    assert_eq!(waiting(&person), [Value::Null; 0]);
}

/// Kept, whatever the number.
#[track_caller]
fn kept_anyhow(ran: Ran) {
    assert!(ran.code == 0 && ran.err.contains("kept as"), "{ran:?}");
}

#[tokio::test]
async fn a_message_goes_only_as_its_author_and_only_to_its_server() {
    let (person, port) = person_of_nobody();
    let other = Server::start();
    kept(person.run(&["post", "--queue", "by john"]), 1);
    let as_ann = |args: &[&str]| {
        let mut command = person.command(args);
        Ran::of(command.env("USER", "ann").output().unwrap())
    };
    let with_token = |token: &str, args: &[&str]| {
        let mut command = person.command(args);
        Ran::of(command.env("DUNDER_TOKEN", token).output().unwrap())
    };
    kept(as_ann(&["post", "--queue", "by ann"]), 2);
    let (eve, bob) = ("ZXZl", "Ym9i");
    kept(with_token(eve, &["post", "--queue", "by eve"]), 3);
    // Another server gets nothing of it.
    assert_eq!(person.run(&["feed", "--server", &other.url]).ok(), "");
    assert_eq!(
        person
            .run(&["post", "here", "--server", &other.url, "-q"])
            .ok(),
        ""
    );
    assert_eq!(posted_texts(&other).await, ["here"]);

    let server = port.start();
    with_token(bob, &["post", "by bob"]);
    let left = waiting(&person);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["state"], "waits for its DUNDER_TOKEN");
    person
        .run(&["queue", "send"])
        .failed(1, "message 3 waits for its DUNDER_TOKEN");
    assert_eq!(
        with_token(eve, &["feed"]).err,
        "dunder: sent 1 message that had waited\n"
    );
    let feed = server.get("/message").await.data();
    let said: Vec<(&str, &str)> = feed["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            (
                m["user"]["name"].as_str().unwrap(),
                m["text"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("eve", "by eve"),
            ("bob", "by bob"),
            ("ann", "by ann"),
            ("john", "by john")
        ]
    );
    // The token itself is written down nowhere.
    kept_anyhow(with_token(
        "c2VjcmV0",
        &["post", "--queue", "x", "--server", "http://127.0.0.1:1"],
    ));
    let folder = person.home().join(".local/state/dunder/queue");
    for (path, content) in crate::support::contents(&folder) {
        assert!(
            !String::from_utf8_lossy(&content).contains("c2VjcmV0"),
            "{path:?}"
        );
    }
}

#[tokio::test]
async fn what_a_login_wrote_waits_for_that_login() {
    let (person, port) = person_of_nobody();
    let number = port.number();
    let server = port.start();
    person.run(&["login", "--user", "ann"]);
    let place = server.kill();
    kept(person.run(&["post", "--queue", "as ann"]), 1);
    let out = person.run(&["logout"]);
    assert!(
        out.err.contains("1 message by ann still unsent"),
        "{}",
        out.err
    );

    let server = start(number, &place);
    person.run(&["feed"]).ok();
    assert_eq!(waiting(&person)[0]["state"], "waits for a login as ann");
    // Another login is another author.
    person.run(&["login", "--user", "bob"]);
    assert_eq!(texts(&person), ["as ann"]);
    let ran = person.run(&["login", "--user", "ann"]);
    assert!(
        ran.err.contains("sent 1 message that had waited"),
        "{}",
        ran.err
    );
    let feed = server.get("/message?user_name=ann").await;
    assert_eq!(feed.texts(), ["as ann"]);
}

#[test]
fn messages_can_be_sent_and_dropped_by_their_numbers() {
    let (person, port) = person_of_nobody();
    for (number, text) in (1..).zip(["a", "b", "c", "d"]) {
        kept(person.run(&["post", "--queue", text]), number);
    }
    person
        .run(&["queue", "send"])
        .failed(3, "connection refused");
    person.run(&["queue", "drop"]).failed(2, "ID");
    person
        .run(&["queue", "drop", "1", "--all"])
        .failed(2, "--all");
    person
        .run(&["queue", "drop", "2", "9"])
        .failed(1, "no message 9 waits");
    person
        .run(&["queue", "send", "9"])
        .failed(1, "no message 9 waits");
    assert_eq!(texts(&person), ["a", "b", "c", "d"]);
    assert_eq!(
        person.run(&["queue", "drop", "2"]).err,
        "dropped 1 message\n"
    );
    let _server = port.start();
    assert_eq!(person.run(&["queue", "send", "3"]).ok().lines().count(), 1);
    assert_eq!(texts(&person), ["a", "d"]);
    person.run(&["queue", "drop", "--all"]);
    assert_eq!(person.run(&["queue"]).ok(), "");
    assert_eq!(person.run(&["queue", "send"]).ok(), "");
    // No number is used twice: an old list can't name a new message.
    let away = Person {
        url: "http://127.0.0.1:1".to_owned(),
        ..person
    };
    kept(away.run(&["post", "--queue", "e"]), 5);
}

#[test]
fn what_is_no_message_in_the_queue_is_listed_and_can_be_dropped() {
    let (person, port) = person_of_nobody();
    kept(person.run(&["post", "--queue", "fine"]), 1);
    let folder = person.home().join(".local/state/dunder/queue");
    std::fs::write(folder.join("00000002.json"), "{\"half").unwrap();
    let listed = person.run(&["queue"]).ok();
    assert!(
        listed.contains("cannot read") && listed.contains("00000002.json"),
        "{listed}"
    );
    let _server = port.start();
    assert_eq!(
        person.run(&["feed"]).err,
        "dunder: sent 1 message that had waited\n"
    );
    assert_eq!(
        person.run(&["queue", "drop", "2"]).err,
        "dropped 1 message\n"
    );
}
