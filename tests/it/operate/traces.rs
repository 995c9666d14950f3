//! Traces, as a collector gets them.

use std::process::Stdio;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use reqwest::Method;

use self::collector::{Collector, texts};
use crate::place::{Backend, on_every_store};
use crate::support::{Server, bearer, dunder};

mod collector;
mod tls;

on_every_store![
    a_request_is_traced_with_what_was_done_for_it,
    posts_that_are_stored_together_are_linked_to_their_batch,
];

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

fn flags<'f>(collector: &'f Collector, sample: &'f str) -> [&'f str; 4] {
    ["--otel.endpoint", &collector.url, "--otel.sample", sample]
}

/// Stops the server, which sends what it has.
fn stop(server: Server) {
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

fn named<'s>(spans: &'s [Span], name: &str) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn below<'s>(spans: &'s [Span], above: &Span, name: &str) -> Vec<&'s Span> {
    let mut below = named(spans, name);
    below.retain(|span| span.parent_span_id == above.span_id);
    below
        .iter()
        .for_each(|span| assert_eq!(span.trace_id, above.trace_id));
    below
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn a_request_is_traced_with_what_was_done_for_it(on: Backend) {
    let collector = Collector::start().await;
    let server = on.server_with(&flags(&collector, "1"));
    let post = server
        .post_as("zacharias", r#"{"text":"a secret of mine"}"#, &[])
        .await;
    let id = post.id();
    server.get("/message?user_name=zacharias").await.texts();
    server.get("/trend?format=text&hashtag=classified").await;
    server.get(&format!("/message/{id}")).await;
    server.get("/nothing").await;
    stop(server);

    let spans = collector.spans();
    let [post_span] = named(&spans, "POST /message")[..] else {
        panic!("{spans:#?}");
    };
    assert_eq!(post_span.kind(), SpanKind::Server);
    assert!(post_span.parent_span_id.is_empty());
    assert!(post_span.start_time_unix_nano < post_span.end_time_unix_nano);
    let attributes = texts(&post_span.attributes);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/message"),
        ("url.path", "/message"),
        ("http.response.status_code", "201"),
        ("dunder.request_id", post.header("x-request-id")),
    ] {
        assert_eq!(attributes[name], value);
    }
    assert_eq!(below(&spans, post_span, "queue wait").len(), 1);
    let [batch] = below(&spans, post_span, "batch")[..] else {
        panic!("{spans:#?}");
    };
    assert!(!below(&spans, batch, "statement").is_empty());
    assert_eq!(batch.links[0].span_id, post_span.span_id);

    let feed = named(&spans, "GET /message")[0];
    assert!(!below(&spans, feed, "statement").is_empty(), "{spans:#?}");
    assert_eq!(below(&spans, feed, "render").len(), 1);
    let trend = named(&spans, "GET /trend")[0];
    assert_eq!(below(&spans, trend, "render").len(), 1);
    let show = named(&spans, "GET /message/{ulid}")[0];
    assert_eq!(
        texts(&show.attributes)["url.path"],
        format!("/message/{id}")
    );
    let unknown = named(&spans, "GET")[0];
    assert!(!texts(&unknown.attributes).contains_key("http.route"));
    for delivery in collector.deliveries() {
        let sent = String::from_utf8_lossy(&delivery.body).into_owned();
        for secret in ["zacharias", "secret of mine", "classified"] {
            assert!(!sent.contains(secret), "{secret} in {sent}");
        }
    }
}

async fn posts_that_are_stored_together_are_linked_to_their_batch(on: Backend) {
    let collector = Collector::start().await;
    let server = on.server_with(&flags(&collector, "1"));
    let posts = (0..40).map(|n| {
        let body = format!(r#"{{"text":"post {n}"}}"#);
        let server = &server;
        async move { server.post(&body).await.id() }
    });
    crate::http::posting::join_all(posts).await;
    stop(server);
    let spans = collector.spans();
    let requests = named(&spans, "POST /message");
    let batches = named(&spans, "batch");
    assert_eq!(requests.len(), 40);
    assert!(batches.len() < 40, "{}", batches.len());
    let mut linked: Vec<_> = batches
        .iter()
        .flat_map(|batch| batch.links.iter().map(|link| link.span_id.clone()))
        .collect();
    let mut all: Vec<_> = requests.iter().map(|span| span.span_id.clone()).collect();
    linked.sort();
    all.sort();
    assert_eq!(linked, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_of_a_client_is_continued_and_what_it_does_not_trace_is_chosen_as_usual() {
    let collector = Collector::start().await;
    let server = Server::with(&flags(&collector, "0"));
    let ask = async |path: &str, parents: &[&str]| {
        let headers: Vec<_> = parents.iter().map(|one| ("traceparent", *one)).collect();
        server.send(Method::GET, path, &headers, "").await;
    };
    let (sampled, unsampled) = (format!("{PARENT}-01"), format!("{PARENT}-00"));
    ask("/healthz", &[&sampled]).await;
    ask("/message", &[&unsampled]).await;
    ask("/trend", &["nonsense"]).await;
    ask("/user", &[&sampled, &sampled]).await;
    server.get("/message").await;
    stop(server);
    let spans = collector.spans();
    let [span] = &spans[..] else {
        panic!("{spans:#?}");
    };
    assert_eq!(span.name, "GET /healthz");
    assert_eq!(hex(&span.trace_id), &PARENT[3..35]);
    assert_eq!(hex(&span.parent_span_id), &PARENT[36..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_one_trace_or_belongs_to_the_one_it_was_started_in() {
    let collector = Collector::start().await;
    let server = Server::with(&flags(&collector, "1"));
    let home = tempfile::TempDir::new().unwrap();
    let run = |arguments: &[&str], parent: Option<&str>| {
        let mut command = dunder();
        command.args(arguments).args(["--server", &server.url]);
        command.env("HOME", home.path()).stdout(Stdio::null());
        if let Some(parent) = parent {
            command.env("TRACEPARENT", parent);
        }
        assert!(command.status().unwrap().success());
    };
    for n in 0..3 {
        server.post(&format!(r#"{{"text":"post {n}"}}"#)).await.id();
    }
    run(&["feed", "--all"], None);
    let id = server.get("/message?limit=1").await.data()["messages"][0]["id"].clone();
    run(
        &["show", id.as_str().unwrap()],
        Some(&format!("{PARENT}-01")),
    );
    stop(server);
    let spans = collector.spans();
    let with_parent = spans
        .iter()
        .filter(|span| span.kind() == SpanKind::Server && !span.parent_span_id.is_empty());
    let mut traces: Vec<_> = with_parent.map(|span| hex(&span.trace_id)).collect();
    traces.dedup();
    assert_eq!(traces.len(), 2, "{traces:?}");
    assert_eq!(traces[1], &PARENT[3..35]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_standard_variables_say_where_to_and_what_this_is() {
    let collector = Collector::start().await;
    let dir = std::sync::Arc::new(tempfile::TempDir::new().unwrap());
    let place = crate::place::Place::embedded(dir);
    let mut command = place.command(&["serve", "--port", "0"]);
    command
        .env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("{}/base/", collector.url),
        )
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20secret")
        .env("OTEL_SERVICE_NAME", "board")
        .env(
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=other,region=north",
        )
        .env("OTEL_TRACES_SAMPLER", "always_on");
    let server = Server::at(command, place);
    server.get("/message").await;
    let log = server.log_so_far().await;
    stop(server);
    let delivery = &collector.deliveries()[0];
    assert_eq!(delivery.line, "POST /base/v1/traces HTTP/1.1");
    assert_eq!(delivery.headers["content-type"], "application/x-protobuf");
    assert_eq!(delivery.headers["x-key"], "a secret");
    assert_eq!(delivery.resource["service.name"], "board");
    assert_eq!(delivery.resource["region"], "north");
    assert_eq!(
        delivery.resource["service.version"],
        env!("CARGO_PKG_VERSION")
    );
    assert!(!log.contains("a secret"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_request_is_an_error_in_its_span() {
    let collector = Collector::start().await;
    let mut flags = flags(&collector, "1").to_vec();
    flags.extend(["--limits.requests", "1", "--limits.followers", "1"]);
    let server = Server::with(&flags);
    let stream = reqwest::get(format!("{}/message/stream", server.url)).await;
    let refused = server.get("/message/stream").await;
    assert_eq!(refused.status, 503);
    drop(stream);
    stop(server);
    let spans = collector.spans();
    let streams = named(&spans, "GET /message/stream");
    let is_error = |span: &&&Span| {
        let status = span.status.clone().unwrap_or_default();
        status.code() == StatusCode::Error
    };
    let [failed] = streams.iter().filter(is_error).collect::<Vec<_>>()[..] else {
        panic!("{streams:#?}");
    };
    let attributes = texts(&failed.attributes);
    assert_eq!(attributes["error.type"], "503");
    assert_eq!(attributes["http.response.status_code"], "503");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_or_hangs_or_refuses_keeps_nobody_waiting() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("http://{}", silent.local_addr().unwrap());
    let refuses = Collector::answering("503 Service Unavailable").await;
    for (url, said) in [
        ("http://127.0.0.1:9", "took no spans"),
        (&refuses.url, "it answered 503"),
        (&hangs, "the last spans were not sent"),
    ] {
        let flags = ["--otel.endpoint", url, "--otel.sample", "1"];
        let limit = ["--limits.shutdown_timeout", "300ms"];
        let server = Server::with(&[&flags[..], &limit].concat());
        for _ in 0..20 {
            let token = bearer("john");
            let headers = [("authorization", token.as_str())];
            let body = r#"{"text":"stored all the same"}"#;
            server
                .send(Method::POST, "/message", &headers, body)
                .await
                .id();
        }
        server.signal("TERM");
        let dir = server.place.clone();
        assert_eq!(server.wait(), Some(0));
        let log = std::fs::read_to_string(dir.dir.path().join("log")).unwrap();
        assert!(log.contains(said), "{url}: {log}");
    }
}

#[test]
fn wrong_settings_of_traces_stop_the_start_with_a_sentence() {
    for (variables, flags, named) in [
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")][..],
            &[][..],
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
        (&[], &["--otel.sample", "0.5"], "otel.endpoint"),
        (
            &[],
            &["--otel.endpoint", "http://u:p@h", "--otel.sample", "1"],
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            &[],
            &["--otel.endpoint", "http://h/?key=u:p@"],
            "has a query",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h/#u:p@")],
            &[],
            "(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) has a fragment",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem")],
            &["--otel.endpoint", "http://h"],
            "OTEL_EXPORTER_OTLP_CERTIFICATE is \"/ca.pem\": spans are sent without TLS",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/key.pem")],
            &["--otel.endpoint", "https://h"],
            "name the other's file in OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")],
            &["--otel.endpoint", "http://h"],
            "write none",
        ),
        (
            &[],
            &["--otel.endpoint", "http://h", "--otel.sample", "2"],
            "from 0 to 1",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            &["--otel.endpoint", "http://h"],
            "http/protobuf",
        ),
        (
            &[("OTEL_TRACES_SAMPLER", "some")],
            &["--otel.endpoint", "http://h"],
            "always_on",
        ),
        (
            &[
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "x"),
            ],
            &["--otel.endpoint", "http://h"],
            "OTEL_TRACES_SAMPLER_ARG",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_HEADERS", "nonsense")],
            &["--otel.endpoint", "http://h"],
            "NAME=VALUE",
        ),
    ] {
        let mut command = dunder();
        command.args(["serve", "--port", "0"]).args(flags);
        command.envs(variables.iter().copied());
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains(named), "{named}: {said}");
        assert!(!said.contains("u:p@"), "{said}");
    }
}
