//! One made-up session: when it lives, on which device, from where and how it is judged.
//!
//! Owns the facts of a session as a pure function of its inquiry and position. Which of them show at a given
//! moment, and how they are written, is in [`super::render`].

use std::net::IpAddr;

use fastrand::Rng;

use super::devices::{Class, Device};
use super::ids::{DEVICE, Id, NETWORK, Purpose, SESSION, stream, token};
use super::network::{Anonymiser, Connection, threat};
use super::people::{DAY, HOUR, Inquiry, MINUTE, MOST_SESSIONS, People, SECOND, Template, Who};
use super::places::Place;
use super::plants::Plot;

/// A session and everything that will ever be known of it.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its number among all sessions, for draws of its own.
    pub(crate) number: u64,
    pub(crate) id: Id,
    pub(crate) inquiry: Id,
    pub(crate) created: i64,
    pub(crate) expires: i64,
    pub(crate) redacted: Option<i64>,
    pub(crate) handoff: Option<&'static str>,
    /// What is known once the session has started; about one in eight never does.
    pub(crate) visit: Option<Visit>,
}

/// What is known of a started session.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) started: i64,
    pub(crate) device: Device,
    pub(crate) device_id: Option<Id>,
    pub(crate) network_id: Related,
    pub(crate) address: IpAddr,
    pub(crate) place: Place,
    /// The longer name that some rows give the United States.
    pub(crate) long_country_name: bool,
    pub(crate) gps: Option<Gps>,
    pub(crate) proxy: Option<bool>,
    pub(crate) tor: Option<bool>,
    pub(crate) datacenter: Option<bool>,
    pub(crate) vpn: Option<bool>,
    pub(crate) threat_level: Option<&'static str>,
    pub(crate) connection: Option<&'static str>,
    pub(crate) isp: Option<&'static str>,
    pub(crate) organization: Option<&'static str>,
    pub(crate) fingerprint: u64,
}

/// A related resource: named, null, or not even mentioned.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Related {
    Named(Id),
    Null,
    Absent,
}

/// Where the device says it is.
#[derive(Debug)]
pub(crate) struct Gps {
    pub(crate) place: Place,
    pub(crate) precision: &'static str,
    /// The country of the coordinates, where it could be found.
    pub(crate) country_code: Option<&'static str>,
}

/// `gps-country-code` came on 2026-09-29 and is null on older rows.
const GPS_COUNTRY_SINCE: i64 = 1_790_640_000_000;

impl People {
    /// The id of an inquiry's `nth` session.
    pub(crate) fn session_id(&self, inquiry: u32, nth: u8) -> Id {
        Id { prefix: SESSION, token: token(self.seed, Purpose::SessionId, position(inquiry, nth)) }
    }

    /// An inquiry's `nth` session, the same at every call.
    pub(crate) fn session(&self, inquiry: &Inquiry, nth: u8) -> Session {
        let mut rng = stream(self.seed, Purpose::Session, position(inquiry.number, nth));
        let created = inquiry.times[usize::from(nth) % MOST_SESSIONS];
        let handoff = inquiry.handoff.filter(|_| nth == 1);
        // Whoever was handed over has, as a rule, come to stay; what is planted is there to be seen.
        let starts = rng.u8(0..100) < if handoff.is_some() { 97 } else { 86 };
        let started = (starts || inquiry.plot(nth).is_some()).then(|| {
            let wait = if rng.u8(0..100) < 85 { 2 * SECOND..3 * MINUTE } else { 3 * MINUTE..5 * HOUR };
            created + rng.i64(wait)
        });
        let expires = match started {
            Some(started) if rng.u8(0..100) < 55 => started + rng.i64(2 * MINUTE..40 * MINUTE),
            _ => (created + DAY).max(started.unwrap_or(0) + MINUTE),
        };
        let visit = started.map(|started| self.visit(&mut rng, inquiry, nth, handoff.is_some(), started));
        Session {
            number: position(inquiry.number, nth),
            id: self.session_id(inquiry.number, nth),
            inquiry: self.inquiry_id(inquiry.number),
            created,
            expires,
            redacted: inquiry.redacted.map(|at| at.max(expires)),
            handoff,
            visit,
        }
    }

    fn visit(&self, rng: &mut Rng, inquiry: &Inquiry, nth: u8, handed: bool, started: i64) -> Visit {
        let ring = if let Who::Ring(ring) = inquiry.who { Some(ring) } else { None };
        let plot = inquiry.plot(nth);
        // The inquiry decides the device once, so that its sessions agree on it.
        let class = match (plot, ring, inquiry.handoff, u64::from(inquiry.number) % 100) {
            (Some(plot), ..) => plot.class,
            (.., Some(_), _) if handed || nth > 1 => Class::Phone,
            (_, Some(ring), ..) => ring.class,
            (.., Some(_), _) | (.., 0..47) => Class::Desktop,
            (.., 47..93) => Class::Phone,
            (.., 93..99) => Class::Tablet,
            _ => Class::Automation,
        };
        let owner = self.owner(inquiry, nth, class);
        let device = Device::draw(class, &mut stream(self.seed, Purpose::Device, owner));
        let known = rng.u8(0..100) >= 4 || plot.is_some();
        let device_id =
            known.then(|| Id { prefix: DEVICE, token: token(self.seed, Purpose::DeviceId, owner) });

        let home = match inquiry.who {
            Who::Person(person) => self.home(person),
            Who::Ring(ring) => ring.place,
            Who::Planted(plots) => of_session(plots, nth).place,
        };
        let anonymiser = match inquiry.who {
            Who::Person(_) => (rng.u8(0..100) < 11).then(|| Anonymiser::draw(rng)),
            Who::Ring(ring) => ring.anonymiser,
            Who::Planted(plots) => of_session(plots, nth).anonymiser,
        };
        let connection = match (anonymiser, class, rng.u8(0..100)) {
            (Some(anonymiser), ..) => anonymiser.connection(rng),
            (_, Class::Automation, _) => Connection::Datacenter,
            (_, Class::Phone, 0..58) | (.., 0..4) => Connection::Mobile,
            (.., 90..98) => Connection::Corporate,
            (.., 98..) => Connection::Education,
            _ => Connection::Residential,
        };
        // Homes, rings and bursts keep their address; everything else gets one for the session.
        let mut of_home = stream(self.seed, Purpose::NetworkId, owner >> 2);
        let address = match (plot.and_then(|plot| plot.address), ring, anonymiser, connection) {
            (Some(address), ..) => address,
            (_, Some(ring), ..) if !ring.shares_device => {
                let mut rng = stream(self.seed, Purpose::NetworkId, RING | ring.number);
                match ring.anonymiser {
                    Some(anonymiser) => anonymiser.exit(&mut rng),
                    None => Connection::Residential.address(&mut rng),
                }
            }
            (.., Some(anonymiser), _) => anonymiser.exit(rng),
            (.., Connection::Residential | Connection::Corporate) => connection.address(&mut of_home),
            (.., other) => other.address(rng),
        };
        // An exit is anywhere; a home is where it is.
        let place = if anonymiser.is_some() && rng.u8(0..100) < 75 { Place::draw(rng) } else { home };
        let (isp, organization) = connection.operator(rng);

        let configured = inquiry.template != Template::NoNetworkSignals;
        let is = |kind: Anonymiser| configured.then_some(anonymiser == Some(kind));
        let hosted = configured.then_some(connection == Connection::Datacenter);
        Visit {
            started,
            device,
            device_id,
            network_id: match rng.u8(0..100) {
                0..4 => Related::Null,
                4 => Related::Absent,
                _ => Related::Named(self.network_id(address)),
            },
            address,
            place: if rng.u8(0..10) == 0 { place.nearby(rng, 0.3) } else { place },
            long_country_name: place.country.code == "US" && rng.u8(0..100) < 14,
            gps: gps(rng, class, home, plot.and_then(|plot| plot.gps), started),
            proxy: is(Anonymiser::Proxy),
            tor: is(Anonymiser::Tor),
            datacenter: hosted,
            vpn: is(Anonymiser::Vpn).filter(|_| inquiry.template == Template::AllSignals),
            threat_level: threat(rng, anonymiser, ring.is_some()).filter(|_| configured),
            connection: configured.then(|| connection.name()),
            isp: configured.then_some(isp),
            organization: (configured && rng.u8(0..100) < 92).then_some(organization),
            fingerprint: rng.u64(..),
        }
    }

    /// The number of the device that an inquiry uses: a person's, a relative's or a ring's.
    fn owner(&self, inquiry: &Inquiry, nth: u8, class: Class) -> u64 {
        let number = match inquiry.who {
            // A few borrow the device of the person next to them.
            Who::Person(person) if inquiry.number.is_multiple_of(25) => person ^ 1,
            Who::Person(person) => person,
            Who::Ring(ring) if ring.shares_device => RING | ring.number,
            Who::Ring(_) => RING << 1 | u64::from(inquiry.number),
            Who::Planted(plots) => RING << 2 | of_session(plots, nth).device,
        };
        number << 2
            | match class {
                Class::Desktop => 0,
                Class::Phone => 1,
                Class::Tablet => 2,
                Class::Automation => 3,
            }
    }

    /// The network of an address: the same address, the same network.
    fn network_id(&self, address: IpAddr) -> Id {
        let number = match address {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            // The networks of homes are /64s.
            IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or(0),
        };
        Id { prefix: NETWORK, token: token(self.seed, Purpose::NetworkId, number) }
    }
}

/// Marks the numbers of rings, and with further bits those of their members and of plots, among those of people.
const RING: u64 = 1 << 40;

impl Inquiry {
    /// How its `nth` session looks, if it was planted.
    fn plot(&self, nth: u8) -> Option<Plot> {
        if let Who::Planted(plots) = self.who { Some(of_session(plots, nth)) } else { None }
    }
}

fn of_session(plots: [Plot; 2], nth: u8) -> Plot {
    let [first, others] = plots;
    if nth == 0 { first } else { others }
}

/// The number of a session among all, with gaps.
pub(crate) fn position(inquiry: u32, nth: u8) -> u64 {
    u64::from(inquiry) << 8 | u64::from(nth)
}

/// Where the device says it is: at home, unless it was planted to say another place.
fn gps(rng: &mut Rng, class: Class, home: Place, told: Option<Place>, started: i64) -> Option<Gps> {
    let asked = matches!(class, Class::Phone | Class::Tablet) && rng.u8(0..100) < 16;
    (asked || told.is_some()).then(|| {
        let found = started >= GPS_COUNTRY_SINCE && rng.u8(0..100) >= 5;
        let place = told.unwrap_or(home);
        Gps {
            place: place.nearby(rng, 0.05),
            precision: if rng.u8(0..100) < 80 { "precise" } else { "approximate" },
            country_code: found.then_some(place.country.code),
        }
    })
}
