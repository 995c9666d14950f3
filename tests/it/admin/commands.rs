//! The commands as processes: exit codes, streams, files.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::{ran, text};
use crate::place::{Backend, Place, on_every_store};
use crate::support::{Server, contents, dunder};

on_every_store![
    import_reads_standard_input_and_files_and_says_what_it_did,
    import_that_refuses_a_line_ends_with_1_and_stores_the_rest,
    export_to_a_file_replaces_it_only_when_complete,
    export_into_a_pipe_that_closes_ends_with_0,
    migrate_makes_a_store_and_does_nothing_to_a_current_one,
    a_token_made_beside_a_running_server_posts_until_it_is_revoked,
];

const LINES: &str = r#"{"user_name":"ann","text":"one","created_at":"2019-09-23T10:00:00Z"}
{"user_name":"bob","text":"two","hashtags":["prod"],"created_at":"2019-09-23T10:00:01Z"}
"#;

fn piped(place: &Place, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = place.command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

async fn import_reads_standard_input_and_files_and_says_what_it_did(on: Backend) {
    let place = on.place();
    let file = place.dir.path().join("lines.ndjson");
    fs::write(&file, LINES).unwrap();
    for (done, stored) in [
        (
            piped(&place, &["import"], LINES.as_bytes()),
            "stored 2, already there 0",
        ),
        (
            piped(&place, &["import", "-"], LINES.as_bytes()),
            "stored 0, already there 2",
        ),
        (
            ran(&place, &["import", file.to_str().unwrap()]),
            "stored 0, already there 2",
        ),
    ] {
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        assert_eq!(text(&done.stdout), format!("read 2, {stored}, refused 0\n"));
        assert_eq!(text(&done.stderr), "");
    }
    let json = ran(&place, &["import", "--json", file.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["data"]["already_there"], 2);
}

async fn import_that_refuses_a_line_ends_with_1_and_stores_the_rest(on: Backend) {
    let place = on.place();
    let done = piped(&place, &["import"], format!("{{}}\n{LINES}").as_bytes());
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(
        text(&done.stdout),
        "read 3, stored 2, already there 0, refused 1\n"
    );
    assert!(
        text(&done.stderr).starts_with("line 1: user_name is missing"),
        "{}",
        text(&done.stderr)
    );
}

#[test]
fn input_that_cannot_be_read_is_named() {
    let place = Backend::Embedded.place();
    let missing = ran(&place, &["import", "/nowhere/lines"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        text(&missing.stderr).contains("/nowhere/lines"),
        "{}",
        text(&missing.stderr)
    );
    assert!(!place.dir.path().join("dunder.sqlite").exists());
    let packed = piped(&place, &["import"], b"\x1f\x8b\x08\0rest");
    assert_eq!(packed.status.code(), Some(1));
    assert!(
        text(&packed.stderr).contains("gunzip"),
        "{}",
        text(&packed.stderr)
    );
}

#[test]
fn wrong_usage_and_wrong_settings_end_with_2() {
    let place = Backend::Embedded.place();
    let config = place.dir.path().join("config.yaml");
    fs::write(&config, "sqlite:\n  pth: x\n").unwrap();
    for (arguments, part) in [
        (&["import", "--jsn"][..], "--json"),
        (&["token", "create"], "NAME"),
        (&["token", "revoke"], "ID"),
        (&["token", "create", "a b"], "\"a b\""),
        (
            &["export", "--config_file", config.to_str().unwrap()],
            "config.yaml line 2: unknown key",
        ),
        (&["migrate", "--cockroach.host", "db"], "two stores"),
        (&["serve", "--host", "0.0.0.0"], "auth.mode"),
        (&["serve", "--port", "http"], "the flag --port"),
    ] {
        let done = ran(&place, arguments);
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
    assert!(!place.dir.path().join("dunder.sqlite").exists());
}

#[test]
fn an_empty_or_misspelt_variable_stops_the_client_and_is_named() {
    let home = TempDir::new().unwrap();
    let with = |variable: &str, value: &str, arguments: &[&str]| {
        let mut command = dunder();
        command
            .args(arguments)
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env(variable, value)
            .stdin(Stdio::null());
        let done = command.output().unwrap();
        (done.status.code(), text(&done.stderr))
    };
    for (variable, value, arguments, part) in [
        (
            "DUNDER_QUEUE",
            "",
            &["post", "hi"][..],
            "DUNDER_QUEUE is empty",
        ),
        ("DUNDER_TIMEOUT", "", &["feed"], "DUNDER_TIMEOUT is empty"),
        ("DUNDER_TOKEN", "", &["whoami"], "DUNDER_TOKEN is empty"),
        (
            "DUNDER_SERVR",
            "x",
            &["feed"],
            "did you mean DUNDER_SERVER?",
        ),
    ] {
        let (code, said) = with(variable, value, arguments);
        assert_eq!(code, Some(2), "{variable}: {said}");
        assert!(said.contains(part) && !said.contains("--queue"), "{said}");
    }
    // A wrong value that somebody gave is the flag's.
    let (_, said) = with("DUNDER_TIMEOUT", "10s", &["feed", "--timeout", "x"]);
    assert!(said.contains("--timeout"), "{said}");
    for arguments in [&["--help"][..], &["help"], &["completions", "bash"]] {
        let (code, said) = with("DUNDER_SERVR", "x", arguments);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_bar_is_drawn_where_output_goes_to_a_file_and_never_beside_a_pipe() {
    let place = Backend::Embedded.place();
    let many: String = (0..20_000)
        .map(|n| {
            let at = 1_569_232_800_000_u64 + n;
            format!("{{\"user_name\":\"a\",\"text\":\"{n}\",\"created_at\":{at}}}\n")
        })
        .collect();
    piped(&place, &["import"], many.as_bytes());
    let dunder = env!("CARGO_BIN_EXE_dunder");
    let store = place.dir.path().join("dunder.sqlite");
    let shown = |rest: &str| {
        let line = format!("{dunder} export --sqlite.path {} {rest}", store.display());
        let mut command = std::process::Command::new("script");
        command
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::null());
        text(&command.output().unwrap().stdout)
    };
    assert_eq!(shown("| cat > /dev/null"), "");
    assert_eq!(shown("| head -1").lines().count(), 1);
    let file = place.dir.path().join("out.ndjson");
    let bar = shown(&format!("> {}", file.display()));
    assert!(bar.contains("messages"), "{bar:?}");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 20_000);
}

#[test]
fn commands_that_only_look_at_a_store_make_none_at_a_mistyped_path() {
    let place = Backend::Embedded.place();
    let file = place.dir.path().join("dunder.sqlite");
    for arguments in [
        &["export"][..],
        &["token", "list"],
        &["token", "revoke", "--user", "ann"],
    ] {
        let done = ran(&place, arguments);
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {said}");
        let named = format!("there is no store at {}", file.display());
        assert!(said.contains(&named), "{arguments:?}: {said}");
        assert!(!file.exists(), "{arguments:?}");
    }
}

async fn export_to_a_file_replaces_it_only_when_complete(on: Backend) {
    let place = on.place();
    piped(&place, &["import"], LINES.as_bytes());
    let file = place.dir.path().join("out.ndjson");
    fs::write(&file, "the last export").unwrap();
    let done = ran(&place, &["export", "-o", file.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        text(&ran(&place, &["export"]).stdout)
    );
    fs::write(place.dir.path().join("foreign"), "not a store").unwrap();
    let mut broken = dunder();
    broken
        .args(["export", "-o"])
        .arg(&file)
        .arg("--sqlite.path")
        .arg(place.dir.path().join("foreign"));
    let before = contents(place.dir.path());
    assert_eq!(broken.output().unwrap().status.code(), Some(1));
    assert_eq!(contents(place.dir.path()), before);
}

async fn export_into_a_pipe_that_closes_ends_with_0(on: Backend) {
    let place = on.place();
    let many: String = (0..20_000)
        .map(|n| {
            format!(
                "{{\"user_name\":\"a\",\"text\":\"message number {n}\",\"created_at\":{}}}\n",
                1_569_232_800_000_u64 + n
            )
        })
        .collect();
    piped(&place, &["import"], many.as_bytes());
    let mut command = place.command(&["export"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(
        (done.status.code(), text(&done.stderr).as_str()),
        (Some(0), "")
    );
    assert!(line.contains("message number 0"), "{line}");
}

async fn migrate_makes_a_store_and_does_nothing_to_a_current_one(on: Backend) {
    let place = on.place();
    for _ in 0..2 {
        let done = ran(&place, &["migrate"]);
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        assert_eq!(text(&done.stdout), "the store is up to date\n");
    }
}

async fn a_token_made_beside_a_running_server_posts_until_it_is_revoked(on: Backend) {
    let server = on.server_with(&["--auth.mode", "token"]);
    let token = |arguments: &[&str]| {
        let mut command = server.place.command(&[&["token"], arguments].concat());
        command.output().unwrap()
    };
    let made = token(&["create", "ann"]);
    let header = format!("Bearer {}", text(&made.stdout).trim_end());
    let posted = server
        .send(
            reqwest::Method::POST,
            "/message",
            &[("authorization", &header)],
            r#"{"text":"hi"}"#,
        )
        .await;
    assert_eq!(posted.status, 201, "{}", posted.body);
    let revoked = token(&["revoke", "--user", "ann"]);
    assert_eq!(revoked.status.code(), Some(0), "{}", text(&revoked.stderr));
}

#[test]
fn generated_certificates_are_not_overwritten_and_keys_are_the_owners() {
    let dir = TempDir::new().unwrap();
    let tls = dir.path().join("made/tls");
    let generate = |further: &[&str]| {
        let mut command = dunder();
        command
            .args(["tls", "generate", "--host", "my.example", "--dir"])
            .arg(&tls)
            .args(further);
        command.output().unwrap()
    };
    let first = generate(&[]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let said = text(&first.stdout);
    assert!(
        said.contains("--cacert") && said.contains("DUNDER_CACERT") && said.contains("my.example"),
        "{said}"
    );
    let mode = |name: &str| fs::metadata(tls.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("key.pem"), 0o600);
    let key = fs::read(tls.join("key.pem")).unwrap();
    let again = generate(&[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        text(&again.stderr).contains("--force"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(fs::read(tls.join("key.pem")).unwrap(), key);
    fs::set_permissions(tls.join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(generate(&["--force"]).status.code(), Some(0));
    assert_ne!(fs::read(tls.join("key.pem")).unwrap(), key);
    assert_eq!(mode("key.pem"), 0o600);
    let mut files: Vec<_> = fs::read_dir(&tls)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["ca.pem", "crt.pem", "key.pem"]);
    let wrong = generate(&["--force", "--host", "https://x"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
}

#[tokio::test]
async fn a_client_that_trusts_the_generated_authority_reaches_the_server_by_every_name() {
    let dir = Arc::new(TempDir::new().unwrap());
    let tls = dir.path().join("tls");
    assert!(
        dunder()
            .args(["tls", "generate", "--dir"])
            .arg(&tls)
            .output()
            .unwrap()
            .status
            .success()
    );
    let (crt, key) = (tls.join("crt.pem"), tls.join("key.pem"));
    let flags = [
        "--use_tls",
        "--tls.crt",
        crt.to_str().unwrap(),
        "--tls.key",
        key.to_str().unwrap(),
        "--hosts",
        "dunder.test",
    ];
    let server = Server::over(dir, &flags);
    let authority = reqwest::Certificate::from_pem(&fs::read(tls.join("ca.pem")).unwrap()).unwrap();
    let port: u16 = server
        .address()
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .resolve("dunder.test", ([127, 0, 0, 1], port).into())
        .build()
        .unwrap();
    for host in ["127.0.0.1", "localhost", "dunder.test"] {
        let answer = client
            .get(format!("https://{host}:{port}/healthz"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{host}");
    }
}
