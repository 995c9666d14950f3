//! Hashtags and user names at a prompt: what the completion scripts ask for,
//! and the scripts themselves in the shells that people use.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::stub::{Reply, serve};
use super::{Person, Ran};
use crate::support::Server;

/// A name that a shell would run, were it not quoted.
const HOSTILE: &str = "mal$(touch${IFS}x)`id`;x";

async fn server() -> Server {
    let server = Server::start();
    for (user, tag) in [
        ("john", "storage"),
        ("john", "storage"),
        ("ann@example.com", "sql"),
        (HOSTILE, "世界"),
    ] {
        let body = json!({ "text": "hi", "hashtags": [tag] }).to_string();
        server.post_as(user, &body, &[]).await.id();
    }
    server
}

/// On a busy machine 60 ms are short.
const WAIT: (&str, &str) = ("DUNDER_COMPLETION_WAIT", "20s");

fn complete(person: &Person, shell: &str, line: &str) -> String {
    let mut command = person.command(&["complete", "--shell", shell, "--line", line]);
    Ran::of(command.env(WAIT.0, WAIT.1).output().unwrap()).ok()
}

#[tokio::test]
async fn hashtags_come_busiest_first_and_users_by_name() {
    let server = server().await;
    let person = Person::of(&server);
    assert_eq!(
        complete(&person, "fish", "dunder feed -t s"),
        "storage\t2 messages\nsql\t1 message\n"
    );
    assert_eq!(
        complete(&person, "bash", "dunder post hi +ST"),
        "+storage\n"
    );
    assert_eq!(
        complete(&person, "zsh", "dunder feed --user=a"),
        "--user=ann@example.com\n"
    );
    assert_eq!(
        complete(&person, "zsh", "dunder feed -u m"),
        format!("{HOSTILE}\n")
    );
    assert_eq!(
        complete(&person, "fish", "dunder feed sq"),
        "sql\t1 message\n"
    );
    let ids = complete(&person, "zsh", "dunder show ");
    assert_eq!(ids.lines().count(), 4, "{ids}");
    assert!(ids.lines().all(|line| line.ends_with(": hi")), "{ids}");
    let id = ids.lines().next().unwrap().split('\t').next().unwrap();
    let start = format!("dunder show {}", &id[..24].to_lowercase());
    assert!(complete(&person, "bash", &start).contains(id));
    // bash inserts a name as it stands.
    assert_eq!(complete(&person, "bash", "dunder feed -u m"), "");
    assert_eq!(complete(&person, "bash", "dunder feed --limit "), "");
}

#[tokio::test]
async fn an_answer_is_kept_for_its_owner_and_used_again() {
    let server = server().await;
    let person = Person::of(&server);
    let first = complete(&person, "bash", "dunder feed -t s");
    let cache = person.home().join(".cache/dunder");
    for entry in std::fs::read_dir(&cache).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    drop(server.kill());
    assert_eq!(complete(&person, "bash", "dunder feed -t s"), first);
    // What was not asked before is found in what was.
    assert_eq!(
        complete(&person, "bash", "dunder feed -t sq"),
        "sql\n",
        "{first}"
    );
}

#[test]
fn a_server_that_is_away_silent_or_something_else_is_no_trouble() {
    // It takes connections and never says anything.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for url in ["http://127.0.0.1:1", silent.as_str(), "http://[::1]:1"] {
        let person = Person::at(url);
        for line in [
            "dunder feed -t a",
            "dunder feed -u a",
            "dunder feed --server ftp://x -t a",
        ] {
            let asked = person.run(&["complete", "--shell", "bash", "--line", line]);
            assert_eq!(asked.ok(), "", "{url}");
        }
    }
}

#[test]
fn dates_durations_and_logins_have_examples_and_need_no_server() {
    let person = Person::at("http://127.0.0.1:1");
    let told = |line: &str| complete(&person, "fish", line);
    assert!(told("dunder feed --since ").contains("yesterday\tfrom its midnight on\n"));
    assert_eq!(
        told("dunder trend --until=30"),
        "--until=30d\ta month ago\n"
    );
    assert_eq!(told("dunder trend -a 24"), "24h\ta day\n");
    assert_eq!(
        told("dunder whoami --server h"),
        "http://127.0.0.1:9000\tthis machine\n"
    );
    assert_eq!(told("dunder logout "), "");
    assert!(told("dunder config set li").starts_with("limit\thow many"));
}

#[test]
fn no_token_leaves_before_enter_for_a_server_named_on_the_line() {
    let answer = || Reply::new("200 OK", "", r#"{"data":{"users":[{"name":"ann"}]}}"#);
    let (url, requests) = serve(vec![answer(), answer()]);
    let person = Person::at("http://127.0.0.1:1");
    for form in [
        format!("dunder feed --server {url} -u "),
        format!("dunder feed --server={url} -u a"),
    ] {
        let mut command = person.command(&["complete", "--shell", "bash", "--line", &form]);
        command
            .env(WAIT.0, WAIT.1)
            .env("DUNDER_TOKEN", "the-secret");
        assert_eq!(Ran::of(command.output().unwrap()).ok(), "ann\n");
        let request = requests.recv().unwrap().to_lowercase();
        assert!(!request.contains("authorization"), "{request}");
    }
}

#[test]
fn a_server_that_makes_up_names_cannot_reach_the_shell() {
    let users = ["a\u{1b}[2J", "a b", "a\n$(id)", "ann"].map(|name| json!({ "name": name }));
    let body = json!({ "data": { "users": users } }).to_string();
    for shell in ["bash", "zsh", "fish"] {
        let (url, _requests) = serve(vec![Reply::new("200 OK", "", &body)]);
        let person = Person::at(&url);
        assert_eq!(complete(&person, shell, "dunder feed -u a"), "ann\n");
    }
}

/// The directory of the binary under test, so that `dunder` is it.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dunder")).parent().unwrap()
}

fn script(name: &str) -> String {
    format!("{}/completions/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What a shell says, with the person's environment and `dunder` on the path.
fn in_shell(person: &Person, program_and_args: &[&str], line: &str) -> String {
    let mut command = Command::new(program_and_args[0]);
    for (name, value) in person.command(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let path = std::env::var("PATH").unwrap();
    let output = command
        .args(&program_and_args[1..])
        .env("PATH", format!("{}:{path}", program().display()))
        .env("LINE", line)
        .env(WAIT.0, WAIT.1)
        .current_dir(person.home())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    Ran::of(output).out.replace('\r', "")
}

#[tokio::test]
async fn bash_completes_from_the_server() {
    let server = server().await;
    let person = Person::of(&server);
    // As bash calls it: words are broken at = and @, an open quote is off.
    let call = format!(
        r#"source {}; COMP_LINE=$LINE; COMP_POINT=${{#LINE}}; cur=${{LINE##*[ =@\'\"]}}
        _dunder_live dunder "$cur" x; printf '%s\n' "${{COMPREPLY[@]}}""#,
        script("dunder.bash")
    );
    for (line, completed) in [
        ("dunder feed -t st", "storage\n"),
        ("dunder feed --hashtag=st", "storage\n"),
        ("dunder feed --user ann@ex", "example.com\n"),
        ("dunder feed -u j", "john\n"),
        ("dunder post hi +s", "+storage\n+sql\n"),
        ("dunder post hi '#st", "#storage\n"),
        ("dunder post hi \\#st", "\\#storage\n"),
        ("dunder feed --since yes", "yesterday\n"),
        ("dunder trend sto", "storage\n"),
    ] {
        let shown = in_shell(&person, &["bash", "--norc", "-c", &call], line);
        assert_eq!(shown, completed, "{line}");
    }
}

#[tokio::test]
async fn fish_completes_from_the_server() {
    let server = server().await;
    let person = Person::of(&server);
    let call = format!("source {}; complete -C $LINE", script("dunder.fish"));
    for (line, completed) in [
        ("dunder feed -t st", "storage\t2 messages\n"),
        ("dunder trend --hashtag=sq", "--hashtag=sql\t1 message\n"),
        ("dunder feed --user ann@ex", "ann@example.com\n"),
        ("dunder post hi +sq", "+sql\t1 message\n"),
        ("dunder post hi '#sq", "#sql\t1 message\n"),
        ("dunder tags --prefix 世", "世界\t1 message\n"),
        ("dunder wh", "whoami\tSay who you are to the server\n"),
        ("dunder help dat", "dates\n"),
        ("dunder trend sto", "storage\t2 messages\n"),
        ("dunder trend -a 24", "24h\ta day\n"),
        ("dunder whoami ", ""),
    ] {
        let shown = in_shell(&person, &["fish", "--no-config", "-c", &call], line);
        assert_eq!(shown, completed, "{line}");
    }
}

#[tokio::test]
async fn zsh_completes_from_the_server_and_quotes_what_it_inserts() {
    let server = server().await;
    let person = Person::of(&server);
    // A zsh with a terminal of its own; what its line holds after a TAB is
    // shown by a widget.
    let call = format!(
        r#"
        zmodload zsh/zpty
        zpty dunder zsh -f -i
        zpty -w dunder "PS1=; fpath=({} \$fpath); autoload -U compinit; compinit -D -u"
        zpty -w dunder 'show() {{ zle -I; print -r -- "<<$BUFFER>>" }}; zle -N show; bindkey "^X" show; print re""ady'
        zpty -r dunder out '*ready*'
        zpty -w -n dunder "$LINE"$'\t\x18'
        zpty -r dunder out '*<<*>>*'
        print -r -- "${{${{out##*<<}}%%>>*}}"
        zpty -d dunder
        "#,
        Path::new(&script("_dunder")).parent().unwrap().display()
    );
    for (line, completed) in [
        ("dunder feed -t st", "dunder feed -t storage "),
        ("dunder feed --hashtag=st", "dunder feed --hashtag=storage "),
        (
            "dunder feed --user ann@ex",
            "dunder feed --user ann@example.com ",
        ),
        ("dunder post hi +sq", "dunder post hi +sql "),
        ("dunder post hi '#sq", "dunder post hi '#sql' "),
        (
            "dunder feed -u mal",
            r"dunder feed -u mal\$\(touch\$\{IFS\}x\)\`id\`\;x ",
        ),
        ("dunder whoa", "dunder whoami "),
        ("dunder feed --since yest", "dunder feed --since yesterday "),
        ("dunder feed --limit Car", "dunder feed --limit Car"),
    ] {
        let shown = in_shell(&person, &["zsh", "-f", "-c", &call], line);
        assert_eq!(shown.trim_end_matches('\n'), completed, "{line}");
    }
    assert!(!person.home().join("x").exists());
}
