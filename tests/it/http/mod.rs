//! The HTTP contract, over real sockets.

mod auth;

mod follow;
mod format;
mod fuzz;
mod hostile;
mod http2;
mod openapi;
pub mod posting;
mod reading;
mod removal;
mod rolling;
mod slow;
mod stopping;
mod tls;
mod tokens;
mod trend;
mod validate;

use reqwest::Method;

use crate::place::{Backend, on_every_store};

on_every_store![
    unknown_paths_and_methods_are_refused_in_the_envelope,
    head_answers_as_get_does_without_the_body,
    the_server_is_alive_and_ready_and_explains_itself,
    every_answer_carries_the_headers_of_a_careful_api,
];

async fn unknown_paths_and_methods_are_refused_in_the_envelope(on: Backend) {
    let server = on.server();
    server
        .get("/nowhere")
        .await
        .refused(404, "not_found", "/nowhere");
    server
        .get("/message/")
        .await
        .refused(404, "not_found", "/message/");
    server
        .get("/message/01ARZ3NDEKTSV4RRFFQ69G5FAV/x")
        .await
        .refused(404, "not_found", "/x");
    for (path, allow) in [
        ("/message", "GET, HEAD, POST"),
        ("/trend", "GET, HEAD"),
        ("/", "GET, HEAD"),
        ("/healthz", "GET, HEAD"),
    ] {
        let answer = server.send(Method::DELETE, path, &[], "").await;
        answer.refused(405, "method_not_allowed", "DELETE");
        assert_eq!(answer.header("allow"), allow);
    }
    server
        .send(Method::POST, "/trend", &[], "")
        .await
        .refused(405, "method_not_allowed", "POST");
}

async fn head_answers_as_get_does_without_the_body(on: Backend) {
    let server = on.server();
    let id = server.post(r#"{"text":"one"}"#).await.id();
    for path in [
        "/",
        "/message",
        "/trend",
        "/healthz",
        "/readyz",
        &format!("/message/{id}"),
    ] {
        let get = server.get(path).await;
        let head = server.send(Method::HEAD, path, &[], "").await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert_eq!(
            head.header("content-length"),
            get.body.len().to_string(),
            "{path}"
        );
    }
}

async fn the_server_is_alive_and_ready_and_explains_itself(on: Backend) {
    let server = on.server();
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/readyz").await.status, 200);
    let help = server.get("/").await;
    assert_eq!(help.header("content-type"), "text/plain; charset=utf-8");
    assert!(
        help.body
            .contains(&format!("curl {}/message", server.address())),
        "{}",
        help.body
    );
    server
        .get("/healthz?x=1")
        .await
        .refused(400, "unknown_parameter", "\"x\"");
}

async fn every_answer_carries_the_headers_of_a_careful_api(on: Backend) {
    let server = on.server();
    for path in ["/", "/message", "/nowhere", "/message?limit=x"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_ne!(answer.header("x-request-id"), "");
        assert_eq!(answer.header("server"), "");
    }
}
