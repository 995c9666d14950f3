//! Settings of the client: variables, client.yaml, aliases.

use super::{Person, Ran};
use crate::support::Server;

fn file(person: &Person, text: &str) {
    let path = person.home().join(".config/dunder/client.yaml");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_misspelt_or_empty_variable_or_key_stops_every_command_that_reads_them() {
    let person = Person::at("http://127.0.0.1:1");
    for (name, value, said) in [
        (
            "DUNDER_SERVR",
            "http://127.0.0.1:2",
            "did you mean DUNDER_SERVER?",
        ),
        // One alone of those that a command of --exec is given.
        ("DUNDER_USER", "bob", "DUNDER_USER"),
        ("DUNDER_QUEUE", "", "the variable DUNDER_QUEUE is empty"),
        ("DUNDER_TIMEOUT", "", "the variable DUNDER_TIMEOUT is empty"),
    ] {
        for args in [
            &["feed"][..],
            &["post", "x"],
            &["queue"],
            &["whoami"],
            &["login", "-"],
        ] {
            let mut command = person.command(args);
            let ran = Ran::of(command.env(name, value).output().unwrap());
            ran.failed(2, said);
        }
    }
    file(&person, "servr: http://127.0.0.1:2\n");
    for args in [
        &["feed"][..],
        &["tags"],
        &["show", "-1"],
        &["queue", "list"],
    ] {
        person.run(args).failed(2, "servr");
    }
    // A shell that starts must not be stopped by it.
    assert!(person.run(&["completions", "bash"]).ok().len() > 1000);
    assert_eq!(
        person
            .run(&["complete", "--shell", "bash", "--line", "dunder feed -t "])
            .ok(),
        ""
    );
}

#[tokio::test]
async fn the_file_sets_what_flags_would() {
    let server = Server::start();
    for text in ["one #ops", "two", "three #ops"] {
        let body = serde_json::json!({ "text": text }).to_string();
        server.post(&body).await.id();
    }
    let person = Person::of(&server);
    let lines = |args: &[&str]| {
        let mut command = person.command(args);
        Ran::of(command.env_remove("DUNDER_SERVER").output().unwrap())
            .ok()
            .lines()
            .count()
    };
    file(
        &person,
        &format!(
            "server: {}\nlimit: 2\noutput: csv\nalias: {{ops: feed -t ops}}\n",
            server.url
        ),
    );
    assert_eq!(lines(&["feed"]), 2);
    assert_eq!(lines(&["feed", "-n", "3"]), 3);
    assert_eq!(lines(&["ops", "-n", "1"]), 1);
    // The variable comes before the file.
    person
        .run(&["feed", "--server", "http://127.0.0.1:1"])
        .failed(3, "127.0.0.1:1");
}

#[test]
fn a_number_alone_is_seconds_and_a_minus_before_an_age_is_nothing() {
    let server = Server::start();
    let person = Person::of(&server);
    person
        .run(&["feed", "--timeout", "5", "--since", "-3d"])
        .ok();
    person.run(&["feed", "--since", "-x"]).failed(2, "-x");
    person.run(&["trend", "sql", "#ui", "--since", "-2w"]).ok();
    person.run(&["tags", "sq"]).ok();
    person.run(&["feed", "#sql", "ui"]).ok();
}

#[test]
fn config_lists_sets_and_unsets_and_refuses_what_could_not_be_read() {
    let person = Person::at("http://127.0.0.1:1");
    let path = person.home().join(".config/dunder/client.yaml");
    file(&person, "# mine\nqueue: true\n");
    let listed = person.run(&["config"]).ok();
    assert!(
        listed.contains("server\thttp://127.0.0.1:1\tDUNDER_SERVER\n"),
        "{listed}"
    );
    assert!(listed.contains("queue\ttrue\tclient.yaml\n"), "{listed}");
    assert!(listed.contains("limit\t20\tdefault\n"), "{listed}");
    let set = person.run(&["config", "set", "limit", "50"]);
    assert_eq!(set.err, "limit is now 50 (client.yaml)\n");
    let set = person.run(&["config", "set", "alias.ops", "feed -t ops"]);
    assert_eq!(set.code, 0, "{set:?}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "# mine\nqueue: true\nlimit: 50\nalias:\n  ops: \"feed -t ops\"\n"
    );
    for (key, value, said) in [
        ("limit", "0", "not a number from 1 on"),
        ("timeout", "soon", "soon"),
        ("colour", "never", "did you mean color?"),
        ("time_format", "%Q", "\"%Q\" is not a time format"),
    ] {
        person.run(&["config", "set", key, value]).failed(2, said);
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    // A variable comes first, and that is said.
    let set = person.run(&["config", "set", "server", "dunder.example"]);
    assert_eq!(
        set.err,
        "server is now http://127.0.0.1:1 (DUNDER_SERVER)\n"
    );
    let unset = person.run(&["config", "unset", "queue", "--json"]).ok();
    assert!(unset.starts_with("{\"data\":{\"settings\":[{"), "{unset}");
    assert!(!std::fs::read_to_string(&path).unwrap().contains("queue"));
    let mut edit = person.command(&["config", "edit"]);
    let ran = Ran::of(edit.env("EDITOR", "echo 'limt: 5' >").output().unwrap());
    ran.failed(2, "limt");
}

#[test]
fn what_could_never_be_used_is_not_set() {
    let person = Person::at("http://127.0.0.1:1");
    for (key, value, said) in [
        (
            "server",
            "labb",
            "no login is named \"labb\", none is kept; an address begins with",
        ),
        ("server", "ftp://a", "is not a server's address"),
        (
            "alias.feed",
            "feed -n 5",
            "feed is a command of dunder's own",
        ),
        ("alias.ops", "fed -t ops", "did you mean feed?"),
        ("alias.ops", "xyzzy", "\"xyzzy\" is not a command"),
        ("alias.ops", "feed --limt 3", "unexpected argument '--limt'"),
        ("alias.ops", "feed -n none", "invalid value 'none'"),
        ("alias.ops", " ", "it stands for nothing"),
    ] {
        person.run(&["config", "set", key, value]).failed(2, said);
    }
    for (key, value) in [
        ("server", "localhost"),
        ("alias.say", "post -t ops"),
        ("alias.look", "show"),
        ("alias.mine", "feed -u '#odd' --since -3d"),
    ] {
        let set = person.run(&["config", "set", key, value]);
        assert_eq!(set.code, 0, "{set:?}");
    }
}
