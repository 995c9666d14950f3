//! Clients that take their answers slowly, or not at all, or have left.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::posting::join_all;
use crate::place::{Backend, on_every_store};
use crate::support::{Server, bearer};

on_every_store![
    a_long_page_comes_in_pieces_and_is_the_same_in_every_form,
    a_thousand_clients_that_do_not_read_a_long_page_stay_under_200_mb,
    a_client_that_takes_nothing_of_its_answer_is_cut_off,
    a_client_that_pipelines_and_never_reads_is_cut_off,
    an_answer_that_is_being_taken_holds_its_place_and_gives_it_back,
    a_download_half_way_at_a_stop_is_finished,
    bodies_that_are_waited_for_take_no_place_of_others,
    who_closed_one_side_still_gets_an_answer,
];

const REQUEST: &str = "GET /message?limit=1000 HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// A post whose text is nearly as long as one can be.
pub fn fill(n: usize) -> String {
    format!(r#"{{"text":"{n} {}"}}"#, "x".repeat(8_000))
}

/// A server with a page of long texts in it.
async fn with_long_texts(on: Backend, count: usize, flags: &[&str]) -> Server {
    let server = on.server_with(flags);
    let posts: Vec<_> = (0..count).map(fill).collect();
    for some in posts.chunks(50) {
        for posted in join_all(some.iter().map(|body| server.post(body))).await {
            posted.id();
        }
    }
    server
}

/// A connection on which a request was sent whose answer nobody reads.
async fn asking(server: &Server, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads on until the server closes; what came, and whether it ended well.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).await.is_ok();
    (answer, ended)
}

/// Waits, with a bound, until something is so.
pub async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let so = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    let so = tokio::time::timeout(Duration::from_secs(60), so).await;
    assert!(so.is_ok(), "it never was so: {what}");
}

async fn a_long_page_comes_in_pieces_and_is_the_same_in_every_form(on: Backend) {
    let server = on.server();
    // What stands first says that the page is too long to be kept whole.
    for body in (0..140)
        .map(|n| format!(r#"{{"text":"{n}"}}"#))
        .chain((0..90).map(fill))
    {
        server.post(&body).await.id();
    }
    let by_tens = async |limit: usize| {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        while ids.len() < limit {
            let data = server
                .get(&format!("/message?limit=10{cursor}"))
                .await
                .data();
            let page = data["messages"].as_array().unwrap().clone();
            ids.extend(page);
            match data["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        ids
    };
    for limit in [210, 220, 230, 1000] {
        let page = server.get(&format!("/message?limit={limit}")).await;
        assert_eq!(page.header("transfer-encoding"), "chunked");
        let page = page.data();
        let messages = page["messages"].as_array().unwrap();
        assert_eq!(*messages, by_tens(limit).await);
        let next = page["next_cursor"].as_str();
        assert_eq!(next.is_some(), limit < 230, "{limit}");
        let lines = server
            .get(&format!("/message?format=ndjson&limit={limit}"))
            .await;
        assert_eq!(lines.header("x-next-cursor"), next.unwrap_or(""));
        let lines: Vec<serde_json::Value> = lines
            .body
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines, *messages);
        let csv = server
            .get(&format!("/message?format=csv&limit={limit}"))
            .await;
        assert_eq!(csv.header("x-next-cursor"), next.unwrap_or(""));
        assert_eq!(csv.body.lines().count(), messages.len() + 1);
    }
}

async fn a_thousand_clients_that_do_not_read_a_long_page_stay_under_200_mb(on: Backend) {
    let server = with_long_texts(on, 1000, &[]).await;
    let mut streams = Vec::new();
    for _ in 0..1000 {
        streams.push(asking(&server, REQUEST).await);
    }
    // Every one of them is being answered, but for those that waited too long
    // for a database that is busy with the others.
    let mut held = 0;
    for stream in &mut streams {
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        match &status {
            b"HTTP/1.1 200" => held += 1,
            other => assert_eq!(other, b"HTTP/1.1 503"),
        }
    }
    assert!(held > 100, "{held} are answered");
    let resident = server.resident_bytes();
    assert!(resident < 200_000_000, "{resident} bytes resident");
    // Who reads gets all of it.
    let page = server.get("/message?limit=1000").await;
    assert_eq!(page.texts().len(), 1000);
}

async fn a_client_that_takes_nothing_of_its_answer_is_cut_off(on: Backend) {
    let flags = ["--limits.write_timeout", "200ms", "--limits.requests", "1"];
    let server = with_long_texts(on, 1000, &flags).await;
    let mut stream = asking(&server, REQUEST).await;
    stream.readable().await.unwrap();
    server
        .get("/message")
        .await
        .refused(503, "unavailable", "busy");
    // Its place is free again though it reads nothing.
    until("the place is free", async || {
        server.get("/message?limit=1").await.status == 200
    })
    .await;
    let (answer, _) = rest(&mut stream).await;
    assert!(!answer.ends_with(b"0\r\n\r\n"), "the answer was whole");
}

async fn a_client_that_pipelines_and_never_reads_is_cut_off(on: Backend) {
    let server = with_long_texts(on, 20, &["--limits.write_timeout", "200ms"]).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = "GET /message HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    // Ends with an error once the server has let go of the connection.
    let cut = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(60), cut)
        .await
        .expect("the server reads on, or waits for ever");
}

async fn an_answer_that_is_being_taken_holds_its_place_and_gives_it_back(on: Backend) {
    let server = with_long_texts(on, 1000, &["--limits.requests", "1"]).await;
    let mut stream = asking(&server, REQUEST).await;
    stream.readable().await.unwrap();
    let refused = server.get("/message").await;
    refused.refused(503, "unavailable", "busy");
    assert_eq!(refused.header("retry-after"), "1");
    // Health does not queue behind the rest, and posts have bounds of their own.
    assert_eq!(server.get("/healthz").await.status, 200);
    server.post(r#"{"text":"one"}"#).await.id();
    let mut answer = Vec::new();
    let mut buffer = vec![0; 256 * 1024];
    while !answer.ends_with(b"\r\n0\r\n\r\n") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "cut off after {} bytes", answer.len());
        answer.extend_from_slice(&buffer[..read]);
    }
    until("the place is free", async || {
        server.get("/message?limit=1").await.status == 200
    })
    .await;
}

async fn a_download_half_way_at_a_stop_is_finished(on: Backend) {
    let server = with_long_texts(on, 1000, &[]).await;
    let mut stream = asking(&server, REQUEST).await;
    let mut start = vec![0; 100_000];
    stream.read_exact(&mut start).await.unwrap();
    let mut idle = asking(&server, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    idle.readable().await.unwrap();
    server.signal("TERM");
    // What is idle is closed at once, while the download stands still.
    let (answer, ended) = rest(&mut idle).await;
    assert!(ended && answer.starts_with(b"HTTP/1.1 200"));
    let (end, ended) = rest(&mut stream).await;
    assert!(ended, "the download was reset");
    let answer = String::from_utf8([start, end].concat()).unwrap();
    assert!(answer.ends_with("}}\r\n0\r\n\r\n"), "the download was cut");
    assert_eq!(answer.matches("\"created_at\"").count(), 1000);
    assert_eq!(server.wait(), Some(0));
}

async fn bodies_that_are_waited_for_take_no_place_of_others(on: Backend) {
    let server = on.server_with(&["--limits.requests", "1", "--limits.bodies", "2"]);
    let head = format!(
        "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-length: 50\r\nexpect: 100-continue\r\n\r\n",
        bearer("john")
    );
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = asking(&server, &head).await;
        let mut continued = [0; 12];
        stream.read_exact(&mut continued).await.unwrap();
        assert_eq!(&continued, b"HTTP/1.1 100");
        held.push(stream);
    }
    // Those who read and those who post at once are not kept.
    assert_eq!(server.get("/message").await.status, 200);
    server.post(r#"{"text":"at once"}"#).await.id();
    let mut refused = asking(&server, &head).await;
    let mut answer = [0; 12];
    refused.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
}

async fn who_closed_one_side_still_gets_an_answer(on: Backend) {
    let server = with_long_texts(on, 100, &[]).await;
    let post = format!(
        "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-length: 14\r\n\r\n{}",
        bearer("john"),
        r#"{"text":"one"}"#
    );
    for (request, status) in [(REQUEST, "200"), (&post, "201")] {
        let mut stream = asking(&server, request).await;
        stream.shutdown().await.unwrap();
        let (answer, ended) = rest(&mut stream).await;
        assert!(ended);
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(
            answer.trim_end().ends_with(['}', '0']),
            "the answer was cut"
        );
    }
}
