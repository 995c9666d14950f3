//! The server without a socket: requests through every layer to their answers.

mod connections;
mod drawing;
mod following;
mod pieces;
pub(super) mod stub;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{ALLOW, HOST};
use hyper::{Request, StatusCode};
use proptest::prelude::*;

use self::stub::Stub;
use super::Context;
use super::conn::http;
use super::response::Answer;
use crate::config::{Limits, ServerConfig};
use crate::domain::Store;

/// A server over a stub.
fn over(stub: Stub, limits: Limits) -> Arc<Context> {
    shared(Arc::new(stub), limits)
}

/// The same over one that the test keeps an eye on.
fn shared(stub: Arc<Stub>, limits: Limits) -> Arc<Context> {
    let settings = ServerConfig {
        limits,
        ..ServerConfig::default()
    };
    let store: Arc<dyn Store> = stub;
    Arc::new(Context::new(store, Arc::new(stub::Ready), settings))
}

async fn ask(context: &Arc<Context>, method: &str, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .body(Full::new(Bytes::new()))
        .unwrap();
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match http::answer(context, peer, request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

async fn text(answer: Answer) -> String {
    let body = answer.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_others_go_on() {
    let context = over(Stub::default(), Limits::default());
    let answer = ask(&context, "GET", "/user").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.headers().contains_key("x-request-id"));
    let body = text(answer).await;
    assert!(body.contains("\"code\":\"internal\""), "{body}");
    assert!(!body.contains("panic"), "{body}");
    let answer = ask(&context, "GET", "/message").await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_given_up_with_503() {
    let stub = Stub::default();
    let waiting = Arc::clone(&stub.waiting);
    let limits = Limits {
        query_timeout: Duration::from_millis(500),
        ..Limits::default()
    };
    let context = over(stub, limits);
    let answer = ask(&context, "GET", "/trend").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
    let body = text(answer).await;
    assert!(body.contains("within 0.5 seconds"), "{body}");
    assert_eq!(waiting.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_query_whose_client_has_left_is_given_up_and_its_place_is_free() {
    let stub = Stub::default();
    let waiting = Arc::clone(&stub.waiting);
    let limits = Limits {
        requests: 1,
        ..Limits::default()
    };
    let context = over(stub, limits);
    let mut asked = Box::pin(ask(&context, "GET", "/trend"));
    let polled = tokio::time::timeout(Duration::ZERO, &mut asked).await;
    assert!(polled.is_err());
    assert_eq!(waiting.load(Ordering::Relaxed), 1);
    let refused = ask(&context, "GET", "/message").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(asked);
    assert_eq!(waiting.load(Ordering::Relaxed), 0);
    let answer = ask(&context, "GET", "/message").await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn methods_and_paths_follow_from_the_table() {
    let context = over(Stub::with(3, 5), Limits::default());
    for (method, path, status, allow) in [
        ("GET", "/message", 200, ""),
        ("HEAD", "/message", 200, ""),
        ("PUT", "/message", 405, "GET, HEAD, POST"),
        ("POST", "/message/x", 405, "GET, HEAD, DELETE"),
        ("get", "/message", 405, "GET, HEAD, POST"),
        ("OPTIONS", "/", 405, "GET, HEAD"),
        ("GET", "/message/", 404, ""),
        ("GET", "/message/a/b", 404, ""),
        ("GET", "/messages", 404, ""),
        ("GET", "//", 404, ""),
    ] {
        let answer = ask(&context, method, path).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        let told = answer.headers().get(ALLOW);
        assert_eq!(told.map_or("", |told| told.to_str().unwrap()), allow);
    }
}

proptest! {
    #[test]
    fn any_path_and_method_is_answered(
        path in "/[a-z0-9/?&=%.~:@,;+-]{0,200}",
        method in "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.unwrap();
        let context = over(Stub::default(), Limits::default());
        let answer = runtime.block_on(ask(&context, &method, &path));
        prop_assert!(answer.status().as_u16() < 500);
        let body = runtime.block_on(text(answer));
        prop_assert!(body.len() < 4_096, "{}", body);
    }
}

#[tokio::test]
async fn trends_of_many_series_share_the_memory_of_answers_before_they_are_read() {
    let stub = Stub::default();
    let waiting = Arc::clone(&stub.waiting);
    let limits = Limits {
        answer_memory: 3_000_000,
        ..Limits::default()
    };
    let context = over(stub, limits);
    let period = "from_date=2019-09-23T00:00:00Z&to_date=2019-09-29T00:00:00Z&aggregation=1m";
    let one = format!("/trend?{period}&hashtag=a");
    let two = format!("/trend?{period}&hashtag=a&hashtag=b");
    let mut begun = Vec::new();
    // What is usual takes no share, however often.
    for path in [&two, &one, &one] {
        let mut asked = Box::pin(ask(&context, "GET", path));
        let polled = tokio::time::timeout(Duration::ZERO, &mut asked).await;
        assert!(polled.is_err(), "{path} is answered");
        begun.push(asked);
    }
    assert_eq!(waiting.load(Ordering::Relaxed), 3);
    let shed = ask(&context, "GET", &two).await;
    assert_eq!(shed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(waiting.load(Ordering::Relaxed), 3);
    begun.clear();
    let mut asked = Box::pin(ask(&context, "GET", &two));
    let polled = tokio::time::timeout(Duration::ZERO, &mut asked).await;
    assert!(polled.is_err(), "the share is given back");
}

#[tokio::test]
async fn a_trend_of_a_moment_ago_says_how_long_ago_that_is() {
    let stub = Stub {
        stale: Some(Duration::from_secs(5)),
        ..Stub::default()
    };
    let context = over(stub, Limits::default());
    for path in ["/trend?fill=true", "/trend?fill=true&format=csv"] {
        let answer = ask(&context, "GET", path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["age"], "5", "{path}");
    }
}

/// The answer to a post of so many letters.
async fn post(context: &Arc<Context>, letters: usize) -> Answer {
    let body = format!(r#"{{"text":"{}"}}"#, "a".repeat(letters));
    let request = Request::post("/message")
        .header(HOST, "localhost")
        .header("authorization", "Bearer YW5u")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match http::answer(context, peer, request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

#[tokio::test]
async fn answers_to_long_posts_that_nobody_takes_are_bounded_and_short_ones_go_on() {
    let limits = Limits {
        answer_memory: 20 * 1024,
        ..Limits::default()
    };
    let context = over(Stub::default(), limits);
    // What readers hold takes nothing from those who post.
    let _read = context.load.memory(20 * 1024).unwrap();
    let first = post(&context, 8_000).await;
    let second = post(&context, 8_000).await;
    assert_eq!(first.status(), StatusCode::CREATED);
    assert_eq!(second.status(), StatusCode::CREATED);
    let shed = post(&context, 8_000).await;
    assert_eq!(shed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(post(&context, 100).await.status(), StatusCode::CREATED);
    text(first).await;
    let next = post(&context, 8_000).await;
    assert_eq!(next.status(), StatusCode::CREATED);
}
