//! Followers that read history, over a store that takes its time.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use tokio::sync::Semaphore;

use super::stub::Stub;
use super::{ask, over};
use crate::config::Limits;
use crate::domain::MessageId;
use crate::server::response::body::AnswerBody;

/// More than may read at once.
const MANY: usize = 12;

struct Client(AnswerBody);

impl Client {
    /// The events of the next piece.
    async fn next(&mut self) -> Vec<serde_json::Value> {
        let piece = tokio::time::timeout(Duration::from_secs(60), self.0.frame());
        let frame = piece.await.expect("nothing is said").unwrap().unwrap();
        let piece = frame.into_data().unwrap();
        let lines = piece.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    async fn hear_a_heartbeat(&mut self) {
        loop {
            let said = self.next().await;
            if said.iter().any(|event| event["event"] == "heartbeat") {
                return;
            }
        }
    }

    /// The ids of all messages until it has caught up.
    async fn history(&mut self) -> Vec<String> {
        let mut ids = Vec::new();
        loop {
            for event in self.next().await {
                match event["event"].as_str() {
                    Some("message") => {
                        ids.push(event["message"]["id"].as_str().unwrap().to_owned())
                    }
                    Some("caught-up") => return ids,
                    Some("heartbeat") => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn who_waits_for_a_turn_to_read_history_hears_heartbeats_and_keeps_it_from_nobody() {
    let turns = Arc::new(Semaphore::new(0));
    let stub = Stub {
        history: Some(Arc::clone(&turns)),
        ..Stub::with(500, 100)
    };
    let all: Vec<String> = stub.messages.iter().map(|one| one.id.to_string()).collect();
    let limits = Limits {
        heartbeat: Duration::from_millis(20),
        ..Limits::default()
    };
    let context = over(stub, limits);
    let path = format!("/message/stream?after={}", MessageId::MIN);
    let mut clients = Vec::new();
    for _ in 0..MANY {
        let answer = ask(&context, "GET", &path).await;
        assert_eq!(answer.status(), StatusCode::OK);
        clients.push(Client(answer.into_body()));
    }
    for client in &mut clients {
        client.hear_a_heartbeat().await;
    }
    turns.add_permits(Semaphore::MAX_PERMITS / 2);
    // One after the other: the rest take nothing meanwhile.
    for client in clients.iter_mut().rev() {
        let told = client.history().await;
        assert!(told.iter().eq(all.iter().rev()), "{told:?}");
    }
}
