//! The connection's protection: protocol, and whose certificate until when.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::ProtocolVersion;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::cli::CliError;
use crate::cli::client::tls::trusting;
use crate::cli::client::{Client, has_proxy};
use crate::cli::command::doctor::{fine, note, problem};
use crate::output::checks::Check;

/// A certificate that ends sooner should have been renewed by now.
const SOON: i64 = 14;

/// What a handshake of our own shows.
struct Seen {
    protocol: &'static str,
    subject: String,
    issuer: String,
    until: DateTime<Utc>,
}

/// Looks at the connection; the server has answered over it already.
pub(crate) async fn check(client: &Client) -> Check {
    let server = &client.access().server;
    if !server.is_https() {
        return if server.is_loopback() {
            fine("tls", "not needed: the server is on this machine")
        } else {
            note("tls", "none", None)
        };
    }
    if has_proxy() && !server.is_loopback() {
        return note("tls", "through a proxy, which was not looked behind", None);
    }
    match tokio::time::timeout(client.timeout(), look(client)).await {
        Ok(Ok(seen)) => said(&seen, Utc::now()),
        Ok(Err(error)) => problem("tls", error.to_string(), None),
        Err(_) => problem("tls", "no second connection within --timeout", None),
    }
}

async fn look(client: &Client) -> Result<Seen, CliError> {
    let access = client.access();
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    let config = trusting(access.cacert.as_deref())?;
    let host = access.server.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| failed(&error))?;
    let stream = TcpStream::connect((bare, access.server.port()))
        .await
        .map_err(|error| failed(&error))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| failed(&error))?;
    let connection = stream.get_ref().1;
    let protocol = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let certificate = connection
        .peer_certificates()
        .and_then(|chain| chain.first())
        .ok_or_else(|| failed(&"the server shows no certificate"))?;
    let certificate = Certificate::from_der(certificate).map_err(|error| failed(&error))?;
    let tbs = certificate.tbs_certificate;
    Ok(Seen {
        protocol,
        subject: tbs.subject.to_string(),
        issuer: tbs.issuer.to_string(),
        until: tbs.validity.not_after.to_system_time().into(),
    })
}

fn said(seen: &Seen, now: DateTime<Utc>) -> Check {
    let days = (seen.until - now).num_days();
    let found = format!(
        "{}; certificate of {}, by {}, until {} ({days} days)",
        seen.protocol,
        named(&seen.subject),
        named(&seen.issuer),
        seen.until.format("%Y-%m-%d")
    );
    if days >= SOON {
        fine("tls", found)
    } else {
        let advice = "it ends soon: whoever runs the server has to renew it";
        problem("tls", found, Some(advice))
    }
}

fn named(name: &str) -> &str {
    if name.is_empty() {
        "no name of its own"
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::checks::State;

    #[test]
    fn a_certificate_that_ends_soon_is_a_problem() {
        let now: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let seen = |days| Seen {
            protocol: "TLS 1.3",
            subject: "CN=localhost".to_owned(),
            issuer: String::new(),
            until: now + chrono::Duration::days(days),
        };
        let check = said(&seen(90), now);
        assert_eq!(check.state, State::Fine);
        assert_eq!(
            check.found,
            "TLS 1.3; certificate of CN=localhost, by no name of its own, until 2027-02-22 (90 days)"
        );
        assert_eq!(said(&seen(3), now).state, State::Problem);
    }
}
