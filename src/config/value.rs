//! How the values of settings are read: each function takes a text and gives
//! the value or what to write instead.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::Network;
use crate::domain::parse_duration;

/// A text that no log shows: `Debug` prints `…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted(String);

impl Redacted {
    /// Hides a text.
    pub fn new(secret: impl Into<String>) -> Redacted {
        Redacted(secret.into())
    }

    /// The text, for the one place that must use it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Any text.
pub(super) fn any(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// `true` and `false`, and what YAML 1.1 and shells say instead.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

/// A port to connect to or to listen on.
pub(super) fn port(text: &str) -> Result<u16, String> {
    if text.starts_with("tcp://") {
        return Err(
            "write a port number. This value is a Kubernetes service link: set \
             `enableServiceLinks: false` in the pod, or rename the service"
                .to_owned(),
        );
    }
    text.parse()
        .map_err(|_| "write a port from 0 to 65535".to_owned())
}

/// A port to connect to.
pub(super) fn target_port(text: &str) -> Result<u16, String> {
    match port(text)? {
        0 => Err("write a port from 1 to 65535".to_owned()),
        port => Ok(port),
    }
}

/// A number of things, at least one.
pub(super) fn count(text: &str) -> Result<usize, String> {
    match rate(text)? {
        0 => Err("write a number from 1 to 4294967295".to_owned()),
        count => Ok(count as usize),
    }
}

/// A number of things, zero for no limit.
pub(super) fn rate(text: &str) -> Result<u32, String> {
    text.replace('_', "")
        .parse()
        .map_err(|_| "write a whole number such as 600".to_owned())
}

/// A number of bytes: `65536`, `64KiB`, `64 kB`, `1MiB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let wrong = || "write a size from 1 byte to 1 GiB, such as 65536 or 64KiB".to_owned();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        _ => return Err(wrong()),
    };
    let bytes = number
        .parse::<usize>()
        .ok()
        .and_then(|n| n.checked_mul(unit));
    bytes
        .filter(|n| (1..=1 << 30).contains(n))
        .ok_or_else(wrong)
}

/// A length of time, at least a millisecond, at most a day.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    const DAY: Duration = Duration::from_secs(86_400);
    parse_duration(text)
        .ok()
        .filter(|time| (Duration::from_millis(1)..=DAY).contains(time))
        .ok_or_else(|| "write a time from 1ms to 24h, such as 10s or 1m30s".to_owned())
}

/// A part of all, from none to 1.
pub(super) fn ratio(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| "write a number from 0 to 1, such as 0.01".to_owned())
}

/// The address of an HTTP service.
pub(super) fn http_url(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.map(String::from)
        .ok_or_else(|| "write an address such as http://127.0.0.1:4318".to_owned())
}

/// The size of a request's head. hyper's buffer is never smaller.
pub(super) fn header_size(text: &str) -> Result<usize, String> {
    size(text)
        .ok()
        .filter(|bytes| *bytes >= 8192)
        .ok_or_else(|| "write a size from 8KiB to 1 GiB".to_owned())
}

/// A network, or one address.
pub(super) fn network(text: &str) -> Result<Network, String> {
    text.parse()
        .map_err(|_| "write an address or a network, such as 10.0.0.0/8 or ::1".to_owned())
}

/// A host name or address to listen on, `[::1]` included.
pub(super) fn host(text: &str) -> Result<String, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let is_address = bare.parse::<IpAddr>().is_ok();
    let is_name = !bare.contains(|c: char| c.is_whitespace() || "/:@[]".contains(c));
    if bare.is_empty() || !(is_address || is_name) {
        return Err("write a name or an address, such as localhost, 0.0.0.0 or ::1, and the port in its own key".to_owned());
    }
    Ok(bare.to_owned())
}

/// A name that requests call the server by, without a port.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('.');
    let is_name = !name.is_empty() && !name.contains(['/', '@', ' ', '*']);
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if !is_name || (name.contains(':') && !is_address) {
        return Err("write a name or an address without a port, such as board.example".to_owned());
    }
    // As `Host` has it.
    let is_bare = name.contains(':') && !name.starts_with('[');
    Ok(if is_bare {
        format!("[{name}]")
    } else {
        name.to_owned()
    })
}

/// Whether only this machine can reach what listens on a host.
pub fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A host of the database with its port where one is written: `db1`,
/// `db1:26257`, `::1`, `[::1]:26257`, `/var/run/postgresql`.
pub(super) fn database_host(text: &str) -> Result<(String, Option<u16>), String> {
    if text.starts_with('/') || text.parse::<IpAddr>().is_ok() {
        return Ok((text.to_owned(), None));
    }
    match text.rsplit_once(':') {
        Some((name, number)) if !text.ends_with(']') => {
            Ok((host(name)?, Some(target_port(number)?)))
        }
        _ => Ok((host(text)?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_in_bytes_and_in_both_kinds_of_thousands() {
        for (text, bytes) in [
            ("1", 1),
            ("64KiB", 65_536),
            ("64 kB", 64_000),
            ("64k", 65_536),
            ("1 MiB", 1 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "64 apples",
            "2000000000",
            "KiB",
            "99999999999999999999999",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_of_the_database_may_name_their_port() {
        for (text, host, port) in [
            ("db1", "db1", None),
            ("db1:26258", "db1", Some(26258)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[::1]:5", "::1", Some(5)),
            ("/var/run/postgresql", "/var/run/postgresql", None),
        ] {
            assert_eq!(database_host(text), Ok((host.to_owned(), port)), "{text}");
        }
        for text in ["", "db 1", "db:port", "postgresql://x", "a@b"] {
            assert!(database_host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_this_machine_reaches_loopback_hosts() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "localhost",
            "LOCALHOST.",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "0.0.0.0",
            "::",
            "10.0.0.1",
            "example.com",
            "localhost.example.com",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_secret_is_not_debugged() {
        assert!(!format!("{:?}", Redacted::new("hush")).contains("hush"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_a_refusal(text: String) {
            let _ = (size(&text), time(&text), network(&text), host(&text), database_host(&text), rate(&text));
        }
    }
}
