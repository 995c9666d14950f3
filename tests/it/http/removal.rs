//! `DELETE /message/ULID`, and what is answered for a message that was
//! deleted.

use reqwest::Method;
use serde_json::json;

use crate::place::{Backend, on_every_store};
use crate::support::{Answer, Server, bearer};

on_every_store![
    an_author_deletes_a_message_and_it_is_gone_for_everybody,
    somebody_elses_and_unknown_messages_are_not_deleted,
    a_deletion_takes_no_parameters_and_needs_a_token,
    a_retried_post_of_a_deleted_message_is_gone_too,
    an_answer_asked_for_again_has_no_deleted_message,
    what_one_server_deletes_is_gone_on_another,
];

async fn delete_as(server: &Server, user: &str, id: &str) -> Answer {
    let token = bearer(user);
    let headers = [("authorization", token.as_str())];
    let path = format!("/message/{id}");
    server.send(Method::DELETE, &path, &headers, "").await
}

async fn an_author_deletes_a_message_and_it_is_gone_for_everybody(on: Backend) {
    let server = on.server();
    let kept = server
        .post(r#"{"text":"kept","hashtags":["a"]}"#)
        .await
        .id();
    let gone = server
        .post(r#"{"text":"gone","hashtags":["a"]}"#)
        .await
        .id();
    for _ in 0..2 {
        let done = delete_as(&server, "john", &gone).await;
        assert_eq!((done.status, done.body.as_str()), (204, ""));
        assert_eq!(done.header("content-type"), "");
    }
    for path in [format!("/message/{gone}"), format!("/message?ulid={gone}")] {
        let answer = server.get(&path).await;
        answer.refused(410, "gone", &format!("{gone} was deleted at 20"));
        let head = server.send(Method::HEAD, &path, &[], "").await;
        assert_eq!((head.status, head.body.as_str()), (410, ""));
        // Other forms are refused alike.
        let sign = if path.contains('?') { '&' } else { '?' };
        let text = server.get(&format!("{path}{sign}format=text")).await;
        assert_eq!(text.status, 410);
    }
    assert_eq!(server.get("/message?hashtag=a").await.texts(), ["kept"]);
    assert_eq!(
        server.get("/message?user_name=john").await.texts(),
        ["kept"]
    );
    let trend = server
        .get("/trend?aggregation=1h&from_date=2h")
        .await
        .data();
    let counts = trend["trends"].as_array().unwrap().iter();
    let total: u64 = counts.map(|bucket| bucket["count"].as_u64().unwrap()).sum();
    assert_eq!(total, 1);
    let tags = server.get("/trend/hashtags?from_date=2h").await.data();
    assert_eq!(tags["hashtags"][0]["count"], 1);
    assert_eq!(server.get(&format!("/message/{kept}")).await.status, 200);
}

async fn somebody_elses_and_unknown_messages_are_not_deleted(on: Backend) {
    let server = on.server();
    let id = server.post(r#"{"text":"john's"}"#).await.id();
    let refused = delete_as(&server, "ann", &id).await;
    refused.refused(403, "forbidden", &id);
    assert_eq!(server.get("/message").await.texts(), ["john's"]);
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let refused = delete_as(&server, "john", unknown).await;
    refused.refused(404, "not_found", unknown);
    let refused = delete_as(&server, "john", "01ARZ3").await;
    refused.refused(400, "invalid_parameter", "01ARZ3");
    // Nor does anybody else's token bring a deletion out.
    assert_eq!(
        delete_as(&server, "john", &id.to_lowercase()).await.status,
        204
    );
    delete_as(&server, "ann", &id)
        .await
        .refused(403, "forbidden", &id);
}

async fn a_deletion_takes_no_parameters_and_needs_a_token(on: Backend) {
    let server = on.server();
    let id = server.post(r#"{"text":"kept"}"#).await.id();
    let path = format!("/message/{id}");
    let nobody = server.send(Method::DELETE, &path, &[], "").await;
    nobody.refused(401, "unauthorized", "token");
    assert_eq!(nobody.header("www-authenticate"), "Bearer");
    let token = bearer("john");
    let headers = [("authorization", token.as_str())];
    let forced = format!("{path}?force=true");
    let forced = server.send(Method::DELETE, &forced, &headers, "").await;
    forced.refused(400, "unknown_parameter", "force");
    let all = server.send(Method::DELETE, "/message", &headers, "").await;
    all.refused(405, "method_not_allowed", "DELETE");
    let put = server.send(Method::PUT, &path, &headers, "").await;
    assert_eq!(put.header("allow"), "GET, HEAD, DELETE");
    let page = [&headers[..], &[("sec-fetch-site", "cross-site")]].concat();
    let page = server.send(Method::DELETE, &path, &page, "").await;
    page.refused(403, "forbidden", "other sites");
    assert_eq!(server.get("/message").await.texts(), ["kept"]);
}

async fn a_retried_post_of_a_deleted_message_is_gone_too(on: Backend) {
    let server = on.server();
    let key = [("idempotency-key", "k-1")];
    let body = r#"{"text":"once"}"#;
    let id = server.post_as("ann", body, &key).await.id();
    assert_eq!(delete_as(&server, "ann", &id).await.status, 204);
    for body in [body, r#"{"text":"else"}"#] {
        let refused = server.post_as("ann", body, &key).await;
        refused.refused(410, "gone", &id);
    }
    assert_eq!(
        server.get("/message").await.json(),
        json!({"data": {"messages": []}})
    );
    server.post_as("bob", body, &key).await.id();
}

async fn an_answer_asked_for_again_has_no_deleted_message(on: Backend) {
    let server = on.server();
    for round in 0..5 {
        let body = json!({"text": format!("{round}"), "hashtags": ["a"]}).to_string();
        let id = server.post(&body).await.id();
        let (page, one) = ("/message?hashtag=a", format!("/message/{id}"));
        for _ in 0..3 {
            assert_eq!(server.get(page).await.texts(), [format!("{round}")]);
            assert_eq!(server.get(&one).await.status, 200);
        }
        assert_eq!(delete_as(&server, "john", &id).await.status, 204);
        assert_eq!(server.get(page).await.texts(), [""; 0]);
        assert_eq!(server.get(&one).await.status, 410);
        assert_eq!(
            server.get("/trend/hashtags").await.data()["hashtags"],
            json!([])
        );
    }
}

async fn what_one_server_deletes_is_gone_on_another(on: Backend) {
    let one = on.server();
    let two = one.place.serve(&[]);
    for _ in 0..5 {
        let id = one.post(r#"{"text":"x"}"#).await.id();
        let path = format!("/message/{id}");
        for _ in 0..3 {
            assert_eq!(two.get(&path).await.status, 200);
            assert_eq!(two.get("/message").await.texts(), ["x"]);
        }
        assert_eq!(delete_as(&one, "john", &id).await.status, 204);
        assert_eq!(two.get(&path).await.status, 410);
        assert_eq!(two.get("/message").await.texts(), [""; 0]);
        assert_eq!(delete_as(&two, "john", &id).await.status, 204);
    }
}
