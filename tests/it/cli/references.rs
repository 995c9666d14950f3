//! Messages named by the start of their id, or by when they were posted.

use super::Person;
use crate::place::{Backend, on_every_store};

on_every_store![
    messages_are_shown_by_starts_of_ids_and_by_their_age,
    the_last_and_the_first_id_of_a_start_are_found_by_it,
];

async fn messages_are_shown_by_starts_of_ids_and_by_their_age(on: Backend) {
    let server = on.server();
    let person = Person::of(&server);
    let ids: Vec<String> = ["one", "two", "three"]
        .iter()
        .map(|text| person.run(&["post", text]).ok().trim().to_owned())
        .collect();
    server.post_as("ann", r#"{"text":"hers"}"#, &[]).await.id();
    let shown = |args: &[&str]| person.run(&[&["show"], args].concat());
    assert!(shown(&["-1"]).ok().ends_with("\tthree\n"));
    assert!(shown(&["-3"]).ok().ends_with("\tone\n"));
    shown(&["-4"]).failed(1, "only 3 messages by john");
    assert!(shown(&[&ids[1]]).ok().ends_with("\ttwo\n"));
    assert!(
        shown(&[&ids[1][..25].to_lowercase()])
            .ok()
            .ends_with("\ttwo\n")
    );
    shown(&[&ids[1][..4]]).failed(1, "the start of several ids");
    shown(&["7ZZ"]).failed(1, "no message whose id starts with 7ZZ");
    shown(&["nonsense!"]).failed(2, "-1 for the one you posted last");
    let both = shown(&["-1", &ids[0]]).ok();
    assert_eq!(both.lines().count(), 2);
    let document = shown(&["-1", &ids[0], "--json"]).ok();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["data"]["messages"][1]["text"], "one");
    let document = shown(&["-1", "--json"]).ok();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["data"]["message"]["text"], "three");
}

async fn the_last_and_the_first_id_of_a_start_are_found_by_it(on: Backend) {
    let place = on.place();
    let records = [
        r#"{"id":"01ARZ3NDEKTSV4RRFFQ69G5F00","user_name":"ann","text":"first"}"#,
        r#"{"id":"01ARZ3NDEKTSV4RRFFQ69G5FZZ","user_name":"ann","text":"last"}"#,
    ];
    let file = place.dir.path().join("records.ndjson");
    std::fs::write(&file, records.join("\n")).unwrap();
    let import = place.command(&["import", file.to_str().unwrap()]).output();
    let import = import.unwrap();
    assert!(import.status.success(), "{import:?}");
    let server = place.serve(&[]);
    let person = Person::of(&server);
    for (start, text) in [
        ("01ARZ3NDEKTSV4RRFFQ69G5F0", "\tfirst\n"),
        ("01arz3ndektsv4rrffq69g5fz", "\tlast\n"),
    ] {
        assert!(person.run(&["show", start]).ok().ends_with(text), "{start}");
    }
}
