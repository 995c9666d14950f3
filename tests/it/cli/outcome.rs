//! What a command did, it did: that its output fails does not change how it
//! ends.

use std::fs::File;
use std::process::{Command, Stdio};

use super::Person;
use super::post::texts_and_tags;
use crate::support::{Server, dunder};

fn full() -> Stdio {
    Stdio::from(File::options().write(true).open("/dev/full").unwrap())
}

fn code(command: &mut Command) -> Option<i32> {
    command.status().unwrap().code()
}

#[tokio::test]
async fn a_post_is_done_whether_or_not_it_can_be_said() {
    let server = Server::start();
    let person = Person::of(&server);
    let mut post = person.command(&["post", "once"]);
    assert_eq!(code(post.stdout(full()).stderr(full())), Some(0));
    let away = Person::at("http://127.0.0.1:1");
    let mut post = away.command(&["post", "--queue", "once"]);
    assert_eq!(code(post.stdout(full()).stderr(full())), Some(0));
    assert_eq!(away.run(&["queue"]).ok().lines().count(), 1);
    let mut drop = away.command(&["queue", "drop", "--all"]);
    assert_eq!(code(drop.stderr(full())), Some(0));
    let mut logout = person.command(&["logout"]);
    assert_eq!(code(logout.stderr(full())), Some(0));
    assert_eq!(texts_and_tags(&server).await.len(), 1);
}

#[test]
fn a_token_that_was_made_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let mut create = dunder();
    create
        .args(["token", "create", "ann", "--sqlite.path"])
        .arg(directory.path().join("store.sqlite"));
    assert_eq!(code(create.stderr(full()).stdout(Stdio::null())), Some(0));
}

#[test]
fn what_was_asked_for_and_cannot_be_written_has_failed() {
    let person = Person::at("http://127.0.0.1:1");
    let mut help = person.command(&["help", "dates"]);
    assert_eq!(code(help.stdout(full()).stderr(full())), Some(1));
    // An error that nobody can read is still one.
    let mut feed = person.command(&["feed"]);
    assert_eq!(code(feed.stderr(full())), Some(3));
    let mut wrong = person.command(&["feed", "--nonsense"]);
    assert_eq!(code(wrong.stderr(full())), Some(2));
}
