//! `/metrics`: what is counted, its text, and the tools that read it.

use std::io::Write;
use std::process::{Command, Stdio};

use reqwest::Method;

use super::{ADMIN, Admin, value};
use crate::place::{Backend, on_every_store};
use crate::support::Server;

on_every_store![
    what_is_done_is_counted,
    every_metric_is_there_under_its_name,
];

/// Metrics of every store.
pub const NAMES: [&str; 43] = [
    "dunder_http_requests_total",
    "dunder_http_request_duration_seconds_bucket",
    "dunder_http_request_duration_seconds_sum",
    "dunder_http_request_duration_seconds_count",
    "dunder_http_requests_in_flight",
    "dunder_http_requests_abandoned_total",
    "dunder_http_requests_shed_total",
    "dunder_http_connections",
    "dunder_http_connections_total",
    "dunder_posts_stored_total",
    "dunder_batches_total",
    "dunder_batch_messages_count",
    "dunder_batch_wait_seconds_count",
    "dunder_batch_commit_seconds_count",
    "dunder_writer_queue_messages",
    "dunder_reads_total",
    "dunder_read_duration_seconds_bucket",
    "dunder_read_duration_seconds_count",
    "dunder_followers",
    "dunder_followers_behind",
    "dunder_follower_ring_messages",
    "dunder_follower_lag_messages",
    "dunder_store_ready",
    "dunder_tokens_refused_total",
    "dunder_log_lines_dropped_total",
    "dunder_jobs_restarted_total",
    "dunder_build_info",
    "dunder_limit_used",
    "dunder_limit_max",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_threads",
    "process_start_time_seconds",
    "dunder_http_requests_shed_total{reason=\"writer_queue\"}",
    "dunder_http_requests_shed_total{reason=\"posts_per_minute\"}",
    "dunder_limit_used{limit=\"writer_queue\"}",
    "dunder_limit_max{limit=\"connections\"}",
    "dunder_jobs_restarted_total{name=\"writer\"}",
    "dunder_jobs_restarted_total{name=\"following\"}",
    "dunder_http_connections_total{result=\"served\"}",
];
const EMBEDDED: [&str; 5] = [
    "dunder_store_size_bytes",
    "dunder_store_log_bytes",
    "dunder_store_checkpoints_total{result=\"ok\"}",
    "dunder_store_memtable_messages",
    "dunder_store_flushes_total",
];
const CLUSTER: [&str; 1] = ["dunder_store_retries_total{kind=\"conflict\"}"];

async fn every_metric_is_there_under_its_name(on: Backend) {
    let server = on.server_with(&ADMIN);
    let admin = Admin::of(&server);
    server.get("/message").await;
    let text = admin.get("/metrics").await.body;
    let own: &[&str] = match on {
        Backend::Embedded => &EMBEDDED,
        Backend::Postgres | Backend::Cockroach => &CLUSTER,
    };
    for name in NAMES.iter().chain(own) {
        let is_there = |line: &str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        assert!(text.lines().any(is_there), "{name} is not in {text}");
    }
}

async fn what_is_done_is_counted(on: Backend) {
    let server = on.server_with(&ADMIN);
    let admin = Admin::of(&server);
    for n in 0..3 {
        let body = format!("{{\"text\": \"{n} #private\"}}");
        assert_eq!(server.post_as("secret-name", &body, &[]).await.status, 201);
    }
    let id = server.post("{\"text\": \"found\"}").await.id();
    assert_eq!(server.get(&format!("/message/{id}")).await.status, 200);
    server.get("/message?hashtag=private").await;
    server.get("/trend").await;
    server.get("/trend/hashtags").await;
    server.get("/user?prefix=secret").await;
    server.get(&format!("/message?after={id}")).await;
    server.get("/message/none").await;
    server.get("/nowhere/secret-path").await;
    server.send(Method::POST, "/message", &[], "{}").await;
    let text = admin.get("/metrics").await.body;
    let is = |series: &str, expected: f64| {
        assert_eq!(value(&text, series), Some(expected), "{series} in {text}");
    };
    let requests = |route: &str, method: &str, status: u16| {
        format!(
            "dunder_http_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}"
        )
    };
    is(&requests("/message", "POST", 201), 4.0);
    is(&requests("/message", "POST", 401), 1.0);
    is(&requests("/message", "GET", 200), 2.0);
    is(&requests("/message/{id}", "GET", 200), 1.0);
    is(&requests("/message/{id}", "GET", 400), 1.0);
    is(&requests("other", "GET", 404), 1.0);
    is(
        "dunder_http_request_duration_seconds_count{route=\"/message\",method=\"POST\"}",
        5.0,
    );
    is("dunder_http_requests_in_flight", 0.0);
    is("dunder_posts_stored_total", 4.0);
    is("dunder_batches_total", 4.0);
    is("dunder_batch_messages_sum", 4.0);
    is("dunder_batch_wait_seconds_count", 4.0);
    is("dunder_batch_commit_seconds_count", 4.0);
    is("dunder_writer_queue_messages", 0.0);
    for kind in ["page", "message", "trend", "hashtags", "users"] {
        is(
            &format!("dunder_reads_total{{kind=\"{kind}\",result=\"ok\"}}"),
            1.0,
        );
        is(
            &format!("dunder_read_duration_seconds_count{{kind=\"{kind}\"}}"),
            1.0,
        );
    }
    // On a cluster it is read again until all is closed.
    let after = value(&text, "dunder_reads_total{kind=\"after\",result=\"ok\"}");
    assert!(after >= Some(1.0), "{text}");
    is("dunder_tokens_refused_total", 1.0);
    is("dunder_store_ready", 1.0);
    // Nobody's name, and nothing that somebody wrote.
    for written in ["secret", "private", "found", id.as_str()] {
        assert!(!text.contains(written), "{written} is in {text}");
    }
}

#[tokio::test]
async fn those_who_follow_are_counted_while_they_do() {
    let server = Server::with(&ADMIN);
    let admin = Admin::of(&server);
    let url = format!("{}/message/stream", server.url);
    let mut stream = crate::support::client().get(url).send().await.unwrap();
    // Its first event says that it has caught up.
    stream.chunk().await.unwrap();
    let text = admin.get("/metrics").await.body;
    assert_eq!(value(&text, "dunder_followers"), Some(1.0));
    assert_eq!(
        value(&text, "dunder_limit_used{limit=\"followers\"}"),
        Some(1.0)
    );
    server.post("{\"text\": \"one\"}").await;
    stream.chunk().await.unwrap();
    assert_eq!(
        admin.value("dunder_follower_ring_messages").await,
        Some(1.0)
    );
    assert_eq!(admin.value("dunder_follower_lag_messages").await, Some(0.0));
    drop(stream);
    for _ in 0..3_000 {
        if admin.value("dunder_followers").await == Some(0.0) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a follower that has left is still counted");
}

#[tokio::test]
async fn what_is_shed_is_counted_by_the_name_of_its_limit() {
    let server = Server::with(&[&ADMIN[..], &["--limits.posts_per_minute", "1"]].concat());
    let admin = Admin::of(&server);
    assert_eq!(server.post("{\"text\": \"one\"}").await.status, 201);
    assert_eq!(server.post("{\"text\": \"two\"}").await.status, 429);
    let shed = "dunder_http_requests_shed_total{reason=\"posts_per_minute\"}";
    assert_eq!(admin.value(shed).await, Some(1.0));
}

#[tokio::test]
async fn promtool_and_openmetrics_find_nothing_wrong() {
    let server = Server::with(&ADMIN);
    let admin = Admin::of(&server);
    server.post("{\"text\": \"one\"}").await;
    server.get("/message").await;
    let accept = [(
        "accept",
        "application/openmetrics-text; version=1.0.0, text/plain;q=0.5",
    )];
    let open = admin.ask(Method::GET, "/metrics", &accept, "").await;
    assert!(
        open.header("content-type")
            .starts_with("application/openmetrics-text; version=1.0.0")
    );
    assert!(open.body.ends_with("\n# EOF\n"), "{}", open.body);
    assert!(
        open.body.contains("# TYPE dunder_http_requests counter\n"),
        "{}",
        open.body
    );
    let plain = admin.get("/metrics").await;
    assert!(
        plain
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let Some(said) = promtool(&["check", "metrics"], &plain.body) else {
        return;
    };
    assert_eq!(said, "");
}

/// What promtool says of an input, where it is installed; nothing, where all
/// is well.
pub fn promtool(arguments: &[&str], input: &str) -> Option<String> {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped());
    let run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut run) = run else {
        let missing = "promtool is not installed (Debian's prometheus has it)";
        // Not by a macro: what a test prints is seen only when it fails.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED, {}: {missing}",
            arguments.join(" ")
        );
        return None;
    };
    run.stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let done = run.wait_with_output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(done.status.success(), "{said}");
    Some(said)
}
