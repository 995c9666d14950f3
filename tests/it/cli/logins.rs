//! Several logins: each server has its own, and none is lost by another.

use serde_json::Value;

use super::stub::{Reply, header, serve};
use super::{Person, Ran};
use crate::support::Server;

/// Someone who has named no server.
fn nowhere() -> Person {
    Person::at("")
}

fn run(person: &Person, args: &[&str]) -> Ran {
    let mut command = person.command(args);
    Ran::of(command.env_remove("DUNDER_SERVER").output().unwrap())
}

fn run_with(person: &Person, args: &[&str], input: &str) -> Ran {
    use std::io::Write;
    let mut command = person.command(args);
    command
        .env_remove("DUNDER_SERVER")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Ran::of(child.wait_with_output().unwrap())
}

fn whoami(name: &str) -> Reply {
    Reply::new(
        "200 OK",
        "",
        &format!(r#"{{"data":{{"user":{{"name":"{name}"}},"mode":"token"}}}}"#),
    )
}

fn unknown() -> Reply {
    let body = r#"{"error":"who are you?","code":"unauthorized"}"#;
    Reply::new("401 Unauthorized", "", body)
}

#[test]
fn a_login_to_a_second_server_leaves_the_first_one_as_it_is() {
    let (first, second) = (Server::start(), Server::start());
    let person = nowhere();
    let login = |server: &Server, user: &str, name: &str| {
        let args = [
            "login",
            "--server",
            &server.url,
            "--user",
            user,
            "--name",
            name,
        ];
        let ran = run(&person, &args);
        assert_eq!(ran.code, 0, "{ran:?}");
    };
    login(&first, "ann", "home");
    login(&second, "bob", "work");
    let whoami = |args: &[&str]| run(&person, &[&["whoami"], args].concat()).ok();
    assert!(whoami(&[]).starts_with(&format!("bob\t{}", second.url)));
    assert!(whoami(&["--server", "home"]).starts_with(&format!("ann\t{}", first.url)));
    assert!(whoami(&["--server", &first.url]).starts_with("ann\t"));
    let address = first.address();
    assert!(whoami(&["--server", address]).starts_with("ann\t"));
    assert_eq!(run(&person, &["login", "use", "home"]).code, 0);
    assert!(whoami(&[]).starts_with("ann\t"));
    let listed = run(&person, &["login", "list"]).ok();
    assert_eq!(
        listed,
        format!(
            "home\tann\t{}\tin use\nwork\tbob\t{}\t\n",
            first.url, second.url
        )
    );
    let json: Value =
        serde_json::from_str(&run(&person, &["login", "list", "--json"]).ok()).unwrap();
    assert_eq!(json["data"]["logins"][0]["in_use"], true);
    assert!(!json.to_string().contains("token"), "{json}");
    run(&person, &["login", "use", "hom"]).failed(1, "did you mean home?");
    run(&person, &["whoami", "--server", "nowhere"]).failed(2, "home, work");
    let gone = run(&person, &["logout", "home", "--json"]).ok();
    assert_eq!(gone, "{\"data\":{\"logged_out\":[\"home\"]}}\n");
    run(&person, &["logout", "home"]).failed(1, "there is no login \"home\"");
    assert_eq!(run(&person, &["logout"]).code, 0);
    assert_eq!(run(&person, &["login", "list"]).ok(), "");
}

#[test]
fn the_file_of_an_older_dunder_is_taken_over() {
    let (url, requests) = serve(vec![whoami("ann"), whoami("bob"), whoami("ann")]);
    let person = nowhere();
    let file = person.home().join(".config/dunder/credentials.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let old = serde_json::json!({ "server": url, "token": "first", "user": "ann" });
    std::fs::write(&file, old.to_string()).unwrap();
    run(&person, &["whoami"]).ok();
    let sent = requests.recv().unwrap();
    assert_eq!(header(&sent, "authorization"), Some("Bearer first"));
    let (other, others) = serve(vec![whoami("bob")]);
    let ran = run_with(&person, &["login", "--server", &other, "-"], "second");
    assert_eq!(ran.code, 0, "{ran:?}");
    others.recv().unwrap();
    run(&person, &["whoami", "--server", &url]).ok();
    let sent = requests.recv().unwrap();
    assert_eq!(header(&sent, "authorization"), Some("Bearer first"));
}

#[test]
fn a_token_that_still_works_is_not_replaced_unasked() {
    let (url, requests) = serve(vec![
        whoami("ann"),
        // The new token, then the old one.
        whoami("ann"),
        whoami("ann"),
        whoami("ann"),
        whoami("ann"),
        unknown(),
    ]);
    let person = nowhere();
    let login = |args: &[&str], token: &str| {
        let all = [&["login", "--server", &url, "-"], args].concat();
        run_with(&person, &all, token)
    };
    assert_eq!(login(&[], "one").code, 0);
    login(&[], "two").failed(2, "still works");
    assert_eq!(login(&["--replace"], "two").code, 0);
    // One that was revoked is no loss.
    assert_eq!(login(&[], "three").code, 0);
    let sent: Vec<String> = requests
        .iter()
        .take(6)
        .map(|sent| header(&sent, "authorization").unwrap().to_owned())
        .collect();
    let tokens = ["one", "two", "one", "two", "three", "two"];
    assert_eq!(sent, tokens.map(|token| format!("Bearer {token}")));
}

#[test]
fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    let person = Person::at("http://127.0.0.1:1");
    for args in [
        ["login", "dunder_secret"],
        ["login", "--token=dunder_secret"],
    ] {
        let ran = person.run(&args);
        assert!(!ran.err.contains("dunder_secret"), "{ran:?}");
        ran.failed(2, "seen by everyone on this machine");
    }
}

#[test]
fn a_token_that_a_server_does_not_know_is_said_in_a_persons_words() {
    let server = Server::with(&["--auth.mode", "token"]);
    let person = Person::of(&server);
    person
        .run(&["post", "x"])
        .failed(1, "takes tokens, not names");
    person
        .run(&["login", "--user", "ann"])
        .failed(1, "takes tokens, not names");
    let mut command = person.command(&["post", "x"]);
    let ran = Ran::of(command.env("DUNDER_TOKEN", "wrong").output().unwrap());
    assert!(ran.err.contains(&server.url), "{ran:?}");
    assert!(!ran.err.contains("Bearer"), "{ran:?}");
    ran.failed(1, "does not know the token in DUNDER_TOKEN");
}

#[test]
fn without_a_name_in_the_environment_the_system_knows_it() {
    let server = Server::start();
    let person = Person::of(&server);
    let mut command = person.command(&["whoami"]);
    for name in ["USER", "LOGNAME", "USERNAME"] {
        command.env_remove(name);
    }
    let name = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let name = String::from_utf8(name.stdout).unwrap();
    let shown = Ran::of(command.output().unwrap()).ok();
    assert!(shown.starts_with(&format!("{}\t", name.trim())), "{shown}");
}
