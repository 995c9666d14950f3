//! Runs the blocks of the README one after another, as a person on a terminal
//! would, and writes what they print. What differs from run to run (ids, times,
//! paths, the port) is written as the README has it.

use std::cell::RefCell;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;

use dunder::domain::MessageId;
use tempfile::TempDir;

use super::super::Person;
use crate::place::Place;
use crate::support::Server;

/// As wide as the table of what waits.
const COLUMNS: usize = 94;
/// The ids of the messages that the blocks post, one after another.
const POSTED: [&str; 2] = ["01M8741VA955XG9NXY6T855T8K", "01M85P6BHZDAPNYTP6N8ST97CB"];
/// Ids of later times are of this run: all that is imported is of 2018 and 2019.
const LAST_IMPORTED: &str = "01E0000000";
/// The characters of an id, and of the start of one that stands for it.
const ID: usize = 26;
const START: usize = 8;

/// The text with every `console` block as it is now.
pub fn made_anew(text: &str) -> String {
    let town = Town::new();
    let mut made = String::new();
    let mut block: Option<Vec<&str>> = None;
    for line in text.lines() {
        match &mut block {
            Some(lines) if line == "```" => {
                made += &town.block(lines);
                made += "```\n";
                block = None;
            }
            Some(lines) => lines.push(line),
            None => {
                made += &format!("{line}\n");
                block = (line == "```console").then(Vec::new);
            }
        }
    }
    made
}

/// A server with messages, the person who calls it, and a server that cannot be
/// reached. Their ports have as many digits as the one they stand for, so that
/// no table is wider.
struct Town {
    _server: Server,
    person: Person,
    alone: Person,
    program: TempDir,
    /// The ids of the messages that were posted.
    posted: RefCell<Vec<String>>,
}

impl Town {
    fn new() -> Town {
        let program = TempDir::new().unwrap();
        let link = program.path().join("dunder");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_dunder"), link).unwrap();
        let place = Place::embedded(Arc::new(TempDir::new().unwrap()));
        import(&place);
        // Somebody may take a port between its being looked for and taken.
        let mut command = place.command(&["serve", "--port", &free_port(1).to_string()]);
        command.env_remove("RUST_LOG");
        let server = Server::at(command, place);
        Town {
            person: Person::of(&server),
            alone: Person::at(&format!("http://127.0.0.1:{}", free_port(2))),
            _server: server,
            program,
            posted: RefCell::default(),
        }
    }

    /// A block: its commands, each with what it prints.
    fn block(&self, lines: &[&str]) -> String {
        let mut parts = Vec::new();
        let mut lines = lines.iter().peekable();
        while let Some(line) = lines.next() {
            let Some(line) = line.strip_prefix("$ ") else {
                continue;
            };
            let mut typed = line.to_owned();
            while typed.ends_with('\\') {
                let rest = lines.next().expect("a line that goes on");
                typed = format!("{typed}\n{rest}");
            }
            let printed = self.run(&typed);
            parts.push(format!("$ {typed}\n{printed}"));
        }
        parts.join("\n")
    }

    /// What a command line prints, each line with its end.
    fn run(&self, typed: &str) -> String {
        // What waits for a server would go with the next command.
        let person = match typed.contains("queue") {
            true => &self.alone,
            false => &self.person,
        };
        let url = &person.url;
        let port = url.rsplit(':').next().unwrap();
        let line = typed.replace("127.0.0.1:9000", &format!("127.0.0.1:{port}"));
        let mut command = Command::new("script");
        for (name, value) in person.command(&[]).get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let path = std::env::var("PATH").unwrap();
        let typed = format!("stty cols {COLUMNS} rows 60 -echo; {line}");
        let output = command
            .args(["--quiet", "--return", "--command", &typed, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("PATH", format!("{}:{path}", self.program.path().display()))
            .env("USER", "ann")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let printed = printed.replace("\r\n", "\n");
        let printed = printed
            .replace(&format!("127.0.0.1:{port}"), "127.0.0.1:9000")
            .replace(
                "127.0.0.1:9000 (from DUNDER_SERVER)",
                "127.0.0.1:9000 (default)",
            )
            .replace(&person.home().display().to_string(), "/home/ann");
        let lines = printed.lines().map(|line| self.as_it_was(line) + "\n");
        let printed: String = lines.collect();
        match printed.trim_end() {
            "" => String::new(),
            printed => format!("{printed}\n"),
        }
    }

    /// A line with the ids and times of the README instead of those of this
    /// run.
    fn as_it_was(&self, line: &str) -> String {
        let mut made = String::new();
        let mut last = None;
        for word in line.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            match is_new_id(bare) {
                true => {
                    let id = self.posted(bare);
                    made += &id[..bare.len()];
                    made += &word[bare.len()..];
                    last = Some(id);
                }
                false => made += word,
            }
        }
        const TIME: &str = "\"created_at\":\"";
        if let (Some(id), Some(at)) = (last, made.find(TIME)) {
            let id: MessageId = id.parse().unwrap();
            let time = dunder::api::time::format_millis(&id.created_at());
            let start = at + TIME.len();
            made.replace_range(start..start + time.len(), &time);
        }
        if made.starts_with("ok  speed") {
            return "ok  speed     0.5 ms there and back; 1.0 ms with the connection set up"
                .to_owned();
        }
        made
    }

    /// The id of the README for one of this run, or its start.
    fn posted(&self, id: &str) -> &'static str {
        let mut posted = self.posted.borrow_mut();
        let known = posted.iter().position(|one| one.starts_with(id));
        POSTED[known.unwrap_or_else(|| {
            posted.push(id.to_owned());
            posted.len() - 1
        })]
    }
}

/// The messages of the README.
fn import(place: &Place) {
    let unpacked = Command::new("gunzip")
        .args(["-c", "tests/data/commits.ndjson.gz"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let mut import = place
        .command(&["import", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = import.stdin.take().unwrap();
    input.write_all(&unpacked.stdout).unwrap();
    drop(input);
    assert!(import.wait().unwrap().success());
}

/// A port of four digits that nobody listens on. Nothing is given one of these
/// that does not ask for it.
fn free_port(number: u32) -> u16 {
    let start = std::process::id().wrapping_mul(2).wrapping_add(number) % 6000;
    let mut ports = (0..6000).map(|n| 3000 + ((start + n * 7) % 6000) as u16);
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.unwrap()
}

/// Whether a word is an id that was made in this run, or the start of one.
fn is_new_id(word: &str) -> bool {
    (word.len() == ID || word.len() == START)
        && word.starts_with("01")
        && word > LAST_IMPORTED
        && word
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
}
