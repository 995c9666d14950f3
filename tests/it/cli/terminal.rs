//! On a terminal: a pseudo-terminal from `script`, which every Linux and
//! macOS has.

use std::io::Write;
use std::process::Command;

use super::Person;
use crate::support::Server;

/// What a person sees of a command line in a terminal of so many columns.
pub(super) fn on_terminal(person: &Person, columns: usize, line: &str) -> String {
    on_terminal_typing(person, columns, line, "")
}

/// The same, of a person who types something.
pub(super) fn on_terminal_typing(
    person: &Person,
    columns: usize,
    line: &str,
    input: &str,
) -> String {
    let mut command = typed(person, columns, line);
    command.stdin(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(input.as_bytes()).unwrap();
    drop(keys);
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n")
}

/// A command line in a terminal of so many columns.
pub(super) fn typed(person: &Person, columns: usize, line: &str) -> Command {
    let dunder = env!("CARGO_BIN_EXE_dunder");
    let typed = format!(
        "stty cols {columns} rows 50 -echo; {}",
        line.replace("dunder ", &format!("{dunder} "))
    );
    let mut command = Command::new("script");
    // The environment of the person's commands, for the shell.
    for (name, value) in person.command(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .args(["--quiet", "--return", "--command", &typed, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped());
    command
}

#[tokio::test]
async fn a_terminal_gets_tables_and_charts_of_its_width() {
    let server = Server::start();
    let long = "many words that need more than one line on any terminal ".repeat(5);
    server
        .post(&serde_json::json!({ "text": long, "hashtags": ["a"] }).to_string())
        .await;
    let person = Person::of(&server);
    for columns in [40, 60, 120] {
        for line in [
            "dunder feed",
            "dunder trend",
            "dunder trend -t a -t b --style line",
        ] {
            let shown = on_terminal(&person, columns, &format!("{line} --color never"));
            let widest = shown
                .lines()
                .map(|line| line.chars().count())
                .max()
                .unwrap();
            assert!(
                widest <= columns && widest + 10 > columns,
                "{widest} of {columns}:\n{shown}"
            );
            assert!(!shown.contains('\u{1b}'), "{shown:?}");
        }
    }
}

#[tokio::test]
async fn colours_are_for_terminals_that_want_them() {
    let server = Server::start();
    server.post(r#"{"text":"hi"}"#).await;
    let person = Person::of(&server);
    assert!(on_terminal(&person, 80, "dunder feed").contains('\u{1b}'));
    assert!(!on_terminal(&person, 80, "NO_COLOR=1 dunder feed").contains('\u{1b}'));
    assert!(!on_terminal(&person, 80, "TERM=dumb dunder feed").contains('\u{1b}'));
    assert!(
        on_terminal(&person, 80, "NO_COLOR=1 dunder feed --color always").contains("\u{1b}[38")
    );
    let piped = person
        .run(&["feed", "-o", "table", "--color", "always"])
        .ok();
    assert!(piped.contains("\u{1b}[38"), "{piped:?}");
}

#[tokio::test]
async fn colours_make_nothing_wider_than_the_terminal() {
    let server = Server::start();
    let long = "many words that need more than one line ".repeat(5);
    server
        .post(&serde_json::json!({ "text": long, "hashtags": ["a"] }).to_string())
        .await;
    let shown = on_terminal(&Person::of(&server), 60, "dunder feed");
    for line in shown.lines() {
        let mut columns = 0;
        let mut is_code = false;
        for c in line.chars() {
            match c {
                '\u{1b}' => is_code = true,
                'm' if is_code => is_code = false,
                _ if is_code => {}
                _ => columns += 1,
            }
        }
        assert!(columns <= 60, "{columns}: {line:?}");
    }
}

#[tokio::test]
async fn another_encoding_gets_ascii() {
    let server = Server::start();
    server.post(r#"{"text":"grüße"}"#).await;
    let person = Person::of(&server);
    let latin = on_terminal(
        &person,
        80,
        "LC_ALL=de_DE.ISO-8859-1 dunder feed --color never",
    );
    assert!(
        latin.is_ascii() && latin.contains("gr\\u{fc}\\u{df}e"),
        "{latin}"
    );
    let dumb = on_terminal(&person, 80, "TERM=dumb dunder trend");
    assert!(
        dumb.is_ascii() && dumb.contains("messages per minute"),
        "{dumb}"
    );
}

#[test]
fn a_post_without_hashtags_hints_once_at_how_to_write_them() {
    let server = Server::start();
    let post = |person: &Person, line: &str| {
        let shown = on_terminal(person, 200, &format!("{line} </dev/tty"));
        assert!(shown.contains("posted 01"), "{shown}");
        shown.contains("-t tag")
    };
    let person = Person::of(&server);
    assert!(!post(&person, "dunder post hello +a"));
    assert!(!post(&person, "dunder post 'hello #a'"));
    assert!(!post(
        &person,
        "DUNDER_SHELL_INTEGRATION=zsh dunder post hello"
    ));
    let shown = on_terminal(
        &person,
        200,
        "SHELL=/usr/bin/fish dunder post hello </dev/tty",
    );
    assert!(
        shown.contains("-t tag") && shown.contains("dunder completions fish | source"),
        "{shown}"
    );
    assert!(!post(&person, "dunder post hello"));
    // Who has never been told is told how their own shell does it.
    let other = Person::of(&server);
    let shown = on_terminal(&other, 200, "SHELL=/bin/bash dunder post hello </dev/tty");
    assert!(shown.contains("dunder completions bash"), "{shown}");
    assert!(!post(&other, "dunder post hello"));
}

#[tokio::test]
async fn json_on_a_terminal_is_harmless_and_the_same_document() {
    let server = Server::start();
    let text = "a\u{9b}\u{202e}b";
    server
        .post(&serde_json::json!({ "text": text }).to_string())
        .await;
    let person = Person::of(&server);
    let painted = on_terminal(&person, 80, "dunder feed --json");
    assert!(
        painted.contains("\u{1b}[34m\"data\"\u{1b}[0m: {"),
        "{painted:?}"
    );
    let shown = on_terminal(&person, 80, "dunder feed --json --color never");
    assert!(shown.starts_with("{\n  \"data\": {\n"), "{shown}");
    assert!(!shown.contains(['\u{9b}', '\u{202e}']), "{shown:?}");
    let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(json["data"]["messages"][0]["text"], text);
}

#[tokio::test]
async fn what_is_longer_than_the_terminal_goes_through_the_pager() {
    let server = Server::start();
    for n in 0..60 {
        let body = serde_json::json!({ "text": format!("message {n}") }).to_string();
        server.post(&body).await.id();
    }
    let person = Person::of(&server);
    let shown = |line: &str| on_terminal(&person, 80, line);
    let pager = "PAGER='sed s/message/PAGED/'";
    let long = shown(&format!("{pager} dunder feed --all"));
    assert!(
        long.contains("PAGED 59") && long.contains("PAGED 0"),
        "{long}"
    );
    // What fits is shown as it is, and so is what nobody pages.
    assert!(!shown(&format!("{pager} dunder feed -n 5")).contains("PAGED"));
    assert!(!shown(&format!("{pager} dunder feed --all --no-pager")).contains("PAGED"));
    assert!(!shown(&format!("{pager} dunder feed --all | cat")).contains("PAGED"));
    // A pager that is not there, or that is left early, is no trouble.
    assert!(shown("PAGER=no-such-pager dunder feed --all").contains("message 59"));
    let left = shown("PAGER='head -n 1' dunder feed --all; echo code $?");
    assert!(left.contains("code 0"), "{left}");
}

#[tokio::test]
async fn sparks_are_as_narrow_as_a_prompt_and_an_empty_chart_says_where_there_is_more() {
    let server = Server::start();
    let line = r#"{"user_name":"ann","text":"old","created_at":"2019-02-01T10:00:00Z"}"#;
    let file = server.place.dir.path().join("old.ndjson");
    std::fs::write(&file, line).unwrap();
    let imported = server
        .place
        .command(&["import", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let person = Person::of(&server);
    let sparks = person.run(&["trend", "--style", "spark", "--width", "20"]);
    let sparks = sparks.ok();
    assert!(sparks.trim_end().chars().count() <= 20, "{sparks:?}");
    let shown = on_terminal(&person, 80, "dunder trend");
    assert!(
        shown.contains("the newest message before is of 2019-02-01"),
        "{shown}"
    );
}

#[test]
fn a_sentence_that_is_longer_than_the_terminal_breaks_between_words() {
    let person = Person::at("http://127.0.0.1:1");
    for line in [
        "dunder feed",
        "dunder feed --since soon",
        "dunder export --sqlite.path /nowhere/at/all",
    ] {
        let shown = on_terminal(&person, 50, line);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.len() > 2, "{shown}");
        let widest = lines.iter().map(|line| line.chars().count()).max();
        assert!(widest <= Some(50), "{shown}");
    }
    let piped = person.run(&["feed"]).err;
    assert_eq!(piped.lines().count(), 1, "{piped}");
}
