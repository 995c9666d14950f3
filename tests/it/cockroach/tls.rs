//! TLS to the database: what each mode trusts, and logging in by certificate.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dunder::domain::prelude::*;
use dunder::store::cockroach::{CockroachOptions, CockroachStore, SslMode};

use super::draft;
use super::postgres::Postgres;
use crate::authority::Authority;

/// Plain text is refused; one user logs in by certificate.
const RULES: &str = "hostssl all certified all cert\nhostssl all dunder all trust\n";

/// What a server has that trusts an authority and has its certificate.
fn files_of_a_server(authority: &Authority) -> [(&'static str, String); 3] {
    let (certificate, key) = authority.certify(&["localhost"], "server");
    [
        ("server.crt", certificate),
        ("server.key", key),
        ("root.crt", authority.pem.clone()),
    ]
}

const SETTINGS: &str = "ssl = on\nssl_ca_file = 'root.crt'\n";

fn file(dir: &Path, name: &str, text: &str) -> Option<PathBuf> {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    Some(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sslmode_trusts_what_it_says_and_a_certificate_logs_in() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let mut files = Vec::from(files_of_a_server(&ours));
    files.push(("pg_hba.conf", RULES.to_owned()));
    let server = tokio::task::spawn_blocking(move || Postgres::with(SETTINGS, &files))
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let right = file(dir.path(), "right.crt", &ours.pem);
    let wrong = file(dir.path(), "wrong.crt", &theirs.pem);
    let options = |host: &str, mode, ca: &Option<PathBuf>| CockroachOptions {
        hosts: vec![(host.to_owned(), server.port)],
        sslmode: Some(mode),
        ca: ca.clone(),
        open_patience: Duration::from_millis(500),
        ..server.options("tls")
    };
    let (named, unnamed) = ("localhost", "127.0.0.1");
    for (options, opens) in [
        (options(named, SslMode::Require, &None), true),
        (options(named, SslMode::Require, &wrong), false),
        (options(named, SslMode::Disable, &None), false),
        (options(unnamed, SslMode::VerifyCa, &right), true),
        (options(named, SslMode::VerifyCa, &wrong), false),
        (options(named, SslMode::VerifyFull, &right), true),
        (options(unnamed, SslMode::VerifyFull, &right), false),
    ] {
        let mode = (&options.hosts, options.sslmode, &options.ca);
        let opened = CockroachStore::open(options.clone()).await;
        assert_eq!(opened.is_ok(), opens, "{mode:?}: {:?}", opened.err());
    }

    let (certificate, key) = ours.certify(&[], "certified");
    let mut login = options(named, SslMode::VerifyFull, &right);
    let admin = CockroachStore::open(login.clone()).await.unwrap();
    admin.close().await;
    login.user = "certified".to_owned();
    assert!(CockroachStore::open(login.clone()).await.is_err());
    login.cert = file(dir.path(), "client.crt", &certificate);
    assert!(CockroachStore::open(login.clone()).await.is_err());
    login.key = file(dir.path(), "client.key", &key);
    let refused = CockroachStore::open(login).await.err().unwrap().to_string();
    // Let in, and only then told that there is no such user.
    assert!(
        refused.contains("\"certified\" does not exist"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_renewed_count_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let mut files = Vec::from(files_of_a_server(&old));
    files.push(("pg_hba.conf", "hostssl all dunder all cert\n".to_owned()));
    let server = tokio::task::spawn_blocking(move || Postgres::with(SETTINGS, &files))
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let renew = |authority: &Authority| {
        let (certificate, key) = authority.certify(&[], "dunder");
        let ca = file(dir.path(), "ca.crt", &authority.pem);
        let cert = file(dir.path(), "client.crt", &certificate);
        (ca, cert, file(dir.path(), "client.key", &key))
    };
    let (ca, cert, key) = renew(&old);
    let store = super::open(&CockroachOptions {
        hosts: vec![("localhost".to_owned(), server.port)],
        sslmode: Some(SslMode::VerifyFull),
        ca,
        cert,
        key,
        ..server.options("renewed")
    })
    .await;
    store.post(draft("ann", "before", &[])).await.unwrap();

    let files = files_of_a_server(&new);
    // It ends when it is dropped.
    let _server = tokio::task::spawn_blocking(move || {
        server.restart_with(&files);
        server
    })
    .await
    .unwrap();
    renew(&new);
    let again = async {
        while store.post(draft("ann", "after", &[])).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again)
        .await
        .expect("a connection by the renewed files");
}
