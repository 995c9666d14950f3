//! `auth.mode: token`: secrets made on the host, used over HTTP, revoked.

use std::time::Duration;

use reqwest::Method;

use crate::place::{Backend, Place, on_every_store};
use crate::support::{Answer, Server};

on_every_store![
    a_token_posts_as_its_user_until_it_is_revoked_on_every_server,
    names_and_unknown_secrets_are_the_same_401,
    an_expired_token_is_refused,
    reading_can_be_closed_too,
    an_address_that_fails_too_often_is_refused_before_it_is_looked_at,
];

fn token(place: &Place, arguments: &[&str]) -> String {
    let mut command = place.command(&[&["token"], arguments].concat());
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn post(server: &Server, secret: &str) -> Answer {
    let token = format!("Bearer {secret}");
    server
        .send(
            Method::POST,
            "/message",
            &[("authorization", &token)],
            r#"{"text":"x"}"#,
        )
        .await
}

async fn a_token_posts_as_its_user_until_it_is_revoked_on_every_server(on: Backend) {
    let one = on.server_with(&["--auth.mode", "token"]);
    let two = one.place.serve(&["--auth.mode", "token"]);
    let secret = token(&one.place, &["create", "ann", "--note", "laptop"]);
    assert!(secret.starts_with("dunder_"), "{secret}");
    for server in [&one, &two] {
        assert_eq!(post(server, &secret).await.data()["user"]["name"], "ann");
        let whoami = server
            .send(
                Method::GET,
                "/whoami",
                &[("authorization", &format!("Bearer {secret}"))],
                "",
            )
            .await;
        assert_eq!(
            whoami.data(),
            serde_json::json!({"user": {"name": "ann"}, "mode": "token"})
        );
    }
    let listed = token(&one.place, &["list", "--json"]);
    assert!(
        listed.contains("laptop") && !listed.contains(&secret),
        "{listed}"
    );
    token(&one.place, &["revoke", &secret]);
    for server in [&one, &two] {
        let refused = async { while post(server, &secret).await.status != 401 {} };
        tokio::time::timeout(Duration::from_secs(30), refused)
            .await
            .unwrap();
    }
    assert!(!one.log_so_far().await.contains(&secret[7..]));
}

async fn names_and_unknown_secrets_are_the_same_401(on: Backend) {
    let server = on.server_with(&["--auth.mode", "token"]);
    let unknown = format!("dunder_{}", "a".repeat(52));
    for secret in ["am9obg==", &unknown, "dunder_", "dunder_short"] {
        let answer = post(&server, secret).await;
        answer.refused(401, "unauthorized", "Bearer");
        assert!(!answer.body.contains("base64"), "{secret}");
    }
}

async fn an_expired_token_is_refused(on: Backend) {
    let server = on.server_with(&["--auth.mode", "token"]);
    let secret = token(&server.place, &["create", "ann", "--expires", "1s"]);
    let refused = async { while post(&server, &secret).await.status != 401 {} };
    tokio::time::timeout(Duration::from_secs(30), refused)
        .await
        .unwrap();
}

async fn reading_can_be_closed_too(on: Backend) {
    let server = on.server_with(&["--auth.mode", "token", "--auth.read", "token"]);
    for path in [
        "/message",
        "/message/01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/trend",
        "/trend/hashtags",
        "/user",
        "/message/stream",
    ] {
        server
            .get(path)
            .await
            .refused(401, "unauthorized", "Bearer");
    }
    for path in ["/", "/healthz", "/readyz"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    let bearer = format!("Bearer {}", token(&server.place, &["create", "ann"]));
    assert_eq!(
        server
            .send(Method::GET, "/message", &[("authorization", &bearer)], "")
            .await
            .status,
        200
    );
}

async fn an_address_that_fails_too_often_is_refused_before_it_is_looked_at(on: Backend) {
    let server = on.server_with(&[
        "--auth.mode",
        "token",
        "--limits.unauthenticated_per_minute",
        "3",
    ]);
    let secret = token(&server.place, &["create", "ann"]);
    assert_eq!(post(&server, &secret).await.status, 201);
    for _ in 0..3 {
        assert_eq!(post(&server, "guess").await.status, 401);
    }
    // The one over the budget is still a 401; from then on it is too often.
    post(&server, "guess").await;
    let refused = post(&server, "guess").await;
    refused.refused(429, "rate_limited", "seconds");
    assert_ne!(refused.header("retry-after"), "");
}
