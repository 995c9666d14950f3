//! What `dunder serve` says first, and what it says when it cannot start.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::dunder;

#[test]
fn the_first_lines_say_where_it_stores_and_who_may_read_and_post() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store.sqlite");
    for (flags, reading, posting) in [
        (&[][..], "everyone", "under any name"),
        (
            &["--auth.mode", "token", "--auth.read", "token"],
            "who has a token",
            "dunder token create",
        ),
    ] {
        let mut serve = dunder();
        serve.args(["serve", "--port", "0", "--sqlite.path"]);
        let mut child = serve
            .arg(&store)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let lines: Vec<String> = lines.take(4).map(Result::unwrap).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(lines[0].starts_with("dunder listens on http://127.0.0.1:"));
        for (line, said) in [(1, store.to_str().unwrap()), (2, reading), (3, posting)] {
            assert!(lines[line].contains(said), "{lines:?}");
        }
    }
}

#[test]
fn a_certificate_that_is_not_there_is_named_once_with_how_to_make_one() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("crt.pem");
    let mut serve = dunder();
    serve.args(["serve", "--port", "0", "--use_tls", "--sqlite.path"]);
    serve.arg(directory.path().join("store.sqlite"));
    serve.arg("--tls.crt").arg(&missing);
    serve.arg("--tls.key").arg(&missing);
    let output = serve.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("dunder tls generate"), "{said}");
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
}
