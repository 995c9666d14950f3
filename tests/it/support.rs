//! What the tests stand on: the real binary serving on a free port, and a
//! client that shows an answer whole.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method, Response};
use serde_json::Value;
use tempfile::TempDir;

use crate::place::Place;

/// The binary under test, free of the environment of whoever runs the tests.
pub fn dunder() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunder"));
    let is_ours = |name: &str| {
        name.starts_with("DUNDER_") || name.starts_with("OTEL_") || name == "TRACEPARENT"
    };
    for (name, _) in std::env::vars().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    command
}

/// Longer than anything takes that is waited for, on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for something; a test fails where it does not come about.
///
/// # Panics
/// It did not.
pub async fn in_time<T>(what: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, what).await;
    done.expect("what is waited for does not come about")
}

/// Asks again and again, until it is so.
///
/// # Panics
/// It never was.
pub async fn until(is_so: impl AsyncFn() -> bool) {
    in_time(async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// `dunder serve` on a free port, killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    /// The store, and the directory beside it.
    pub place: Place,
    client: Client,
    /// What else it says where it listens.
    stdout: std::sync::Mutex<BufReader<std::process::ChildStdout>>,
}

impl Server {
    /// Over a fresh embedded store.
    pub fn start() -> Server {
        Server::with(&[])
    }

    /// The same, with further flags.
    pub fn with(flags: &[&str]) -> Server {
        Server::over(std::sync::Arc::new(TempDir::new().unwrap()), flags)
    }

    /// Over the store in a directory, which may hold one already.
    pub fn over(dir: std::sync::Arc<TempDir>, flags: &[&str]) -> Server {
        Place::embedded(dir).serve(flags)
    }

    /// Any `dunder serve` command that prints where it listens.
    pub fn run(command: Command, dir: std::sync::Arc<TempDir>) -> Server {
        Server::at(command, Place::embedded(dir))
    }

    /// The same, over a store that is known.
    pub fn at(mut command: Command, place: Place) -> Server {
        command.stdin(Stdio::null());
        Server::spawn(command, place)
    }

    /// Over a store, on a socket that is passed to it.
    pub fn on(place: &Place, listener: &TcpListener, flags: &[&str]) -> Server {
        let listener = listener.try_clone().unwrap();
        Server::spawn(place.command_on(listener, flags), place.clone())
    }

    fn spawn(mut command: Command, place: Place) -> Server {
        let dir = &place.dir;
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(dir.path().join("log"))
            .unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let Some(url) = line.trim().strip_prefix("dunder listens on ") else {
            let _ = child.wait();
            let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
            panic!("the server did not start: {line}{log}");
        };
        let url = url.to_owned();
        Server {
            child,
            url,
            place,
            client: client(),
            stdout: stdout.into(),
        }
    }

    /// Where its admin listener is; asked once.
    pub fn admin(&self) -> String {
        let mut stdout = self.stdout.lock().unwrap();
        loop {
            let mut line = String::new();
            assert!(
                stdout.read_line(&mut line).unwrap() > 0,
                "no admin listener"
            );
            if let Some((_, url)) = line.trim().split_once("admin      ") {
                return url.to_owned();
            }
        }
    }

    /// Everything logged up to now: the log is written beside what it tells
    /// of, so a last request is looked for in it.
    pub async fn log_so_far(&self) -> String {
        let mark = format!("/up-to-{:?}", std::time::Instant::now());
        let mark: String = mark
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "/-".contains(*c))
            .collect();
        self.get(&mark).await;
        for _ in 0..3_000 {
            let log = self.log();
            if log.contains(&mark) {
                return log;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{mark} is not in the log: {}", self.log());
    }

    /// What has been written of the log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.place.dir.path().join("log")).unwrap()
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// Memory the process holds now.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 1024
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for the process to end; its exit code.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Ends the process as a crash would; the store stays.
    pub fn kill(mut self) -> Place {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.place.clone()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    /// Posts a body as `john`.
    pub async fn post(&self, body: &str) -> Answer {
        self.post_as("john", body, &[]).await
    }

    pub async fn post_as(&self, user: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let token = bearer(user);
        let mut all = vec![("authorization", token.as_str())];
        all.extend(headers);
        self.send(Method::POST, "/message", &all, body).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.send_to(&self.url, method, path, headers, body).await
    }

    /// The same to another listener of it.
    pub async fn send_to(
        &self,
        url: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = self
            .client
            .request(method, format!("{url}{path}"))
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that goes straight to the server.
pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

/// The header of `auth.mode: name`.
pub fn bearer(user: &str) -> String {
    format!("Bearer {}", STANDARD.encode(user))
}

pub fn signal(pid: u32, name: &str) {
    let done = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .unwrap();
    assert!(done.success());
}

/// A directory's files and what is in them, to see that nothing changed.
pub fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    async fn of(response: Response) -> Answer {
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn data(&self) -> Value {
        self.json()["data"].clone()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The id of a posted message.
    pub fn id(&self) -> String {
        assert_eq!(self.status, 201, "{}", self.body);
        self.data()["id"].as_str().unwrap().to_owned()
    }

    /// The texts of a page.
    pub fn texts(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.body);
        let data = self.data();
        let messages = data["messages"].as_array().unwrap().iter();
        messages
            .map(|m| m["text"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Checks a refusal: its status, its code, and that its sentence names
    /// what was wrong.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str, named: &str) {
        let body = self.json();
        assert_eq!(
            (self.status, body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.body
        );
        let sentence = body["error"].as_str().unwrap();
        assert!(
            sentence.contains(named),
            "{sentence:?} does not name {named:?}"
        );
        assert_eq!(self.header("content-type"), "application/json");
    }
}
