use std::sync::Arc;

use tempfile::TempDir;

use super::Person;
use super::stub::{Reply, serve};
use crate::support::{Server, dunder};

#[test]
fn a_server_that_is_not_there_is_exit_code_3() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let person = Person::at(&url);
    for args in [
        &["feed"][..],
        &["trend"],
        &["post", "x"],
        &["whoami"],
        &["show", "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
    ] {
        person.run(args).failed(
            3,
            "connection refused; is the server running? start it with 'dunder serve'",
        );
    }
    person
        .run(&["feed", "--server", "http://dunder.invalid"])
        .failed(3, "the name dunder.invalid is not known");
    person
        .run(&["feed", "--server", "somewhere"])
        .failed(2, "http://");
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let person = Person::at(&format!("http://{}", silent.local_addr().unwrap()));
    person
        .run(&["feed", "--timeout", "50ms"])
        .failed(3, "within 50ms; --timeout");
    person
        .run(&["post", "x", "--timeout", "50ms"])
        .failed(3, "within 50ms");
    person.run(&["feed", "--timeout", "0s"]).failed(2, "\"0s\"");
}

#[test]
fn what_is_no_dunder_server_is_said_to_be_none() {
    for (reply, named) in [
        (
            Reply::new("200 OK", "", "<html>"),
            "did not answer as a dunder server",
        ),
        (
            Reply::new("502 Bad Gateway", "", "<html>"),
            "502 Bad Gateway",
        ),
        (
            Reply::new("301 Moved", "Location: https://example.com/\r\n", ""),
            "https://example.com/",
        ),
        (
            Reply::new("200 OK", "", "{\"data\":{}}"),
            "did not answer as a dunder server",
        ),
    ] {
        let (url, _requests) = serve(vec![reply]);
        Person::at(&url).run(&["feed"]).failed(1, named);
    }
    let (url, _requests) = serve(vec![Reply::Bytes("SSH-2.0-OpenSSH_9\r\n".to_owned())]);
    Person::at(&url)
        .run(&["feed"])
        .failed(3, "is it an https:// server?");
}

#[test]
fn the_sentence_of_a_hostile_server_is_harmless() {
    let body = r#"{"error":"no \u001b[2J\u202e\u009b","code":"\u001b[31m"}"#;
    let (url, _requests) = serve(vec![Reply::new("400 Bad Request", "", body)]);
    let ran = Person::at(&url).run(&["feed"]);
    assert_eq!(ran.err, "dunder: no \\u{1b}[2J\\u{202e}\\u{9b}\n");
}

/// A server with this certificate, listening on an address of this machine.
fn tls_server(dir: &Arc<TempDir>, host: &str, certificate: &str, key: &str) -> Server {
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    Server::over(
        Arc::clone(dir),
        &[
            "--use_tls",
            "--tls.crt",
            &path(certificate),
            "--tls.key",
            &path(key),
            "--host",
            host,
        ],
    )
}

#[test]
fn certificates_are_checked_and_what_is_wrong_with_one_is_said() {
    let dir = Arc::new(TempDir::new().unwrap());
    let made = dunder()
        .args(["tls", "generate", "--dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let ca = dir.path().join("ca.pem").to_str().unwrap().to_owned();
    let server = tls_server(&dir, "127.0.0.1", "crt.pem", "key.pem");
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let person = Person::of(&server);
    person.run(&["post", "over tls", "--cacert", &ca]).ok();
    assert!(
        person
            .run(&["feed", "--cacert", &ca])
            .ok()
            .contains("over tls")
    );
    person.run(&["feed"]).failed(
        3,
        "an unknown authority; name its authority's file with --cacert",
    );
    let plain = server.url.replace("https://", "http://");
    person
        .run(&["feed", "--server", &plain])
        .failed(3, "is it an https:// server?");
    drop(server);
    let elsewhere = tls_server(&dir, "127.0.0.2", "crt.pem", "key.pem");
    Person::of(&elsewhere)
        .run(&["feed", "--cacert", &ca])
        .failed(3, "not for 127.0.0.2");
}

#[test]
fn an_expired_certificate_is_called_expired() {
    let dir = Arc::new(TempDir::new().unwrap());
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2019, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2019, 9, 23);
    let certificate = parameters.self_signed(&key).unwrap();
    std::fs::write(dir.path().join("old.pem"), certificate.pem()).unwrap();
    let file = dir.path().join("old.key");
    std::fs::write(&file, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let server = tls_server(&dir, "127.0.0.1", "old.pem", "old.key");
    let ca = dir.path().join("old.pem").to_str().unwrap().to_owned();
    Person::of(&server)
        .run(&["feed", "--cacert", &ca])
        .failed(3, "has expired");
}

#[test]
fn a_file_of_authorities_that_holds_none_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("empty.pem").to_str().unwrap().to_owned();
    let person = Person::at("https://127.0.0.1:1");
    person.run(&["feed", "--cacert", &file]).failed(1, &file);
    std::fs::write(&file, "nothing").unwrap();
    person
        .run(&["feed", "--cacert", &file])
        .failed(1, "holds no certificate");
}

#[test]
fn an_argument_that_is_repeated_cannot_reach_the_terminal() {
    let person = Person::at("http://127.0.0.1:1");
    for arguments in [
        &["feed", "a\u{202e}b\u{1b}[2J"][..],
        &["feed", "--\u{9b}2J\u{202e}"],
        &["feed", "--since", "\u{1b}[2J\u{2066}"],
        &["feed", "--user", "a\u{1b}]0;x\u{7}"],
        &["feed", "--server", "http://\u{1b}c"],
        &["trend", "--style", "\u{202e}"],
        &["post", "-t", "\u{1b}c"],
        &["help", "\u{1b}c"],
        &["token", "create", "\u{1b}c\u{202e}"],
        &["import", "/no/\u{1b}c"],
        &["\u{202e}c"],
    ] {
        let ran = person.run(arguments);
        assert_ne!(ran.code, 0, "{ran:?}");
        let obeyed =
            |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{2069}').contains(&c);
        assert!(!ran.err.contains(obeyed), "{ran:?}");
        assert!(ran.err.contains("\\u{"), "{ran:?}");
    }
}
