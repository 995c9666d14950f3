//! The shell integration in the real shells, typed at a pseudo-terminal: what
//! a person types is what arrives at the server.

mod shell;

use serde_json::{Value, json};

use self::shell::Shell;
use super::Person;
use super::post::texts_and_tags;
use crate::support::Server;

/// Posts as people type them, the same in every shell: the line, the text and
/// the hashtags.
fn typed() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            r#"dunder post "deploy done" #prod"#,
            "deploy done",
            json!(["prod"]),
        ),
        (
            "dunder post deploy of #prod done",
            "deploy of #prod done",
            json!(["prod"]),
        ),
        (
            r#"dunder post "two" #a #b -t c"#,
            "two",
            json!(["c", "a", "b"]),
        ),
        (r#"dunder post "grüße" #größe"#, "grüße", json!(["größe"])),
        (r#"dunder post "cut" #a # not said"#, "cut", json!(["a"])),
        (r#"dunder post "none" # not said"#, "none", json!([])),
        (
            r#"true && dunder post "chain" #a | cat; echo x # not said"#,
            "chain",
            json!(["a"]),
        ),
        (
            r#"dunder post '#in' 'it "is"' \#out"#,
            "#in it \"is\"",
            json!(["out", "in"]),
        ),
        (
            r#"echo from a pipe | dunder post - #a"#,
            "from a pipe",
            json!(["a"]),
        ),
        (r#"dp "by alias" #a"#, "by alias", json!(["a"])),
    ]
}

/// What the server has, the oldest first.
async fn arrived(server: &Server) -> Vec<(String, Value)> {
    let mut messages = texts_and_tags(server).await;
    messages.reverse();
    messages
}

/// Types every line of [`typed`] and checks what arrives; then that other
/// lines are left alone and the shell is what it was.
async fn check(shell: &str, startup: &str, has_comments: bool) {
    let server = Server::start();
    let person = Person::of(&server);
    let mut shell = Shell::start(&person, shell, startup);
    for (line, text, hashtags) in typed() {
        // Without comments the shell gives them to the other command.
        if !has_comments && line.contains("echo x # not said") {
            continue;
        }
        shell.run(line);
        let last = arrived(&server).await.pop();
        assert_eq!(
            last,
            Some((text.to_owned(), hashtags)),
            "{line}\n{}",
            shell.seen
        );
    }
    let before = arrived(&server).await.len();
    if has_comments {
        let shown = shell.run("echo le''ft #dunder post x #a");
        assert!(shown.contains("left\r\n"), "{shown:?}");
        let shown = shell.run("echo le''ft # dunder post x #a");
        assert!(shown.contains("left\r\n"), "{shown:?}");
    } else {
        let shown = shell.run("echo le''ft #dunder post x #a");
        assert!(shown.contains("left #dunder post x #a\r\n"), "{shown:?}");
    }
    let shown = shell.run("echo '#dunder post x' #a");
    assert!(!shown.contains("'#a'"), "{shown:?}");
    assert_eq!(arrived(&server).await.len(), before);
    // A status outlives the Enter key.
    shell.press("false\r");
    shell.expect("1 READY>");
    // Whoever has the integration needs no hint.
    let shown = shell.run(r#"dunder post "untagged""#);
    assert!(
        shown.contains("posted 01") && !shown.contains("no hashtags"),
        "{shown:?}"
    );
}

const BASH: &str = r#"
PS1='$? READY>' PS2='MORE>'
eval "$(dunder completions bash)"
alias dp='dunder post'
"#;

const ZSH: &str = r#"
PS1='%? READY>' PS2='MORE>' HISTSIZE=100
unsetopt prompt_sp
eval "$(dunder completions zsh)"
alias dp='dunder post'
"#;

const FISH: &str = r#"
function fish_prompt; echo -n "$status READY>"; end
function fish_greeting; end
dunder completions fish | source
alias dp='dunder post'
"#;

#[tokio::test]
async fn bash_takes_bare_hashtags() {
    check("bash", BASH, true).await;
}

#[tokio::test]
async fn zsh_takes_bare_hashtags_with_and_without_comments() {
    check("zsh", ZSH, false).await;
    check("zsh", &format!("setopt interactivecomments\n{ZSH}"), true).await;
    check(
        "zsh",
        &format!("setopt interactivecomments extendedglob\n{ZSH}"),
        true,
    )
    .await;
}

#[tokio::test]
async fn zsh_completes_from_the_one_line_alone() {
    let server = Server::start();
    let mut shell = Shell::start(&Person::of(&server), "zsh", ZSH);
    let shown = shell.run("print -r -- by=$_comps[dunder]");
    assert!(shown.contains("by=_dunder\r\n"), "{shown:?}");
}

#[tokio::test]
async fn zsh_takes_bare_hashtags_where_they_are_patterns() {
    let server = Server::start();
    let person = Person::of(&server);
    let mut shell = Shell::start(&person, "zsh", &format!("setopt extendedglob\n{ZSH}"));
    shell.run(r#"dunder post "text" #a"#);
    assert_eq!(arrived(&server).await, [("text".to_owned(), json!(["a"]))]);
}

#[tokio::test]
async fn fish_completes_a_bare_hashtag() {
    let server = Server::start();
    server
        .post(r#"{"text":"before","hashtags":["sqlite"]}"#)
        .await
        .id();
    let person = Person::of(&server);
    let startup = format!("{FISH}\nset -gx DUNDER_COMPLETION_WAIT 20s");
    let mut shell = Shell::start(&person, "fish", &startup);
    shell.run("dunder post typed #sql\t");
    assert_eq!(
        arrived(&server).await.pop(),
        Some(("typed".to_owned(), json!(["sqlite"]))),
        "{}",
        shell.seen
    );
}

#[tokio::test]
async fn fish_takes_bare_hashtags() {
    check("fish", FISH, true).await;
}

#[tokio::test]
async fn every_way_of_editing_a_line_takes_bare_hashtags() {
    for (shell, startup) in [
        ("bash", format!("set -o vi\n{BASH}")),
        ("bash", format!("{BASH}\nset -o vi")),
        ("zsh", format!("{ZSH}\nbindkey -v")),
        (
            "fish",
            format!("{FISH}\nfish_vi_key_bindings\nfunction fish_mode_prompt; end"),
        ),
        // Sourced again, as an rc file is.
        ("bash", format!("{BASH}{BASH}")),
        ("zsh", format!("{ZSH}{ZSH}")),
        ("fish", format!("{FISH}{FISH}")),
    ] {
        let server = Server::start();
        let person = Person::of(&server);
        let mut shell = Shell::start(&person, shell, &startup);
        shell.run(r#"dunder post "text" #a"#);
        let arrived = arrived(&server).await;
        assert_eq!(
            arrived,
            [("text".to_owned(), json!(["a"]))],
            "{}",
            shell.seen
        );
    }
}

#[tokio::test]
async fn a_post_of_several_lines_takes_bare_hashtags() {
    for (shell, startup) in [("bash", BASH), ("zsh", ZSH), ("fish", FISH)] {
        let server = Server::start();
        let person = Person::of(&server);
        let mut shell = Shell::start(&person, shell, startup);
        let has_second_prompt = startup == ZSH;
        let second = |shell: &mut Shell| {
            if has_second_prompt {
                shell.expect("MORE>");
            }
        };
        shell.press("dunder post \"two grüße\r");
        second(&mut shell);
        shell.run("lines\" #a");
        shell.press("dunder post three \\\r");
        second(&mut shell);
        shell.run("#a words");
        // What is given up with Ctrl-C is no part of the next line.
        shell.press("dunder post \"given up: Z");
        shell.expect("Z");
        shell.press("\r");
        second(&mut shell);
        shell.press("Q");
        shell.expect("Q");
        shell.interrupt();
        shell.run(r#"dunder post "after" #b"#);
        let messages = [
            ("two grüße\nlines".to_owned(), json!(["a"])),
            ("three #a words".to_owned(), json!(["a"])),
            ("after".to_owned(), json!(["b"])),
        ];
        assert_eq!(arrived(&server).await, messages, "{}", shell.seen);
    }
}

#[tokio::test]
async fn commands_of_several_lines_stay_whole() {
    for (shell, startup) in [("bash", BASH), ("zsh", ZSH)] {
        let server = Server::start();
        let person = Person::of(&server);
        let is_zsh = shell == "zsh";
        let mut shell = Shell::start(&person, shell, startup);
        let mut lines = |lines: &[&str]| {
            let (last, first) = lines.split_last().unwrap();
            for line in first {
                shell.press(&format!("{line}\r"));
                shell.expect("MORE>");
            }
            shell.run(last)
        };
        lines(&["for i in 1 2", "do", "dunder post $i -t loop", "done"]);
        // Text for another program is not the shell's.
        let shown = lines(&["cat <<END", "dunder post x #here", "END"]);
        assert!(shown.contains("dunder post x #here\r\n"), "{shown:?}");
        let shown = lines(&["echo \"one", "dunder post x #two\""]);
        assert!(shown.contains("one\r\ndunder post x #two\r\n"), "{shown:?}");
        // Only zsh lets a function look at the second line of a command.
        lines(&["if true; then", "dunder post last #tag", "fi"]);
        lines(&["if true; then dunder post first #tag", "fi"]);
        let hashtags = if is_zsh { json!(["tag"]) } else { json!([]) };
        let messages = [
            ("1".to_owned(), json!(["loop"])),
            ("2".to_owned(), json!(["loop"])),
            ("last".to_owned(), hashtags),
            ("first".to_owned(), json!(["tag"])),
        ];
        assert_eq!(arrived(&server).await, messages, "{}", shell.seen);
    }
}

#[test]
fn the_history_holds_a_line_that_can_be_run_again() {
    for (shell, startup, history) in [
        ("bash", BASH, "history"),
        ("zsh", ZSH, "fc -l"),
        ("fish", FISH, "history | cat"),
    ] {
        let server = Server::start();
        let person = Person::of(&server);
        let mut shell = Shell::start(&person, shell, startup);
        shell.run(r#"dunder post "x" #a"#);
        let shown = shell.run(history);
        assert!(shown.contains(r#"dunder post "x" '#a'"#), "{shown:?}");
    }
}

#[tokio::test]
async fn the_integration_can_be_left_out_and_keeps_off_keys_that_are_taken() {
    let off = "DUNDER_SHELL_INTEGRATION=off\n";
    for (shell, startup) in [
        ("bash", format!("{off}{BASH}")),
        ("zsh", format!("setopt interactivecomments\n{off}{ZSH}")),
        (
            "fish",
            format!("set -gx DUNDER_SHELL_INTEGRATION off\n{FISH}"),
        ),
        ("bash", format!("bind '\"\\C-m\": \"\\C-j\"'\n{BASH}")),
        (
            "fish",
            format!("bind \\r 'commandline -f execute'\nbind \\n 'commandline -f execute'\n{FISH}"),
        ),
    ] {
        let server = Server::start();
        let person = Person::of(&server);
        let mut shell = Shell::start(&person, shell, &startup);
        shell.run(r#"dunder post "text" #a"#);
        let arrived = arrived(&server).await;
        assert_eq!(arrived, [("text".to_owned(), json!([]))], "{}", shell.seen);
    }
}

#[test]
fn a_missing_program_changes_no_line() {
    let person = Person::at("http://127.0.0.1:1");
    for (shell, startup) in [("bash", BASH), ("zsh", ZSH), ("fish", FISH)] {
        let path = if shell == "fish" {
            "set PATH /usr/bin /bin"
        } else {
            "PATH=/usr/bin:/bin"
        };
        let mut shell = Shell::start(&person, shell, &format!("{startup}\n{path}\n"));
        let shown = shell.run("echo dunder post x #a");
        assert!(shown.contains("dunder post x"), "{shown:?}");
        let shown = shell.run("dunder post x #a").to_lowercase();
        assert!(
            shown.contains("not found") || shown.contains("unknown command"),
            "{shown:?}"
        );
    }
}
