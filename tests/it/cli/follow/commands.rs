//! `--exec`.

use super::*;

/// Runs a script for each message; it finds its directory in `$OUT`.
fn with_command(lines: &[String], script: &str, args: &[&str]) -> (Ran, tempfile::TempDir) {
    let (url, _) = serve(vec![held(lines)]);
    let out = tempfile::tempdir().unwrap();
    let person = Person::at(&url);
    let args = [&["feed", "-f"], args, &["--exec", "sh", "-c", script]].concat();
    let mut command = person.command(&args);
    let ran = Ran::of(command.env("OUT", out.path()).output().unwrap());
    (ran, out)
}

#[test]
fn a_text_reaches_a_command_exactly_and_is_never_obeyed() {
    let texts = [
        "two\nlines 'quoted' \"twice\"",
        "$(touch $OUT/owned) `touch $OUT/owned`; touch $OUT/owned",
        "--help -rf \\ \t\u{1b}[2J ünï",
    ];
    let lines: Vec<String> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| message(number, text))
        .collect();
    let script = r#"cat > "$OUT/$DUNDER_ID.in"
        printf '%s' "$DUNDER_TEXT" > "$OUT/$DUNDER_ID.text"
        echo "$DUNDER_USER $DUNDER_HASHTAGS $DUNDER_CREATED_AT""#;
    let (ran, out) = with_command(&lines, script, &["--count", "3"]);
    let line = "ann ops prod 2026-12-01T10:00:07.123Z\n";
    assert_eq!(ran.ok(), line.repeat(3));
    for (number, text) in texts.iter().enumerate() {
        let read = |ending: &str| {
            let name = format!("{}.{ending}", id(number));
            std::fs::read_to_string(out.path().join(name)).unwrap()
        };
        assert_eq!(read("in"), format!("{text}\n"));
        assert_eq!(read("text"), *text);
    }
    assert!(!out.path().join("owned").exists());
}

#[test]
fn a_form_that_is_asked_for_is_what_the_command_reads() {
    let (ran, _) = with_command(
        &[message(1, "one")],
        "cat",
        &["--count", "1", "-o", "ndjson"],
    );
    let object: serde_json::Value = serde_json::from_str(&ran.ok()).unwrap();
    assert_eq!(object["text"], "one");
    let template = ["--count", "1", "--template", "{user}: {text}"];
    let (ran, _) = with_command(&[message(1, "one")], "cat", &template);
    assert_eq!(ran.ok(), "ann: one\n");
}

#[test]
fn a_command_that_fails_is_told_of_and_the_next_message_comes() {
    let lines = [message(1, "one"), message(2, "two"), message(3, "three")];
    let script = r#"read text; echo "$text"; test "$text" != two"#;
    let (ran, _) = with_command(&lines, script, &["--count", "3"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "one\ntwo\nthree\n"));
    let one = format!("sh for {}: exit code 1", id(2));
    assert!(ran.err.contains(&one), "{}", ran.err);
    assert!(ran.err.contains("1 command of 3 failed"), "{}", ran.err);
}

#[test]
fn a_ctrl_c_that_ends_the_command_first_ends_all_and_the_message_is_not_done() {
    // Another process sees the command end, and only then tells dunder.
    let script = r#"(while kill -0 $$; do :; done; kill -INT $PPID) </dev/null >/dev/null 2>&1 &
        echo "$DUNDER_TEXT" > "$OUT/text"; kill -INT $$; exit 130"#;
    let lines = [message(1, "one"), message(2, "two")];
    let position = tempfile::tempdir().unwrap();
    let file = position.path().join("position");
    let args = ["--fail-fast", "--position", file.to_str().unwrap()];
    let (ran, out) = with_command(&lines, script, &args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert_eq!(
        std::fs::read_to_string(out.path().join("text")).unwrap(),
        "one\n"
    );
    assert_eq!(std::fs::read_to_string(file).unwrap(), "");
}
