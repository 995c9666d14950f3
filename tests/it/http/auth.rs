//! Who is posting.

use reqwest::Method;

use crate::place::{Backend, on_every_store};

on_every_store![
    a_name_token_is_taken_in_every_base64_spelling,
    missing_and_malformed_tokens_are_the_same_401,
    a_log_never_holds_a_token_or_a_text,
];

async fn a_name_token_is_taken_in_every_base64_spelling(on: Backend) {
    let server = on.server();
    for token in ["Bearer am9obg==", "bearer am9obg", "BEARER am9obgo="] {
        let answer = server
            .send(
                Method::POST,
                "/message",
                &[("authorization", token)],
                r#"{"text":"x"}"#,
            )
            .await;
        assert_eq!(answer.data()["user"]["name"], "john", "{token}");
        assert_eq!(
            server
                .send(Method::GET, "/whoami", &[("authorization", token)], "")
                .await
                .data()["mode"],
            "name"
        );
    }
}

async fn missing_and_malformed_tokens_are_the_same_401(on: Backend) {
    let server = on.server();
    let body = r#"{"text":"x"}"#;
    let missing = server.send(Method::POST, "/message", &[], body).await;
    missing.refused(401, "unauthorized", "Authorization: Bearer");
    missing.refused(401, "unauthorized", "is the base64 of your name");
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    for token in [
        "",
        "Bearer",
        "Bearer ",
        "Basic am9obg==",
        "Bearer !!!",
        "Bearer IA==",
        "Bearer gICA",
    ] {
        let answer = server
            .send(Method::POST, "/message", &[("authorization", token)], body)
            .await;
        assert_eq!(
            (answer.status, &answer.body),
            (401, &missing.body),
            "{token}"
        );
    }
    assert_eq!(server.get("/whoami").await.status, 401);
}

async fn a_log_never_holds_a_token_or_a_text(on: Backend) {
    let server = on.server_with(&["--log_level", "debug"]);
    server
        .post_as("secret-name", r#"{"text":"secret-text"}"#, &[])
        .await
        .id();
    server.get("/message?user_name=secret-name").await;
    let log = server.log_so_far().await;
    assert!(log.contains("/message") && log.contains("201"), "{log}");
    for secret in ["secret-text", "secret-name", "c2VjcmV0LW5hbWU"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
