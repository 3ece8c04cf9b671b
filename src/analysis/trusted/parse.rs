//! From the text of a trusted network to the [`Network`], and back.
//!
//! ```text
//! 192.0.2.0/24 Head office
//! 2001:db8::7 Test phone until 2026-12-31
//! ```
//! A network without host bits, or an address in any of its writings; a label; and, if wanted, the last day on which it
//! is trusted.

use std::fmt;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use jiff::civil::Date;

use super::Network;
use crate::session::privacy::address;

/// What stands before the last day.
const UNTIL: &str = "until";

/// A network that cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Neither a network nor an address.
    #[error("`{0}` is neither a network, such as 192.0.2.0/24 or 2001:db8::/32, nor an address")]
    Unknown(String),
    /// An address and the length of a prefix that is shorter.
    #[error(
        "`{text}` is an address in a network: write {network} for all of it, or {address} for the address alone"
    )]
    HostBits {
        /// As it was written.
        text: String,
        /// The network that it is in.
        network: String,
        /// The address.
        address: String,
    },
    /// Nobody's.
    #[error("the network {0} has no label that says whose it is, as in 192.0.2.0/24 Head office")]
    NoLabel(String),
    /// A last day that is none.
    #[error("`{day}`, the last day of the network {network}, is not a date of the form YYYY-MM-DD")]
    Day {
        /// The network.
        network: String,
        /// As it was written.
        day: String,
    },
    /// The same addresses as another one.
    #[error("the network {network} is trusted twice, as {first} and as {second}: once is enough")]
    Twice {
        /// The network.
        network: String,
        /// The label of the one.
        first: String,
        /// The label of the other.
        second: String,
    },
}

impl Network {
    /// A network or a single address as people write it, whose it is, and the last day on which it is trusted.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn new(text: &str, label: &str, expires: Option<&str>) -> Result<Self, NetworkError> {
        let (net, label) = (net(text.trim())?, label.trim());
        if label.is_empty() {
            return Err(NetworkError::NoLabel(shown(net)));
        }
        let day = |day: &str| {
            // jiff would take a date with a time too.
            let date = day.parse().ok().filter(|date: &Date| date.to_string() == day);
            date.ok_or_else(|| NetworkError::Day { network: shown(net), day: day.to_owned() })
        };
        Ok(Self { net, label: label.to_owned(), expires: expires.map(day).transpose()? })
    }

    /// Checks that no two of them are the same.
    ///
    /// # Errors
    /// [`NetworkError::Twice`].
    pub fn once_each(networks: &[Self]) -> Result<(), NetworkError> {
        for (at, second) in networks.iter().enumerate() {
            if let Some(first) = networks[..at].iter().find(|first| first.is_same(second)) {
                let (network, first, second) = (shown(second.net), first.label.clone(), second.label.clone());
                return Err(NetworkError::Twice { network, first, second });
            }
        }
        Ok(())
    }

    /// The addresses, as people write them.
    pub fn addresses(&self) -> String {
        shown(self.net)
    }
}

/// The network, IPv4 in IPv6 as IPv4.
fn net(text: &str) -> Result<IpNet, NetworkError> {
    let unknown = || NetworkError::Unknown(text.to_owned());
    if !text.contains('/') {
        return address(text).map(IpNet::from).ok_or_else(unknown);
    }
    let net = text.parse::<IpNet>().map_err(|_| unknown())?;
    let net = match net {
        IpNet::V6(mapped) => {
            let length = mapped.prefix_len().checked_sub(128 - 32);
            let narrow = mapped.addr().to_ipv4_mapped().zip(length);
            narrow.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(net, IpNet::V4)
        }
        IpNet::V4(_) => net,
    };
    if net.trunc() == net {
        return Ok(net);
    }
    let (network, address) = (net.trunc().to_string(), net.addr().to_string());
    Err(NetworkError::HostBits { text: text.to_owned(), network, address })
}

/// An address alone without the length of its prefix.
pub(super) fn shown(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// In one line: `192.0.2.0/24 Head office until 2026-12-31`.
impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let text = text.trim();
        let (network, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let last = rest.trim_end().rsplit_once(char::is_whitespace);
        let dated = last.and_then(|(before, day)| {
            let label = before.trim_end().strip_suffix(UNTIL)?;
            (label.is_empty() || label.ends_with(char::is_whitespace)).then_some((label, day))
        });
        match dated {
            Some((label, day)) => Self::new(network, label, Some(day)),
            None => Self::new(network, rest, None),
        }
    }
}

/// As [`FromStr`] reads it.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", shown(self.net), self.label)?;
        self.expires.map_or(Ok(()), |last| write!(f, " {UNTIL} {last}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        text.parse::<Network>().map(|network| network.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_writing_of_a_network_or_an_address_is_read_as_the_same() {
        for (text, network) in [
            ("192.0.2.0/24 Head office", "192.0.2.0/24 Head office"),
            ("  192.0.2.0/24 \t Head  office  ", "192.0.2.0/24 Head  office"),
            ("::ffff:192.0.2.0/120 Head office", "192.0.2.0/24 Head office"),
            ("192.0.2.7 Test phone", "192.0.2.7 Test phone"),
            ("192.0.2.7/32 Test phone", "192.0.2.7 Test phone"),
            ("::ffff:192.0.2.7 Test phone", "192.0.2.7 Test phone"),
            ("2001:DB8:0:0::/32 Head office", "2001:db8::/32 Head office"),
            ("2001:0db8::0001 Test phone", "2001:db8::1 Test phone"),
            ("0.0.0.0/0 Everybody", "0.0.0.0/0 Everybody"),
            ("::/0 Everybody of IPv6", "::/0 Everybody of IPv6"),
            ("192.0.2.0/24 Shop until 2026-12-31", "192.0.2.0/24 Shop until 2026-12-31"),
            ("192.0.2.0/24 Shop  until  2026-12-31 ", "192.0.2.0/24 Shop until 2026-12-31"),
            ("192.0.2.0/24 Open until late at night", "192.0.2.0/24 Open until late at night"),
            ("192.0.2.0/24 Stand not-until now", "192.0.2.0/24 Stand not-until now"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(network), "{text}");
            assert_eq!(read(network).as_deref(), Ok(network));
        }
    }

    #[test]
    fn what_is_none_is_told_in_a_sentence_with_what_was_likely_meant() {
        for (text, said) in [
            ("", "`` is neither a network, such as 192.0.2.0/24 or 2001:db8::/32, nor an address"),
            ("Head office", "`Head` is neither a network"),
            ("192.0.2.0/33 Head office", "`192.0.2.0/33` is neither a network"),
            ("192.0.2/24 Head office", "`192.0.2/24` is neither a network"),
            ("192.0.2.0/ Head office", "`192.0.2.0/` is neither a network"),
            ("192.0.2.0/-1 Head office", "`192.0.2.0/-1` is neither a network"),
            ("h_5729dfa704e7dc636742c5efbb75a537 Phone", "is neither a network"),
            (
                "192.0.2.7/24 Head office",
                "`192.0.2.7/24` is an address in a network: write 192.0.2.0/24 for all of it, or 192.0.2.7 for the address alone",
            ),
            ("2001:db8:1::9/32 Head office", "write 2001:db8::/32 for all of it, or 2001:db8:1::9 for"),
            ("::ffff:192.0.2.7/120 Head office", "write 192.0.2.0/24 for all of it, or 192.0.2.7 for"),
            ("192.0.2.0/24", "the network 192.0.2.0/24 has no label that says whose it is"),
            ("192.0.2.0/24 until 2026-12-31", "has no label"),
            (
                "192.0.2.0/24 Shop until 2026-02-30",
                "`2026-02-30`, the last day of the network 192.0.2.0/24, is not",
            ),
            ("192.0.2.0/24 Shop until tomorrow", "`tomorrow`, the last day of"),
            ("192.0.2.0/24 Shop until 2026-12-31T00:00:00", "is not a date of the form YYYY-MM-DD"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn the_same_addresses_are_trusted_once() {
        let twice = |texts: [&str; 3]| {
            let networks = texts.map(|text| text.parse::<Network>().unwrap());
            Network::once_each(&networks).map_err(|error| error.to_string())
        };
        // One that lies within another is not the same.
        assert_eq!(twice(["192.0.2.0/24 a", "192.0.0.0/16 b", "192.0.2.7 c"]), Ok(()));
        let said = "the network 192.0.2.7 is trusted twice, as a and as c: once is enough";
        assert_eq!(twice(["192.0.2.7 a", "192.0.2.8 b", "::ffff:192.0.2.7 c"]), Err(said.to_owned()));
    }
}
