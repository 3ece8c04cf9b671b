//! What is to be found among the made-up sessions, by name: the rings that are always there, and what was planted.
//!
//! Owns the labels. They are no part of the API: a client never sees them. Whatever is not labelled is innocent,
//! though it may look otherwise: an office's address, an exit of a VPN, a family's tablet. So is the one that is labelled
//! because a report must tell it from the others, the gateway.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::listing::Listing;
use super::people::{Inquiry, People, Who};
use super::plants::Kind;

/// An event and the sessions that it consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Labelled {
    /// `ring` (many inquiries within hours that share devices or an address), `burst` (many inquiries of one address
    /// within minutes), `travel` (a device in two places, too far apart for the time between), `vpn_surge` (a day with
    /// many more sessions by VPN), `vanished_country` (nobody comes from there in the second half of the days),
    /// `new_country` (somebody comes from there in the last three days only), `web` (inquiries that hang together by a
    /// few devices and addresses), `gateway` (many who have nothing to do with each other come by a carrier's address:
    /// innocent), `switch` (an inquiry goes on with another device, without a handoff) or `spoof` (devices say they are
    /// far from where the addresses of a country put them).
    pub kind: &'static str,
    /// When its first session was created.
    pub first: Timestamp,
    /// When its last one was.
    pub last: Timestamp,
    /// The devices by which a ring, a traveller or a web can be known.
    pub devices: BTreeSet<String>,
    /// The address by which a ring, a burst or a gateway can be known.
    pub addresses: BTreeSet<String>,
    /// The country that vanished, is new, or is not where its devices say they are.
    pub country_code: Option<&'static str>,
    /// Its inquiries' ids.
    pub inquiries: Vec<String>,
    /// Its sessions' ids. A ring's may never have been started, and so show neither device nor address.
    pub sessions: Vec<String>,
}

/// What the sessions of an event have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shares {
    Device,
    Address,
    Country,
    Nothing,
}

/// All that is to be found: first the rings in their order, then what was planted.
pub(crate) fn labelled(listing: &Listing) -> Vec<Labelled> {
    let people = &listing.people;
    let mut rings: BTreeMap<u64, (Shares, Vec<Inquiry>)> = BTreeMap::new();
    for (_, number) in listing.inquiries.iter().rev() {
        let inquiry = people.inquiry(*number);
        if let Who::Ring(ring) = inquiry.who {
            let shares = if ring.shares_device { Shares::Device } else { Shares::Address };
            rings.entry(ring.number).or_insert((shares, Vec::new())).1.push(inquiry);
        }
    }
    let rings = rings.into_values().map(|(shares, inquiries)| label(people, "ring", shares, &inquiries));
    let planted = people.plants.events.iter().map(|event| {
        let (kind, shares) = match event.kind {
            Kind::Burst => ("burst", Shares::Address),
            Kind::Travel => ("travel", Shares::Device),
            Kind::VpnSurge => ("vpn_surge", Shares::Nothing),
            Kind::VanishedCountry => ("vanished_country", Shares::Country),
            Kind::NewCountry => ("new_country", Shares::Country),
            Kind::Web => ("web", Shares::Device),
            Kind::Gateway => ("gateway", Shares::Address),
            Kind::Switch => ("switch", Shares::Nothing),
            Kind::Spoof => ("spoof", Shares::Country),
        };
        let inquiries: Vec<_> = event.inquiries.clone().map(|number| people.inquiry(number)).collect();
        label(people, kind, shares, &inquiries)
    });
    rings.chain(planted).collect()
}

fn label(people: &People, kind: &'static str, shares: Shares, inquiries: &[Inquiry]) -> Labelled {
    let moment = |ms: Option<i64>| Timestamp::from_millisecond(ms.unwrap_or(0)).unwrap_or_default();
    let mut sessions = Vec::new();
    for inquiry in inquiries {
        sessions.extend((0..inquiry.sessions).map(|nth| people.session(inquiry, nth)));
    }
    // Those that tell what is shared, if it is this that is shared.
    let visits = |what: Shares| {
        sessions.iter().filter_map(|session| session.visit.as_ref()).filter(move |_| shares == what)
    };
    Labelled {
        kind,
        first: moment(sessions.iter().map(|session| session.created).min()),
        last: moment(sessions.iter().map(|session| session.created).max()),
        devices: visits(Shares::Device).filter_map(|visit| Some(visit.device_id?.to_string())).collect(),
        addresses: visits(Shares::Address).map(|visit| visit.address.to_string()).collect(),
        country_code: visits(Shares::Country).map(|visit| visit.place.country.code).next(),
        inquiries: inquiries.iter().map(|inquiry| people.inquiry_id(inquiry.number).to_string()).collect(),
        sessions: sessions.iter().map(|session| session.id.to_string()).collect(),
    }
}
