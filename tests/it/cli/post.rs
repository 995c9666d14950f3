use serde_json::{Value, json};

use super::stub::{Reply, header, serve};
use super::{Person, Ran};
use crate::place::{Backend, on_every_store};
use crate::support::Server;

on_every_store![
    a_message_is_posted_with_hashtags_however_they_are_written,
    the_text_comes_from_standard_input_when_piped_or_asked_for,
    a_local_server_knows_the_user_of_the_machine,
    what_cannot_be_posted_is_refused_with_its_reason,
];

pub(super) fn posted() -> Reply {
    Reply::new(
        "201 Created",
        "",
        r#"{"data":{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}}"#,
    )
}

pub(super) async fn texts_and_tags(server: &Server) -> Vec<(String, Value)> {
    let answer = server.get("/message").await;
    let data = answer.data();
    let messages = data["messages"].as_array().unwrap().iter();
    messages
        .map(|m| {
            (
                m["text"].as_str().unwrap().to_owned(),
                m["hashtags"].clone(),
            )
        })
        .collect()
}

async fn a_message_is_posted_with_hashtags_however_they_are_written(on: Backend) {
    let server = on.server();
    let person = Person::of(&server);
    for args in [
        &["post", "deploy of #prod done"][..],
        &[
            "post",
            "three",
            "words",
            "here",
            "-t",
            "A",
            "--hashtag",
            "#b",
        ],
        &["post", "text", "#quoted", "+plus"],
        &["post", "-t", "x", "fixes #42"],
        &["post", "outside", "-5", "degrees"],
        &["post", "delayed by", "+2h", "--tag", "late"],
        &["post", "- fixed", "-t", "list"],
        &["post", "--done soon", "->", "#later"],
    ] {
        let id = person.run(args).ok();
        assert_eq!(id.trim().len(), 26, "{id:?}");
    }
    assert_eq!(
        texts_and_tags(&server).await,
        [
            ("--done soon ->".to_owned(), json!(["later"])),
            ("- fixed".to_owned(), json!(["list"])),
            ("delayed by +2h".to_owned(), json!(["late"])),
            ("outside -5 degrees".to_owned(), json!([])),
            ("fixes #42".to_owned(), json!(["x"])),
            ("text".to_owned(), json!(["plus", "quoted"])),
            ("three words here".to_owned(), json!(["a", "b"])),
            ("deploy of #prod done".to_owned(), json!(["prod"])),
        ]
    );
}

async fn the_text_comes_from_standard_input_when_piped_or_asked_for(on: Backend) {
    let server = on.server();
    let person = Person::of(&server);
    person.run_with(&["post", "-t", "a"], "one\ntwo\n").ok();
    person.run_with(&["post", "-", "+b"], "three").ok();
    person.run_with(&["post", "-"], "\u{feff}marked\r\n").ok();
    // Words on the command line leave the input to whoever it belongs to.
    person.run_with(&["post", "four"], "not this").ok();
    person.run_with(&["post", "#lunch"], "not this").ok();
    person
        .run_with(&["post", "+ops"], "not this")
        .failed(2, "no text beside the hashtags");
    let texts: Vec<String> = texts_and_tags(&server)
        .await
        .into_iter()
        .map(|m| m.0)
        .collect();
    assert_eq!(texts, ["#lunch", "four", "marked", "three", "one\ntwo"]);
}

async fn a_local_server_knows_the_user_of_the_machine(on: Backend) {
    let server = on.server();
    let person = Person::of(&server);
    let json = person.run(&["post", "hi", "--json"]).ok();
    let id = serde_json::from_str::<Value>(&json).unwrap()["data"]["id"].clone();
    let shown = person.run(&["show", id.as_str().unwrap(), "--json"]).ok();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["data"]["message"]["user"]["name"], "john");
    assert_eq!(person.run(&["post", "hi", "--quiet"]).ok(), "");
}

async fn what_cannot_be_posted_is_refused_with_its_reason(on: Backend) {
    let server = on.server();
    let person = Person::of(&server);
    // What stands on the command line is wrong usage.
    person.run(&["post", "  "]).failed(2, "is blank");
    person.run(&["post", ""]).failed(2, "is blank");
    person
        .run(&["post", &"x".repeat(9000)])
        .failed(2, "at most 8192");
    // What is too long for a hashtag is text.
    person.run(&["post", &format!("#{}", "x".repeat(65))]).ok();
    // What comes another way has failed.
    person.run(&["post"]).failed(1, "holds no text");
    person.run_with(&["post"], " \n").failed(1, "holds no text");
    person
        .run_with(&["post", "-"], "")
        .failed(1, "holds no text");
    person
        .run_with(&["post", "-"], &"x".repeat(9000))
        .failed(1, "at most 8192");
    // A tag inside a text never refuses it.
    let tags: String = (0..17).map(|n| format!("#t{n} ")).collect();
    person.run_with(&["post"], &tags).ok();
    person.run(&["post", "a", "-t", "b c"]).failed(2, "\"b c\"");
    person.run(&["post", "-", "more"]).failed(2, "stands alone");
    person
        .run(&["post", "a", "--nonsense"])
        .failed(2, "--nonsense");
    let many: Vec<String> = (0..17).map(|n| format!("+t{n}")).collect();
    let mut args = vec!["post", "a"];
    args.extend(many.iter().map(String::as_str));
    person.run(&args).failed(2, "17");
    args[1] = "-";
    person.run_with(&args, "text").failed(2, "17");
}

#[tokio::test]
async fn a_loop_over_lines_posts_each_of_them() {
    let server = Server::start();
    let person = Person::of(&server);
    let mut shell = std::process::Command::new("sh");
    for (name, value) in person.command(&[]).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let output = shell
        .args([
            "-c",
            "printf '#lunch\\n- second\\nthird +1\\n' | while read -r line; do \"$0\" post \"$line\"; done",
            env!("CARGO_BIN_EXE_dunder"),
        ])
        .output()
        .unwrap();
    assert_eq!(Ran::of(output).ok().lines().count(), 3);
    assert_eq!(
        texts_and_tags(&server).await,
        [
            ("third +1".to_owned(), json!([])),
            ("- second".to_owned(), json!([])),
            ("#lunch".to_owned(), json!(["lunch"])),
        ]
    );
}

#[test]
fn a_lost_connection_is_tried_again_under_the_same_key() {
    let (url, requests) = serve(vec![
        Reply::Lost,
        Reply::new(
            "503 Service Unavailable",
            "",
            r#"{"error":"wait","code":"unavailable"}"#,
        ),
        Reply::new(
            "429 Too Many Requests",
            "Retry-After: 0\r\n",
            r#"{"error":"slow","code":"rate_limited"}"#,
        ),
        posted(),
    ]);
    let ran = Person::at(&url).run(&["post", "once"]);
    assert_eq!(ran.ok(), "01ARZ3NDEKTSV4RRFFQ69G5FAV\n");
    let keys: Vec<String> = requests
        .iter()
        .map(|request| header(&request, "idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 4);
    assert!(
        keys.iter().all(|key| *key == keys[0] && key.len() == 32),
        "{keys:?}"
    );
}

#[test]
fn two_posts_have_two_keys() {
    let (url, requests) = serve(vec![posted(), posted()]);
    let person = Person::at(&url);
    person.run(&["post", "same"]).ok();
    person.run(&["post", "same"]).ok();
    let keys: Vec<String> = requests
        .iter()
        .map(|request| header(&request, "idempotency-key").unwrap().to_owned())
        .collect();
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn a_wait_longer_than_the_timeout_is_not_begun() {
    let (url, _requests) = serve(vec![Reply::new(
        "429 Too Many Requests",
        "Retry-After: 3600\r\n",
        r#"{"error":"at most 3 posts a minute","code":"rate_limited"}"#,
    )]);
    Person::at(&url)
        .run(&["post", "x"])
        .failed(1, "at most 3 posts a minute");
}

#[test]
fn a_refusal_is_not_tried_again() {
    let (url, requests) = serve(vec![
        Reply::new(
            "400 Bad Request",
            "",
            r#"{"error":"no","code":"invalid_body"}"#,
        ),
        posted(),
    ]);
    let ran: Ran = Person::at(&url).run(&["post", "x"]);
    ran.failed(1, "dunder: no");
    assert_eq!(requests.recv().unwrap().matches("POST").count(), 1);
    assert!(requests.try_recv().is_err());
}
