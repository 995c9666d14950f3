//! Why no answer came, in a sentence that says what to do.

use std::error::Error;
use std::io::ErrorKind;

use rustls::CertificateError;

use crate::cli::CliError;
use crate::cli::account::Endpoint;

/// The error of a request that got no answer.
pub(crate) fn unreachable(server: &Endpoint, error: &reqwest::Error) -> CliError {
    let reason = reason(server, error);
    CliError::Unreachable(format!("could not reach {server}: {reason}"))
}

/// Whether the connection was there and got lost: the request may have been
/// carried out or not.
pub(crate) fn is_lost(error: &reqwest::Error) -> bool {
    !error.is_builder() && !error.is_connect() && !error.is_timeout() && tls(error).is_none()
}

/// Whether nothing listens there (now).
pub(crate) fn is_refused(error: &reqwest::Error) -> bool {
    matches!(io_kind(error), Some(ErrorKind::ConnectionRefused))
}

fn reason(server: &Endpoint, error: &reqwest::Error) -> String {
    if let Some(error) = tls(error) {
        return tls_reason(server, error);
    }
    let innermost = chain(error).last().map(|last| last.to_string());
    let innermost = innermost.unwrap_or_default();
    if chain(error).any(|one| one.to_string() == "dns error") {
        return format!(
            "the name {} is not known ({innermost}); check the address",
            server.host()
        );
    }
    match io_kind(error) {
        Some(ErrorKind::ConnectionRefused) if server.is_loopback() => {
            "connection refused; is the server running? start it with 'dunder serve'".to_owned()
        }
        Some(ErrorKind::ConnectionRefused) => {
            "connection refused; nothing listens there, check the address and the port".to_owned()
        }
        Some(ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable) => {
            "there is no route to it; check the network and the address".to_owned()
        }
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof) => {
            format!("the connection was lost; {}", scheme_hint(server))
        }
        _ if error.is_timeout() => "it took too long; --timeout sets how long to wait".to_owned(),
        _ => format!("{innermost}; {}", scheme_hint(server)),
    }
}

/// What is worth checking when the other side makes no sense.
fn scheme_hint(server: &Endpoint) -> &'static str {
    if server.is_https() {
        "is it an http:// server?"
    } else {
        "is it an https:// server?"
    }
}

fn tls_reason(server: &Endpoint, error: &rustls::Error) -> String {
    let host = server.host();
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("the certificate of {host} has expired; its operator has to renew it")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("the certificate of {host} is not valid yet; check this machine's clock")
            }
            CertificateError::NotValidForName => {
                format!("the certificate it shows is not for {host}; use the name it was made for")
            }
            CertificateError::NotValidForNameContext { presented, .. } => format!(
                "the certificate it shows is for {}, not for {host}; use a name it was made for",
                names(presented).join(", ")
            ),
            CertificateError::UnknownIssuer => format!(
                "the certificate of {host} comes from an unknown authority; name its authority's file with --cacert FILE"
            ),
            CertificateError::Revoked => format!("the certificate of {host} has been revoked"),
            other => format!("the certificate of {host} cannot be trusted: {other}"),
        },
        rustls::Error::InvalidMessage(_) => {
            format!("it does not speak TLS; {}", scheme_hint(server))
        }
        other => format!("TLS failed: {other}"),
    }
}

/// The names of a certificate: rustls wraps each in the name of its kind, as
/// in `DnsName("localhost")`.
fn names(presented: &[String]) -> Vec<&str> {
    presented
        .iter()
        .map(|name| match name.split_once('(') {
            Some((_, inside)) => inside.trim_end_matches(')').trim_matches('"'),
            None => name,
        })
        .collect()
}

fn tls(error: &reqwest::Error) -> Option<&rustls::Error> {
    chain(error).find_map(|mut one| {
        // I/O errors wrap others, each other included, without being their
        // source.
        while let Some(io) = one.downcast_ref::<std::io::Error>() {
            one = io.get_ref()?;
        }
        one.downcast_ref()
    })
}

fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    chain(error)
        .filter_map(|one| one.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind)
        .last()
}

fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |&one| one.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates_stand_without_their_kind() {
        let presented = ["DnsName(\"localhost\")", "IpAddress(127.0.0.1)", "plain"];
        let presented = presented.map(str::to_owned);
        assert_eq!(names(&presented), ["localhost", "127.0.0.1", "plain"]);
    }
}
