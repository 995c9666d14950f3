//! Texts written in an editor, at a pseudo-terminal. The editors are shell
//! commands that change the file as a person would.

use std::path::PathBuf;

use serde_json::json;

use super::Person;
use super::post::texts_and_tags;
use super::terminal::on_terminal;
use crate::support::Server;

/// Runs `dunder post` on a terminal with an editor.
fn post(person: &Person, editor: &str, args: &str) -> String {
    on_terminal(
        person,
        200,
        &format!("EDITOR='{editor}'; export EDITOR; dunder post {args} </dev/tty; echo code $?"),
    )
}

/// The drafts that are still there.
fn drafts(person: &Person) -> Vec<PathBuf> {
    let folder = person.home().join(".local/state/dunder/drafts");
    let files = std::fs::read_dir(folder).into_iter().flatten();
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test]
async fn without_a_text_the_editor_opens_and_lines_of_hashtags_stay() {
    let server = Server::start();
    let person = Person::of(&server);
    // Writes above the help, as people do.
    let editor =
        r##"f() { grep -q ">8" "$1" && sed -i "1i #prod is back\n\n# no comment\n#eu" "$1"; }; f"##;
    let shown = post(&person, editor, "-t ops");
    assert!(
        shown.contains("posted 01") && shown.contains("code 0"),
        "{shown}"
    );
    assert_eq!(
        texts_and_tags(&server).await,
        [(
            "#prod is back\n\n# no comment\n#eu".to_owned(),
            json!(["ops", "prod", "eu"])
        )]
    );
    assert_eq!(drafts(&person), [""; 0].map(PathBuf::from));
}

#[tokio::test]
async fn nothing_is_posted_when_nothing_was_written() {
    let server = Server::start();
    let person = Person::of(&server);
    let shown = post(&person, "true", "");
    assert!(
        shown.contains("nothing was posted: the text is empty") && shown.contains("code 1"),
        "{shown}"
    );
    let shown = post(&person, "false", "");
    assert!(
        shown.contains("the editor 'false' ended with exit status: 1") && shown.contains("code 1"),
        "{shown}"
    );
    let shown = post(&person, "/no/such/editor", "");
    assert!(
        shown.contains("/no/such/editor") && shown.contains("code 1"),
        "{shown}"
    );
    assert_eq!(drafts(&person), [""; 0].map(PathBuf::from));
    assert_eq!(texts_and_tags(&server).await, []);
}

#[test]
fn visual_beats_editor_and_may_have_arguments() {
    let server = Server::start();
    let person = Person::of(&server);
    let line = "VISUAL='sed -i 1iby_visual' EDITOR=false dunder post </dev/tty";
    let shown = on_terminal(&person, 80, line);
    assert!(shown.contains("posted 01"), "{shown}");
    assert!(person.run(&["feed"]).ok().contains("by_visual"));
    // A person's output may go elsewhere, the editor has the terminal.
    let line =
        "VISUAL='f() { [ -t 1 ] && sed -i 1iat_terminal \"$1\"; }; f' dunder post </dev/tty | cat";
    let shown = on_terminal(&person, 80, line);
    assert!(shown.trim_end().ends_with(char::is_alphanumeric), "{shown}");
    assert!(person.run(&["feed"]).ok().contains("at_terminal"));
}

#[test]
fn without_any_editor_it_is_said_what_to_do() {
    let server = Server::start();
    let person = Person::of(&server);
    let shown = on_terminal(&person, 200, "PATH= dunder post </dev/tty; echo code $?");
    assert!(
        shown.contains("VISUAL and EDITOR are not set, and none of editor, nano, vi is installed")
            && shown.contains("code 2"),
        "{shown}"
    );
}

#[test]
fn a_text_that_could_not_be_posted_is_kept_and_can_be_posted_as_told() {
    let server = Server::start();
    let away = Person::at("http://127.0.0.1:1");
    let shown = post(&away, r#"sed -i "1iprecious words""#, "-t ops");
    assert!(
        shown.contains("connection refused") && shown.contains("code 3"),
        "{shown}"
    );
    let draft = drafts(&away).pop().unwrap();
    let told = format!(
        "your text is kept:\n  dunder post -t ops - < '{}'",
        draft.display()
    );
    assert!(shown.contains(&told), "{shown}");
    assert_eq!(std::fs::read_to_string(&draft).unwrap(), "precious words\n");
    let mode = std::os::unix::fs::PermissionsExt::mode(&draft.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let again = format!(
        "dunder post -t ops - < '{}' --server {}",
        draft.display(),
        server.url
    );
    let shown = on_terminal(&away, 80, &again);
    assert!(shown.contains("posted 01"), "{shown}");

    // The server's word, and an editor's failure after writing, lose nothing.
    let person = Person::of(&server);
    let shown = post(
        &person,
        r#"f() { head -c 9000 /dev/zero | tr "\\0" x > "$1"; }; f"#,
        "",
    );
    assert!(
        shown.contains("at most 8192") && shown.contains("code 1"),
        "{shown}"
    );
    let shown = post(&person, r#"f() { echo half > "$1"; return 7; }; f"#, "");
    assert!(
        shown.contains("exit status: 7; nothing was posted; your text is kept"),
        "{shown}"
    );
    assert_eq!(drafts(&person).len(), 2);
}

#[test]
fn a_text_from_the_editor_can_be_kept_for_later_too() {
    let away = Person::at("http://127.0.0.1:1");
    let shown = post(&away, r#"sed -i "1ilater""#, "--queue");
    assert!(
        shown.contains("kept as 1") && shown.contains("code 0"),
        "{shown}"
    );
    assert!(away.run(&["queue"]).ok().contains("later"));
    assert_eq!(drafts(&away), [""; 0].map(PathBuf::from));
}

#[test]
fn who_is_not_logged_in_hears_it_before_writing() {
    let person = Person::at("http://dunder.invalid");
    let shown = post(&person, r#"f() { echo EDITED; }; f"#, "");
    assert!(
        shown.contains("not logged in") && !shown.contains("EDITED"),
        "{shown}"
    );
}
