//! What is made for Prometheus and Grafana: alerts that fire on what they are
//! for, and no name that a server does not have.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::metrics::promtool;
use super::{ADMIN, Admin};
use crate::place::Backend;

fn root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_alert_fires_on_what_it_is_for_and_not_before() {
    let rules = root("deploy/prometheus/alerts.yaml");
    if promtool(&["check", "rules", rules.to_str().unwrap()], "").is_some() {
        let tests = root("tests/data/alerts_test.yaml");
        let said = promtool(&["test", "rules", tests.to_str().unwrap()], "").unwrap();
        assert!(said.contains("SUCCESS"), "{said}");
        let rules = fs::read_to_string(rules).unwrap();
        let tests = fs::read_to_string(tests).unwrap();
        for alert in rules
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- alert: "))
        {
            assert!(tests.contains(alert), "{alert} has no test");
        }
    }
}

/// The names of metrics in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c));
    let is_metric = |word: &&str| {
        let of_dunder = word.starts_with("dunder_") && !word.ends_with('_');
        of_dunder || word.starts_with("process_")
    };
    words.filter(is_metric).collect()
}

/// Those of a server that nobody follows, and whose counters are not all
/// touched.
async fn served(on: Backend) -> BTreeSet<String> {
    let traced = ["--otel.endpoint", "http://127.0.0.1:9"];
    let server = on.server_with(&[&ADMIN[..], &traced].concat());
    let admin = Admin::of(&server);
    // A cluster knows what is closed while somebody follows.
    let url = format!("{}/message/stream", server.url);
    let mut stream = crate::support::client().get(url).send().await.unwrap();
    stream.chunk().await.unwrap();
    server.post("{\"text\": \"one\"}").await;
    stream.chunk().await.unwrap();
    let text = admin.get("/metrics").await.body;
    named(&text).into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_name_in_dashboard_alerts_and_documents_is_a_metric_of_some_server() {
    let mut known = served(Backend::Embedded).await;
    known.extend(served(Backend::Postgres).await);
    let mut unknown = Vec::new();
    for path in [
        "deploy/grafana/dunder.json",
        "deploy/prometheus/alerts.yaml",
        "docs/operating.md",
        "README.md",
        "src/server/error.rs",
        "tests/data/alerts_test.yaml",
    ] {
        let text = fs::read_to_string(root(path)).unwrap();
        let names = named(&text);
        let here = names.iter().filter(|name| !known.contains(**name));
        unknown.extend(here.map(|name| format!("{name} in {path}")));
    }
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn the_dashboard_shows_every_kind_of_metric_and_the_guide_every_alert() {
    let dashboard = fs::read_to_string(root("deploy/grafana/dunder.json")).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = parsed["panels"].as_array().unwrap();
    let mut ids: Vec<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    ids.dedup();
    assert_eq!(ids.len(), panels.len());
    for name in super::metrics::NAMES {
        let name = name.split('{').next().unwrap();
        let is_shown = named(&dashboard).contains(name);
        // What a graph says nothing of.
        let is_told = [
            "process_start_time_seconds",
            "process_threads",
            "process_virtual_memory_bytes",
        ];
        let is_part = name.ends_with("_sum") || name.ends_with("_count");
        assert!(
            is_shown || is_part || is_told.contains(&name),
            "{name} is on no panel"
        );
    }
    let guide = fs::read_to_string(root("docs/operating.md")).unwrap();
    let rules = fs::read_to_string(root("deploy/prometheus/alerts.yaml")).unwrap();
    for alert in rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        assert!(
            guide.contains(&format!("`{alert}`")),
            "the guide has no {alert}"
        );
    }
}
