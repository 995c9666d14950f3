//! Where a request really comes from. `X-Forwarded-For` and `Forwarded`
//! (<https://www.rfc-editor.org/rfc/rfc7239>) are anyone's to write: only what
//! a configured proxy added is believed.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{FORWARDED, HeaderMap, HeaderName};

use crate::config::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: the peer, or, where the peer is a configured
/// proxy, the last address it passed on that is not one.
///
/// `Forwarded` counts where there is no `X-Forwarded-For`: a proxy that writes
/// one of the two has to drop the other, which is the client's own.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        return peer;
    }
    let hops = match headers.contains_key(X_FORWARDED_FOR) {
        true => hops(headers, &X_FORWARDED_FOR, Some),
        false => hops(headers, &FORWARDED, forwarded_for),
    };
    let mut nearest = peer;
    for hop in hops {
        // What cannot be read was not written by a proxy: stop before it.
        let Some(address) = hop else { break };
        nearest = address.to_canonical();
        if !is_trusted(nearest) {
            break;
        }
    }
    nearest
}

/// The hops of a header, the nearest first; `None` for one that says nothing.
fn hops<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    node: impl Fn(&'h str) -> Option<&'h str>,
) -> Vec<Option<IpAddr>> {
    let values = headers.get_all(name).iter();
    let hops = values.flat_map(|value| match value.to_str() {
        // Names and addresses hold no comma.
        Ok(value) => value.split(',').map(&node).collect(),
        Err(_) => vec![None],
    });
    let mut hops: Vec<_> = hops.map(|hop| hop.and_then(address)).collect();
    hops.reverse();
    hops
}

/// The node of `for=192.0.2.43;proto=http`.
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, node) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(node)
    })
}

/// An address as proxies write it: bare, with a port, in brackets, in quotes.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let quoted = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let text = quoted.unwrap_or(text).trim();
    let alone = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = alone.unwrap_or(text).parse() {
        return Some(address);
    }
    text.parse().ok().map(|socket: SocketAddr| socket.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(peer: &str, headers: &[(&'static str, &str)], trusted: &[&str]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    fn through(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        seen(peer, &[("x-forwarded-for", forwarded)], trusted)
    }

    #[test]
    fn only_configured_proxies_are_believed() {
        let ten = ["10.0.0.0/8"];
        assert_eq!(through("9.9.9.9", "1.1.1.1", &[]), "9.9.9.9");
        assert_eq!(through("10.0.0.1", "1.1.1.1", &ten), "1.1.1.1");
        let hops = "6.6.6.6, 1.1.1.1, 10.2.3.4";
        assert_eq!(through("10.0.0.1", hops, &ten), "1.1.1.1");
        let mapped = through("::ffff:10.0.0.1", "1.1.1.1", &["10.0.0.1"]);
        assert_eq!(mapped, "1.1.1.1");
        assert_eq!(through("10.0.0.1", "nonsense", &ten), "10.0.0.1");
        assert_eq!(
            through("fd00::1", "2001:db8::7", &["fd00::/8"]),
            "2001:db8::7"
        );
    }

    #[test]
    fn an_address_is_read_however_a_proxy_writes_it() {
        for (written, address) in [
            ("203.0.113.11:41100", "203.0.113.11"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("\"203.0.113.11:41100\"", "203.0.113.11"),
            ("\"[2001:db8::1]\"", "2001:db8::1"),
            (" 203.0.113.11 ", "203.0.113.11"),
            ("::ffff:203.0.113.11", "203.0.113.11"),
        ] {
            assert_eq!(through("10.0.0.1", written, &["10.0.0.1"]), address);
            let hops = format!("6.6.6.6, {written},10.0.0.1:80");
            assert_eq!(through("10.0.0.1", &hops, &["10.0.0.1"]), address);
            // In `Forwarded`, what holds a colon is quoted.
            let element = format!("by=x;For={written};proto=https");
            let headers = [("forwarded", "for=6.6.6.6"), ("forwarded", &element)];
            assert_eq!(seen("10.0.0.1", &headers, &["10.0.0.1"]), address);
        }
        for hidden in [
            "unknown",
            "_hidden",
            "203.0.113.11:x",
            "[::1",
            "for=1.1.1.1",
        ] {
            assert_eq!(through("10.0.0.1", hidden, &["10.0.0.1"]), "10.0.0.1");
        }
    }

    #[test]
    fn what_the_client_wrote_beside_the_proxys_own_header_does_not_count() {
        let headers = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "1.1.1.1")];
        assert_eq!(seen("10.0.0.1", &headers, &["10.0.0.1"]), "1.1.1.1");
    }

    proptest! {
        #[test]
        fn any_header_is_read_and_what_no_proxy_added_never_wins(text in "[ -~]{0,80}") {
            for name in ["x-forwarded-for", "forwarded"] {
                let last = format!("{text},for=1.1.1.1").replace("for=", match name {
                    "forwarded" => "for=",
                    _ => "",
                });
                let headers = [(name, last.as_str())];
                prop_assert_eq!(seen("10.0.0.1", &headers, &["10.0.0.1"]), "1.1.1.1");
            }
        }
    }
}
