//! `dunder feed --follow` against the real server, which is killed, stopped
//! and started again under it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use super::Person;
use super::terminal::{on_terminal, typed};
use crate::place::Place;
use crate::support::{Server, signal};

/// A follower and what it prints.
struct Follower {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Follower {
    /// One that is heard by the server: it has printed the message `first`.
    async fn of(person: &Person, server: &Server, args: &[&str]) -> Follower {
        post(server, "first").await;
        let args = [&["feed", "-f", "-n", "1", "--template", "{text}"], args].concat();
        let mut child = person
            .command(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut follower = Follower { child, lines };
        assert_eq!(follower.line(), "first");
        follower
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Ends it; what it printed since, and what it said.
    fn end(mut self) -> (String, String) {
        signal(self.child.id(), "INT");
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let ended = self.child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0));
        (rest, String::from_utf8(ended.stderr).unwrap())
    }
}

async fn post(server: &Server, text: &str) -> String {
    let body = serde_json::json!({ "text": text }).to_string();
    server.post(&body).await.id()
}

/// The server again, where it was.
fn serve(place: &Place, port: &str) -> Server {
    let command = place.command(&["serve", "--port", port]);
    Server::at(command, place.clone())
}

#[tokio::test]
async fn a_server_that_is_killed_or_stopped_under_a_follower_costs_it_nothing() {
    let mut server = Server::start();
    let place = server.place.clone();
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let person = Person::of(&server);
    let mut follower = Follower::of(&person, &server, &[]).await;
    let mut expected = Vec::new();
    for round in 0..3 {
        for number in 0..20 {
            let text = format!("{round}.{number}");
            post(&server, &text).await;
            expected.push(text);
        }
        if round == 1 {
            server.signal("TERM");
            assert_eq!(server.wait(), Some(0));
        } else {
            server.kill();
        }
        // Perhaps stored while the follower waits.
        server = serve(&place, &port);
        let text = format!("{round}.20");
        post(&server, &text).await;
        expected.push(text);
    }
    for text in &expected {
        assert_eq!(follower.line(), *text);
    }
    let (rest, said) = follower.end();
    assert_eq!(rest, "");
    // A server that is back before it is missed is one loss less.
    let backs = said.matches("it goes on where it was").count();
    assert!((1..=3).contains(&backs), "{said}");
    assert_eq!(said.matches("trying again").count(), backs, "{said}");
}

#[tokio::test]
async fn filters_and_history_are_those_of_feed() {
    let server = Server::start();
    let person = Person::of(&server);
    for text in ["one #a", "two #b", "three #a", "four #a #b"] {
        post(&server, text).await;
    }
    let texts = |args: &[&str]| {
        let args = [&["feed", "--template", "{text}"], args].concat();
        person.run(&args).ok()
    };
    assert_eq!(
        texts(&["-f", "-n", "2", "--count", "2"]),
        "three #a\nfour #a #b\n"
    );
    assert_eq!(
        texts(&["-f", "--all", "-t", "a", "--count", "3"]),
        "one #a\nthree #a\nfour #a #b\n"
    );
    let since = ["-f", "--since", "1h", "-t", "a", "-t", "b", "--count", "1"];
    assert_eq!(texts(&since), "four #a #b\n");
    let nobody = ["-f", "--all", "-u", "nobody", "--timeout", "2s"];
    assert_eq!(texts(&nobody), "");
    // Without --follow, what there is.
    let after = "0".repeat(26);
    assert_eq!(texts(&["--after", &after]).lines().count(), 4);
    let file = person.home().join("position");
    let file = file.to_str().unwrap();
    assert_eq!(texts(&["--position", file]), "");
    post(&server, "five #a").await;
    assert_eq!(texts(&["--position", file]), "five #a\n");
    assert_eq!(texts(&["--position", file]), "");
    let future = "7".repeat(26);
    person
        .run(&["feed", "-f", "--after", &future])
        .failed(1, "after");
}

#[tokio::test]
async fn another_dunder_can_be_the_command() {
    let server = Server::start();
    let person = Person::of(&server);
    post(&server, "what time is it? #ask").await;
    let dunder = env!("CARGO_BIN_EXE_dunder");
    let script = format!("echo \"who asks? $DUNDER_USER\" | {dunder} post - -t answer");
    let args = [
        "feed", "-f", "-n", "1", "-t", "ask", "--count", "1", "--exec", "sh", "-c", &script,
    ];
    person.run(&args).ok();
    let texts = server.get("/message?hashtag=answer").await.texts();
    assert_eq!(texts, ["who asks? john"]);
}

#[tokio::test]
async fn a_terminal_gets_a_table_of_its_width_whatever_comes_first() {
    let server = Server::start();
    let person = Person::of(&server);
    let long = "a long text of many words that needs more than one line ".repeat(3);
    for text in ["x", long.as_str(), "#ops y"] {
        post(&server, text).await;
    }
    for columns in [40, 80, 120] {
        let line = "dunder feed -f -n 3 --count 3 --color never";
        let shown = on_terminal(&person, columns, line);
        let table = shown.lines().filter(|line| !line.starts_with('('));
        let widest = table.map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= columns, "{widest} of {columns}:\n{shown}");
        assert!(shown.contains("goes on from here"), "{shown}");
        assert!(!shown.contains("just now"), "{shown}");
    }
    let shown = on_terminal(&person, 80, "dunder feed -f -n 3 --count 3 --color never");
    assert!(
        shown.contains("USER") && shown.contains("HASHTAGS"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_trend_is_drawn_in_place_and_its_last_chart_stays() {
    let server = Server::start();
    let person = Person::of(&server);
    post(&server, "one").await;
    let file = person.home().join("pid");
    let line = format!(
        "dunder trend -f --color never & echo $! > {}; wait $!; echo code $?",
        file.display()
    );
    let mut terminal = typed(&person, 80, &line);
    let mut shown = terminal.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = shown.stdout.take().unwrap();
    let mut before = String::new();
    let mut chunk = [0; 4096];
    while !before.contains("1 message in total") {
        let read = output.read(&mut chunk).unwrap();
        assert!(read > 0, "{before}");
        before += &String::from_utf8_lossy(&chunk[..read]);
    }
    assert!(before.contains("\u{1b}[?1049h\u{1b}[?25l"), "{before:?}");
    let pid = std::fs::read_to_string(&file).unwrap();
    signal(pid.trim().parse().unwrap(), "INT");
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    shown.wait().unwrap();
    // The first screen is back, and the last chart stays on it.
    let (_, after) = rest.split_once("\u{1b}[?25h\u{1b}[?1049l").unwrap();
    assert!(after.contains("1 message in total"), "{after:?}");
    assert!(after.contains("code 0"), "{after:?}");
    assert!(!after.contains('\u{1b}'), "{after:?}");
}
