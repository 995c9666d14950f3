//! `/debug/pprof`: where the process spends its time.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{ADMIN, Admin};
use crate::support::Server;

/// Asks while the server has something to do.
async fn under_load<T>(server: &Server, ask: impl Future<Output = T>) -> T {
    let is_done = AtomicBool::new(false);
    let load = async || {
        while !is_done.load(Ordering::Relaxed) {
            server.get("/message?format=text&limit=1000").await;
        }
    };
    let asked = async {
        let asked = ask.await;
        is_done.store(true, Ordering::Relaxed);
        asked
    };
    let (asked, ..) = tokio::join!(asked, load(), load());
    asked
}

#[tokio::test]
async fn a_profile_and_a_flame_graph_name_functions_of_dunder_and_one_is_taken_at_a_time() {
    let server = Server::with(&ADMIN);
    let admin = Admin::of(&server);
    for n in 0..50 {
        server
            .post(&format!("{{\"text\": \"{n} {}\"}}", "word ".repeat(50)))
            .await;
    }
    let both = async {
        let first = admin.get("/debug/pprof/profile?seconds=1&format=svg");
        let second = admin.get("/debug/pprof/profile?seconds=1&format=svg");
        tokio::join!(first, second)
    };
    let (first, second) = under_load(&server, both).await;
    let (graph, refused) = match first.status {
        200 => (first, second),
        _ => (second, first),
    };
    refused.refused(503, "unavailable", "one at a time");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(graph.header("content-type"), "image/svg+xml");
    assert!(
        graph.body.contains("<svg") && graph.body.contains("dunder::"),
        "{}",
        graph.body
    );
    let profile = under_load(&server, admin.get("/debug/pprof/profile?seconds=1")).await;
    assert_eq!(profile.status, 200, "{}", profile.body);
    assert_eq!(profile.header("content-type"), "application/octet-stream");
    assert!(profile.body.contains("dunder::") && profile.body.contains("nanoseconds"));
}

#[tokio::test]
async fn what_cannot_be_profiled_is_said() {
    let server = Server::with(&ADMIN);
    let admin = Admin::of(&server);
    for (query, named) in [
        ("seconds=0", "1 to 60"),
        ("seconds=61", "\"61\""),
        ("seconds=x", "\"x\""),
        ("format=png", "\"png\""),
    ] {
        let answer = admin.get(&format!("/debug/pprof/profile?{query}")).await;
        answer.refused(400, "invalid_parameter", named);
    }
    let answer = admin.get("/debug/pprof/profile?second=1").await;
    answer.refused(400, "unknown_parameter", "second");
    let answer = admin.get("/debug/pprof/heap").await;
    answer.refused(501, "invalid_request", "mimalloc");
}
