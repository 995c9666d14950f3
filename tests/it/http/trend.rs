//! `GET /trend` and `GET /trend/hashtags`.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::place::{Backend, on_every_store};
use crate::support::Server;

on_every_store![
    without_a_hashtag_every_message_counts_once,
    every_hashtag_is_a_series_of_its_own,
    a_range_is_what_was_said_and_gaps_are_filled_when_asked,
    a_refused_trend_says_what_to_change,
    days_are_those_of_the_zone_that_is_asked_for,
    every_form_of_an_answer_adds_up_to_what_is_listed,
    the_busiest_hashtags_of_a_period_are_counted,
];

async fn with_messages(on: Backend) -> Server {
    let server = on.server();
    for tags in [vec!["a"], vec!["a", "b"], vec![]] {
        server
            .post(&json!({"text": "x", "hashtags": tags}).to_string())
            .await
            .id();
    }
    server
}

fn trends(data: &Value) -> Vec<Value> {
    data["trends"].as_array().unwrap().clone()
}

fn total(items: &[Value]) -> u64 {
    items
        .iter()
        .map(|item| item["count"].as_u64().unwrap())
        .sum()
}

async fn without_a_hashtag_every_message_counts_once(on: Backend) {
    let server = with_messages(on).await;
    let answer = server.get("/trend?aggregation=24h").await.data();
    assert_eq!(total(&trends(&answer)), 3);
    assert!(
        trends(&answer)
            .iter()
            .all(|item| item.get("hashtag").is_none())
    );
}

async fn every_hashtag_is_a_series_of_its_own(on: Backend) {
    let server = with_messages(on).await;
    let items = trends(
        &server
            .get(
                "/trend?aggregation=24h&from_date=3d&hashtag=b&hashtag=%23A&hashtag=none&fill=true",
            )
            .await
            .data(),
    );
    for (tag, count) in [("a", 2), ("b", 1), ("none", 0)] {
        let series: Vec<Value> = items
            .iter()
            .filter(|item| item["hashtag"] == tag)
            .cloned()
            .collect();
        assert_eq!((series.len(), total(&series)), (4, count), "{tag}");
    }
    assert!(items.is_sorted_by_key(|item| item["from_date"].as_str().unwrap().to_owned()));
}

async fn a_range_is_what_was_said_and_gaps_are_filled_when_asked(on: Backend) {
    let server = on.server();
    let query =
        "/trend?aggregation=15m&from_date=2019-09-23T10:07:03Z&to_date=2019-09-23T10:52:00Z";
    assert_eq!(server.get(query).await.data(), json!({"trends": []}));
    let items = trends(&server.get(&format!("{query}&fill=true")).await.data());
    assert_eq!(items.len(), 4);
    assert_eq!(
        items[0],
        json!({"from_date": "2019-09-23T10:07:00Z", "to_date": "2019-09-23T10:15:00Z", "count": 0})
    );
    assert_eq!(items[3]["to_date"], "2019-09-23T10:52:00Z");
    assert_eq!(
        trends(&server.get("/trend?fill=true").await.data()).len(),
        60
    );
    assert_eq!(
        trends(
            &server
                .get("/trend?fill=true&aggregation=1h30m")
                .await
                .data()
        )
        .len(),
        60
    );
}

async fn a_refused_trend_says_what_to_change(on: Backend) {
    let server = on.server();
    for (query, named) in [
        ("aggregation=30s", "\"30s\""),
        ("aggregation=90s", "\"90s\""),
        ("aggregation=x", "\"x\""),
        ("aggregation=0m", "\"0m\""),
        ("fill=yes", "\"yes\""),
        ("from_date=2019-01-01&to_date=2019-12-31", "such as 1h"),
        ("from_date=2019-01-02&to_date=2019-01-01", "not before"),
        ("from_date=9999-12-31T23:59:59Z", "not before"),
        ("hashtag=a.b", "\"a.b\""),
    ] {
        server
            .get(&format!("/trend?{query}"))
            .await
            .refused(400, "invalid_parameter", named);
    }
    server
        .get("/trend?limit=1")
        .await
        .refused(400, "unknown_parameter", "\"limit\"");
    let named = |count: usize| -> String { (0..count).map(|n| format!("&hashtag=t{n}")).collect() };
    // A hashtag is one series, however often it is given.
    let repeated = named(16) + &named(16) + &named(16);
    let most = server.get(&format!("/trend?fill=false{repeated}")).await;
    assert_eq!(most.data(), json!({"trends": []}));
    server
        .get(&format!("/trend?fill=false{}", named(17)))
        .await
        .refused(400, "invalid_parameter", "17 hashtags");
}

async fn days_are_those_of_the_zone_that_is_asked_for(on: Backend) {
    let server = on.server();
    let ask = async |query: &str| {
        let path = format!("/trend?fill=true&{query}");
        trends(&server.get(&path).await.data())
    };
    let edges = |items: &[Value]| -> Vec<String> {
        let starts = items.iter().map(|item| &item["from_date"]);
        let last = items.last().map(|item| &item["to_date"]);
        let all = starts.chain(last);
        all.map(|date| date.as_str().unwrap().to_owned()).collect()
    };
    let range = "from_date=2019-03-09T05:00:00Z&to_date=2019-03-11T12:00:00Z";
    let days = ask(&format!("{range}&aggregation=day&tz=America/New_York")).await;
    assert_eq!(
        edges(&days),
        [
            "2019-03-09T05:00:00Z",
            "2019-03-10T05:00:00Z",
            "2019-03-11T04:00:00Z",
            "2019-03-11T12:00:00Z"
        ]
    );
    // A plus that a query string made a blank of; names in any case; a rule.
    for (zone, start) in [
        ("Etc/GMT+5", "2019-03-10T05:00:00Z"),
        ("america/new_york", "2019-03-10T05:00:00Z"),
        ("EST5EDT,M3.2.0,M11.1.0", "2019-03-10T05:00:00Z"),
        ("Asia/Kolkata", "2019-03-09T18:30:00Z"),
    ] {
        let days = ask(&format!("{range}&aggregation=24h&tz={zone}")).await;
        assert_eq!(days[1]["from_date"], start, "{zone}");
    }
    server.get("/trend?tz=Mars/Olympus").await.refused(
        400,
        "invalid_parameter",
        "tz: \"Mars/Olympus\" is not a time zone",
    );
}

async fn every_form_of_an_answer_adds_up_to_what_is_listed(on: Backend) {
    let server = with_messages(on).await;
    // Written out: a range up to now is another one in the next minute.
    let now = Utc::now();
    let [from, to] = [now - TimeDelta::hours(2), now + TimeDelta::hours(1)]
        .map(|date| date.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    let range = format!("from_date={from}&to_date={to}");
    let listed = server.get(&format!("/message?{range}&hashtag=a")).await;
    let listed = listed.texts();
    for zone in ["UTC", "Asia/Kolkata"] {
        for width in ["1m", "7m", "day", "week", "month"] {
            let query = format!("{range}&hashtag=a&aggregation={width}&tz={zone}");
            let json = trends(&server.get(&format!("/trend?{query}")).await.data());
            assert_eq!(total(&json), listed.len() as u64, "{query}");
            let read = async |format: &str| {
                let path = format!("/trend?{query}&format={format}");
                server.get(&path).await.body
            };
            let ndjson: Vec<Value> = read("ndjson")
                .await
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            assert_eq!(ndjson, json);
            let csv = read("csv").await;
            let counts = csv
                .lines()
                .skip(1)
                .map(|line| line.split(',').nth(2).unwrap());
            let sum: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
            assert_eq!(sum, listed.len() as u64, "{csv}");
            let chart = read("text").await;
            assert!(
                chart.contains(&format!("{} messages in total", listed.len())),
                "{chart}"
            );
        }
    }
    let tags = server
        .get(&format!("/trend/hashtags?{range}&prefix=a"))
        .await
        .data();
    assert_eq!(tags["hashtags"][0]["count"], listed.len());
}

async fn the_busiest_hashtags_of_a_period_are_counted(on: Backend) {
    let server = with_messages(on).await;
    let found = |tags: Value| json!({"hashtags": tags});
    assert_eq!(
        server.get("/trend/hashtags").await.data(),
        found(json!([{"hashtag": "a", "count": 2}, {"hashtag": "b", "count": 1}]))
    );
    assert_eq!(
        server.get("/trend/hashtags?limit=1").await.data(),
        found(json!([{"hashtag": "a", "count": 2}]))
    );
    assert_eq!(
        server.get("/trend/hashtags?prefix=B").await.data(),
        found(json!([{"hashtag": "b", "count": 1}]))
    );
    assert_eq!(
        server
            .get("/trend/hashtags?to_date=2019-01-01")
            .await
            .data(),
        found(json!([]))
    );
}
