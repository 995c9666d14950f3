//! TLS: both protocols, both versions, certificates that change.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use reqwest::{Certificate, Client, Version};
use tempfile::TempDir;

use crate::support::{Server, dunder, until};

pub fn generate(dir: &Path) {
    let done = dunder()
        .args(["tls", "generate", "--dir"])
        .arg(dir)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

pub fn serve(dir: &Path, flags: &[&str]) -> Server {
    let certificate = dir.join("crt.pem").display().to_string();
    let key = dir.join("key.pem").display().to_string();
    let tls = ["--use_tls", "--tls.crt", &certificate, "--tls.key", &key];
    Server::with(&[&tls, flags].concat())
}

/// A client that trusts the authorities of these directories and no others.
pub fn trusting(dirs: &[&Path]) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authorities = dirs
        .iter()
        .map(|dir| Certificate::from_pem(&fs::read(dir.join("ca.pem")).unwrap()).unwrap());
    Client::builder().no_proxy().tls_certs_only(authorities)
}

#[tokio::test]
async fn both_protocols_are_served_by_alpn_and_http_alone_is_not_answered() {
    let dir = TempDir::new().unwrap();
    generate(dir.path());
    let server = serve(dir.path(), &[]);
    assert!(server.url.starts_with("https://"));
    let url = format!("{}/healthz", server.url);
    let second = trusting(&[dir.path()])
        .build()
        .unwrap()
        .get(&url)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (second.status().as_u16(), second.version()),
        (200, Version::HTTP_2)
    );
    let first = trusting(&[dir.path()])
        .http1_only()
        .build()
        .unwrap()
        .get(&url)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (first.status().as_u16(), first.version()),
        (200, Version::HTTP_11)
    );
    let stranger = Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    assert!(stranger.get(&url).send().await.is_err());
    let plain = crate::http::hostile::exchange(
        server.address(),
        b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
    )
    .await;
    assert!(!plain.contains("200"), "{plain}");
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_failed_request_and_a_bad_one_is_not() {
    let (old, new, serving) = (
        TempDir::new().unwrap(),
        TempDir::new().unwrap(),
        TempDir::new().unwrap(),
    );
    generate(old.path());
    generate(new.path());
    let install = |from: &Path| {
        for file in ["crt.pem", "key.pem"] {
            fs::copy(from.join(file), serving.path().join(file)).unwrap();
        }
    };
    install(old.path());
    let server = serve(serving.path(), &[]);
    let url = format!("{}/message", server.url);
    let both = [old.path(), new.path()];
    let kept = trusting(&both).build().unwrap();
    assert!(kept.get(&url).send().await.unwrap().status().is_success());

    fs::write(serving.path().join("key.pem"), "half a renewal").unwrap();
    let refused = "the new certificate is not used";
    until(async || server.log().contains(refused)).await;
    let served = |client: Client| {
        let url = url.clone();
        async move { client.get(url).send().await.unwrap().status().is_success() }
    };
    assert!(served(trusting(&[old.path()]).build().unwrap()).await);

    install(new.path());
    until(async || {
        // Every request succeeds, on the kept connection and on new ones.
        assert!(served(kept.clone()).await);
        assert!(served(trusting(&both).build().unwrap()).await);
        let only_new = trusting(&[new.path()]).build().unwrap();
        only_new.get(&url).send().await.is_ok()
    })
    .await;
}

/// Asks again until it is so; a test that waits for ever has failed.
#[test]
fn files_that_are_no_pair_stop_the_start_with_their_names() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    generate(one.path());
    generate(other.path());
    let text = one.path().join("text.pem");
    fs::write(&text, "nothing").unwrap();
    let cases = [
        (
            one.path().join("crt.pem"),
            other.path().join("key.pem"),
            "together",
        ),
        (
            one.path().join("gone.pem"),
            one.path().join("key.pem"),
            "gone.pem",
        ),
        (
            text.clone(),
            one.path().join("key.pem"),
            "no PEM certificate",
        ),
        (one.path().join("crt.pem"), text, "no PEM private key"),
    ];
    for (certificate, key, named) in cases {
        let store = Arc::new(TempDir::new().unwrap());
        let output = dunder()
            .args(["serve", "--port", "0", "--use_tls", "--sqlite.path"])
            .arg(store.path().join("dunder.sqlite"))
            .arg("--tls.crt")
            .arg(&certificate)
            .arg("--tls.key")
            .arg(&key)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(said.contains(named), "{said}");
        assert_eq!(output.stdout, b"", "it said that it listens");
    }
}
