//! Trusted networks: addresses that are known to be good, whose sessions a query can ask to be kept out of its sight.
//!
//! Owns which addresses a network has and on which days it is trusted, how many sessions are left out, and whether a
//! lake's addresses can tell. An address counts by what it is, however it is written. Must not know where networks are
//! set, nor how an engine leaves rows out.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use ipnet::IpNet;
use jiff::civil::Date;

use super::{Engine, EngineError, Reads};
use crate::range::{DayRange, utc_date};
use crate::session::privacy::{Addresses, Mode, address};
use crate::session::schema::{ATTRIBUTES, IP_ADDRESS};

mod parse;

pub use parse::NetworkError;

/// The sessions of a window by address and day. The first of a day tells which day that is.
const BY_ADDRESS: &str = "SELECT ip_address, MIN(created_at) AS first_seen, COUNT(*) AS sessions FROM sessions \
                          GROUP BY ip_address, created_date \
                          ORDER BY ip_address ASC NULLS LAST, first_seen ASC NULLS LAST";

/// What a lake of shortened addresses still tells apart: so many bits of IPv4 and of IPv6.
const SHORTENED: (u8, u8) = (24, 48);

/// Addresses that are known to be good: an office, a test device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Without host bits; IPv4 is never written as IPv6.
    net: IpNet,
    label: String,
    expires: Option<Date>,
}

impl Network {
    /// Whose it is.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The last day on which it is trusted, if there is one.
    pub fn expires(&self) -> Option<Date> {
        self.expires
    }

    /// Whether both are the same addresses.
    pub fn is_same(&self, other: &Self) -> bool {
        self.net == other.net
    }

    /// Whether it is trusted on a day; one that is not known lies after every last day.
    fn holds_on(&self, day: Option<Date>) -> bool {
        self.expires.is_none_or(|last| day.is_some_and(|day| day <= last))
    }

    fn has(&self, address: IpAddr, day: Option<Date>) -> bool {
        self.net.contains(&address) && self.holds_on(day)
    }
}

/// Networks to be looked up by address, however many there are.
#[derive(Debug, Default, PartialEq, Eq)]
struct Networks {
    list: Vec<Network>,
    /// The same addresses without overlaps, in order: most sessions are in none of them.
    all: Vec<IpNet>,
}

impl Networks {
    fn new(list: Vec<Network>) -> Self {
        let mut all = IpNet::aggregate(&list.iter().map(|network| network.net).collect());
        all.sort_unstable_by_key(IpNet::network);
        Self { list, all }
    }

    /// Those that an address is in on a day, by their places.
    fn of(&self, address: IpAddr, day: Option<Date>) -> impl Iterator<Item = (usize, &Network)> {
        let after = self.all.partition_point(|net| net.network() <= address);
        let is_in_one = after.checked_sub(1).is_some_and(|at| self.all[at].contains(&address));
        let list = if is_in_one { &self.list[..] } else { &[] };
        list.iter().enumerate().filter(move |(_, network)| network.has(address, day))
    }
}

/// The networks that are trusted in a window.
#[derive(Debug, Default)]
pub struct Trusted {
    networks: Arc<Networks>,
    /// The same for every query of the window, and counted for the first of them.
    left_out: OnceLock<LeftOut>,
}

/// A copy is not counted yet: it may be for another window.
impl Clone for Trusted {
    fn clone(&self) -> Self {
        Self { networks: Arc::clone(&self.networks), left_out: OnceLock::new() }
    }
}

/// How many of a window's sessions are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The networks that are trusted on a day of the window, and how many sessions come from each. One that comes from
    /// several counts for the narrowest.
    pub networks: Vec<(Network, i64)>,
    /// The networks that are not trusted any more on the window's last day.
    pub expired: Vec<Network>,
}

impl LeftOut {
    /// How many sessions that is.
    pub fn sessions(&self) -> i64 {
        self.networks.iter().map(|(_, sessions)| sessions).sum()
    }
}

impl Trusted {
    /// The window's networks. The same addresses must not be in it twice.
    pub fn new(networks: Vec<Network>) -> Self {
        Self { networks: Arc::new(Networks::new(networks)), left_out: OnceLock::new() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.networks.list.is_empty()
    }

    /// The networks, in the order in which they were given.
    pub fn networks(&self) -> &[Network] {
        &self.networks.list
    }

    /// What was left out, if a query has asked for that.
    pub fn left_out(&self) -> Option<&LeftOut> {
        self.left_out.get()
    }

    /// The sessions of one side.
    pub fn part(&self, side: Side) -> Part {
        Part { networks: Arc::clone(&self.networks), side }
    }

    /// Counts what is left out of a window, once.
    ///
    /// # Errors
    /// [`EngineError`].
    pub(super) fn count(&self, range: DayRange, engine: &dyn Engine) -> Result<LeftOut, EngineError> {
        if let Some(counted) = self.left_out.get() {
            return Ok(counted.clone());
        }
        let rows = engine.over(&self.part(Side::Trusted)).rows(BY_ADDRESS, Reads::default())?;
        let networks = self.networks();
        let mut counts = vec![0; networks.len()];
        for row in 0..rows.len() {
            let day = rows.moment(row, 1).map(utc_date);
            let network =
                rows.text(row, 0).and_then(address).and_then(|address| self.narrowest(address, day));
            if let Some((network, sessions)) = network.zip(rows.integer(row, 2)) {
                counts[network] += sessions;
            }
        }
        let counted = networks.iter().cloned().zip(counts);
        let counted = counted.filter(|(network, _)| network.holds_on(Some(range.since())));
        let expired = networks.iter().filter(|network| !network.holds_on(Some(range.until())));
        let counted = LeftOut { networks: counted.collect(), expired: expired.cloned().collect() };
        Ok(self.left_out.get_or_init(|| counted).clone())
    }

    fn narrowest(&self, address: IpAddr, day: Option<Date>) -> Option<usize> {
        let networks = self.networks.of(address, day);
        networks.max_by_key(|(_, network)| network.net.prefix_len()).map(|(at, _)| at)
    }
}

/// Which of the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Those of trusted networks.
    Trusted,
    /// All others, and so those without an address.
    Others,
}

/// A part of the sessions, by their addresses and days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    networks: Arc<Networks>,
    side: Side,
}

impl Part {
    /// Which side it is of the networks.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The networks, each by its first and its last address and by the last day on which it is trusted. IPv4 is never
    /// written as IPv6.
    pub fn stretches(&self) -> impl Iterator<Item = (IpAddr, IpAddr, Option<Date>)> {
        self.networks
            .list
            .iter()
            .map(|network| (network.net.network(), network.net.broadcast(), network.expires))
    }

    /// Whether a session is in it. What is no address is in no network.
    pub fn has(&self, text: Option<&str>, day: Option<Date>) -> bool {
        let address = text.and_then(address);
        let trusted = address.is_some_and(|address| self.networks.of(address, day).next().is_some());
        trusted == (self.side == Side::Trusted)
    }
}

/// Networks that a lake cannot tell from others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Untold {
    /// Of a lake of hashes.
    #[error("the lake keeps keyed hashes in place of addresses, which are in no network")]
    Hashed,
    /// Of a lake without addresses.
    #[error("the lake does not keep addresses")]
    Dropped,
    /// Of a lake of shortened addresses.
    #[error(
        "the lake keeps networks in place of addresses, /24 or in IPv6 /48, and {network} ({label}) is only a part of one"
    )]
    Narrow {
        /// The network.
        network: String,
        /// Whose it is.
        label: String,
    },
}

/// Checks that all networks can be told by what a lake keeps of addresses.
///
/// # Errors
/// [`Untold`].
pub fn check(networks: &[Network], mode: &Mode) -> Result<(), Untold> {
    if networks.is_empty() {
        return Ok(());
    }
    if mode.dropped.contains(ATTRIBUTES[IP_ADDRESS].column) {
        return Err(Untold::Dropped);
    }
    match mode.addresses {
        Addresses::Keep => Ok(()),
        Addresses::Hash(_) => Err(Untold::Hashed),
        Addresses::Truncate => match networks.iter().find(|network| is_narrow(network.net)) {
            None => Ok(()),
            Some(network) => {
                Err(Untold::Narrow { network: parse::shown(network.net), label: network.label.clone() })
            }
        },
    }
}

fn is_narrow(net: IpNet) -> bool {
    let (of_v4, of_v6) = SHORTENED;
    match net {
        IpNet::V4(net) => net.prefix_len() > of_v4,
        IpNet::V6(net) => net.prefix_len() > of_v6,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_found_in_all_the_networks_that_have_it_and_in_no_other() {
        let texts = [
            "192.0.2.0/25 a",
            "192.0.2.128/25 b",
            "192.0.2.0/24 c",
            "192.0.2.7 d",
            "198.51.100.0/30 e",
            "0.0.0.0/8 f",
            "255.255.255.255 g",
            "2001:db8::/32 h",
            "2001:db8:7::/48 i",
            "2001:db9::1 j",
            "192.0.2.200 k until 2026-11-10",
        ];
        let networks = Networks::new(texts.iter().map(|text| text.parse().unwrap()).collect());
        for (address, labels) in [
            ("192.0.2.7", "acd"),
            ("192.0.2.0", "ac"),
            ("192.0.2.128", "bc"),
            ("192.0.2.255", "bc"),
            ("192.0.2.200", "bck"),
            ("192.0.1.255", ""),
            ("192.0.3.0", ""),
            ("198.51.100.3", "e"),
            ("198.51.100.4", ""),
            ("0.0.0.0", "f"),
            ("1.0.0.0", ""),
            ("255.255.255.254", ""),
            ("255.255.255.255", "g"),
            ("::", ""),
            ("2001:db8::", "h"),
            ("2001:db8:7::1", "hi"),
            ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "h"),
            ("2001:db9::", ""),
            ("2001:db9::1", "j"),
            ("ffff::", ""),
        ] {
            let found = |day: &str| {
                let found = networks.of(address.parse().unwrap(), Some(day.parse().unwrap()));
                found.map(|(_, network)| network.label()).collect::<String>()
            };
            assert_eq!(found("2026-11-10"), labels, "{address}");
            assert_eq!(found("2026-11-11"), labels.replace('k', ""), "{address}");
        }
    }
}
