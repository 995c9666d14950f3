//! Clients that do not mean well: slow, large, malformed, too many.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::posting::join_all;
use crate::place::{Backend, on_every_store};
use crate::support::bearer;

on_every_store![
    malformed_requests_are_refused_and_the_server_stays,
    a_head_past_the_limit_is_refused,
    a_client_slow_with_its_head_is_let_go_of,
    a_head_that_begins_behind_another_has_the_same_time,
    an_idle_connection_is_let_go_of,
    a_client_slow_with_its_body_gets_408,
    pipelined_requests_are_answered_in_order,
    too_many_posts_of_one_user_get_429_and_others_go_on,
    more_posts_than_may_wait_for_the_store_get_503_and_reads_go_on,
    connections_past_the_limit_wait_until_another_ends,
];

/// Sends bytes as they are and reads until the server closes.
pub async fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// What the server says until it closes, which it does long before it would
/// with the limits it has by itself: the shortest of these is ten seconds.
async fn before_the_defaults(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let closed = stream.read_to_string(&mut answer);
    let closed = tokio::time::timeout(Duration::from_secs(8), closed).await;
    closed.expect("the limit was not kept").unwrap();
    answer
}

async fn malformed_requests_are_refused_and_the_server_stays(on: Backend) {
    let server = on.server();
    for request in [
        &b"GET\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n",
        b"POST /message HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /message HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST /message HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let answer = exchange(server.address(), request).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{request:?} got {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(body["error"].is_string(), "{request:?} got {answer}");
        assert_eq!(server.get("/healthz").await.status, 200);
    }
}

async fn a_head_past_the_limit_is_refused(on: Backend) {
    let server = on.server();
    let request = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "a".repeat(17_000)
    );
    let answer = exchange(server.address(), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(answer.contains("headers_too_large"), "{answer}");
    // Far past it the server has answered before the client has sent all.
    let request = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "a".repeat(500_000)
    );
    let answer = exchange(server.address(), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

async fn a_client_slow_with_its_head_is_let_go_of(on: Backend) {
    let server = on.server_with(&["--limits.header_timeout", "100ms"]);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    let answer = before_the_defaults(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
}

async fn a_head_that_begins_behind_another_has_the_same_time(on: Backend) {
    let server = on.server_with(&["--limits.header_timeout", "100ms"]);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /heal";
    stream.write_all(request).await.unwrap();
    let answer = before_the_defaults(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("HTTP/1.1 408"), "{answer}");
}

async fn an_idle_connection_is_let_go_of(on: Backend) {
    let server = on.server_with(&["--limits.idle_timeout", "100ms"]);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let answer = before_the_defaults(&mut stream).await;
    assert_eq!(answer, "");
}

async fn a_client_slow_with_its_body_gets_408(on: Backend) {
    let server = on.server_with(&["--limits.body_timeout", "100ms"]);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-length: 50\r\n\r\n{{",
        bearer("john")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = before_the_defaults(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
}

async fn pipelined_requests_are_answered_in_order(on: Backend) {
    let server = on.server();
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = exchange(server.address(), request).await;
    let statuses: Vec<&str> = answer
        .split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|answer| answer.lines().next())
        .collect();
    assert_eq!(statuses, ["200 OK", "404 Not Found", "200 OK"], "{answer}");
}

async fn too_many_posts_of_one_user_get_429_and_others_go_on(on: Backend) {
    let server = on.server_with(&["--limits.posts_per_minute", "3"]);
    for _ in 0..3 {
        server.post(r#"{"text":"x"}"#).await.id();
    }
    let refused = server.post(r#"{"text":"x"}"#).await;
    refused.refused(429, "rate_limited", "seconds");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 60);
    server.post_as("ann", r#"{"text":"x"}"#, &[]).await.id();
}

async fn more_posts_than_may_wait_for_the_store_get_503_and_reads_go_on(on: Backend) {
    let server = on.server_with(&["--limits.writer_queue", "1", "--limits.requests", "1"]);
    let mut shed = None;
    let mut stored = 0;
    for _ in 0..50 {
        let posts = (0..100).map(|_| server.post(r#"{"text":"x"}"#));
        for answer in join_all(posts).await {
            match answer.status {
                201 => stored += 1,
                _ => shed = Some(answer),
            }
        }
        if shed.is_some() {
            break;
        }
    }
    let shed = shed.expect("the queue was never full");
    shed.refused(503, "unavailable", "try again");
    assert_eq!(shed.header("retry-after"), "1");
    let data = server.get("/message?limit=1000").await.data();
    assert_eq!(data["messages"].as_array().unwrap().len(), stored.min(1000));
}

async fn connections_past_the_limit_wait_until_another_ends(on: Backend) {
    let server = on.server_with(&["--limits.connections", "1"]);
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut buffer = [0; 1024];
    let mut first = TcpStream::connect(server.address()).await.unwrap();
    first.write_all(request).await.unwrap();
    assert_ne!(first.read(&mut buffer).await.unwrap(), 0);
    let mut second = TcpStream::connect(server.address()).await.unwrap();
    second.write_all(request).await.unwrap();
    // The first is still served while the second waits.
    first.write_all(request).await.unwrap();
    assert_ne!(first.read(&mut buffer).await.unwrap(), 0);
    let waiting = second.try_read(&mut buffer).unwrap_err();
    assert_eq!(waiting.kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    assert_ne!(second.read(&mut buffer).await.unwrap(), 0);
}
