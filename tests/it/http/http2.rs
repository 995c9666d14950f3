//! HTTP/2 beyond health: whole pages, clients that give no room, a stop.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use hyper::{Method, Request, StatusCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::slow::{fill, until};
use super::tls::{generate, serve};
use crate::support::{Server, bearer, in_time};

const PAGE: &str = "/message?limit=1000";

/// A server with TLS and a page of long texts, and where its certificate is.
async fn serving(flags: &[&str]) -> (Server, TempDir) {
    let dir = TempDir::new().unwrap();
    generate(dir.path());
    let server = serve(dir.path(), flags);
    let mut client = connect(&server, dir.path(), 65_535).await;
    for some in (0..300).collect::<Vec<_>>().chunks(50) {
        let posts: Vec<_> = some.iter().map(|n| post(&mut client, fill(*n))).collect();
        for posted in posts {
            assert_eq!(posted.await.unwrap().status(), StatusCode::CREATED);
        }
    }
    (server, dir)
}

fn post(client: &mut SendRequest<Bytes>, body: String) -> h2::client::ResponseFuture {
    let request = Request::builder()
        .method(Method::POST)
        .uri("https://localhost/message")
        .header("authorization", bearer("john"));
    let (answer, mut sent) = client
        .send_request(request.body(()).unwrap(), false)
        .unwrap();
    sent.send_data(body.into(), true).unwrap();
    answer
}

/// A connection whose streams have so much room for an answer.
async fn connect(server: &Server, dir: &Path, window: u32) -> SendRequest<Bytes> {
    let mut roots = rustls::RootCertStore::empty();
    let authority = fs::read(dir.join("ca.pem")).unwrap();
    let authority = CertificateDer::from_pem_slice(&authority).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let (client, connection) = h2::client::Builder::new()
        .initial_window_size(window)
        .initial_connection_window_size(1 << 24)
        .handshake(stream)
        .await
        .unwrap();
    tokio::spawn(async move {
        // Ends with the server, in whatever way.
        let _ = connection.await;
    });
    client.ready().await.unwrap()
}

async fn get(client: &mut SendRequest<Bytes>, path: &str) -> (StatusCode, RecvStream) {
    let request = Request::builder().uri(format!("https://localhost{path}"));
    let request = request.body(()).unwrap();
    let mut ready = client.clone().ready().await.unwrap();
    let (answer, _) = ready.send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    (answer.status(), answer.into_body())
}

/// All of a body, taken as it comes.
async fn whole(body: &mut RecvStream) -> Result<String, h2::Error> {
    let mut text = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        text.extend_from_slice(&piece);
    }
    Ok(String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_long_and_short_are_taken_whole_side_by_side() {
    let (server, dir) = serving(&[]).await;
    let mut client = connect(&server, dir.path(), 1_000).await;
    let mut long = Vec::new();
    for _ in 0..4 {
        long.push(get(&mut client, PAGE).await.1);
    }
    let (status, mut short) = get(&mut client, "/message?limit=2").await;
    assert_eq!(status, StatusCode::OK);
    let page = whole(&mut short).await.unwrap();
    assert_eq!(page.matches("created_at").count(), 2);
    let (status, mut none) = get(&mut client, "/nowhere").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(whole(&mut none).await.unwrap().contains("not_found"));
    for mut long in long {
        let page = whole(&mut long).await.unwrap();
        assert_eq!(page.matches("created_at").count(), 300);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_answers_as_get_does_without_the_body() {
    let (server, dir) = serving(&[]).await;
    let client = connect(&server, dir.path(), 65_535).await;
    for path in ["/", "/message?limit=2", PAGE, "/nowhere", "/healthz"] {
        let ask = |method: Method| {
            let request = Request::builder().method(method);
            let request = request.uri(format!("https://localhost{path}"));
            let request = request.body(()).unwrap();
            let (answer, _) = client.clone().send_request(request, true).unwrap();
            answer
        };
        let (get, head) = (ask(Method::GET), ask(Method::HEAD));
        let (get, head) = (get.await.unwrap(), head.await.unwrap());
        assert_eq!(head.status(), get.status(), "{path}");
        for name in ["content-type", "content-length", "cache-control"] {
            assert_eq!(head.headers().get(name), get.headers().get(name), "{path}");
        }
        assert_eq!(whole(&mut head.into_body()).await.unwrap(), "", "{path}");
        assert_ne!(whole(&mut get.into_body()).await.unwrap(), "", "{path}");
    }
    drop(client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_room_is_cut_and_the_connection_goes_on() {
    let (server, dir) = serving(&["--limits.write_timeout", "300ms"]).await;
    // No room at all, and room for one byte: nothing is ever given back.
    for window in [0, 1] {
        let mut client = connect(&server, dir.path(), window).await;
        for path in [PAGE, "/message?limit=1", "/"] {
            let (status, mut body) = get(&mut client, path).await;
            assert_eq!(status, StatusCode::OK);
            let cut = async {
                loop {
                    match body.data().await {
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return error.reason(),
                        None => panic!("{path} was whole"),
                    }
                }
            };
            let bound = std::time::Duration::from_secs(60);
            let reason = tokio::time::timeout(bound, cut).await.unwrap();
            assert_eq!(reason, Some(Reason::CANCEL), "{path}");
        }
        let request = Request::builder()
            .method(Method::HEAD)
            .uri("https://localhost/healthz");
        let request = request.body(()).unwrap();
        let (answer, _) = client.send_request(request, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_streams_without_room_hold_little_and_give_it_back() {
    let flags = ["--limits.write_timeout", "20s", "--limits.requests", "300"];
    let (server, dir) = serving(&flags).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = connect(&server, dir.path(), 0).await;
        for _ in 0..100 {
            let (status, body) = get(&mut client, PAGE).await;
            assert_eq!(status, StatusCode::OK);
            held.push(body);
        }
    }
    let resident = server.resident_bytes();
    assert!(resident < 150_000_000, "{resident} bytes resident");
    let mut client = connect(&server, dir.path(), 65_535).await;
    let (status, _) = get(&mut client, PAGE).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    // Whoever leaves gives back what it held.
    drop(held);
    until("there is room", async || {
        get(&mut client.clone(), "/").await.0 == StatusCode::OK
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_streams_that_are_being_taken_and_begins_none() {
    let (server, dir) = serving(&[]).await;
    let mut client = connect(&server, dir.path(), 65_535).await;
    let (_, mut body) = get(&mut client, PAGE).await;
    let start = body.data().await.unwrap().unwrap();
    server.signal("TERM");
    // The signal was taken when new connections are refused.
    until("the server stops", async || {
        TcpStream::connect(server.address()).await.is_err()
    })
    .await;
    // No new stream is begun: the client is told to use another connection.
    let told = async {
        loop {
            if let Err(refused) = client.clone().ready().await {
                return refused;
            }
            tokio::task::yield_now().await;
        }
    };
    let refused = in_time(told).await;
    assert!(refused.is_go_away() && refused.is_remote(), "{refused}");
    assert_eq!(refused.reason(), Some(Reason::NO_ERROR));
    body.flow_control().release_capacity(start.len()).unwrap();
    let rest = whole(&mut body).await.unwrap();
    let page = String::from_utf8(start.to_vec()).unwrap() + &rest;
    assert!(page.ends_with("}}"), "the download was cut");
    assert_eq!(page.matches("created_at").count(), 300);
    drop((client, body));
    assert_eq!(server.wait(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_follower_stays_and_one_without_room_is_cut() {
    let flags = [
        "--limits.write_timeout=300ms",
        "--limits.idle_timeout=300ms",
        "--limits.heartbeat=100ms",
    ];
    let (server, dir) = serving(&flags).await;
    let mut client = connect(&server, dir.path(), 65_535).await;
    let mut quiet = Vec::new();
    for format in ["ndjson", "text"] {
        let path = format!("/message/stream?hashtag=none&format={format}");
        quiet.push(get(&mut client, &path).await.1);
    }
    let bound = std::time::Duration::from_secs(60);
    let mut narrow = connect(&server, dir.path(), 1).await;
    let (_, mut stalled) = get(&mut narrow, "/message/stream?last=9").await;
    let cut = async { while stalled.data().await.unwrap().is_ok() {} };
    tokio::time::timeout(bound, cut).await.unwrap();
    // Longer than one that takes nothing may stay.
    let mut beats = 0;
    while beats < 12 {
        let piece = quiet[0].data().await.unwrap().unwrap();
        beats += String::from_utf8_lossy(&piece).matches("heartbeat").count();
    }
    let body = r#"{"text":"at last","hashtags":["none"]}"#;
    let posted = post(&mut client, body.to_owned()).await.unwrap();
    assert_eq!(posted.status(), StatusCode::CREATED);
    for stream in &mut quiet {
        let mut told = String::new();
        while !told.contains("at last") {
            let piece = stream.data().await.expect("it goes on").unwrap();
            told += &String::from_utf8_lossy(&piece);
        }
    }
}
