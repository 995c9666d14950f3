//! The server's address as a person writes it.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// The server of someone who has not named one.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:9000";
/// The port of a server on this machine when none is written.
const DEFAULT_PORT: u16 = 9000;

/// The base address of a server: scheme, host, port and perhaps a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a server's address ({reason}); write one such as https://dunder.example.com or http://127.0.0.1:9000"
)]
pub struct EndpointError {
    text: String,
    reason: &'static str,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        let refused = |reason| EndpointError {
            text: text.to_owned(),
            reason,
        };
        let trimmed = text.trim();
        let trimmed = match trimmed.contains("://") {
            true => trimmed.to_owned(),
            false => with_scheme(trimmed)
                .ok_or_else(|| refused("it does not start with http:// or https://"))?,
        };
        let url = Url::parse(&trimmed).map_err(|_| refused("it cannot be read"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("it does not start with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it holds a user; the token says who you are"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a query or a fragment"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(refused("it has no host"));
        }
        Ok(Endpoint(url))
    }
}

/// `localhost:9000` and the like with the scheme they must mean: this machine
/// is spoken to without TLS and has a port of its own, others are not.
fn with_scheme(text: &str) -> Option<String> {
    let host = text.split('/').next()?;
    let is_host = host == "localhost" || host.contains(['.', ':']);
    if !is_host || host.contains(char::is_whitespace) || text.contains('@') {
        return None;
    }
    let https = Url::parse(&format!("https://{text}")).ok()?;
    if !Endpoint(https.clone()).is_loopback() {
        return Some(https.into());
    }
    let mut http = Url::parse(&format!("http://{text}")).ok()?;
    // A port that is the scheme's own is not told from none.
    let has_port = host.rsplit(']').next()?.contains(':');
    if !has_port {
        http.set_port(Some(DEFAULT_PORT)).ok()?;
    }
    Some(http.into())
}

impl Endpoint {
    /// Host and, where it is not the scheme's own, port: a name for people.
    pub fn short_name(&self) -> String {
        match self.0.port() {
            Some(port) => format!("{}:{port}", self.host()),
            None => self.host().to_owned(),
        }
    }

    /// The address of a path on this server; `query` without `?`.
    pub fn at(&self, path: &str, query: &str) -> Url {
        let mut url = self.0.clone();
        let base = self.0.path().trim_end_matches('/');
        url.set_path(&format!("{base}{path}"));
        url.set_query((!query.is_empty()).then_some(query));
        url
    }

    /// Whether it is spoken to with TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host, without a port.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, that of the scheme when none is written.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_added_to_the_base() {
        let plain: Endpoint = DEFAULT_SERVER.parse().unwrap();
        assert_eq!(
            plain.at("/message", "limit=5").as_str(),
            "http://127.0.0.1:9000/message?limit=5"
        );
        let below: Endpoint = "https://example.com/dunder/".parse().unwrap();
        assert_eq!(
            below.at("/trend", "").as_str(),
            "https://example.com/dunder/trend"
        );
        assert_eq!(below.to_string(), "https://example.com/dunder");
    }

    #[test]
    fn this_machine_is_known_by_every_name() {
        for text in [
            "http://localhost:1",
            "http://127.1.2.3",
            "https://[::1]:9000",
        ] {
            assert!(text.parse::<Endpoint>().unwrap().is_loopback(), "{text}");
        }
        for text in ["http://10.0.0.1", "http://localhost.example.com"] {
            assert!(!text.parse::<Endpoint>().unwrap().is_loopback(), "{text}");
        }
    }

    #[test]
    fn a_host_alone_is_an_address() {
        for (text, address) in [
            ("localhost:9000", "http://localhost:9000"),
            ("localhost", "http://localhost:9000"),
            ("127.0.0.1:9001", "http://127.0.0.1:9001"),
            ("[::1]:9000", "http://[::1]:9000"),
            ("dunder.example", "https://dunder.example"),
            (
                "dunder.example:9000/base",
                "https://dunder.example:9000/base",
            ),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_value() {
        for text in [
            "",
            "dunder",
            "ann@dunder.example",
            "ftp://a",
            "http://",
            "http://ann:secret@a",
            "http://a?b",
            "http://a#b",
            "http://a b",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
