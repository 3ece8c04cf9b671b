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
const FAR_KILOMETRES: f64 = 4_000.0;
const TRAVEL_WAIT: Range<i64> = 15 * MINUTE..90 * MINUTE;
const WEBS: u64 = 4;
const WEB_INQUIRIES: usize = 12;
/// With these two each inquiry hangs together with every other, by way of others, and none with all of them.
const WEB_DEVICES: usize = 4;
const WEB_ADDRESSES: usize = 3;
const WEB_SPAN: i64 = 3 * DAY;
const GATEWAY_INQUIRIES: usize = 80;
const SWITCHES: u64 = 20;
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
    /// Inquiries that share a few devices and addresses in turn, and some of them come by the gateway too.
    Web,
    /// A carrier's address by which many come who have nothing to do with each other: innocent.
    Gateway,
    /// An inquiry that goes on with another kind of device, without a handoff.
    Switch,
    /// Devices that say they are far from where the addresses of one country put them.
    Spoof,
}

/// One event and the numbers of its inquiries.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) kind: Kind,
    pub(crate) inquiries: Range<u32>,
}

/// How a session of a planted inquiry looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plot {
    /// Whose device it is; other plots with the same number and class have the same device.
    pub(crate) device: u64,
    pub(crate) class: Class,
    /// The address, where it is not one drawn as for anyone else.
    pub(crate) address: Option<IpAddr>,
    pub(crate) anonymiser: Option<Anonymiser>,
    /// Where it comes from.
    pub(crate) place: Place,
    /// Where the device says it is, where that is not left to chance.
    pub(crate) gps: Option<Place>,
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
        let class = |rng: &mut Rng| if rng.bool() { Class::Desktop } else { Class::Phone };
        let vpn = |rng: &mut Rng| {
            let place = Place::draw(rng);
            Plot { anonymiser: Some(Anonymiser::Vpn), ..Plot::new(class(rng), place) }
        };
        plants.crowd(&mut chance(Kind::VpnSurge, 0), Kind::VpnSurge, daily / 2, surge..surge + DAY, vpn);
        let middle = midnight(start + (end - start) / 2);
        let fleeting = [
            (Kind::VanishedCountry, start..middle, &FLEETING[0]),
            (Kind::NewCountry, midnight(last) - 2 * DAY..last, &FLEETING[1]),
        ];
        for (kind, span, country) in fleeting {
            let there = |rng: &mut Rng| {
                let place = Place::within(country, rng);
                Plot::new(class(rng), place)
            };
            plants.crowd(&mut chance(kind, 0), kind, sessions / 100, span, there);
        }
        let rng = &mut chance(Kind::Gateway, 0);
        let (carrier, gateway) = (Place::draw(rng), Connection::Mobile.address(rng));
        for nth in 0..WEBS {
            plants.web(&mut chance(Kind::Web, nth), start..last, gateway);
        }
        let customer = |rng: &mut Rng| {
            let place = Place::within(carrier.country, rng);
            Plot { address: Some(gateway), ..Plot::new(Class::Phone, place) }
        };
        plants.crowd(rng, Kind::Gateway, GATEWAY_INQUIRIES as u64, start..last, customer);
        for nth in 0..SWITCHES {
            plants.switch(&mut chance(Kind::Switch, nth), start..last);
        }
        let rng = &mut chance(Kind::Spoof, 0);
        let country = Place::draw(rng).country;
        let spoofed = |rng: &mut Rng| {
            let place = Place::within(country, rng);
            Plot { gps: Some(far_from(place, rng)), ..Plot::new(Class::Phone, place) }
        };
        plants.crowd(rng, Kind::Spoof, sessions / 100, start..last, spoofed);
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
        let address = Some(Connection::Residential.address(rng));
        let plot = Plot { address, ..Plot::new(Class::Desktop, Place::draw(rng)) };
        let begin = self.next();
        for _ in 0..BURST_SESSIONS {
            let device = self.next().into();
            self.add(&[from + rng.i64(0..BURST_SPAN)], [Plot { device, ..plot }; 2]);
        }
        self.event(Kind::Burst, begin);
    }

    /// Both sessions are of one inquiry, or of two on the same device.
    fn travel(&mut self, rng: &mut Rng, span: Range<i64>, one_inquiry: bool) {
        let from = rng.i64(span.start..span.end - TRAVEL_WAIT.end);
        let times = [from, from + rng.i64(TRAVEL_WAIT)];
        let place = Place::draw(rng);
        let begin = self.next();
        let here = Plot { device: begin.into(), ..Plot::new(Class::Desktop, place) };
        let there = Plot { place: far_from(place, rng), ..here };
        if one_inquiry {
            self.add(&times, [here, there]);
        } else {
            self.add(&times[..1], [here; 2]);
            self.add(&times[1..], [there; 2]);
        }
        self.event(Kind::Travel, begin);
    }

    /// Every third of the inquiries has a second session, which comes by the gateway.
    fn web(&mut self, rng: &mut Rng, span: Range<i64>, gateway: IpAddr) {
        let from = rng.i64(span.start..span.end - WEB_SPAN - HOUR);
        let addresses: [IpAddr; WEB_ADDRESSES] =
            std::array::from_fn(|_| Connection::Residential.address(rng));
        let place = Place::draw(rng);
        let begin = self.next();
        for nth in 0..WEB_INQUIRIES {
            let device = u64::from(begin) + (nth % WEB_DEVICES) as u64;
            let address = Some(addresses[nth % WEB_ADDRESSES]);
            let plot = Plot { device, address, ..Plot::new(Class::Phone, place) };
            let first = from + rng.i64(0..WEB_SPAN);
            let times = [first, first + rng.i64(MINUTE..HOUR)];
            let sessions = if nth % 3 == 0 { 2 } else { 1 };
            self.add(&times[..sessions], [plot, Plot { address: Some(gateway), ..plot }]);
        }
        self.event(Kind::Web, begin);
    }

    fn switch(&mut self, rng: &mut Rng, span: Range<i64>) {
        let from = rng.i64(span.start..span.end - HOUR);
        let begin = self.next();
        let desktop = Plot { device: begin.into(), ..Plot::new(Class::Desktop, Place::draw(rng)) };
        let phone = Plot { class: Class::Phone, ..desktop };
        self.add(&[from, from + rng.i64(MINUTE..HOUR)], [desktop, phone]);
        self.event(Kind::Switch, begin);
    }

    /// Inquiries that have nothing to do with each other but what the plots have in common; each has its own device.
    fn crowd(
        &mut self,
        rng: &mut Rng,
        kind: Kind,
        inquiries: u64,
        span: Range<i64>,
        mut plot: impl FnMut(&mut Rng) -> Plot,
    ) {
        let begin = self.next();
        for _ in 0..inquiries {
            let plot = Plot { device: self.next().into(), ..plot(rng) };
            self.add(&[rng.i64(span.clone())], [plot; 2]);
        }
        self.event(kind, begin);
    }

    /// The number that the next inquiry gets.
    fn next(&self) -> u32 {
        FIRST + u32::try_from(self.inquiries.len()).unwrap_or(0)
    }

    /// An inquiry with sessions at these times, of which the first looks like the one plot and the others like the other.
    fn add(&mut self, sessions: &[i64], plots: [Plot; 2]) {
        let mut times = [sessions[0]; MOST_SESSIONS];
        times[..sessions.len()].copy_from_slice(sessions);
        self.inquiries.push(Inquiry {
            number: self.next(),
            created: times[0],
            who: Who::Planted(plots),
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

impl Plot {
    fn new(class: Class, place: Place) -> Self {
        Self { device: 0, class, address: None, anonymiser: None, place, gps: None }
    }
}

/// Somewhere that nobody gets to within the wait.
fn far_from(here: Place, rng: &mut Rng) -> Place {
    let mut there = Place::draw(rng);
    while here.kilometres_to(there) < FAR_KILOMETRES {
        there = Place::draw(rng);
    }
    there
}
