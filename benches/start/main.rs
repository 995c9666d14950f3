//! How long a person waits for the prompt: the client beside curl for the
//! same answer of the same server, one after the other in one run, so that
//! what else the machine does meets both.
//!
//! `cargo bench --bench start` prints the table. `BENCH_ROUNDS` sets how often
//! each command runs (default 200). It fails when a goal is missed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const DUNDER: &str = env!("CARGO_BIN_EXE_dunder");
/// At most so many times the time of curl.
const GOAL: f64 = 1.0;
/// A TAB at the prompt: at most this.
const TAB: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<bool> {
    let home = tempfile::tempdir()?;
    fill(home.path())?;
    let tls = home.path().join("tls");
    succeed(
        dunder(home.path())
            .args(["tls", "generate", "--dir"])
            .arg(&tls)
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    let file = |name: &str| tls.join(name).display().to_string();
    let (certificate, key, authority) = (file("crt.pem"), file("key.pem"), file("ca.pem"));
    let plain = Server::start(home.path(), &[])?;
    let secure = Server::start(
        home.path(),
        &["--use_tls", "--tls.crt", &certificate, "--tls.key", &key],
    )?;

    println!("| what | curl ms | dunder ms | ratio | goal | |");
    println!("|---|--:|--:|--:|---|---|");
    let mut met = true;
    let mut report = |name: &str, curl: Duration, ours: Duration| {
        let ratio = ours.as_secs_f64() / curl.as_secs_f64();
        met &= ratio <= GOAL;
        println!(
            "| {name} | {:.2} | {:.2} | {ratio:.2} | ≤ {GOAL} | {} |",
            millis(curl),
            millis(ours),
            said(ratio <= GOAL)
        );
    };
    let mut curl = Command::new("curl");
    let mut ours = dunder(home.path());
    let versions = [curl.arg("--version"), ours.arg("--version")];
    let [curl, ours] = alternately(versions)?;
    report("--version", curl, ours);
    for (name, server, arguments, cacert) in [
        ("feed --limit 20 --json", &plain, &["--json"][..], None),
        (
            "feed --limit 20, as a table",
            &plain,
            &["-o", "table"],
            None,
        ),
        (
            "feed --limit 20 --json, https",
            &secure,
            &["--json"],
            Some(authority.as_str()),
        ),
    ] {
        let mut curl = Command::new("curl");
        curl.arg("-s")
            .arg(format!("{}/message?limit=20", server.url));
        let mut ours = dunder(home.path());
        ours.args(["feed", "--limit", "20", "--server", &server.url]);
        ours.args(arguments);
        if let Some(cacert) = cacert {
            curl.args(["--cacert", cacert]);
            ours.args(["--cacert", cacert]);
        }
        if arguments.contains(&"--json") {
            same_answer(&mut curl, &mut ours)?;
        }
        let [curl, ours] = alternately([&mut curl, &mut ours])?;
        report(name, curl, ours);
    }
    // With no place for the cache, every call asks.
    for (name, url) in [
        ("TAB, asked of the server", plain.url.as_str()),
        ("TAB, the server being away", "http://127.0.0.1:1"),
    ] {
        let mut ours = dunder(home.path());
        ours.env("XDG_CACHE_HOME", "/dev/null");
        ours.args(["complete", "--shell", "bash", "--server", url]);
        ours.args(["--line", "dunder feed -t t"]);
        let [ours] = alternately([&mut ours])?;
        met &= ours <= TAB;
        println!(
            "| {name} | | {:.2} | | ≤ {} ms | {} |",
            millis(ours),
            TAB.as_millis(),
            said(ours <= TAB)
        );
    }
    Ok(met)
}

fn said(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// A store with some thousand messages.
fn fill(home: &Path) -> Result<()> {
    let mut import = dunder(home)
        .args(["import", "-", "--sqlite.path"])
        .arg(home.join("dunder.sqlite"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut input) = import.stdin.take() {
        for number in 0..5_000 {
            writeln!(
                input,
                r#"{{"user_name":"user{}","text":"message number {number}, as long as most of them are","hashtags":["tag{}"],"created_at":"2019-01-01T{:02}:{:02}:00Z"}}"#,
                number % 50,
                number % 90,
                number / 60 % 24,
                number % 60
            )?;
        }
    }
    if import.wait()?.success() {
        Ok(())
    } else {
        Err("the import failed".into())
    }
}

/// The medians of the commands, each run as often as the others and in turn.
fn alternately<const N: usize>(mut commands: [&mut Command; N]) -> Result<[Duration; N]> {
    let rounds = match std::env::var("BENCH_ROUNDS") {
        Ok(text) => text.parse::<usize>()?.max(1),
        Err(_) => 200,
    };
    let mut times = [const { Vec::new() }; N];
    for command in &mut commands {
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        succeed(command)?;
    }
    for _ in 0..rounds {
        for (command, times) in commands.iter_mut().zip(&mut times) {
            let start = Instant::now();
            succeed(command)?;
            times.push(start.elapsed());
        }
    }
    Ok(times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    }))
}

fn same_answer(curl: &mut Command, ours: &mut Command) -> Result<()> {
    let (theirs, ours) = (curl.output()?.stdout, ours.output()?.stdout);
    // The client ends the document with a newline.
    if theirs.is_empty() || theirs.as_slice() != ours.strip_suffix(b"\n").unwrap_or(&ours) {
        return Err("curl and dunder do not print the same".into());
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// The program, as someone with nothing set runs it.
fn dunder(home: &Path) -> Command {
    let mut command = Command::new(DUNDER);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DUNDER_")) {
        command.env_remove(name);
    }
    command.env("HOME", home).env("TZ", "Europe/Berlin");
    command
}

/// `dunder serve` on a free port, ended when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(home: &Path, flags: &[&str]) -> Result<Server> {
        let mut child = dunder(home)
            .args([
                "serve",
                "--port",
                "0",
                "--log_level",
                "error",
                "--sqlite.path",
            ])
            .arg(home.join("dunder.sqlite"))
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let url = line
            .trim()
            .strip_prefix("dunder listens on ")
            .map(str::to_owned);
        let url = url.ok_or("the server did not start");
        Ok(Server { child, url: url? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
