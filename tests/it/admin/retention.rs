//! `dunder retention`, and the job of a server that does the same.

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::Value;

use super::{imported, ran, store, text};
use crate::contract::totals;
use crate::place::{Backend, Place, on_every_store};
use crate::support::{dunder, until};

on_every_store![
    a_dry_run_says_what_goes_and_then_it_goes,
    a_server_evicts_what_is_too_old_and_tells_who_follows,
    a_server_killed_while_it_evicts_leaves_a_store_that_is_whole,
];

/// A store with messages of some ages, in days, every other one of them tagged.
async fn filled(on: Backend, days: &[i64]) -> Place {
    let (place, store) = store(on).await;
    let line = |(n, days): (usize, &i64)| {
        let at = Utc::now() - TimeDelta::days(*days);
        let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let tags = if n % 2 == 0 { "\"ci\"" } else { "" };
        format!(
            "{{\"user_name\":\"ann\",\"text\":\"{n}, of {days} days\",\"hashtags\":[{tags}],\"created_at\":\"{at}\"}}\n"
        )
    };
    let lines: Vec<String> = days.iter().enumerate().map(line).collect();
    imported(&store, lines.concat()).await.0.unwrap();
    store.close().await;
    place
}

fn messages(place: &Place) -> usize {
    text(&ran(place, &["export"]).stdout).lines().count()
}

async fn a_dry_run_says_what_goes_and_then_it_goes(on: Backend) {
    let place = filled(on, &[400, 300, 200, 100, 20, 10, 2, 1]).await;
    let rules = [
        "--retention.messages",
        "90d",
        "--retention.hashtags",
        "ci=7d",
    ];
    let dry = ran(&place, &[&["retention", "--dry-run"], &rules[..]].concat());
    let said = text(&dry.stdout);
    assert_eq!(dry.status.code(), Some(0), "{}", text(&dry.stderr));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("all messages, kept for 90d"), "{said}");
    assert!(lines[0].contains(": 4 messages would go, from "), "{said}");
    assert!(lines[1].starts_with("#ci, kept for 7d"), "{said}");
    assert!(lines[1].contains(": 1 message would go, from "), "{said}");
    assert_eq!(messages(&place), 8);
    let json = ["retention", "--json", "--retention.hashtags", "CI=30d"];
    let done: Value = serde_json::from_slice(&ran(&place, &json).stdout).unwrap();
    assert_eq!(done["data"]["dry_run"], false);
    assert_eq!(done["data"]["rules"][0]["hashtag"], "ci");
    assert_eq!(done["data"]["rules"][0]["messages"], 2);
    assert_eq!(messages(&place), 6);
    let done = ran(&place, &[&["retention"], &rules[..]].concat());
    let said = text(&done.stdout);
    assert!(said.contains("2 messages went, from "), "{said}");
    assert_eq!(messages(&place), 3);
    let again = text(&ran(&place, &[&["retention"], &rules[..]].concat()).stdout);
    assert!(again.contains("0 messages went\n"), "{again}");
}

async fn a_server_evicts_what_is_too_old_and_tells_who_follows(on: Backend) {
    let place = filled(on, &[400, 300, 200, 100, 1]).await;
    let server = place.serve(&["--retention.messages", "90d"]);
    let list = async || {
        let found = server.get("/message").await.json();
        found["data"]["messages"].as_array().unwrap().len()
    };
    until(async || list().await <= 1).await;
    let trend = "/trend?from_date=2000-01-01&to_date=2100-01-01&aggregation=year";
    let trend = server.get(trend).await.json();
    let trend = trend["data"]["trends"].as_array().unwrap();
    let counts = trend.iter().map(|bucket| bucket["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 5);
    let after = "/message?after=00000000000000000000000000";
    let page = server.get(after).await.json();
    assert_eq!(page["data"]["messages"].as_array().unwrap().len(), 1);
    let gaps = page["data"]["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{page}");
    let behind = gaps[0]["to"].as_str().unwrap();
    let page = server.get(&format!("/message?after={behind}")).await.json();
    assert_eq!(page["data"].get("gaps"), None, "{page}");
}

async fn a_server_killed_while_it_evicts_leaves_a_store_that_is_whole(on: Backend) {
    const MESSAGES: usize = 3_000;
    let days: Vec<i64> = (0..MESSAGES as i64).map(|n| 100 + n / 100).collect();
    let place = filled(on, &days).await;
    let rule = ["--retention.messages", "90d"];
    let server = place.serve(&rule);
    // In the middle of it, or nearly so: whenever it is, the store is whole.
    drop(server.kill());
    let whole = || {
        let check = ran(&place, &["admin", "check"]);
        assert_eq!(check.status.code(), Some(0), "{}", text(&check.stdout));
    };
    whole();
    let done = ran(&place, &[&["retention"], &rule[..]].concat());
    let said = text(&done.stdout);
    assert!(said.contains("messages went"), "{said}");
    assert_eq!(messages(&place), 0);
    whole();
    let store = place.open().await;
    assert_eq!(totals(&*store, &[]).await, [MESSAGES as u64]);
    assert_eq!(totals(&*store, &["ci"]).await, [MESSAGES as u64 / 2]);
    store.close().await;
}

#[test]
fn settings_that_say_nothing_or_two_things_are_refused_with_what_to_write() {
    for (flags, why) in [
        (&[][..], "write retention.messages: 90d"),
        (
            &["--retention.messages", "5m"],
            "write a time of 1h or more",
        ),
        (
            &["--retention.messages", "soon"],
            "write a time of 1h or more",
        ),
        (
            &["--retention.hashtags", "ci"],
            "write a hashtag and a time",
        ),
        (&["--retention.hashtags", "c i=7d"], "c i"),
        (
            &["--retention.hashtags", "ci=7d,#CI=8d"],
            "says twice how long #ci is kept",
        ),
        (
            &[
                "--retention.messages",
                "7d",
                "--retention.hashtags",
                "ci=8d",
            ],
            "keeps #ci for 8d, and retention.messages nothing for longer than 7d",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = dunder();
        command.args(["retention", "--sqlite.path"]);
        command.arg(directory.path().join("none.sqlite"));
        let done = command.args(flags).output().unwrap();
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn the_file_has_hashtags_with_their_times() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yaml");
    for (yaml, lines) in [
        (
            "retention:\n  messages: 90d\n  hashtags: {ci: 7d, '#Nightly': 1d}\n",
            3,
        ),
        ("retention:\n  hashtags:\n    ci: 7d\n    2024: 30d\n", 2),
        ("retention:\n  hashtags: [ci=7d]\n", 1),
    ] {
        std::fs::write(&config, yaml).unwrap();
        let mut import = dunder();
        let store = directory.path().join("store.sqlite");
        import
            .args(["import", "/dev/null", "--sqlite.path"])
            .arg(&store);
        assert!(import.status().unwrap().success());
        let mut command = dunder();
        command.args(["retention", "--dry-run", "--sqlite.path"]);
        let done = command.arg(&store).arg("--config_file").arg(&config);
        let done = done.output().unwrap();
        let said = text(&done.stdout);
        assert_eq!(said.lines().count(), lines, "{said}{}", text(&done.stderr));
        assert!(said.contains("#ci, kept for 7d"), "{said}");
    }
}
