//! The document of the whole contract, and the server: neither knows anything
//! that the other does not. Whether answers are as they are described,
//! schemathesis says (`tests/openapi`).

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::python;
use crate::support::Server;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

async fn document(server: &Server) -> Value {
    let answer = server.get("/openapi.json").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

/// Each path, to be asked for, with what is said of it.
fn paths(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let named = paths.map(|(path, item)| {
        let path = path.replace("{ulid}", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        (path, item)
    });
    named.collect()
}

fn parameters(operation: &Value, place: &str) -> BTreeSet<String> {
    let all = operation["parameters"].as_array().unwrap().iter();
    let there = all.filter(|one| one["in"] == place);
    there
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_document_has_the_methods_of_every_path_and_no_others() {
    let server = Server::start();
    let document = document(&server).await;
    let paths = paths(&document);
    assert!(paths.len() > 10);
    for (path, item) in paths {
        let has = |method: &str| item.get(method.to_lowercase()).is_some();
        let described: Vec<_> = METHODS.into_iter().filter(|name| has(name)).collect();
        let other = METHODS.into_iter().find(|name| !has(name)).unwrap();
        let method = Method::from_bytes(other.as_bytes()).unwrap();
        let answer = server.send(method, &path, &[], "").await;
        answer.refused(405, "method_not_allowed", other);
        let allowed: BTreeSet<&str> = answer.header("allow").split(", ").collect();
        assert_eq!(allowed, described.into_iter().collect(), "{path}");
    }
}

#[tokio::test]
async fn the_document_has_the_parameters_of_every_path_and_no_others() {
    let server = Server::start();
    let document = document(&server).await;
    let token = crate::support::bearer("john");
    for (path, item) in paths(&document) {
        let operations = item.as_object().unwrap().iter();
        for (method, operation) in operations.filter(|(method, _)| *method != "head") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let path = format!("{path}?nonsense=1");
            let headers = [("authorization", token.as_str())];
            let answer = server.send(method, &path, &headers, "{}").await;
            answer.refused(400, "unknown_parameter", "\"nonsense\"");
            let error = answer.json()["error"].as_str().unwrap().to_owned();
            let (_, names) = error.split_once("this path takes ").unwrap();
            let taken = names.split(", ").filter(|name| *name != "none");
            let taken: BTreeSet<String> = taken.map(str::to_owned).collect();
            assert_eq!(taken, parameters(operation, "query"), "{path}");
        }
    }
}

#[tokio::test]
async fn the_document_says_who_may_read_as_the_server_is_set() {
    let open = Server::start();
    let closed = Server::with(&["--auth.mode", "token", "--auth.read", "token"]);
    for (server, is_closed) in [(&open, false), (&closed, true)] {
        let document = document(server).await;
        let feed = &document["paths"]["/message"]["get"];
        let asked = !feed["security"].as_array().unwrap().is_empty();
        assert_eq!(asked, is_closed);
        assert_eq!(feed["responses"].get("401").is_some(), is_closed);
        let status = server.get("/message").await.status;
        assert_eq!(status, if is_closed { 401 } else { 200 });
        let post = &document["paths"]["/message"]["post"];
        assert_eq!(post["security"], serde_json::json!([{ "bearer": [] }]));
    }
}

#[tokio::test]
async fn others_find_the_document_valid_and_the_server_as_it_says() {
    let Some(mut tests) = python::tests("openapi", "/openapi.json") else {
        return;
    };
    let server = Server::with(&["--limits.heartbeat", "1s"]);
    tests.env("DUNDER_TEST_URL", &server.url);
    let done = tokio::task::spawn_blocking(move || tests.output()).await;
    let done = done.unwrap().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("\nOK\n"), "nothing may be skipped: {said}");
    let log = server.log_so_far().await;
    assert!(!log.contains("panicked"), "{log}");
}
