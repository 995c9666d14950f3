//! Following: `GET /message/stream`, and `GET /message?after=` for those who
//! ask again.

mod resuming;
mod staying;

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use crate::place::{Backend, on_every_store};
use crate::support::{Server, client};

on_every_store![
    history_comes_first_then_a_mark_then_what_is_posted,
    a_browser_is_sent_events_and_comes_back_to_where_it_was,
    people_read_who_wrote_what_and_nothing_that_a_terminal_obeys,
    what_cannot_be_meant_is_refused_by_its_value,
    one_who_asks_again_is_told_each_message_once_oldest_first,
];

/// Nothing that is waited for here takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that follows.
struct Stream {
    response: Response,
    buffer: Vec<u8>,
}

impl Stream {
    /// Follows in NDJSON.
    async fn open(server: &Server, query: &str) -> Stream {
        let response = open(&server.url, query, &[]).await;
        assert_eq!(response.status(), 200, "{query}");
        assert_eq!(response.headers()["content-type"], "application/x-ndjson");
        Stream::of(response)
    }

    fn of(response: Response) -> Stream {
        Stream {
            response,
            buffer: Vec::new(),
        }
    }

    /// The next bytes up to an end, and that; `None` where the stream ends.
    async fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            let found = self.buffer.windows(end.len()).position(|some| some == end);
            if let Some(at) = found {
                let block: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return Some(String::from_utf8(block).unwrap());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk());
            match chunk.await.expect("the stream says nothing") {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next event.
    async fn event(&mut self) -> Option<Value> {
        let line = self.until(b"\n").await?;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// The next event but heartbeats.
    async fn news(&mut self) -> Option<Value> {
        loop {
            let event = self.event().await?;
            if event["event"] != "heartbeat" {
                return Some(event);
            }
        }
    }

    /// The next so many events, shortly: texts of messages, names of others.
    async fn next(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(shortly(&self.news().await.expect("an event")));
        }
        all
    }
}

fn shortly(event: &Value) -> String {
    let text = match event["event"].as_str().unwrap() {
        "message" => {
            assert_eq!(event["position"], event["message"]["id"]);
            &event["message"]["text"]
        }
        _ => &event["event"],
    };
    text.as_str().unwrap().to_owned()
}

async fn open(url: &str, query: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = client().get(format!("{url}/message/stream?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn post(server: &Server, user: &str, text: &str) -> String {
    let body = json!({ "text": text }).to_string();
    server.post_as(user, &body, &[]).await.id()
}

async fn history_comes_first_then_a_mark_then_what_is_posted(on: Backend) {
    let server = on.server();
    for (user, text) in [("ann", "1 #a"), ("bob", "2 #b"), ("ann", "3 #a #b")] {
        post(&server, user, text).await;
    }
    let mut streams = Vec::new();
    for (query, seen) in [
        ("", &["caught-up", "4 #b", "5 #a #b"][..]),
        (
            "last=2",
            &["2 #b", "3 #a #b", "caught-up", "4 #b", "5 #a #b"],
        ),
        (
            "last=1000",
            &["1 #a", "2 #b", "3 #a #b", "caught-up", "4 #b", "5 #a #b"],
        ),
        ("last=1&hashtag=a", &["3 #a #b", "caught-up", "5 #a #b"]),
        (
            "from_date=1h&hashtag=a&hashtag=b",
            &["3 #a #b", "caught-up", "5 #a #b"],
        ),
        ("from_date=1h&user_name=bob", &["2 #b", "caught-up", "4 #b"]),
        (
            "last=9&any=true&hashtag=a&hashtag=c&not_hashtag=b",
            &["1 #a", "caught-up"],
        ),
    ] {
        streams.push((Stream::open(&server, query).await, query, seen));
    }
    post(&server, "bob", "4 #b").await;
    post(&server, "ann", "5 #a #b").await;
    for (mut stream, query, seen) in streams {
        assert_eq!(stream.next(seen.len()).await, seen, "{query}");
    }
}

async fn a_browser_is_sent_events_and_comes_back_to_where_it_was(on: Backend) {
    let server = on.server();
    let first = post(&server, "ann", "one\ntwo").await;
    let accept = ("accept", "text/event-stream");
    let response = open(&server.url, "last=1", &[accept]).await;
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-accel-buffering"], "no");
    let mut stream = Stream::of(response);
    let begin = stream.until(b"\n\n").await.unwrap();
    assert!(begin.starts_with("retry: "), "{begin}");
    let block = stream.until(b"\n\n").await.unwrap();
    let page = server.get("/message").await.data();
    let message = page["messages"][0].to_string();
    let (id, data) = block.trim_end().split_once('\n').unwrap();
    assert_eq!(id, format!("id: {first}"));
    let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(data.to_string(), message);
    let mark = stream.until(b"\n\n").await.unwrap();
    assert!(mark.starts_with("event: caught-up\nid: "), "{mark}");
    drop(stream);
    post(&server, "ann", "while away").await;
    // The address stays as it was at first.
    let response = open(&server.url, "last=1", &[accept, ("last-event-id", &first)]).await;
    let mut stream = Stream::of(response);
    stream.until(b"\n\n").await.unwrap();
    let missed = stream.until(b"\n\n").await.unwrap();
    assert!(missed.contains("while away"), "{missed}");
}

async fn people_read_who_wrote_what_and_nothing_that_a_terminal_obeys(on: Backend) {
    let server = on.server();
    let mut stream = Stream::of(open(&server.url, "format=text", &[]).await);
    assert_eq!(stream.until(b"\n").await.unwrap(), "-- caught up\n");
    post(&server, "ann", "\u{1b}[2Jone #a\ntwo").await;
    let head = stream.until(b"\n").await.unwrap();
    assert!(head.ends_with("Z  ann  #a\n"), "{head}");
    assert_eq!(stream.until(b"\n").await.unwrap(), "  \\u{1b}[2Jone #a\n");
    assert_eq!(stream.until(b"\n").await.unwrap(), "  two\n");
}

async fn what_cannot_be_meant_is_refused_by_its_value(on: Backend) {
    let server = on.server();
    let ahead = "01ZZZZZZZZZZZZZZZZZZZZZZZZ";
    let empty = server.get(&format!("/message/stream?after={ahead}")).await;
    empty.refused(400, "invalid_parameter", ahead);
    let id = post(&server, "ann", "text").await;
    for (query, code, named) in [
        (&*format!("after={ahead}"), "invalid_parameter", ahead),
        (&format!("after={ahead}"), "invalid_parameter", "come to"),
        ("after=x", "invalid_parameter", "\"x\""),
        ("last=1001", "invalid_parameter", "1001"),
        ("last=-1", "invalid_parameter", "-1"),
        ("from_date=2999-01-01", "invalid_parameter", "2999-01-01"),
        ("limit=3", "unknown_parameter", "limit"),
        ("hashtag=a%20b", "invalid_parameter", "a b"),
        ("format=csv", "invalid_parameter", "csv"),
        (&format!("after={id}&last=1"), "invalid_parameter", "last"),
        ("from_date=1h&last=1", "invalid_parameter", "from_date"),
    ] {
        let answer = server.get(&format!("/message/stream?{query}")).await;
        answer.refused(400, code, named);
    }
    for value in ["x", ahead, "\u{e9}"] {
        let headers = [("last-event-id", value)];
        let answer = server
            .send(reqwest::Method::GET, "/message/stream", &headers, "")
            .await;
        answer.refused(400, "invalid_header", "Last-Event-ID");
    }
    for (query, named) in [
        (format!("after={ahead}"), ahead),
        (format!("after={id}&cursor={id}"), "cursor"),
        (format!("after={id}&from_date=1h"), "from_date"),
        (format!("after={id}&to_date=now"), "to_date"),
        (format!("after={id}&ulid={id}"), "ulid"),
    ] {
        let answer = server.get(&format!("/message?{query}")).await;
        answer.refused(400, "invalid_parameter", named);
    }
    let head = server
        .send(reqwest::Method::HEAD, "/message/stream?last=1", &[], "")
        .await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-type"), "application/x-ndjson");
    let method = server
        .send(reqwest::Method::PUT, "/message/stream", &[], "")
        .await;
    method.refused(405, "method_not_allowed", "PUT");
    assert_eq!(method.header("allow"), "GET, HEAD");
}

async fn one_who_asks_again_is_told_each_message_once_oldest_first(on: Backend) {
    let server = on.server();
    let mut after = "0".repeat(26);
    let mut seen = Vec::new();
    for round in 0..4 {
        for n in 0..round {
            let user = ["ann", "bob"][n % 2];
            post(&server, user, &format!("{round}/{n}")).await;
        }
        loop {
            let path = format!("/message?after={after}&limit=2&user_name=ann");
            let data = server.get(&path).await.data();
            let messages = data["messages"].as_array().unwrap();
            let texts = messages.iter().map(|one| one["text"].as_str().unwrap());
            seen.extend(texts.map(str::to_owned));
            after = data["next_after"].as_str().unwrap().to_owned();
            if messages.len() < 2 {
                break;
            }
        }
    }
    assert_eq!(seen, ["1/0", "2/0", "3/0", "3/2"]);
    let all = server
        .get(&format!("/message?after={}&format=lines", "0".repeat(26)))
        .await;
    assert_eq!(all.body.lines().count(), 6);
    assert!(all.header("x-next-after") >= &*after);
    let table = server
        .get(&format!("/message?after={}&format=text", "0".repeat(26)))
        .await;
    let tail = table.body.lines().last().unwrap();
    assert!(tail.starts_with("newer messages: after="), "{tail}");
}

#[tokio::test]
async fn a_deletion_is_told_in_its_place_and_the_message_no_more() {
    let server = Server::start();
    let secret = post(&server, "ann", "secret #a").await;
    let mut live = Stream::open(&server, "last=1").await;
    let mut others = Stream::open(&server, "user_name=bob").await;
    assert_eq!(live.next(2).await, ["secret #a", "caught-up"]);
    let token = crate::support::bearer("ann");
    let path = format!("/message/{secret}");
    let headers = [("authorization", &*token)];
    let deleted = server
        .send(reqwest::Method::DELETE, &path, &headers, "")
        .await;
    assert_eq!(deleted.status, 204);
    post(&server, "bob", "later").await;
    let told = live.news().await.unwrap();
    assert_eq!(
        (&told["event"], &told["id"]),
        (&json!("deleted"), &json!(secret))
    );
    assert_eq!(live.next(1).await, ["later"]);
    assert_eq!(others.next(2).await, ["caught-up", "later"]);
    let begin = "0".repeat(26);
    let mut late = Stream::open(&server, &format!("after={begin}")).await;
    assert_eq!(late.next(3).await, ["deleted", "later", "caught-up"]);
    let page = server.get(&format!("/message?after={begin}")).await;
    assert_eq!(page.texts(), ["later"]);
    assert_eq!(page.data()["deleted"], json!([secret]));
    // In every other form it is said, too.
    let page = |form: &str| format!("/message?after={begin}&format={form}");
    let table = server.get(&page("text")).await;
    let line = format!("-- message {secret} was deleted\n");
    assert!(table.body.contains(&line), "{}", table.body);
    for form in ["csv", "lines", "ndjson"] {
        let listed = server.get(&page(form)).await;
        assert_eq!(listed.header("x-deleted"), "1", "{form}");
        assert!(!listed.body.contains(&secret), "{}", listed.body);
    }
}
