//! Blocks of addresses, such as those of trusted proxies.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

use crate::domain::shown;

/// An address or a block of them, `10.0.0.0/8`. An IPv4 block written as
/// IPv6 (`::ffff:10.0.0.0/104`) is the IPv4 block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// Not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not an address or a network; write 10.0.0.1 or 10.0.0.0/8", shown(.0))]
pub struct NetworkError(String);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let alone = || text.parse::<IpAddr>().map(IpNet::from);
        let net: IpNet = text
            .parse()
            .or_else(|_| alone())
            .map_err(|_| NetworkError(text.to_owned()))?;
        Ok(Network(unmapped(net)))
    }
}

/// Addresses are compared as IPv4 where they can be, so networks are too.
fn unmapped(net: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(six) = net else { return net };
    let four = Ipv6Addr::to_ipv4_mapped(&six.addr());
    match (four, six.prefix_len().checked_sub(MAPPED)) {
        (Some(four), Some(prefix)) => Ipv4Net::new(four, prefix).map_or(net, IpNet::V4),
        _ => net,
    }
}

impl Network {
    /// Whether an address belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_its_addresses_however_either_is_written() {
        for (block, inside, outside) in [
            ("10.0.0.0/8", "10.2.3.4", "11.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.2.3.4", "::ffff:11.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.2.3.4", "11.0.0.1"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("fd00::/8", "fd12::1", "2001:db8::1"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
        ] {
            let block: Network = block.parse().unwrap();
            assert!(
                block.contains(inside.parse().unwrap()),
                "{block:?} {inside}"
            );
            assert!(
                !block.contains(outside.parse().unwrap()),
                "{block:?} {outside}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "x", "10.0.0/8", "::/129", "10.0.0.0/"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
