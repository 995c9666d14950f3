//! `dunder delete`.

use serde_json::{Value, json};

use super::Person;
use super::terminal::on_terminal_typing;
use crate::place::{Backend, on_every_store};
use crate::support::Server;

on_every_store![
    ids_starts_of_ids_and_the_last_one_are_deleted,
    what_is_somebody_elses_or_not_there_is_refused,
];

async fn ids_starts_of_ids_and_the_last_one_are_deleted(on: Backend) {
    let server = on.server();
    let person = Person::of(&server);
    let mut ids = Vec::new();
    for text in ["one", "two", "three", "four"] {
        ids.push(person.run(&["post", text]).ok().trim().to_owned());
    }
    let last = person.run(&["delete", "--yes", "-1"]).ok();
    assert_eq!(last, format!("{}\n", ids[3]));
    // Again, and one that is named twice: once each.
    let (first, start) = (&ids[0], &ids[1].to_lowercase()[..25]);
    let some = person.run(&["delete", "-y", first, start, first, &ids[3], "--json"]);
    let some: Value = serde_json::from_str(&some.ok()).unwrap();
    assert_eq!(some, json!({"data": {"deleted": [ids[0], ids[1], ids[3]]}}));
    assert_eq!(server.get("/message").await.texts(), ["three"]);
    person
        .run(&["show", first])
        .failed(1, &format!("message {first} was deleted at 20"));
}

async fn what_is_somebody_elses_or_not_there_is_refused(on: Backend) {
    let server = on.server();
    let person = Person::of(&server);
    let own = person.run(&["post", "own"]).ok().trim().to_owned();
    let other = server.post_as("ann", r#"{"text":"ann's"}"#, &[]).await.id();
    person
        .run(&["delete", "--yes", &other])
        .failed(1, "somebody else's");
    // Nothing is deleted before all are found.
    person
        .run(&["delete", "--yes", &own, "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
        .failed(1, "there is no message 01ARZ3NDEKTSV4RRFFQ69G5FAV");
    person
        .run(&["delete", "--yes", &own, "7Z"])
        .failed(1, "no message whose id starts with 7Z");
    person
        .run(&["delete", &own])
        .failed(2, "no terminal to ask on");
    person.run(&["delete"]).failed(2, "ID");
    assert_eq!(server.get("/message").await.texts(), ["ann's", "own"]);
    // What was deleted before one that is refused is reported.
    let some = person.run(&["delete", "--yes", &own, &other]);
    assert_eq!((some.code, some.out), (1, format!("{own}\n")));
    assert!(some.err.contains("somebody else's"), "{}", some.err);
    Person::at("http://127.0.0.1:9")
        .run(&["delete", "--yes", &own])
        .failed(3, "could not reach");
}

#[tokio::test]
async fn on_a_terminal_the_message_is_shown_and_one_is_asked() {
    let server = Server::start();
    let person = Person::of(&server);
    let id = person
        .run(&["post", "hunter2 \u{1b}[31m", "-t", "oops"])
        .ok();
    let ask = |typed: &str| {
        let line = format!("dunder delete {} --color never; echo code $?", id.trim());
        on_terminal_typing(&person, 60, &line, typed)
    };
    for no in ["\n", "n\n", ""] {
        let shown = ask(no);
        assert!(shown.contains("hunter2 \\u{1b}[31m"), "{shown}");
        assert!(shown.contains("#oops"), "{shown}");
        assert!(shown.contains("Delete this message? [y/N]"), "{shown}");
        assert!(shown.contains("dunder: nothing was deleted"), "{shown}");
        assert!(shown.contains("code 1"), "{shown}");
    }
    let shown = ask("y\n");
    assert!(shown.contains(&format!("deleted {}", id.trim())), "{shown}");
    assert!(shown.contains("code 0"), "{shown}");
    // There is nothing left to ask about.
    let shown = ask("");
    assert!(!shown.contains("[y/N]"), "{shown}");
    assert!(shown.contains("code 0"), "{shown}");
    assert_eq!(server.get("/message").await.texts(), [""; 0]);
}
