//! `GET /message`: filters, pages, dates.

use serde_json::{Value, json};

use crate::place::{Backend, on_every_store};
use crate::support::Server;

on_every_store![
    messages_come_newest_first_and_all_filters_hold_at_once,
    pages_follow_each_other_to_the_end_without_gap_or_repeat,
    a_date_is_inclusive_at_the_start_and_exclusive_at_the_end,
    a_refused_query_names_the_parameter_and_the_value,
    users_are_found_by_the_start_of_their_names,
    an_answer_asked_for_again_is_never_older_than_the_last_post,
    what_another_program_stores_is_seen_by_those_who_ask_again,
];

async fn with_messages(on: Backend) -> Server {
    let server = on.server();
    for (user, text, tags) in [
        ("ann", "one", vec!["a"]),
        ("bob", "two", vec!["a", "b"]),
        ("ann", "three", vec!["b", "a", "c"]),
        ("ann", "four", vec![]),
    ] {
        server
            .post_as(
                user,
                &json!({"text": text, "hashtags": tags}).to_string(),
                &[],
            )
            .await
            .id();
    }
    server
}

async fn messages_come_newest_first_and_all_filters_hold_at_once(on: Backend) {
    let server = with_messages(on).await;
    for (query, texts) in [
        ("", vec!["four", "three", "two", "one"]),
        ("user_name=ann", vec!["four", "three", "one"]),
        ("hashtag=a", vec!["three", "two", "one"]),
        ("hashtag=%23A&hashtag=b", vec!["three", "two"]),
        ("hashtag=a&hashtag=b&user_name=bob", vec!["two"]),
        ("hashtag=a&hashtag=a", vec!["three", "two", "one"]),
        ("hashtag=nobody", vec![]),
        ("user_name=nobody", vec![]),
        (
            "user_name=ann&user_name=bob&limit=3",
            vec!["four", "three", "two"],
        ),
        ("user_name=bob&user_name=nobody", vec!["two"]),
        ("hashtag=b&hashtag=c&any=true", vec!["three", "two"]),
        ("hashtag=c&hashtag=nobody&any=true", vec!["three"]),
        ("hashtag=b&hashtag=a&any=false", vec!["three", "two"]),
        ("not_hashtag=c", vec!["four", "two", "one"]),
        ("not_hashtag=%23A&not_hashtag=nobody", vec!["four"]),
        ("hashtag=a&not_hashtag=b&user_name=ann", vec!["one"]),
        ("hashtag=a&hashtag=b&any=true&not_hashtag=b", vec!["one"]),
        ("from_date=1h&to_date=now&user_name=bob", vec!["two"]),
        ("to_date=2019-01-01", vec![]),
        ("from_date=2h&to_date=1h", vec![]),
        ("limit=2", vec!["four", "three"]),
    ] {
        assert_eq!(
            server.get(&format!("/message?{query}")).await.texts(),
            texts,
            "{query}"
        );
    }
}

async fn pages_follow_each_other_to_the_end_without_gap_or_repeat(on: Backend) {
    let server = with_messages(on).await;
    let mut texts = Vec::new();
    let mut path = "/message?limit=1".to_owned();
    loop {
        let page = server.get(&path).await;
        texts.extend(page.texts());
        let data = page.data();
        let Some(cursor) = data.get("next_cursor") else {
            break;
        };
        path = format!("/message?limit=1&cursor={}", cursor.as_str().unwrap());
    }
    assert_eq!(texts, ["four", "three", "two", "one"]);
    assert_eq!(
        server.get("/message?hashtag=zzz").await.json(),
        json!({"data": {"messages": []}})
    );
    let exact = server.get("/message?limit=4").await.data();
    assert_eq!(exact.get("next_cursor"), None);
}

async fn a_date_is_inclusive_at_the_start_and_exclusive_at_the_end(on: Backend) {
    let server = with_messages(on).await;
    let all = server.get("/message").await.data();
    let all = all["messages"].as_array().unwrap();
    let created = all[0]["created_at"].as_str().unwrap();
    // The start moves back and the end forward to a whole minute.
    let minute = |m: &Value| m["created_at"].as_str().unwrap()[..16].to_owned();
    let of = |holds: &dyn Fn(&Value) -> bool| -> Vec<&str> {
        let part = all.iter().filter(|m| holds(m));
        part.map(|m| m["text"].as_str().unwrap()).collect()
    };
    let newest = minute(&all[0]);
    let in_newest = of(&|m| minute(m) == newest);
    let since = server.get(&format!("/message?from_date={created}")).await;
    assert_eq!(since.texts(), in_newest);
    let until = server.get(&format!("/message?to_date={created}")).await;
    assert_eq!(until.texts(), of(&|_| true));
    // A whole minute is where it is: included at the start, excluded at the end.
    let edge = format!("{newest}:00Z");
    let since = server.get(&format!("/message?from_date={edge}")).await;
    assert_eq!(since.texts(), in_newest);
    let until = server.get(&format!("/message?to_date={edge}")).await;
    assert_eq!(until.texts(), of(&|m| minute(m) != newest));
    // The same moment with an offset, its + unencoded.
    let offset = chrono::DateTime::parse_from_rfc3339(created)
        .unwrap()
        .with_timezone(&chrono::FixedOffset::east_opt(7200).unwrap());
    let offset = offset.to_rfc3339_opts(chrono::SecondsFormat::Millis, false);
    assert!(offset.ends_with("+02:00"));
    let since = server.get(&format!("/message?from_date={offset}")).await;
    assert_eq!(since.texts(), in_newest);
    let shape = regex_like(created);
    assert_eq!(shape, "0000-00-00T00:00:00.000Z");
}

fn regex_like(date: &str) -> String {
    date.chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect()
}

async fn a_refused_query_names_the_parameter_and_the_value(on: Backend) {
    let server = on.server();
    for (query, code, named) in [
        ("limit=0", "invalid_parameter", "\"0\""),
        ("limit=1001", "invalid_parameter", "\"1001\""),
        ("limit=%2B5", "invalid_parameter", "\"+5\""),
        ("limit=x", "invalid_parameter", "limit: \"x\""),
        ("limit=1&limit=1", "invalid_parameter", "limit"),
        ("cursor=x", "invalid_parameter", "cursor: \"x\""),
        ("ulid=x", "invalid_parameter", "ulid: \"x\""),
        (
            "ulid=01ARZ3NDEKTSV4RRFFQ69G5FAV&limit=1",
            "invalid_parameter",
            "ulid",
        ),
        ("from_date=soon", "invalid_parameter", "from_date: \"soon\""),
        ("from_date=201909", "invalid_parameter", "2019-09"),
        (
            "from_date=now&to_date=yesterday",
            "invalid_parameter",
            "not before",
        ),
        ("hashtag=a%20b", "invalid_parameter", "\"a b\""),
        ("hashtag=", "invalid_parameter", "hashtag"),
        ("user_name=a%20b", "invalid_parameter", "\"a b\""),
        ("hashtag=%ff", "invalid_parameter", "%ff"),
        (
            "not_hashtag=a%20b",
            "invalid_parameter",
            "not_hashtag: the hashtag \"a b\"",
        ),
        ("hashtag=a&any=yes", "invalid_parameter", "any: \"yes\""),
        ("any=true", "invalid_parameter", "no hashtag is given"),
        (
            "hashtag=a&not_hashtag=A",
            "invalid_parameter",
            "#a is asked for and excluded",
        ),
        ("not_user=a", "unknown_parameter", "\"not_user\""),
        ("hastag=a", "unknown_parameter", "\"hastag\""),
        ("Limit=1", "unknown_parameter", "\"Limit\""),
    ] {
        server
            .get(&format!("/message?{query}"))
            .await
            .refused(400, code, named);
    }
    server
        .get("/message/nonsense")
        .await
        .refused(400, "invalid_parameter", "\"nonsense\"");
    server
        .get("/message/01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .await
        .refused(404, "not_found", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    server
        .get("/message/01ARZ3NDEKTSV4RRFFQ69G5FAV?x=1")
        .await
        .refused(400, "unknown_parameter", "\"x\"");
    let long = format!("/message?hashtag={}", "a".repeat(9000));
    server.get(&long).await.refused(414, "uri_too_long", "8192");
}

async fn users_are_found_by_the_start_of_their_names(on: Backend) {
    let server = with_messages(on).await;
    assert_eq!(
        server.get("/user?prefix=a").await.data(),
        json!({"users": [{"name": "ann"}]})
    );
    assert_eq!(
        server.get("/user?limit=1").await.data(),
        json!({"users": [{"name": "ann"}]})
    );
    assert_eq!(
        server.get("/user?prefix=%25").await.data(),
        json!({"users": []})
    );
}

async fn an_answer_asked_for_again_is_never_older_than_the_last_post(on: Backend) {
    let server = on.server();
    for n in 1..=30 {
        let body = format!(r#"{{"text":"{n}","hashtags":["a"]}}"#);
        assert_eq!(server.post(&body).await.status, 201);
        for _ in 0..2 {
            let page = server.get("/message?hashtag=a&limit=1").await;
            assert_eq!(page.texts(), [n.to_string()]);
            let trend = server.get("/trend?hashtag=a&aggregation=24h").await;
            let buckets = trend.data()["trends"].as_array().unwrap().clone();
            let counts = buckets
                .iter()
                .map(|bucket| bucket["count"].as_u64().unwrap());
            assert_eq!(counts.sum::<u64>(), n);
            let tags = server.get("/trend/hashtags").await.data();
            assert_eq!(tags["hashtags"][0]["count"], n);
        }
    }
}

async fn what_another_program_stores_is_seen_by_those_who_ask_again(on: Backend) {
    let server = on.server();
    for n in 1..=5 {
        let line =
            format!(r#"{{"user_name":"ann","text":"{n}","created_at":"2020-01-01T00:00:0{n}Z"}}"#);
        let lines = server.place.dir.path().join("lines");
        std::fs::write(&lines, line).unwrap();
        let mut import = server.place.command(&["import"]);
        assert!(import.arg(&lines).output().unwrap().status.success());
        let page = server.get("/message?user_name=ann&limit=1").await;
        assert_eq!(page.texts(), [n.to_string()]);
    }
}
