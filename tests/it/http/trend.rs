//! `GET /trend` and `GET /trend/hashtags`.

use serde_json::{Value, json};

use crate::place::{Backend, on_every_store};
use crate::support::Server;

on_every_store![
    without_a_hashtag_every_message_counts_once,
    every_hashtag_is_a_series_of_its_own,
    dates_move_to_the_edges_of_buckets_and_gaps_are_filled_when_asked,
    a_refused_trend_says_what_to_change,
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

async fn dates_move_to_the_edges_of_buckets_and_gaps_are_filled_when_asked(on: Backend) {
    let server = on.server();
    let query =
        "/trend?aggregation=15m&from_date=2019-09-23T10:07:03Z&to_date=2019-09-23T10:52:00Z";
    assert_eq!(server.get(query).await.data(), json!({"trends": []}));
    let items = trends(&server.get(&format!("{query}&fill=true")).await.data());
    assert_eq!(items.len(), 4);
    assert_eq!(
        items[0],
        json!({"from_date": "2019-09-23T10:00:00Z", "to_date": "2019-09-23T10:15:00Z", "count": 0})
    );
    assert_eq!(items[3]["to_date"], "2019-09-23T11:00:00Z");
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
