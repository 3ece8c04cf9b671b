//! What is planted among the made-up people on demand, so that it can be seen whether reports find it.
//!
//! Owns which events there are and which inquiries each consists of, as a pure function of the seed and the days.
//! They come on top: whoever is there without them is there with them, unchanged. It knows neither JSON nor what
//! a report calls suspicious.

use std::net::IpAddr;
use std::ops::Range;

use fastrand::Rng;

use super::devices::Class;
use super::ids::{Purpose, stream};
use super::network::{Anonymiser, Connection};
use super::people::{DAY, HOUR, Inquiry, MINUTE, MOST_SESSIONS, Template, Who};
use super::places::{FLEETING, Place};

/// The fewest days that hold all events: a surge in a whole day, a country that is new in the last three.
pub(crate) const FEWEST_DAYS: u32 = 14;

/// The number of the first planted inquiry: far above those of everyone else.
const FIRST: u32 = 1 << 30;

const BURSTS: u64 = 5;
const BURST_SESSIONS: usize = 30;
const BURST_SPAN: i64 = 4 * MINUTE;
const TRAVELS: u64 = 20;
/// Further than any geolocation errs, and than anyone gets within the wait.
const TRAVEL_KILOMETRES: f64 = 4_000.0;
const TRAVEL_WAIT: Range<i64> = 15 * MINUTE..90 * MINUTE;
/// Nothing is planted in the last hours, where sessions may not have started yet.
const LAST: i64 = 6 * HOUR;

/// What kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Many inquiries from one address within minutes.
    Burst,
    /// A device that is in two places that are too far apart for the time between.
    Travel,
    /// A day on which half as many sessions as on others come on top, all of them by VPN.
    VpnSurge,
    /// A country from which nobody comes any more in the second half of the days.
    VanishedCountry,
    /// A country from which somebody comes in the last three days only.
    NewCountry,
}

/// One event and the numbers of its inquiries.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) kind: Kind,
    pub(crate) inquiries: Range<u32>,
}

/// How the sessions of a planted inquiry look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plot {
    /// Whose device it is; other plots with the same number have the same device.
    pub(crate) device: u64,
    pub(crate) class: Class,
    /// The address, where it is not one drawn as for anyone else.
    pub(crate) address: Option<IpAddr>,
    pub(crate) anonymiser: Option<Anonymiser>,
    /// Where the first session comes from, and the others.
    pub(crate) places: [Place; 2],
}

/// All events and their inquiries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plants {
    pub(crate) events: Vec<Event>,
    inquiries: Vec<Inquiry>,
}

impl Plants {
    /// Draws all events between two moments that lie [`FEWEST_DAYS`] apart at least. `sessions` is how many there
    /// are without them.
    pub(crate) fn draw(seed: u64, sessions: u64, start: i64, end: i64) -> Self {
        let mut plants = Self::default();
        let last = end - LAST;
        let chance = |kind: Kind, nth: u64| stream(seed, Purpose::Plant, (kind as u64) << 32 | nth);
        for nth in 0..BURSTS {
            plants.burst(&mut chance(Kind::Burst, nth), start..last);
        }
        for nth in 0..TRAVELS {
            plants.travel(&mut chance(Kind::Travel, nth), start..last, nth % 2 == 0);
        }
        let daily = sessions / u64::try_from((end - start) / DAY).unwrap_or(1).max(1);
        let midnight = |moment: i64| moment.div_euclid(DAY) * DAY;
        let surge = midnight(start + (end - start) / 4 * 3);
        let vpn = |rng: &mut Rng| (Place::draw(rng), Some(Anonymiser::Vpn));
        let rng = &mut chance(Kind::VpnSurge, 0);
        plants.crowd(rng, Kind::VpnSurge, daily / 2, surge..surge + DAY, vpn);
        let middle = midnight(start + (end - start) / 2);
        let fleeting = [
            (Kind::VanishedCountry, start..middle, &FLEETING[0]),
            (Kind::NewCountry, midnight(last) - 2 * DAY..last, &FLEETING[1]),
        ];
        for (kind, span, country) in fleeting {
            let there = |rng: &mut Rng| (Place::within(country, rng), None);
            plants.crowd(&mut chance(kind, 0), kind, sessions / 100, span, there);
        }
        plants
    }

    /// The inquiry of a number, if it is a planted one's.
    pub(crate) fn inquiry(&self, number: u32) -> Option<Inquiry> {
        self.inquiries.get(usize::try_from(number.checked_sub(FIRST)?).ok()?).cloned()
    }

    /// All planted inquiries.
    pub(crate) fn inquiries(&self) -> impl Iterator<Item = &Inquiry> {
        self.inquiries.iter()
    }

    fn burst(&mut self, rng: &mut Rng, span: Range<i64>) {
        let from = rng.i64(span.start..span.end - BURST_SPAN);
        let plot = Plot {
            device: 0,
            class: Class::Desktop,
            address: Some(Connection::Residential.address(rng)),
            anonymiser: None,
            places: [Place::draw(rng); 2],
        };
        let begin = self.next();
        for _ in 0..BURST_SESSIONS {
            let device = self.next().into();
            self.add(&[from + rng.i64(0..BURST_SPAN)], Plot { device, ..plot });
        }
        self.event(Kind::Burst, begin);
    }

    /// Both sessions are of one inquiry, or of two on the same device.
    fn travel(&mut self, rng: &mut Rng, span: Range<i64>, one_inquiry: bool) {
        let from = rng.i64(span.start..span.end - TRAVEL_WAIT.end);
        let times = [from, from + rng.i64(TRAVEL_WAIT)];
        let here = Place::draw(rng);
        let mut there = Place::draw(rng);
        while here.kilometres_to(there) < TRAVEL_KILOMETRES {
            there = Place::draw(rng);
        }
        let device = self.next().into();
        let plot =
            Plot { device, class: Class::Desktop, address: None, anonymiser: None, places: [here, there] };
        let begin = self.next();
        if one_inquiry {
            self.add(&times, plot);
        } else {
            self.add(&times[..1], plot);
            self.add(&times[1..], Plot { places: [there; 2], ..plot });
        }
        self.event(Kind::Travel, begin);
    }

    /// Inquiries that have nothing to do with each other but the day or the country.
    fn crowd(
        &mut self,
        rng: &mut Rng,
        kind: Kind,
        inquiries: u64,
        span: Range<i64>,
        mut whence: impl FnMut(&mut Rng) -> (Place, Option<Anonymiser>),
    ) {
        let begin = self.next();
        for _ in 0..inquiries {
            let (place, anonymiser) = whence(rng);
            let class = if rng.bool() { Class::Desktop } else { Class::Phone };
            let device = self.next().into();
            let plot = Plot { device, class, address: None, anonymiser, places: [place; 2] };
            self.add(&[rng.i64(span.clone())], plot);
        }
        self.event(kind, begin);
    }

    /// The number that the next inquiry gets.
    fn next(&self) -> u32 {
        FIRST + u32::try_from(self.inquiries.len()).unwrap_or(0)
    }

    fn add(&mut self, sessions: &[i64], plot: Plot) {
        let mut times = [sessions[0]; MOST_SESSIONS];
        times[..sessions.len()].copy_from_slice(sessions);
        self.inquiries.push(Inquiry {
            number: self.next(),
            created: times[0],
            who: Who::Planted(plot),
            sessions: u8::try_from(sessions.len()).unwrap_or(1),
            times,
            handoff: None,
            template: Template::AllSignals,
            redacted: None,
        });
    }

    fn event(&mut self, kind: Kind, begin: u32) {
        self.events.push(Event { kind, inquiries: begin..self.next() });
    }
}
