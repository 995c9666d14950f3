//! Help, topics and manual pages: that they are there, and that what they
//! tell people to type works.

use std::path::Path;
use std::process::Command;

use super::{Person, Ran};
use crate::support::Server;

const TOPICS: [&str; 7] = [
    "hashtags",
    "dates",
    "output",
    "following",
    "exit-codes",
    "configuration",
    "curl",
];

#[test]
fn help_is_for_commands_topics_and_nothing_else() {
    let person = Person::at("http://127.0.0.1:1");
    let whole = person.run(&["help"]).ok();
    assert_eq!(whole, person.run(&["--help"]).ok());
    for topic in TOPICS {
        assert!(whole.contains(topic), "{whole}");
        assert!(person.run(&["help", topic]).ok().lines().count() > 10);
    }
    for command in [vec!["feed"], vec!["token", "create"], vec!["help"]] {
        let asked = person.run(&[&["help"], command.as_slice()].concat()).ok();
        let told = person.run(&[command.as_slice(), &["--help"]].concat()).ok();
        assert_eq!(asked, told, "{command:?}");
    }
    person
        .run(&["help", "dats"])
        .failed(2, "did you mean dates?");
    person
        .run(&["help", "no\u{202e}thing"])
        .failed(2, "\\u{202e}");
}

#[tokio::test]
async fn every_example_of_the_topics_runs() {
    let server = Server::start();
    for text in ["deploy of #prod done", "tune #ops"] {
        let body = serde_json::json!({ "text": text }).to_string();
        server.post_as("ann", &body, &[]).await.id();
    }
    let person = Person::of(&server);
    let mut ran = 0;
    for topic in TOPICS {
        let text = person.run(&["help", topic]).ok();
        let examples = text.lines().filter_map(|line| line.strip_prefix("  "));
        for example in examples.filter(|line| line.contains("dunder ") || line.starts_with("curl "))
        {
            // A row of a table: words after several blanks.
            // watch never ends.
            if example.contains("   ") || example.starts_with("watch ") {
                continue;
            }
            let line = example.replace("127.0.0.1:9000", server.address());
            let shown = shell(&person, &line);
            assert_eq!(
                (shown.code, shown.err.as_str()),
                (0, ""),
                "{example}: {shown:?}"
            );
            assert!(!shown.out.contains("\"error\""), "{example}: {shown:?}");
            ran += 1;
        }
    }
    assert!(ran > 20, "{ran}");
}

fn shell(person: &Person, line: &str) -> Ran {
    let mut command = Command::new("bash");
    for (name, value) in person.command(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let program = Path::new(env!("CARGO_BIN_EXE_dunder")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    command
        .env("PATH", format!("{}:{path}", program.display()))
        .env("HOME", person.home())
        .args(["-o", "pipefail", "-c", line]);
    Ran::of(command.output().unwrap())
}

#[test]
fn there_is_a_manual_page_for_every_command_and_topic() {
    let person = Person::at("http://127.0.0.1:1");
    let directory = person.home().join("share/man");
    let wrote = person.run(&["man", directory.to_str().unwrap()]);
    assert_eq!((wrote.code, wrote.out.as_str()), (0, ""), "{wrote:?}");
    let page = |path: &str| std::fs::read_to_string(directory.join(path)).unwrap_or_default();
    let feed = page("man1/dunder-feed.1");
    for word in [
        ".SH NAME",
        "hashtag",
        ".SH NOTES",
        "Dates:",
        ".SH \"EXIT STATUS\"",
        ".SH ENVIRONMENT",
        "DUNDER_SERVER",
        ".SH FILES",
        ".SH \"SEE ALSO\"",
    ] {
        assert!(feed.contains(word), "{word}: {feed}");
    }
    assert!(page("man1/dunder-post.1").contains(".SH EXAMPLES"));
    assert!(page("man1/dunder-token-create.1").contains(".SH SYNOPSIS"));
    assert_eq!(page("man1/dunder-complete.1"), "", "it is hidden");
    for topic in TOPICS {
        assert!(page(&format!("man7/dunder-{topic}.7")).contains(".SH DESCRIPTION"));
    }
    assert_eq!(person.run(&["man"]).ok(), page("man1/dunder.1"));
    person.run(&["man", "feed"]).failed(2, "dunder help feed");
    person
        .run(&["man", "/dev/null/x"])
        .failed(1, "cannot write /dev/null/x");
}
