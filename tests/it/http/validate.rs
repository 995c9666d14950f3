//! What is refused whatever the path: names that a page in a browser could
//! have taken, requests of other sites, bodies that nobody can read; and who
//! is behind a proxy.

use super::hostile::exchange;
use crate::place::{Backend, on_every_store};
use crate::support::{Answer, Server};

on_every_store![
    where_anyone_can_be_anyone_only_names_of_this_machine_are_answered,
    hosts_adds_names_and_closes_the_others_in_every_mode,
    pages_of_other_sites_are_not_answered_where_anyone_can_be_anyone,
    a_body_in_a_coding_that_nobody_decodes_is_refused,
    who_fails_behind_a_proxy_does_not_lock_out_the_others,
    the_log_shows_what_a_client_wrote_in_visible_ascii,
];

/// The status of `GET /message` under a name.
async fn under(server: &Server, host: &str) -> u16 {
    let request = format!("GET /message HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    status(&exchange(server.address(), request.as_bytes()).await)
}

fn status(answer: &str) -> u16 {
    let status = answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    status
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{answer:?}"))
}

async fn where_anyone_can_be_anyone_only_names_of_this_machine_are_answered(on: Backend) {
    let server = on.server();
    let port = server.address().rsplit_once(':').unwrap().1;
    for host in ["localhost", "127.0.0.1", "[::1]", "LocalHost."] {
        assert_eq!(under(&server, host).await, 200, "{host}");
        assert_eq!(
            under(&server, &format!("{host}:{port}")).await,
            200,
            "{host}"
        );
    }
    for host in [
        "rebind.example",
        "10.0.0.1",
        "0.0.0.0",
        "localhost.example",
        "",
    ] {
        assert_eq!(under(&server, host).await, 421, "{host}");
    }
    let headers = [
        ("host", "rebind.example"),
        ("authorization", "Bearer am9obg=="),
    ];
    for (method, path) in [("GET", "/"), ("GET", "/healthz"), ("POST", "/message")] {
        let method = method.parse().unwrap();
        server
            .send(method, path, &headers, r#"{"text":"not mine"}"#)
            .await
            .refused(421, "misdirected_request", "\"rebind.example\"");
    }
    assert_eq!(server.get("/message").await.texts(), [""; 0]);
    // Who speaks for themselves in the address is heard there too.
    let absolute =
        "GET http://rebind.example/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(
        status(&exchange(server.address(), absolute.as_bytes()).await),
        421
    );
}

async fn hosts_adds_names_and_closes_the_others_in_every_mode(on: Backend) {
    let token = ["--auth.mode", "token"];
    let server = on.server_with(&token);
    // A token is something that no page has.
    assert_eq!(under(&server, "rebind.example").await, 200);
    for mode in ["name", "token"] {
        let flags = ["--auth.mode", mode, "--hosts", "board.example,192.0.2.1"];
        let server = on.server_with(&flags);
        for host in [
            "board.example",
            "Board.Example:8000",
            "192.0.2.1:80",
            "localhost",
        ] {
            assert_eq!(under(&server, host).await, 200, "{host}");
        }
        assert_eq!(under(&server, "other.example").await, 421);
    }
}

async fn pages_of_other_sites_are_not_answered_where_anyone_can_be_anyone(on: Backend) {
    let asked = async |server: &Server, site: &str| -> Answer {
        let headers = [("sec-fetch-site", site)];
        server
            .send(reqwest::Method::GET, "/message", &headers, "")
            .await
    };
    let server = on.server();
    asked(&server, "cross-site")
        .await
        .refused(403, "forbidden", "other sites");
    for site in ["same-origin", "same-site", "none"] {
        assert_eq!(asked(&server, site).await.status, 200, "{site}");
    }
    let server = on.server_with(&["--auth.mode", "token"]);
    assert_eq!(asked(&server, "cross-site").await.status, 200);
}

async fn a_body_in_a_coding_that_nobody_decodes_is_refused(on: Backend) {
    let server = on.server();
    let post = |coding: &str| {
        format!(
            "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer am9obg==\r\ntransfer-encoding: {coding}\r\n\r\ne\r\n{}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
            r#"{"text":"one"}"#
        )
    };
    let taken = exchange(server.address(), post("chunked").as_bytes()).await;
    assert_eq!(status(&taken), 201);
    assert!(taken.contains("alive"), "{taken}");
    for coding in ["gzip, chunked", "chunked, chunked", "deflate,chunked"] {
        let refused = exchange(server.address(), post(coding).as_bytes()).await;
        assert!((400..600).contains(&status(&refused)), "{refused}");
        // What follows is not read as a request of its own.
        assert!(!refused.contains("alive"), "{refused}");
    }
    assert_eq!(server.get("/message").await.texts(), ["one"]);
}

async fn who_fails_behind_a_proxy_does_not_lock_out_the_others(on: Backend) {
    let flags = [
        "--auth.mode",
        "token",
        "--trusted_proxies",
        "127.0.0.1",
        "--limits.unauthenticated_per_minute",
        "2",
    ];
    let server = on.server_with(&flags);
    let from = async |name: &str, value: &str| -> u16 {
        let headers = [(name, value), ("authorization", "Bearer guess")];
        server
            .send(reqwest::Method::GET, "/whoami", &headers, "")
            .await
            .status
    };
    for (name, one, other) in [
        (
            "x-forwarded-for",
            "203.0.113.11:41100",
            "203.0.113.12:41100",
        ),
        (
            "x-forwarded-for",
            "[2001:db8:1::1]:80",
            "[2001:db8:2::1]:80",
        ),
        (
            "x-forwarded-for",
            "6.6.6.6, \"198.51.100.1\"",
            "6.6.6.6, \"198.51.100.2\"",
        ),
        (
            "forwarded",
            "for=198.51.100.3;proto=https",
            "for=198.51.100.4;proto=https",
        ),
        (
            "forwarded",
            "for=\"[2001:db8:3::1]:80\"",
            "For=\"[2001:db8:4::1]:80\"",
        ),
    ] {
        for expected in [401, 401, 429] {
            assert_eq!(from(name, one).await, expected, "{one}");
        }
        assert_eq!(from(name, other).await, 401, "{other}");
    }
    assert_eq!(server.get("/whoami").await.status, 401);
}

async fn the_log_shows_what_a_client_wrote_in_visible_ascii(on: Backend) {
    let server = on.server();
    let long = format!("/{}é{}", "a".repeat(98), "b".repeat(1_000));
    let method = "M".repeat(5_000);
    for start in [
        "GET /\u{9b}31m\u{202e}gnp.exe".to_owned(),
        format!("GET {long}"),
        format!("{method} /message"),
    ] {
        let request = format!("{start} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = exchange(server.address(), request.as_bytes()).await;
        assert!((400..500).contains(&status(&answer)), "{answer}");
        assert!(answer.len() < 1_000, "{answer}");
    }
    let log = server.log_so_far().await;
    assert!(!log.contains(['\u{9b}', '\u{202e}', 'é']), "{log}");
    assert!(
        !log.contains("bbbb") && !log.contains(&"M".repeat(30)),
        "{log}"
    );
    assert!(log.contains(&"M".repeat(20)), "{log}");
}
