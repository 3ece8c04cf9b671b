//! Made-up networks: addresses, who runs them, what they hide and how they are judged.
//!
//! Owns the address plan. Every address is from a range set aside for documentation or for benchmarks
//! (RFC 5737, 3849, 2544), so that none belongs to anyone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fastrand::Rng;

/// What stands between a person and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anonymiser {
    Vpn,
    Proxy,
    Tor,
    Datacenter,
}

impl Anonymiser {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        match rng.u8(0..100) {
            0..46 => Self::Vpn,
            46..74 => Self::Proxy,
            74..82 => Self::Tor,
            _ => Self::Datacenter,
        }
    }
}

/// The kind of connection, as the API names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    Residential,
    Mobile,
    Corporate,
    Education,
    Datacenter,
}

impl Connection {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Residential => "residential",
            Self::Mobile => "mobile",
            Self::Corporate => "corporate",
            Self::Education => "education",
            Self::Datacenter => "datacenter",
        }
    }

    /// Provider and organisation, both invented.
    pub(crate) fn operator(self, rng: &mut Rng) -> (&'static str, &'static str) {
        let among = |from: &[(&'static str, &'static str)], rng: &mut Rng| from[rng.usize(0..from.len())];
        match self {
            Self::Residential => among(HOMES, rng),
            Self::Mobile => among(CARRIERS, rng),
            Self::Corporate => among(OFFICES, rng),
            Self::Education => among(CAMPUSES, rng),
            Self::Datacenter => among(HOSTERS, rng),
        }
    }

    /// An address of someone's own, or for a carrier one that many share.
    pub(crate) fn address(self, rng: &mut Rng) -> IpAddr {
        match self {
            // A documentation /24 for each: offices and campuses are where addresses repeat.
            Self::Corporate => v4(192, 0, 2, rng.u8(1..=254)),
            Self::Education => v4(198, 51, 100, rng.u8(1..=254)),
            Self::Mobile if rng.u8(0..100) < 35 => v4(198, 19, rng.u8(0..64), rng.u8(1..=254)),
            Self::Residential if rng.u8(0..100) < 55 => v4(198, 18, rng.u8(..), rng.u8(1..=254)),
            Self::Mobile | Self::Residential => v6(rng, 0),
            Self::Datacenter => v4(203, 0, 113, rng.u8(96..=254)),
        }
    }
}

impl Anonymiser {
    /// The address that the server sees.
    pub(crate) fn exit(self, rng: &mut Rng) -> IpAddr {
        match self {
            Self::Vpn if rng.bool() => v4(203, 0, 113, rng.u8(32..96)),
            Self::Tor if rng.u8(0..100) < 80 => v4(203, 0, 113, rng.u8(1..32)),
            Self::Datacenter if rng.bool() => Connection::Datacenter.address(rng),
            // Residential proxies hide among homes.
            Self::Proxy => Connection::Residential.address(rng),
            Self::Vpn | Self::Tor | Self::Datacenter => v6(rng, 0xf000),
        }
    }

    pub(crate) fn connection(self, rng: &mut Rng) -> Connection {
        match self {
            Self::Proxy if rng.bool() => Connection::Residential,
            _ => Connection::Datacenter,
        }
    }
}

/// How threatening a session looks to its network; behind an anonymiser more so.
pub(crate) fn threat(rng: &mut Rng, anonymiser: Option<Anonymiser>, ring: bool) -> Option<&'static str> {
    let (low, medium) = match (ring, anonymiser) {
        (true, _) => (14, 36),
        (_, None) => (93, 6),
        (_, Some(Anonymiser::Vpn)) => (52, 36),
        (_, Some(Anonymiser::Proxy)) => (32, 42),
        (_, Some(Anonymiser::Tor)) => (4, 30),
        (_, Some(Anonymiser::Datacenter)) => (44, 38),
    };
    match (rng.u8(0..200), rng.u8(0..100)) {
        (0, _) => None,
        (1, _) => Some("unknown"),
        (_, draw) if draw < low => Some("low"),
        (_, draw) if draw < low + medium => Some("medium"),
        _ => Some("high"),
    }
}

fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

/// An address in 2001:db8::/32; `site` keeps hosters apart from homes.
fn v6(rng: &mut Rng, site: u16) -> IpAddr {
    let site = site | rng.u16(0..0x0fff);
    IpAddr::V6(Ipv6Addr::new(
        0x2001,
        0x0db8,
        site,
        rng.u16(..),
        rng.u16(..),
        rng.u16(..),
        rng.u16(..),
        rng.u16(..),
    ))
}

const HOMES: &[(&str, &str)] = &[
    ("Northline Broadband", "Northline Broadband"),
    ("Bluewater Cable", "Bluewater Cable Holdings"),
    ("Meridian Fibre", "Meridian Fibre Networks"),
    ("Sunrise Telecom Example", "Sunrise Telecom Example"),
    ("Cobalt Home Internet", "Cobalt Communications"),
    ("Altiplano Net", "Altiplano Net"),
    ("Harbour City DSL", "Harbour City Utilities"),
    ("Maple & Birch Cable", "Maple & Birch Cable"),
    ("Lumen Vista Fibra", "Lumen Vista Fibra"),
];
const CARRIERS: &[(&str, &str)] = &[
    ("Zephyr Mobile", "Zephyr Mobile"),
    ("Orbita Wireless", "Orbita Wireless"),
    ("Tern Cellular", "Tern Cellular Group"),
    ("Savanna Connect", "Savanna Connect"),
    ("Pulse 5G", "Pulse Networks"),
    ("Kite Mobile", "Kite Mobile"),
];
const OFFICES: &[(&str, &str)] = &[
    ("Northline Business", "Fictional Freight Co."),
    ("Meridian Fibre", "Example Insurance plc"),
    ("Cobalt Business", "Placeholder Bank"),
    ("Harbour City Utilities", "Sample Foods \"Fresh\" Ltd"),
];
const CAMPUSES: &[(&str, &str)] = &[
    ("Example Research Network", "University of Nowhere"),
    ("Example Research Network", "Invented Institute of Technology"),
];
const HOSTERS: &[(&str, &str)] = &[
    ("Granite Hosting", "Granite Hosting"),
    ("Nimbus Example Cloud", "Nimbus Example Cloud"),
    ("Tall Pines VPS", "Tall Pines VPS"),
    ("Basalt Servers", "Basalt Servers B.V."),
];
