use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::Person;
use super::stub::{Reply, header, serve};
use crate::support::{Server, dunder};

fn credentials(person: &Person) -> std::path::PathBuf {
    person.home().join(".config/dunder/credentials.json")
}

fn whoami(name: &str) -> Reply {
    Reply::new(
        "200 OK",
        "",
        &format!(r#"{{"data":{{"user":{{"name":"{name}"}},"mode":"token"}}}}"#),
    )
}

#[test]
fn a_login_is_kept_for_its_owner_only_and_used_until_the_logout() {
    let server = Server::start();
    let mut person = Person::of(&server);
    let ran = person.run(&["login", "--user", "ann@example.com"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (
            0,
            format!("ann@example.com\t{}\tname\n", server.url).as_str()
        )
    );
    let file = credentials(&person);
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let directory = file.parent().unwrap();
    assert_eq!(
        std::fs::metadata(directory).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 1);
    // The stored server is the one that is called.
    person.url = String::new();
    let command = |args: &[&str]| {
        let mut command = person.command(args);
        super::Ran::of(command.env_remove("DUNDER_SERVER").output().unwrap())
    };
    assert_eq!(
        command(&["whoami"]).ok(),
        format!("ann@example.com\t{}\tname\n", server.url)
    );
    command(&["post", "hello"]).ok();
    assert!(command(&["feed"]).ok().contains("\tann@example.com\t"));
    assert_eq!(
        command(&["logout"]).err,
        format!("logged out from {}\n", server.url)
    );
    assert!(!file.exists());
    assert_eq!(command(&["logout"]).err, "you were not logged in\n");
}

#[test]
fn a_secret_comes_from_standard_input_or_the_environment_and_is_checked() {
    let dir = std::sync::Arc::new(tempfile::TempDir::new().unwrap());
    let store = dir.path().join("dunder.sqlite");
    let created = dunder()
        .args(["token", "create", "ann", "--sqlite.path"])
        .arg(&store)
        .output()
        .unwrap();
    let printed = String::from_utf8(created.stdout).unwrap();
    let secret = printed
        .split_whitespace()
        .find(|word| word.starts_with("dunder_"))
        .unwrap();
    let server = Server::over(dir, &["--auth.mode", "token"]);
    let person = Person::of(&server);
    person.run(&["post", "x"]).failed(1, "dunder login");
    person
        .run_with(&["login", "-"], "dunder_wrong\n")
        .failed(1, "does not know this token");
    assert!(!credentials(&person).exists());
    person
        .run_with(&["login", "-"], "")
        .failed(2, "there is no token");
    let ran = person.run_with(&["login", "-"], &format!("{secret}\n"));
    assert_eq!(ran.out, format!("ann\t{}\ttoken\n", server.url));
    person.run(&["post", "by secret"]).ok();
    person.run(&["logout"]);
    let output = person
        .command(&["whoami", "--json"])
        .env("DUNDER_TOKEN", secret)
        .output()
        .unwrap();
    let json: Value = serde_json::from_str(&super::Ran::of(output).ok()).unwrap();
    assert_eq!(json["data"]["user"]["name"], "ann");
}

#[test]
fn a_token_goes_to_its_own_server_only() {
    let (first, requests) = serve(vec![whoami("ann"), whoami("ann")]);
    let person = Person::at(&first);
    person.run_with(&["login", "-"], "the-secret");
    assert_eq!(
        header(&requests.recv().unwrap(), "authorization"),
        Some("Bearer the-secret")
    );
    let (other, others) = serve(vec![whoami("john")]);
    person.run(&["whoami", "--server", &other]).ok();
    let sent = others.recv().unwrap();
    assert!(!sent.contains("the-secret"), "{sent}");
    person.run(&["whoami"]).ok();
    assert_eq!(
        header(&requests.recv().unwrap(), "authorization"),
        Some("Bearer the-secret")
    );
}

#[test]
fn nobody_is_nobody_on_a_server_elsewhere() {
    let person = Person::at("http://dunder.invalid:9000");
    for args in [&["whoami"][..], &["post", "x"]] {
        person
            .run(args)
            .failed(1, "you are not logged in to http://dunder.invalid:9000");
    }
}

#[test]
fn a_broken_login_is_named_and_can_be_replaced() {
    let server = Server::start();
    let person = Person::of(&server);
    std::fs::create_dir_all(credentials(&person).parent().unwrap()).unwrap();
    std::fs::write(credentials(&person), "{\"token\": \"sec").unwrap();
    let ran = person.run(&["whoami"]);
    assert!(!ran.err.contains("sec\""), "{}", ran.err);
    ran.failed(1, "credentials.json");
    assert_eq!(person.run(&["login", "--user", "ann"]).code, 0);
    person.run(&["whoami"]).ok();
}
