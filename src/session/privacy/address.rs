//! Addresses: their one canonical form, and what may stand in their place.
//!
//! Owns the key of the hashes, which cannot be printed. Must not know what a session is.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes that a key must have: the addresses themselves are few enough to be tried one by one, so all that protects
/// them is the key.
const KEY_BYTES: usize = 32;
/// Bytes of an address's hash that are kept. Of a billion addresses, two share 128 bits with a chance of 10⁻²¹.
const HASH_BYTES: usize = 16;
/// Bytes that tell one key from another.
const CHECK_BYTES: usize = 8;
/// What a key's check value is made of; no address is written like this.
const CHECK_LABEL: &str = "session-risk address key";

/// What becomes of addresses. `K` is what stands for the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Addresses<K> {
    /// They stay as they came.
    #[default]
    Keep,
    /// IPv4 becomes its /24, IPv6 its /48.
    Truncate,
    /// `h_` and 32 hexadecimal digits: the first half of the HMAC-SHA-256 of the canonical address.
    Hash(K),
}

/// The key of the hashes. It has no `Display`, and its `Debug` prints `***`.
#[derive(Clone)]
pub struct AddressKey(Hmac<Sha256>);

/// The key is too easily guessed.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key for addresses must have at least {KEY_BYTES} characters, and random ones, as addresses can be tried one by one; openssl rand -hex 32 makes one"
)]
pub struct KeyTooShort;

impl AddressKey {
    /// A key as it was read; white space around it is dropped.
    ///
    /// # Errors
    /// [`KeyTooShort`].
    pub fn new(text: &str) -> Result<Self, KeyTooShort> {
        let bytes = text.trim().as_bytes();
        if bytes.len() < KEY_BYTES {
            return Err(KeyTooShort);
        }
        // HMAC takes keys of any length.
        Hmac::new_from_slice(bytes).map(Self).map_err(|_| KeyTooShort)
    }

    fn digest(&self, text: &str, bytes: usize) -> String {
        let mut hmac = self.0.clone();
        hmac.update(text.as_bytes());
        let digest = hmac.finalize().into_bytes();
        let mut shown = String::with_capacity(2 * bytes);
        digest.iter().take(bytes).for_each(|byte| _ = write!(shown, "{byte:02x}"));
        shown
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Addresses<AddressKey> {
    /// What stands in an address's place.
    pub(super) fn hidden(&self, address: IpAddr) -> String {
        match self {
            Self::Keep => address.to_string(),
            Self::Truncate => network(address),
            Self::Hash(key) => format!("h_{}", key.digest(&address.to_string(), HASH_BYTES)),
        }
    }

    /// The same as a lake's records tell it: in the key's place stands what tells it from another.
    pub(super) fn in_records(&self) -> Addresses<String> {
        match self {
            Self::Keep => Addresses::Keep,
            Self::Truncate => Addresses::Truncate,
            Self::Hash(key) => Addresses::Hash(key.digest(CHECK_LABEL, CHECK_BYTES)),
        }
    }
}

/// One form for all the ways to write an address: IPv4 in IPv6 becomes IPv4; blanks around it, brackets, a port, a
/// zone or a prefix length are dropped. None for what is no address.
pub fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bare = text.split(['%', '/']).next().unwrap_or_default();
    let bare = bare.strip_prefix('[').unwrap_or(bare).trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok().or_else(with_port)?;
    Some(address.to_canonical())
}

/// An address's network, as text.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_one_form_however_it_is_written() {
        for (form, written) in [
            (
                "192.0.2.1",
                &[
                    "192.0.2.1",
                    " 192.0.2.1\n",
                    "::ffff:192.0.2.1",
                    "::FFFF:c000:201",
                    "0:0:0:0:0:ffff:c000:0201",
                ][..],
            ),
            ("192.0.2.1", &["192.0.2.1:443", "[::ffff:192.0.2.1]:443", "192.0.2.1/32"]),
            (
                "2001:db8::1",
                &[
                    "2001:db8::1",
                    "2001:DB8:0:0::1",
                    "2001:0db8:0000:0000:0000:0000:0000:0001",
                    "2001:db8::0.0.0.1",
                ],
            ),
            ("2001:db8::1", &["[2001:db8::1]", "[2001:db8::1]:443", "2001:db8::1%eth0", "2001:db8::1/128"]),
        ] {
            for text in written {
                assert_eq!(address(text).map(|address| address.to_string()).as_deref(), Some(form), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_address_has_no_form() {
        for text in [
            "",
            "unknown",
            "192.0.2",
            "192.0.2.256",
            "192.000.002.001",
            "192.0.2.1, 198.51.100.1",
            "dead",
            "12:34",
            "h_5729dfa704e7dc636742c5efbb75a537",
            "%eth0",
            "/24",
            "::g",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn a_network_keeps_24_bits_of_ipv4_and_48_of_ipv6() {
        let of = |text: &str| network(address(text).unwrap());
        assert_eq!(of("192.0.2.255"), "192.0.2.0/24");
        assert_eq!(of("::ffff:192.0.2.255"), "192.0.2.0/24");
        assert_eq!(of("2001:db8:1:ffff:1::9"), "2001:db8:1::/48");
        assert_eq!(of("::1"), "::/48");
    }

    #[test]
    fn a_hash_is_half_of_the_hmac_of_the_canonical_form() {
        // By Python: hmac.new(key, b"192.0.2.1", "sha256").hexdigest()
        let key = AddressKey::new(" 0123456789abcdef0123456789abcdef\n").unwrap();
        let hash = Addresses::Hash(key).hidden(address("::ffff:192.0.2.1").unwrap());
        assert_eq!(hash, "h_5729dfa704e7dc636742c5efbb75a537");
    }

    #[test]
    fn a_key_prints_as_stars_and_must_be_long() {
        let key = AddressKey::new("0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(format!("{:?}", Addresses::Hash(key)), "Hash(***)");
        for short in ["", "   ", "0123456789abcdef0123456789abcde  "] {
            assert!(AddressKey::new(short).is_err(), "{short:?}");
        }
    }
}
