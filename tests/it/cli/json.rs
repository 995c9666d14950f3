//! `--json` is taken by every command, and what it prints is one document with
//! `data` in it.

use serde_json::Value;

use super::Person;
use crate::support::Server;

/// Those that hold the process, print for a shell, or are nothing but help.
const WITHOUT: [&str; 2] = ["serve", "help"];
/// Those that do nothing without one below them.
const PARENTS: [&str; 3] = ["token", "tls", "admin"];

#[test]
fn every_command_takes_json() {
    let person = Person::at("http://127.0.0.1:1");
    let mut commands = names(&person.run(&["--help"]).ok());
    for parent in ["queue", "login", "token", "tls", "admin"] {
        let below = names(&person.run(&[parent, "--help"]).ok());
        commands.extend(below.into_iter().map(|name| format!("{parent} {name}")));
    }
    commands.retain(|name| !WITHOUT.contains(&name.as_str()) && !PARENTS.contains(&name.as_str()));
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = person.run(&words).ok();
        assert!(help.contains("--json"), "{command} takes no --json");
    }
}

/// The commands that a help lists.
fn names(help: &str) -> Vec<String> {
    let listed = help.lines().filter_map(|line| line.strip_prefix("  "));
    let name = |line: &str| {
        let name = line.split(' ').next()?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase());
        is_name.then(|| name.to_owned())
    };
    let mut names: Vec<String> = listed.filter_map(name).collect();
    names.retain(|name| name != "or" && name != "dunder");
    names
}

#[test]
fn every_document_has_data_in_it() {
    let server = Server::start();
    let person = Person::of(&server);
    let directory = person.home().join("out");
    let man = directory.join("man");
    let tls = directory.join("tls");
    let store = directory.join("store.sqlite");
    std::fs::create_dir_all(&directory).unwrap();
    let store = ["--sqlite.path", store.to_str().unwrap()];
    let export = directory.join("all.ndjson");
    let commands: [(&[&str], bool); 19] = [
        (&["post", "hi #a"], false),
        (&["feed"], false),
        (&["show", "-1"], false),
        (&["trend"], false),
        (&["tags"], false),
        (&["whoami"], false),
        (&["doctor"], false),
        (&["queue"], false),
        (&["queue", "send"], false),
        (&["queue", "drop", "--all"], false),
        (&["login", "--user", "ann"], false),
        (&["login", "list"], false),
        (&["logout"], false),
        (&["completions", "bash"], false),
        (&["man", man.to_str().unwrap()], false),
        (&["tls", "generate", "--dir", tls.to_str().unwrap()], false),
        (&["token", "create", "ann"], true),
        (&["token", "list"], true),
        (&["export", "-o", export.to_str().unwrap()], true),
    ];
    for (command, opens_store) in commands {
        let store = if opens_store { &store[..] } else { &[] };
        let ran = person.run(&[command, store, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{command:?} {ran:?}");
        let document: Value = serde_json::from_str(&ran.out)
            .unwrap_or_else(|error| panic!("{command:?} {error}: {}", ran.out));
        assert!(document["data"].is_object(), "{command:?} {document}");
    }
}
