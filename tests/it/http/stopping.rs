//! Stopping: by signal, by crash, and what is left then.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use super::posting::join_all;
use crate::place::{Backend, on_every_store};
use crate::support::{Server, bearer, client};

on_every_store![
    a_signal_to_stop_ends_with_0_and_keeps_what_was_acknowledged,
    a_second_signal_ends_at_once,
    a_crash_under_posters_loses_nothing_acknowledged_and_doubles_nothing,
];

async fn a_signal_to_stop_ends_with_0_and_keeps_what_was_acknowledged(on: Backend) {
    for signal in ["TERM", "INT"] {
        let server = on.server();
        let id = server.post(r#"{"text":"kept"}"#).await.id();
        let place = server.place.clone();
        // An idle connection must not hold the stop up.
        let _idle = tokio::net::TcpStream::connect(server.address())
            .await
            .unwrap();
        server.signal(signal);
        assert_eq!(server.wait(), Some(0), "{signal}");
        let again = place.serve(&[]);
        assert_eq!(again.get(&format!("/message/{id}")).await.status, 200);
    }
}

async fn a_second_signal_ends_at_once(on: Backend) {
    let server = on.server();
    // A request in flight that never finishes its body.
    let mut stream = tokio::net::TcpStream::connect(server.address())
        .await
        .unwrap();
    let head = format!(
        "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n",
        bearer("john")
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
        .await
        .unwrap();
    let mut continued = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut continued)
        .await
        .unwrap();
    assert_eq!(&continued, b"HTTP/1.1 100");
    server.signal("TERM");
    // The first signal was taken when new connections are refused.
    while tokio::net::TcpStream::connect(server.address())
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    server.signal("TERM");
    assert_ne!(server.wait(), Some(0));
}

async fn a_crash_under_posters_loses_nothing_acknowledged_and_doubles_nothing(on: Backend) {
    let mut place = on.place();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..3 {
        let server = place.serve(&[]);
        let crashed = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicUsize::new(0));
        let posters: Vec<_> = (0..16)
            .map(|poster| {
                let (url, crashed) = (server.url.clone(), Arc::clone(&crashed));
                let answered = Arc::clone(&answered);
                tokio::spawn(post_until_the_crash(url, poster, crashed, answered))
            })
            .collect();
        // Enough answers that a crash falls in the middle of posting.
        while answered.load(Ordering::Relaxed) < 20 + 10 * round {
            server.get("/message?limit=1").await;
        }
        crashed.store(true, Ordering::Relaxed);
        place = server.kill();
        for ids in join_all(posters.into_iter()).await {
            acknowledged.extend(ids.unwrap());
        }
    }
    let server = place.serve(&[]);
    assert!(!acknowledged.is_empty());
    let stored = all_ids(&server).await;
    let once: HashSet<&String> = stored.iter().collect();
    assert_eq!(once.len(), stored.len());
    assert!(acknowledged.iter().all(|id| once.contains(id)));
    for query in ["", "&hashtag=shared"] {
        let trend = server
            .get(&format!("/trend?aggregation=1h&from_date=1day{query}"))
            .await
            .data();
        let counts = trend["trends"].as_array().unwrap().iter();
        assert_eq!(
            counts.map(|b| b["count"].as_u64().unwrap()).sum::<u64>(),
            stored.len() as u64
        );
    }
}

async fn post_until_the_crash(
    url: String,
    poster: usize,
    crashed: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> Vec<String> {
    let client = client();
    let mut ids = Vec::new();
    for n in 0.. {
        let body = json!({"text": format!("{poster}/{n}"), "hashtags": ["shared"]}).to_string();
        let request = client
            .post(format!("{url}/message"))
            .header("authorization", bearer("john"))
            .body(body);
        let answer = match request.send().await {
            Ok(answer) => answer.text().await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(body) => {
                let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
                ids.push(answer["data"]["id"].as_str().unwrap().to_owned());
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                assert!(
                    crashed.load(Ordering::Relaxed),
                    "a request failed before the crash"
                );
                break;
            }
        }
    }
    ids
}

async fn all_ids(server: &Server) -> Vec<String> {
    let mut ids = Vec::new();
    let mut path = "/message?limit=1000".to_owned();
    loop {
        let data = server.get(&path).await.data();
        ids.extend(
            data["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["id"].as_str().unwrap().to_owned()),
        );
        match data.get("next_cursor") {
            Some(cursor) => {
                path = format!("/message?limit=1000&cursor={}", cursor.as_str().unwrap())
            }
            None => return ids,
        }
    }
}
