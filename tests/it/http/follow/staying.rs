//! How long one may follow, and how many.

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Stream, open, post};
use crate::contract::{draft, record};
use crate::http::tls::{generate, serve, trusting};
use crate::place::Backend;
use crate::support::{Server, bearer, in_time, until};

/// A server whose limits are about what one waits in a test.
fn hasty() -> Server {
    Server::with(&[
        "--limits.heartbeat=100ms",
        "--limits.write_timeout=250ms",
        "--limits.idle_timeout=250ms",
        "--limits.query_timeout=5s",
    ])
}

#[tokio::test]
async fn a_quiet_stream_stays_and_says_where_it_is() {
    let server = hasty();
    let mut stream = Stream::open(&server, "hashtag=none").await;
    assert_eq!(stream.next(1).await, ["caught-up"]);
    let id = post(&server, "ann", "something else").await;
    // More than every limit of the server together.
    for _ in 0..12 {
        let beat = stream.event().await.unwrap();
        assert_eq!(beat["event"], "heartbeat");
    }
    let beat = stream.event().await.unwrap();
    assert_eq!(beat, json!({"event": "heartbeat", "position": id}));
    let mut browser = Stream::of(open(&server.url, "hashtag=none&format=sse", &[]).await);
    for _ in 0..2 {
        browser.until(b"\n\n").await.unwrap();
    }
    assert_eq!(
        browser.until(b"\n\n").await.unwrap(),
        format!("id: {id}\n\n")
    );
    // People are sent nothing, and stay as well.
    let mut text = Stream::of(open(&server.url, "hashtag=none&format=text", &[]).await);
    assert_eq!(text.until(b"\n").await.unwrap(), "-- caught up\n");
    for _ in 0..12 {
        stream.event().await.unwrap();
    }
    post(&server, "ann", "at last #none").await;
    assert!(text.until(b"\n").await.unwrap().contains("#none"));
    assert_eq!(stream.next(1).await, ["at last #none"]);
}

#[tokio::test]
async fn a_stream_says_how_long_it_is_silent_and_that_its_connection_ends_with_it() {
    let server = hasty();
    for (form, heartbeat) in [
        ("ndjson", Some("0.1")),
        ("sse", Some("0.1")),
        ("text", None),
    ] {
        let response = open(&server.url, &format!("format={form}"), &[]).await;
        let headers = response.headers();
        let said = headers
            .get("x-heartbeat")
            .map(|said| said.to_str().unwrap());
        assert_eq!(said, heartbeat, "{form}");
        assert_eq!(headers["connection"], "close");
        assert!(headers.contains_key("date"));
    }
}

#[tokio::test]
async fn whatever_comes_behind_a_request_to_follow_is_not_answered_and_ends_nothing() {
    let server = hasty();
    for (version, begin) in [("1.0", "{\"event\""), ("1.1", "")] {
        let mut socket = TcpStream::connect(server.address()).await.unwrap();
        // What is before it is answered first, and a body is not waited for.
        let requests = format!(
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n\
             GET /message/stream HTTP/{version}\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{{}}"
        );
        socket.write_all(requests.as_bytes()).await.unwrap();
        let mut read = String::new();
        while !read.contains("heartbeat\"") {
            let mut some = [0; 1024];
            let count = socket.read(&mut some).await.unwrap();
            assert!(count > 0, "{read}");
            read += std::str::from_utf8(&some[..count]).unwrap();
        }
        let (health, stream) = read
            .split_once(&format!("HTTP/{version} 200 OK\r\nc"))
            .unwrap();
        let (health, stream) = match version {
            "1.0" => (health, stream),
            // The answer before it begins so as well.
            _ => stream.split_once("HTTP/1.1 200 OK\r\nc").unwrap(),
        };
        assert!(health.contains("content-length"), "{read}");
        let (head, body) = stream.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.contains("chunked"), version == "1.1", "{head}");
        assert!(body.starts_with(begin), "{body}");
        // Too much of it is no client's of ours.
        let mut much = vec![b'x'; 1024];
        while socket.write_all(&much).await.is_ok() {
            let _ =
                tokio::time::timeout(std::time::Duration::from_millis(1), socket.read(&mut much))
                    .await;
        }
    }
    let head = server
        .send(reqwest::Method::HEAD, "/message/stream", &[], "")
        .await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_stream_over_tls_and_http_1_1_is_told_everything_up_to_a_stop() {
    let dir = TempDir::new().unwrap();
    generate(dir.path());
    let server = serve(dir.path(), &["--limits.heartbeat=100ms"]);
    let client = trusting(&[dir.path()]).http1_only().build().unwrap();
    let post = async |text: &str| {
        let posting = client.post(format!("{}/message", server.url));
        let posting = posting.header("authorization", bearer("ann"));
        let body = serde_json::json!({ "text": text }).to_string();
        assert_eq!(posting.body(body).send().await.unwrap().status(), 201);
    };
    post("before").await;
    let asking = client.get(format!("{}/message/stream?last=9", server.url));
    let response = asking.send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_11);
    assert_eq!(response.headers()["connection"], "close");
    let mut stream = Stream::of(response);
    assert_eq!(stream.next(2).await, ["before", "caught-up"]);
    assert_eq!(stream.event().await.unwrap()["event"], "heartbeat");
    post("after").await;
    assert_eq!(stream.next(1).await, ["after"]);
    server.signal("TERM");
    assert_eq!(stream.next(1).await, ["bye"]);
    assert_eq!(stream.news().await, None);
    assert_eq!(server.wait(), Some(0));
}

#[tokio::test]
async fn a_reload_changes_the_heartbeat_of_streams_that_come_and_of_no_other() {
    let place = Backend::Embedded.place();
    let config = place.dir.path().join("config.yaml");
    let write = |heartbeat| {
        std::fs::write(&config, format!("limits: {{heartbeat: {heartbeat}}}\n")).unwrap();
    };
    write("50ms");
    let named = config.display().to_string();
    let server = place.serve(&["--config_file", &named]);
    let mut old = Stream::open(&server, "").await;
    assert_eq!(old.next(1).await, ["caught-up"]);
    write("1h");
    server.signal("HUP");
    let changed = r#""changed":"limits.heartbeat""#;
    until(async || server.log().contains(changed)).await;
    for _ in 0..4 {
        assert_eq!(old.event().await.unwrap()["event"], "heartbeat");
    }
    let new = open(&server.url, "", &[]).await;
    assert_eq!(new.headers()["x-heartbeat"], "3600");
}

/// A connection that follows, once there is a place; and what it was told.
async fn let_in(server: &Server, query: &str) -> (TcpStream, String) {
    let asking = async {
        loop {
            let mut socket = request(server, query).await;
            let said = told(&mut socket, "\r\n\r\n", 1).await;
            if said.starts_with("HTTP/1.1 200") {
                return (socket, said);
            }
        }
    };
    in_time(asking).await
}

/// Reads until it ends, or until something was said so often.
async fn told(socket: &mut TcpStream, what: &str, times: usize) -> String {
    let mut said = String::new();
    let reading = async {
        let mut some = [0; 1024];
        while said.matches(what).count() < times {
            match socket.read(&mut some).await.unwrap() {
                0 => break,
                count => said += std::str::from_utf8(&some[..count]).unwrap(),
            }
        }
    };
    in_time(reading).await;
    said
}

#[tokio::test]
async fn one_that_has_said_all_it_had_to_say_is_told_as_any_other_as_far_as_it_can_be_seen() {
    let server = Server::with(&["--limits.heartbeat=100ms", "--limits.followers=1"]);
    post(&server, "ann", "before").await;
    let mut socket = request(&server, "last=5").await;
    socket.shutdown().await.unwrap();
    let said = told(&mut socket, "caught-up", 1).await;
    assert!(said.contains("before"), "{said}");
    // For longer than it takes to see that one has left.
    told(&mut socket, "heartbeat\"", 15).await;
    post(&server, "ann", "after").await;
    told(&mut socket, "\"after\"", 1).await;
    drop(socket);
    // Nothing that is not a line would show that it is there.
    let (mut socket, mut said) = let_in(&server, "last=5&format=text").await;
    socket.shutdown().await.unwrap();
    said += &told(&mut socket, "nothing of the kind", 1).await;
    for part in ["before", "after", "-- caught up"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(said.ends_with("\r\n0\r\n\r\n"), "{said}");
}

#[tokio::test]
async fn one_that_has_left_is_let_go_long_before_a_heartbeat() {
    let server = Server::with(&["--limits.heartbeat=1h", "--limits.followers=1"]);
    for form in ["ndjson", "sse", "text"] {
        let (mut socket, said) = let_in(&server, &format!("format={form}")).await;
        if !said.contains("caught") {
            told(&mut socket, "caught", 1).await;
        }
        // All that was sent is read: its system has nothing to complain of.
        let mut more = [0; 64];
        while let Ok(count) = socket.try_read(&mut more) {
            assert!(count > 0);
        }
        drop(socket);
    }
}

async fn request(server: &Server, query: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    let head = format!("GET /message/stream?{query} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

#[tokio::test]
async fn no_more_follow_than_may_and_a_place_is_free_once_its_client_has_left() {
    let server = Server::with(&["--limits.followers", "2", "--limits.requests", "1"]);
    let first = Stream::open(&server, "").await;
    let mut second = request(&server, "").await;
    let mut head = [0; 12];
    second.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    // They take no place of those who read.
    assert_eq!(server.get("/message").await.status, 200);
    let third = server.get("/message/stream").await;
    third.refused(503, "unavailable", "2 follow already");
    assert_eq!(third.header("retry-after"), "10");
    let is_free = async || {
        for _ in 0..6_000 {
            if open(&server.url, "", &[]).await.status() == 200 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("no place is free");
    };
    // However quiet it is, and whatever it has sent behind its request.
    second.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    drop(second);
    is_free().await;
    drop(first);
    is_free().await;
}

#[tokio::test]
async fn one_who_takes_nothing_is_cut_and_others_are_told_all() {
    let place = Backend::Embedded.place();
    let store = place.open().await;
    let text = "x".repeat(8_000);
    // More than the buffers of the system hold.
    let one = |n: i64| {
        record(
            draft("ann", &format!("{n} {text}"), &[]),
            1_000_000_000_000 + n,
        )
    };
    for thousand in 0..2 {
        let records = (thousand * 1_000..(thousand + 1) * 1_000).map(one);
        store.import(records.collect()).await.unwrap();
    }
    store.close().await;
    drop(store);
    let server = place.serve(&["--limits.write_timeout=3s", "--limits.followers=1"]);
    let begin = format!("after={}", "0".repeat(26));
    let stalled = request(&server, &begin).await;
    let let_in = async {
        loop {
            let response = open(&server.url, &begin, &[]).await;
            match response.status().as_u16() {
                200 => break Stream::of(response),
                503 => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
                other => panic!("{other}"),
            }
        }
    };
    let mut stream = in_time(let_in).await;
    drop(stalled);
    for n in 0..2_000 {
        let text = stream.next(1).await.remove(0);
        assert!(text.starts_with(&format!("{n} ")), "{n}");
    }
    assert_eq!(stream.next(1).await, ["caught-up"]);
}

#[tokio::test]
async fn one_whose_token_is_revoked_is_told_no_more() {
    let place = Backend::Embedded.place();
    let create = place
        .command(&["token", "create", "ann", "--json"])
        .output();
    let created: serde_json::Value = serde_json::from_slice(&create.unwrap().stdout).unwrap();
    let (id, secret) = (
        &created["data"]["token"]["id"],
        &created["data"]["token"]["secret"],
    );
    let server = place.serve(&[
        "--auth.mode=token",
        "--auth.read=token",
        "--limits.heartbeat=20ms",
    ]);
    let bearer = format!("Bearer {}", secret.as_str().unwrap());
    let shown = [("authorization", &*bearer)];
    let mut stream = Stream::of(open(&server.url, "", &shown).await);
    assert_eq!(stream.next(1).await, ["caught-up"]);
    let mut revoke = place.command(&["token", "revoke"]);
    assert!(
        revoke
            .arg(id.as_str().unwrap())
            .output()
            .unwrap()
            .status
            .success()
    );
    // The server believes a token for two seconds.
    assert_eq!(stream.next(1).await, ["bye"]);
    assert_eq!(open(&server.url, "", &shown).await.status(), 401);
}

#[tokio::test]
async fn one_who_comes_with_the_place_of_a_message_that_was_imported_goes_on_there() {
    let place = Backend::Embedded.place();
    let store = place.open().await;
    let just_now = chrono::Utc::now().timestamp_millis() - 1_000;
    let moved = record(draft("ann", "moved here", &[]), just_now);
    store.import(vec![moved.clone()]).await.unwrap();
    store.close().await;
    drop(store);
    let server = place.serve(&[]);
    let id = moved.message.id.to_string();
    let mut stream = Stream::open(&server, &format!("after={id}")).await;
    let caught_up = stream.event().await.unwrap();
    assert_eq!(caught_up, json!({"event": "caught-up", "position": id}));
    let page = server.get(&format!("/message?after={id}")).await.data();
    assert_eq!(
        (&page["messages"], &page["next_after"]),
        (&json!([]), &json!(id))
    );
    post(&server, "ann", "new").await;
    assert_eq!(stream.next(1).await, ["new"]);
}
