//! Traces to a collector over TLS: whom the server trusts, and what it shows.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;

use super::collector::Collector;
use super::stop;
use crate::authority::Authority;
use crate::place::Place;
use crate::support::{Server, dunder};

/// A collector that an authority certified, which asks for a certificate of
/// the same one.
async fn collector(authority: &Authority) -> Collector {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let own = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
    roots.add(own).unwrap();
    let asks = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let (certificate, key) = authority.certify(&["127.0.0.1"], "collector");
    let chain = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(asks.build().unwrap())
        .with_single_cert(vec![chain], key)
        .unwrap();
    Collector::over_tls(config).await
}

/// Writes the files that an authority gives to those who send.
fn install(authority: &Authority, dir: &Path) {
    let (certificate, key) = authority.certify(&[], "dunder");
    for (name, text) in [
        ("ca.pem", &authority.pem),
        ("crt.pem", &certificate),
        ("key.pem", &key),
    ] {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

/// A server that sends every span, with these files of a directory.
fn sending(collector: &Collector, dir: &Path, variables: &[(&str, &str)]) -> Server {
    let place = Place::embedded(Arc::new(TempDir::new().unwrap()));
    let mut command = place.command(&["serve", "--port", "0", "--otel.sample", "1"]);
    command.args(["--otel.endpoint", &collector.url]);
    for (variable, file) in variables {
        command.env(format!("OTEL_EXPORTER_OTLP_{variable}"), dir.join(file));
    }
    Server::at(command, place)
}

const ALL: [(&str, &str); 3] = [
    ("CERTIFICATE", "ca.pem"),
    ("CLIENT_CERTIFICATE", "crt.pem"),
    ("CLIENT_KEY", "key.pem"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_of_an_authority_of_its_own_is_trusted_and_shown_a_certificate() {
    let authority = Authority::new();
    let dir = TempDir::new().unwrap();
    install(&authority, dir.path());
    let of_traces = [
        ("CERTIFICATE", "not there"),
        ("TRACES_CERTIFICATE", "ca.pem"),
        ("TRACES_CLIENT_CERTIFICATE", "crt.pem"),
        ("CLIENT_KEY", "key.pem"),
    ];
    for (variables, arrives) in [
        (&ALL[..], true),
        (&of_traces, true),
        // No certificate is shown.
        (&ALL[..1], false),
        // The system's authorities do not know it.
        (&ALL[1..], false),
    ] {
        let collector = collector(&authority).await;
        let server = sending(&collector, dir.path(), variables);
        server.get("/message").await;
        let log = server.place.dir.clone();
        stop(server);
        assert_eq!(!collector.spans().is_empty(), arrives, "{variables:?}");
        let log = std::fs::read_to_string(log.path().join("log")).unwrap();
        assert_eq!(log.contains("took no spans"), !arrives, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_are_renewed_are_shown_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let dir = TempDir::new().unwrap();
    install(&old, dir.path());
    let collector = collector(&new).await;
    let server = sending(&collector, dir.path(), &ALL);
    let until = async |is_so: &dyn Fn() -> bool| {
        let asking = async {
            while !is_so() {
                server.get("/message").await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), asking)
            .await
            .unwrap();
    };
    until(&|| server.log().contains("took no spans")).await;
    std::fs::write(dir.path().join("key.pem"), "half a renewal").unwrap();
    install(&new, dir.path());
    until(&|| !collector.spans().is_empty()).await;
}

#[test]
fn files_that_cannot_be_used_stop_the_start_with_their_names() {
    let dir = TempDir::new().unwrap();
    install(&Authority::new(), dir.path());
    let other = TempDir::new().unwrap();
    install(&Authority::new(), other.path());
    std::fs::copy(other.path().join("key.pem"), dir.path().join("other.pem")).unwrap();
    std::fs::write(dir.path().join("empty.pem"), "").unwrap();
    for (variable, file) in [
        ("CERTIFICATE", "missing.pem"),
        ("CERTIFICATE", "empty.pem"),
        ("CERTIFICATE", "key.pem"),
        ("CLIENT_CERTIFICATE", "missing.pem"),
        ("CLIENT_KEY", "crt.pem"),
        ("CLIENT_KEY", "other.pem"),
    ] {
        let mut command = dunder();
        command.args(["serve", "--port", "0", "--otel.endpoint", "https://h"]);
        for (variable, file) in ALL.into_iter().chain([(variable, file)]) {
            command.env(
                format!("OTEL_EXPORTER_OTLP_{variable}"),
                dir.path().join(file),
            );
        }
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{said}");
        // A key that is another's is said of the certificate.
        let named = match file {
            "other.pem" => "CLIENT_CERTIFICATE names",
            _ => file,
        };
        assert!(said.contains(named), "{variable} {file}: {said}");
    }
}
