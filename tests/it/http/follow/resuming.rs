//! Followers that are cut, servers that are stopped, programs that store
//! beside a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{Stream, open, post};
use crate::http::posting::join_all;
use crate::place::{Backend, on_every_store};
use crate::support::client;

on_every_store![
    followers_that_are_cut_at_random_see_every_message_once_and_in_order,
    a_stop_says_where_to_go_on_and_ends_at_once,
    what_another_program_posts_is_told_and_what_it_imports_is_not,
    one_who_takes_nothing_for_a_while_is_told_all_of_it_later,
];

/// Follows from the beginning, is cut after every few events, and goes on from
/// where it was, until it has seen so many messages.
async fn follow_in_pieces(url: String, filter: &str, piece: usize, count: usize) -> Vec<String> {
    let mut after = "0".repeat(26);
    let mut seen = Vec::new();
    let mut pieces = 0;
    while seen.len() < count {
        pieces += 1;
        let response = open(&url, &format!("after={after}&{filter}"), &[]).await;
        if response.status() == 503 {
            // A store that is slow to say where it is.
            continue;
        }
        assert_eq!(response.status(), 200);
        let mut stream = Stream::of(response);
        // Each piece of another length; none may end before it moved on.
        let most = 1 + (pieces * piece) % 23;
        for _ in 0..most {
            if seen.len() == count {
                break;
            }
            let event = stream.event().await.expect("an event");
            after = event["position"].as_str().unwrap().to_owned();
            if event["event"] == "message" {
                seen.push(event["message"]["text"].as_str().unwrap().to_owned());
            }
        }
    }
    seen
}

async fn followers_that_are_cut_at_random_see_every_message_once_and_in_order(on: Backend) {
    const POSTERS: usize = 4;
    const EACH: usize = 30;
    let server = on.server();
    let filters = ["", "hashtag=even", "user_name=poster1"];
    let count = |filter: &str| match filter {
        "" => POSTERS * EACH,
        "hashtag=even" => POSTERS * EACH / 2,
        _ => EACH,
    };
    let followers: Vec<_> = (0..9)
        .map(|n| {
            let (url, filter) = (server.url.clone(), filters[n % 3]);
            tokio::spawn(async move { follow_in_pieces(url, filter, n + 1, count(filter)).await })
        })
        .collect();
    let posters: Vec<_> = (0..POSTERS)
        .map(|poster| {
            let url = server.url.clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    let tags: &[&str] = if n % 2 == 0 { &["even"] } else { &[] };
                    let body = json!({"text": format!("{poster}/{n}"), "hashtags": tags});
                    let request = client()
                        .post(format!("{url}/message"))
                        .header(
                            "authorization",
                            crate::support::bearer(&format!("poster{poster}")),
                        )
                        .body(body.to_string());
                    assert_eq!(request.send().await.unwrap().status(), 201);
                }
            })
        })
        .collect();
    for posted in join_all(posters.into_iter()).await {
        posted.unwrap();
    }
    let all = server.get("/message?limit=1000").await;
    let order: Vec<String> = all.texts().into_iter().rev().collect();
    assert_eq!(order.len(), POSTERS * EACH);
    let is_even =
        |text: &&String| text.split('/').nth(1).unwrap().parse::<usize>().unwrap() % 2 == 0;
    for (n, seen) in join_all(followers.into_iter())
        .await
        .into_iter()
        .enumerate()
    {
        let wanted: Vec<String> = match filters[n % 3] {
            "" => order.clone(),
            "hashtag=even" => order.iter().filter(is_even).cloned().collect(),
            _ => order
                .iter()
                .filter(|text| text.starts_with("1/"))
                .cloned()
                .collect(),
        };
        assert_eq!(seen.unwrap(), wanted, "{}", filters[n % 3]);
    }
}

async fn a_stop_says_where_to_go_on_and_ends_at_once(on: Backend) {
    let server = on.server_with(&["--limits.shutdown_timeout", "1h"]);
    let place = server.place.clone();
    post(&server, "ann", "first").await;
    let mut stream = Stream::open(&server, "last=1").await;
    let mut quiet = Stream::open(&server, "hashtag=none").await;
    assert_eq!(stream.next(2).await, ["first", "caught-up"]);
    assert_eq!(quiet.next(1).await, ["caught-up"]);
    let last = post(&server, "ann", "last").await;
    assert_eq!(stream.next(1).await, ["last"]);
    server.signal("TERM");
    let bye = stream.news().await.unwrap();
    assert_eq!(bye["event"], "bye");
    assert!(bye["position"].as_str().unwrap() >= &*last);
    let retry = bye["retry"].as_u64().unwrap();
    assert!((100..=60_000).contains(&retry), "{retry}");
    assert!(stream.event().await.is_none());
    assert_eq!(quiet.next(1).await, ["bye"]);
    // A stop that waited for them would take its hour.
    let stopped = tokio::task::spawn_blocking(move || server.wait());
    let stopped = tokio::time::timeout(std::time::Duration::from_secs(60), stopped).await;
    assert_eq!(stopped.unwrap().unwrap(), Some(0));
    let again = place.serve(&[]);
    post(&again, "ann", "later").await;
    let mut stream = Stream::open(&again, &format!("after={last}")).await;
    let seen = stream.next(2).await;
    assert!(seen.contains(&"later".to_owned()), "{seen:?}");
}

async fn what_another_program_posts_is_told_and_what_it_imports_is_not(on: Backend) {
    let place = on.place();
    let (one, other) = (place.serve(&[]), place.serve(&[]));
    let mut stream = Stream::open(&one, "").await;
    assert_eq!(stream.next(1).await, ["caught-up"]);
    let file = place.dir.path().join("old.ndjson");
    let line = |n: u32| {
        format!(
            "{{\"user_name\":\"ann\",\"text\":\"old {n}\",\"created_at\":\"2020-01-01T00:00:0{n}Z\"}}\n"
        )
    };
    std::fs::write(&file, (0..9).map(line).collect::<String>()).unwrap();
    let mut import = place.command(&["import"]);
    let imported = import.arg(&file).output().unwrap();
    assert!(imported.status.success(), "{imported:?}");
    post(&other, "ann", "from the other").await;
    post(&one, "ann", "from this one").await;
    assert_eq!(stream.next(2).await, ["from the other", "from this one"]);
    // Who asks for history is told of it.
    let mut all = Stream::open(&one, "last=1000").await;
    assert_eq!(all.next(1).await, ["old 0"]);
}

async fn one_who_takes_nothing_for_a_while_is_told_all_of_it_later(on: Backend) {
    const COUNT: usize = 1_500;
    let server = on.server_with(&["--limits.write_timeout=1h"]);
    let mut slow = Stream::open(&server, "").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let long = "x".repeat(6_000);
    let quick = {
        let (mut stream, is_over) = (Stream::open(&server, "").await, Arc::clone(&is_over));
        tokio::spawn(async move {
            assert_eq!(stream.next(1).await, ["caught-up"]);
            let seen = stream.next(COUNT).await;
            is_over.store(true, Ordering::Relaxed);
            seen
        })
    };
    let posters: Vec<_> = (0..10)
        .map(|poster| {
            let (url, long) = (server.url.clone(), long.clone());
            tokio::spawn(async move {
                let client = client();
                for n in 0..COUNT / 10 {
                    let body = json!({"text": format!("{poster}/{n} {long}")});
                    let request = client
                        .post(format!("{url}/message"))
                        .header("authorization", crate::support::bearer("ann"))
                        .body(body.to_string());
                    assert_eq!(request.send().await.unwrap().status(), 201);
                }
            })
        })
        .collect();
    join_all(posters.into_iter()).await;
    let all = quick.await.unwrap();
    assert!(is_over.load(Ordering::Relaxed));
    assert_eq!(slow.next(1).await, ["caught-up"]);
    assert!(slow.next(COUNT).await == all);
}
