//! The listener itself: what it answers and refuses, and the log's level.

use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use reqwest::Method;

use super::{ADMIN, Admin};
use crate::place::Backend;
use crate::support::Server;

#[tokio::test]
async fn it_answers_apart_from_the_api_and_each_has_its_own_paths() {
    let server = Server::with(&ADMIN);
    let admin = Admin::of(&server);
    assert_eq!(admin.get("/healthz").await.data()["status"], "alive");
    assert_eq!(admin.get("/readyz").await.data()["status"], "ready");
    for path in ["/message", "/trend", "/whoami"] {
        admin.get(path).await.refused(404, "not_found", path);
    }
    // Where whoever asked for a path that is none is sent to.
    let listed = admin.get("/").await;
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/loglevel",
        "/debug/pprof/profile",
    ] {
        assert!(listed.body.contains(path), "{}", listed.body);
        let there = admin.ask(Method::DELETE, path, &[], "").await;
        there.refused(405, "method_not_allowed", path);
    }
    for path in ["/metrics", "/loglevel"] {
        server.get(path).await.refused(404, "not_found", path);
    }
    let answer = admin.ask(Method::POST, "/metrics", &[], "").await;
    assert_eq!(answer.header("allow"), "GET, HEAD");
    answer.refused(405, "method_not_allowed", "/metrics");
    let head = admin.ask(Method::HEAD, "/metrics", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let answer = admin.get("/metrics?name=x").await;
    answer.refused(400, "unknown_parameter", "name");
}

#[tokio::test]
async fn no_page_in_a_browser_reaches_it() {
    let server = Server::with(&ADMIN);
    let admin = Admin::of(&server);
    let ask = async |headers: &[(&str, &str)]| {
        admin.ask(Method::PUT, "/loglevel", headers, "debug").await
    };
    let rebound = [("host", "rebind.example")];
    ask(&rebound)
        .await
        .refused(421, "misdirected_request", "rebind");
    let cross = [("sec-fetch-site", "cross-site")];
    ask(&cross).await.refused(403, "forbidden", "other sites");
    assert_eq!(admin.get("/loglevel").await.data()["level"], "info");
}

#[tokio::test]
async fn what_is_logged_can_be_changed_and_asked_for() {
    let server = Server::with(&ADMIN);
    let admin = Admin::of(&server);
    let set = async |body: &str| admin.ask(Method::PUT, "/loglevel", &[], body).await;
    server.get("/first").await;
    let answer = set("dunder::request=off").await;
    assert_eq!(answer.data()["level"], "info,dunder::request=off");
    server.get("/second").await;
    for wrong in [
        "loud",
        "hyper=trace",
        "",
        "{\"level\": 3}",
        "{\"levels\": \"info\"}",
    ] {
        set(wrong).await.refused(400, "invalid_body", "");
    }
    set("loud").await.refused(400, "invalid_body", "\"loud\"");
    let level = admin.get("/loglevel").await.data()["level"].clone();
    assert_eq!(level, "info,dunder::request=off");
    assert_eq!(set("{\"level\": \"info\"}").await.status, 200);
    // Where a part has a level of its own, it goes with the next setting.
    set("dunder::request=info").await;
    let log = server.log_so_far().await;
    assert!(log.contains("/first") && !log.contains("/second"), "{log}");
    assert!(log.contains("set by the admin listener"), "{log}");
}

/// What a server says that does not start.
fn refusal(flags: &[&str]) -> String {
    let place = Backend::Embedded.place();
    let mut command = place.command(&["serve", "--port", "0"]);
    let done = command.args(flags).stdin(Stdio::null()).output().unwrap();
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    String::from_utf8(done.stderr).unwrap()
}

#[test]
fn settings_that_cannot_be_meant_stop_the_server() {
    let said = refusal(&["--admin.host", "0.0.0.0"]);
    assert!(
        said.contains("admin.host is written") && said.contains("write admin.port"),
        "{said}"
    );
    let said = refusal(&["--admin.port", "many"]);
    assert!(
        said.contains("admin.port") && said.contains("many"),
        "{said}"
    );
}

#[test]
fn an_address_that_is_taken_is_named_with_its_settings() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let place = Backend::Embedded.place();
    let mut command = place.command(&["serve", "--port", "0", "--admin.port", &port]);
    let done = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(said.contains("--admin.port"), "{said}");
}

#[tokio::test]
async fn a_listener_that_others_reach_is_warned_of() {
    let server = Server::with(&["--admin.host", "0.0.0.0", "--admin.port", "0"]);
    let log = server.log_so_far().await;
    assert!(log.contains("admin.host is 0.0.0.0"), "{log}");
    let port = server.admin();
    let port = port.rsplit_once(':').unwrap().1;
    let url = format!("http://127.0.0.1:{port}");
    // Prometheus and probes call it by any name.
    let headers = [("host", "pod-7.example")];
    let answer = server
        .send_to(&url, Method::GET, "/metrics", &headers, "")
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn it_answers_when_the_api_has_no_connection_left() {
    let server = Server::with(&[&ADMIN[..], &["--limits.connections", "1"]].concat());
    let admin = Admin::of(&server);
    let held = TcpStream::connect(server.address()).unwrap();
    let is_full = "dunder_limit_used{limit=\"connections\"}";
    while admin.value(is_full).await != Some(1.0) {
        tokio::task::yield_now().await;
    }
    assert_eq!(admin.get("/readyz").await.status, 200);
    assert_eq!(admin.value("dunder_http_connections").await, Some(1.0));
    drop(held);
}

#[tokio::test]
async fn connections_are_counted_and_the_place_of_the_next_is_not() {
    let server = Server::with(&[&ADMIN[..], &["--limits.connections", "5"]].concat());
    let admin = Admin::of(&server);
    let mut held = Vec::new();
    for count in 0..3 {
        let count = Some(f64::from(count));
        while admin.value("dunder_http_connections").await < count {
            tokio::task::yield_now().await;
        }
        assert_eq!(admin.value("dunder_http_connections").await, count);
        let used = "dunder_limit_used{limit=\"connections\"}";
        assert_eq!(admin.value(used).await, count);
        held.push(TcpStream::connect(server.address()).unwrap());
    }
}

#[tokio::test]
async fn a_server_without_one_says_nothing_of_one() {
    let server = Server::start();
    server
        .get("/metrics")
        .await
        .refused(404, "not_found", "/metrics");
}
