//! The server's log: it holds nobody up, loses nothing at the end, and is
//! safe to look at.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;

use crate::place::{Backend, Place};
use crate::support::{Server, client, signal};

/// Far more lines than a pipe holds (368 of this kind, 64 KiB).
const REQUESTS: usize = 3_000;
/// Longer than any of this takes on the slowest machine.
const BOUND: Duration = Duration::from_secs(120);

/// `dunder serve` whose log goes into a pipe that only the test reads.
struct Piped {
    child: Child,
    url: String,
    client: Client,
    _place: Place,
}

impl Piped {
    fn start() -> Piped {
        let place = Backend::Embedded.place();
        let mut command = place.command(&["serve", "--port", "0"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("dunder listens on ").unwrap();
        Piped {
            url: url.to_owned(),
            client: client(),
            child,
            _place: place,
        }
    }

    async fn request(&self, path: &str) {
        let answer = self.client.get(format!("{}{path}", self.url)).send();
        let answer = tokio::time::timeout(BOUND, answer).await;
        answer.expect("the server hangs").unwrap();
    }

    fn stop(&self) {
        signal(self.child.id(), "TERM");
    }

    fn log(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    fn wait(&mut self) -> Option<i32> {
        let end = Instant::now() + BOUND;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server does not stop");
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn paths(log: &str) -> Vec<String> {
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter_map(|line: Value| Some(line.get("path")?.as_str()?.to_owned()))
        .collect()
}

/// As the README lists them.
const FIELDS: [&str; 8] = [
    "duration_us",
    "level",
    "method",
    "path",
    "request_id",
    "status",
    "target",
    "timestamp",
];

#[tokio::test]
async fn a_request_is_one_line_of_the_fields_that_the_readme_lists() {
    let server = Server::start();
    let answer = server.get("/message?user_name=nobody-logged").await;
    let log = server.log_so_far().await;
    assert!(!log.contains("nobody-logged"), "{log}");
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let request_id = answer.header("x-request-id");
    let of_request: Vec<Value> = lines
        .filter(|line: &Value| line["request_id"] == request_id)
        .collect();
    assert_eq!(of_request.len(), 1, "{log}");
    let line = of_request[0].as_object().unwrap();
    let mut names: Vec<&str> = line.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, FIELDS);
    assert_eq!(line["path"], "/message");
    assert_eq!(line["target"], "dunder::request");
    let readme = include_str!("../../../README.md");
    for name in FIELDS {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[tokio::test]
async fn a_request_keeps_the_id_that_it_brings_and_gets_one_otherwise() {
    let server = Server::start();
    let with = async |id: &str| {
        let headers = [("x-request-id", id)];
        let answer = server.send(reqwest::Method::GET, "/trend", &headers, "");
        answer.await.header("x-request-id").to_owned()
    };
    assert_eq!(with("proxy-7f3a.1").await, "proxy-7f3a.1");
    let own = with("not a plain id").await;
    assert!(!own.is_empty() && !own.contains(' '), "{own}");
    assert_ne!(own, with("not a plain id").await);
    let log = server.log_so_far().await;
    assert!(log.contains(r#""request_id":"proxy-7f3a.1""#), "{log}");
    assert!(log.contains(&own) && !log.contains("not a plain"), "{log}");
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_neither_requests_nor_the_stop() {
    let mut server = Piped::start();
    for n in 0..REQUESTS {
        server.request(&format!("/{n}")).await;
    }
    let _unread = server.log();
    server.stop();
    assert_eq!(server.wait(), Some(0));
}

#[tokio::test]
async fn whoever_reads_the_log_late_finds_every_line_to_the_last() {
    let mut server = Piped::start();
    for n in 0..REQUESTS {
        server.request(&format!("/{n}")).await;
    }
    let mut log = server.log();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    server.stop();
    assert_eq!(server.wait(), Some(0));
    let log = reader.join().unwrap();
    let asked: Vec<String> = (0..REQUESTS).map(|n| format!("/{n}")).collect();
    assert_eq!(paths(&log), asked);
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["message"], "stopped");
}
