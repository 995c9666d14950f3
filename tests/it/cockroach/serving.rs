//! The real program over a database: posting through HTTP, readiness, the
//! log, and being killed while it migrates.

use std::process::{Command, Stdio};
use std::sync::Arc;

use dunder::domain::prelude::*;
use dunder::store::cockroach::CockroachOptions;
use tempfile::TempDir;

use super::proxy::Proxy;
use super::{assert_exact, draft, open, postgres};
use crate::support::{Server, dunder};

fn serve(options: &CockroachOptions) -> Command {
    let mut command = dunder();
    let (host, port) = &options.hosts[0];
    command
        .args(["serve", "--port", "0", "--cockroach.host", host])
        .args(["--cockroach.port", &port.to_string()])
        .args(["--cockroach.user", &options.user])
        .args(["--cockroach.database", &options.database]);
    command
}

fn migrating(options: &CockroachOptions) -> Command {
    let mut command = serve(options);
    command.args(["--cockroach.should_migrate", "--cockroach.debug", "true"]);
    command
}

fn dir() -> Arc<TempDir> {
    Arc::new(TempDir::new().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_when_its_database_is_away_and_serves_again_when_it_is_back() {
    let options = postgres::shared().fresh();
    let proxy = Proxy::before(options.hosts[0].1).await;
    let mut through = options.clone();
    through.hosts[0].1 = proxy.port;
    let server = Server::run(migrating(&through), dir());
    assert_eq!(server.post(r#"{"text":"before #t"}"#).await.status, 201);
    assert_eq!(server.get("/readyz").await.status, 200);
    proxy.close(true);
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(ready.headers.contains_key("retry-after"), "{ready:?}");
    let mut refused = server.get("/message").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    proxy.close(false);
    while refused.status == 503 {
        refused = server.post(r#"{"text":"after #t"}"#).await;
    }
    assert_eq!(refused.status, 201);
    assert_eq!(server.get("/readyz").await.status, 200);
    let texts: Vec<String> = assert_exact(&*open(&options).await)
        .await
        .iter()
        .map(|message| message.text.as_str().to_owned())
        .collect();
    assert_eq!(texts, ["before #t", "after #t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_logs_statements_with_their_time_and_never_their_parameters() {
    let options = postgres::shared().fresh();
    let server = Server::run(migrating(&options), dir());
    let secret = "nobody should read this in a log";
    let body = format!(r##"{{"text":"{secret}","hashtags":["hidden"]}}"##);
    assert_eq!(server.post(&body).await.status, 201);
    assert_eq!(server.get("/message?hashtag=hidden").await.status, 200);
    let log = server.log_so_far().await;
    assert!(
        log.contains("INSERT INTO messages") && log.contains("elapsed"),
        "{log}"
    );
    assert!(!log.contains(secret) && !log.contains("hidden"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_database_stops_the_server_with_the_command_to_run() {
    let options = postgres::shared().fresh();
    let output = tokio::task::spawn_blocking(move || serve(&options).output().unwrap());
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("dunder migrate"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_while_it_migrates_leaves_nothing_that_the_next_cannot_mend() {
    let options = postgres::shared().fresh();
    let proxy = Proxy::before(options.hosts[0].1).await;
    let mut through = options.clone();
    through.hosts[0].1 = proxy.port;
    // Far enough to hold the lock, not far enough to be done.
    proxy.stall_after(60);
    let mut killed = migrating(&through)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    proxy.stalled().await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let look = postgres::session(&options).await;
    let sql = "SELECT (SELECT owner FROM dunder_lock) <> '', (SELECT count(*) FROM dunder_schema)";
    let row = look.query_one(sql, &[]).await.unwrap();
    let (locked, steps): (bool, i64) = (row.get(0), row.get(1));
    assert!(locked && (1..30).contains(&steps), "{locked} {steps}");
    let next = migrating(&options);
    let server = tokio::task::spawn_blocking(|| Server::run(next, dir()));
    assert_eq!(server.await.unwrap().get("/readyz").await.status, 200);
    let store = open(&options).await;
    store.post(draft("ann", "up", &["t"])).await.unwrap();
    assert_exact(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_while_the_database_is_away_ends_the_start() {
    let mut options = postgres::shared().fresh();
    options.hosts[0].1 = postgres::free_port();
    let dir = dir();
    let log = dir.path().join("log");
    let mut child = serve(&options)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    while !std::fs::read_to_string(&log)
        .unwrap()
        .contains("trying again")
    {
        tokio::task::yield_now().await;
    }
    crate::support::signal(child.id(), "TERM");
    // Giving the database up would end with 1.
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
    assert_eq!(ended.await.unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_of_a_database_end_with_2_and_their_name() {
    let options = postgres::shared().fresh();
    let missing = "/nowhere/ca.pem";
    for (flags, code, part) in [
        (
            &["--cockroach.url", "postgres://u:secret@h:x/d"][..],
            2,
            "cockroach.url: the port",
        ),
        (
            &["--cockroach.url", "postgres://u:secret@h/d?sslmode=prefer"],
            2,
            "cockroach.url: the sslmode",
        ),
        (
            &["--cockroach.sslmode", "on"],
            2,
            "cockroach.sslmode is \"on\"",
        ),
        (
            &["--cockroach.password_file", "/nowhere/pw"],
            2,
            "/nowhere/pw",
        ),
        (&["--cockroach.ca", missing], 1, missing),
        (
            &["--cockroach.sslmode", "require"],
            1,
            "needs cockroach.sslmode disable",
        ),
        (
            &["--cockroach.ca", missing, "--cockroach.sslmode", "disable"],
            1,
            "sslmode disable",
        ),
    ] {
        let mut command = serve(&options);
        let output = command.args(flags).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {said}");
        assert!(said.contains(part) && !said.contains("secret"), "{said}");
    }
}
