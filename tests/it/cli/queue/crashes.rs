//! Several processes at the queue at once, and processes that end in the
//! middle of it.

use std::process::Stdio;

use serde_json::Value;

use super::*;
use crate::cli::stub::Gate;
use crate::support::signal;

#[tokio::test]
async fn many_processes_at_once_send_every_message_once_and_in_order() {
    let (person, port) = person_of_nobody();
    let wanted: Vec<String> = (1..=20).map(|n| format!("message {n}")).collect();
    for text in &wanted {
        kept_anyhow(person.run(&["post", "--queue", text]));
    }
    let server = port.start();
    let feeds = (0..4).map(|_| vec!["feed", "-n", "1"]);
    let sends = (0..4).map(|_| vec!["queue", "send"]);
    let posts = (0..4).map(|_| vec!["post", "--queue", "afterwards", "--timeout", "60s"]);
    let running: Vec<_> = feeds
        .chain(sends)
        .chain(posts)
        .map(|args| {
            let mut command = person.command(&args);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in running {
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let mut all = wanted;
    all.extend(vec!["afterwards".to_owned(); 4]);
    assert_eq!(posted_texts(&server).await, all);
    assert_eq!(waiting(&person), [Value::Null; 0]);
}

#[tokio::test]
async fn a_process_that_is_killed_loses_nothing_and_doubles_nothing() {
    let server = Server::start();
    // The message arrives, the answer does not.
    let gate = Gate::before(&server);
    let person = Person::at(&gate.url);
    let mut child = person
        .command(&["post", "--queue", "once"])
        .spawn()
        .unwrap();
    gate.answers.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(posted_texts(&server).await, ["once"]);
    assert_eq!(texts(&person), ["once"]);

    // The same while what waits is sent.
    let mut child = person.command(&["queue", "send"]).spawn().unwrap();
    gate.answers.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(texts(&person), ["once"]);

    gate.open();
    assert_eq!(person.run(&["queue", "send"]).ok().trim().len(), 26);
    assert_eq!(waiting(&person), [Value::Null; 0]);
    assert_eq!(posted_texts(&server).await, ["once"]);
}

#[tokio::test]
async fn an_interrupted_post_waits_and_says_so() {
    let server = Server::start();
    let gate = Gate::before(&server);
    let person = Person::at(&gate.url);
    let child = person
        .command(&["post", "--queue", "interrupted"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    gate.answers.recv().unwrap();
    signal(child.id(), "INT");
    Ran::of(child.wait_with_output().unwrap()).failed(1, "waits in the queue");
    assert_eq!(texts(&person), ["interrupted"]);
    // It had arrived all the same, and stays one message.
    gate.open();
    person.run(&["queue", "send"]).ok();
    assert_eq!(posted_texts(&server).await, ["interrupted"]);
}

#[test]
fn what_another_process_is_sending_is_not_dropped() {
    let server = Server::start();
    let gate = Gate::before(&server);
    let person = Person::at(&gate.url);
    let mut child = person
        .command(&["post", "--queue", "on its way"])
        .spawn()
        .unwrap();
    gate.answers.recv().unwrap();
    person
        .run(&["queue", "drop", "1"])
        .failed(1, "being sent right now and not dropped: 1");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        person.run(&["queue", "drop", "1"]).err,
        "dropped 1 message\n"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_keeps_no_other_message_waiting() {
    let (person, port) = person_of_nobody();
    kept(person.run(&["post", "--queue", "one"]), 1);
    let folder = person.home().join(".local/state/dunder/queue");
    std::fs::create_dir(folder.join("00000002.json")).unwrap();
    std::fs::write(folder.join("18446744073709551615.json"), "{}").unwrap();
    kept(person.run(&["post", "--queue", "three"]), 3);
    let server = port.start();
    let ran = person.run(&["post", "--queue", "four"]);
    assert_eq!(ran.err, "dunder: sent 2 messages that had waited\n");
    assert_eq!(posted_texts(&server).await, ["one", "three", "four"]);
    person
        .run(&["queue", "send"])
        .failed(1, "00000002.json: it is not a file");
}

#[test]
fn a_counter_that_was_tampered_with_gives_no_number_twice() {
    let (person, _port) = person_of_nobody();
    kept(person.run(&["post", "--queue", "one"]), 1);
    let folder = person.home().join(".local/state/dunder/queue");
    std::fs::write(folder.join("numbers"), u64::MAX.to_string()).unwrap();
    kept(person.run(&["post", "--queue", "two"]), 2);
    assert_eq!(texts(&person), ["one", "two"]);
}

#[test]
fn a_pipe_in_the_queue_keeps_nobody_waiting() {
    let (person, _port) = person_of_nobody();
    kept(person.run(&["post", "--queue", "hi"]), 1);
    let queue = person.home().join(".local/state/dunder/queue");
    let pipe = |name: &str| {
        let made = std::process::Command::new("mkfifo")
            .arg(queue.join(name))
            .status();
        assert!(made.unwrap().success());
    };
    pipe("00000002.json");
    let bounded = |args: &[&str]| {
        let command = person.command(args);
        let mut bounded = std::process::Command::new("timeout");
        bounded.arg("60").arg(command.get_program()).args(args);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => bounded.env(name, value),
                None => bounded.env_remove(name),
            };
        }
        Ran::of(bounded.stdin(Stdio::null()).output().unwrap())
    };
    let listed = bounded(&["queue"]).ok();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("it is not a file"), "{listed}");
    let sent = bounded(&["queue", "send"]);
    assert!(sent.err.contains("it is not a file"), "{sent:?}");
    std::fs::remove_file(queue.join("numbers")).unwrap();
    pipe("numbers");
    bounded(&["post", "--queue", "more"]).failed(1, "it is not a file");
}
