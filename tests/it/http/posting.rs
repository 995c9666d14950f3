//! `POST /message`.

use dunder::api::{FeedQuery, HashtagsQuery};
use reqwest::Method;
use serde_json::json;

use crate::place::{Backend, on_every_store};
use crate::support::bearer;

on_every_store![
    a_post_answers_where_the_message_is_and_what_it_says,
    bodies_are_json_whatever_their_content_type_says,
    a_refused_body_is_told_what_is_wrong_with_it,
    texts_and_hashtags_at_their_limits_are_taken_and_come_back_exact,
    no_text_is_refused_for_what_follows_a_sign_in_it,
    a_hashtag_is_found_however_it_is_written,
    a_body_past_the_limit_is_413_with_and_without_its_length,
    the_same_key_and_body_post_once_and_another_body_is_a_conflict,
    posts_at_once_are_all_stored_once_and_counted_once,
];

async fn a_post_answers_where_the_message_is_and_what_it_says(on: Backend) {
    let server = on.server();
    let answer = server
        .post(r##"{"text":"deploy of #Prod done","hashtags":["#Ops","ops","b"]}"##)
        .await;
    let id = answer.id();
    assert_eq!(answer.header("location"), format!("/message/{id}"));
    let message = answer.data();
    assert_eq!(message["user"], json!({"name": "john"}));
    assert_eq!(message["hashtags"], json!(["ops", "b", "prod"]));
    for path in [
        format!("/message/{id}"),
        format!("/message?ulid={id}"),
        format!("/message/{}", id.to_lowercase()),
    ] {
        assert_eq!(server.get(&path).await.data()["message"], message);
    }
}

async fn bodies_are_json_whatever_their_content_type_says(on: Backend) {
    let server = on.server();
    for content_type in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json",
    ] {
        let headers = [("content-type", content_type)];
        server
            .post_as("john", r#"{"text":"x"}"#, &headers)
            .await
            .id();
    }
}

async fn a_refused_body_is_told_what_is_wrong_with_it(on: Backend) {
    let server = on.server();
    let long = "x".repeat(65);
    let many: Vec<String> = (0..17).map(|n| format!("t{n}")).collect();
    for (body, named) in [
        (String::new(), "EOF"),
        ("[]".into(), "not a JSON object"),
        (r#"["text",["tag"]]"#.into(), "not a JSON object"),
        ("{".into(), "EOF"),
        ("null".into(), "not a message"),
        (r#"{"hashtags":[]}"#.into(), "text"),
        (r#"{"text":1}"#.into(), "integer `1`"),
        (r#"{"text":"a","hastags":[]}"#.into(), "`hastags`"),
        (
            r#"{"text":"a","text":"b"}"#.into(),
            "duplicate field `text`",
        ),
        (r#"{"text":"a"} x"#.into(), "trailing"),
        (r#"{"text":" \n\t"}"#.into(), "blank"),
        (r#"{"text":"\u200b\u2060 \ufeff"}"#.into(), "blank"),
        (r#"{"text":"\ud800"}"#.into(), "hex escape"),
        (r#"{"text":"a\u0000"}"#.into(), "U+0000"),
        (json!({"text": "x".repeat(8193)}).to_string(), "8193"),
        (
            json!({"text": "a", "hashtags": ["a b"]}).to_string(),
            "\"a b\"",
        ),
        (json!({"text": "a", "hashtags": [""]}).to_string(), "empty"),
        (json!({"text": "a", "hashtags": [long]}).to_string(), "65"),
        (json!({"text": "a", "hashtags": many}).to_string(), "17"),
        (r#"{"text":"a","hashtags":"b"}"#.into(), "\"b\""),
    ] {
        server.post(&body).await.refused(400, "invalid_body", named);
    }
    assert_eq!(server.get("/message").await.texts(), [""; 0]);
    server
        .send(
            Method::POST,
            "/message?x=1",
            &[("authorization", &bearer("a"))],
            "{}",
        )
        .await
        .refused(400, "unknown_parameter", "\"x\"");
}

async fn texts_and_hashtags_at_their_limits_are_taken_and_come_back_exact(on: Backend) {
    let server = on.server();
    let hostile = "\u{1b}[31m\u{202e}\r\n\t\u{7f}\u{85}é\u{301}🦀\u{feff}\"\\";
    for text in ["x".repeat(8192), hostile.to_owned(), "é".repeat(4096)] {
        let id = server.post(&json!({"text": text}).to_string()).await.id();
        assert_eq!(
            server.get(&format!("/message/{id}")).await.data()["message"]["text"],
            text
        );
    }
    let tags: Vec<String> = (0..16).map(|n| format!("{n}{}", "é".repeat(62))).collect();
    let answer = server
        .post(&json!({"text": "x", "hashtags": tags}).to_string())
        .await;
    assert_eq!(answer.data()["hashtags"], json!(tags));
}

async fn no_text_is_refused_for_what_follows_a_sign_in_it(on: Backend) {
    let server = on.server();
    let long = format!("see #{}", "x".repeat(65));
    let thai = "ประเทศไทยน้ำท่วมใหญ่ในกรุงเทพมหานครน้ำน้ำน้ำ";
    let many: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();
    for (text, hashtags) in [
        ("#محمد_ﷺ", json!(["محمد_ﷺ"])),
        ("#½price", json!(["½price"])),
        ("#coŀlegi", json!(["col·legi"])),
        ("#⑴テスト", json!(["⑴テスト"])),
        ("#น้ำท่วม", json!(["น้ำท่วม"])),
        (&format!("#{thai}"), json!([thai])),
        (&long, json!([])),
        (&format!("#{}", many.join(" #")), json!(many[..16])),
        ("Fixes #13-#15 #1_2 #http://x", json!([])),
    ] {
        for none in [json!([]), json!(null)] {
            let body = json!({"text": text, "hashtags": none}).to_string();
            assert_eq!(server.post(&body).await.data()["hashtags"], hashtags);
        }
    }
}

async fn a_hashtag_is_found_however_it_is_written(on: Backend) {
    let server = on.server();
    let text = "＃İstanbul、#ΟΔΟΣ **#a\u{fe0f}**";
    let message = server.post(&json!({"text": text}).to_string()).await;
    assert_eq!(message.data()["hashtags"], json!(["istanbul", "οδοσ", "a"]));
    for written in ["istanbul", "İSTANBUL", "οδος", "ΟΔΟΣ", "#οδοσ", "A"] {
        let feed = FeedQuery {
            hashtag: vec![written.to_owned()],
            ..FeedQuery::default()
        };
        let path = format!("/message?{}", feed.to_query_string());
        assert_eq!(server.get(&path).await.texts(), [text], "{written}");
    }
    for (prefix, hashtag) in [("İst", "istanbul"), ("ΟΔΟΣ", "οδοσ"), ("οδος", "οδοσ")]
    {
        let tags = HashtagsQuery {
            prefix: Some(prefix.to_owned()),
            ..HashtagsQuery::default()
        };
        let path = format!("/trend/hashtags?{}", tags.to_query_string());
        let found = server.get(&path).await.data()["hashtags"].clone();
        assert_eq!(found, json!([{"hashtag": hashtag, "count": 1}]), "{prefix}");
    }
}

async fn a_body_past_the_limit_is_413_with_and_without_its_length(on: Backend) {
    let server = on.server();
    let body = json!({"text": "x".repeat(70_000)}).to_string();
    server
        .post(&body)
        .await
        .refused(413, "body_too_large", "65536");
    let chunked = crate::http::hostile::exchange(server.address(), &chunked_post(&body)).await;
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
    assert!(chunked.contains("body_too_large"), "{chunked}");
}

fn chunked_post(body: &str) -> Vec<u8> {
    let head = format!(
        "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        bearer("john")
    );
    format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
}

async fn the_same_key_and_body_post_once_and_another_body_is_a_conflict(on: Backend) {
    let server = on.server();
    let key = [("idempotency-key", "k-1")];
    let first = server
        .post_as("john", r#"{"text":"once","hashtags":["a"]}"#, &key)
        .await
        .id();
    // The same message, otherwise spelt.
    let again = server
        .post_as("john", r##"{"hashtags":["#A"], "text":"once"}"##, &key)
        .await;
    assert_eq!(again.id(), first);
    let other = server.post_as("john", r#"{"text":"twice"}"#, &key).await;
    other.refused(409, "idempotency_conflict", &first);
    assert_ne!(
        server
            .post_as("ann", r#"{"text":"twice"}"#, &key)
            .await
            .id(),
        first
    );
    assert_eq!(
        server.get("/message?user_name=john").await.texts(),
        ["once"]
    );
    for wrong in ["a b", &"x".repeat(129), "é"] {
        let answer = server
            .post_as("john", r#"{"text":"x"}"#, &[("idempotency-key", wrong)])
            .await;
        answer.refused(400, "invalid_header", "Idempotency-Key");
    }
}

async fn posts_at_once_are_all_stored_once_and_counted_once(on: Backend) {
    let server = on.server();
    let posts = (0..64).map(|n| {
        let body = json!({"text": format!("m{n}"), "hashtags": ["shared", format!("t{}", n % 4)]})
            .to_string();
        let server = &server;
        async move { server.post(&body).await.id() }
    });
    let mut ids = join_all(posts).await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 64);
    assert_eq!(
        server
            .get("/message?hashtag=shared&limit=1000")
            .await
            .texts()
            .len(),
        64
    );
    for (query, total) in [("", 64), ("&hashtag=shared", 64), ("&hashtag=t1", 16)] {
        let trends = server
            .get(&format!("/trend?aggregation=1h&from_date=2h{query}"))
            .await
            .data();
        let counts = trends["trends"].as_array().unwrap().iter();
        assert_eq!(
            counts.map(|b| b["count"].as_u64().unwrap()).sum::<u64>(),
            total,
            "{query}"
        );
    }
}

/// All of them at once, the results in order.
pub async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|task| {
        for (future, slot) in pinned.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(task)
            {
                *slot = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
