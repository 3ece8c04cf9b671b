//! Made-up people and their inquiries: who verifies when, in how many sessions, alone or in a ring.
//!
//! Owns the story of an inquiry as a pure function of the seed and its number. What a single session looks
//! like is in [`super::visit`]; nothing here knows JSON or HTTP.

use fastrand::Rng;

use super::devices::Class;
use super::ids::{INQUIRY, Id, Purpose, stream, token};
use super::network::Anonymiser;
use super::places::Place;
use super::plants::{Plants, Plot};

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The most sessions of one inquiry.
pub(crate) const MOST_SESSIONS: usize = 4;

/// Share of the traffic by local hour, in percent of the busiest.
const BY_HOUR: [u8; 24] =
    [18, 12, 9, 8, 9, 14, 26, 42, 60, 74, 84, 90, 94, 96, 92, 90, 92, 96, 100, 98, 90, 74, 52, 32];
/// Share of the traffic by weekday from Monday, in percent of the busiest.
const BY_WEEKDAY: [u8; 7] = [96, 100, 98, 96, 90, 62, 56];

/// The seed and the days that everything is drawn from.
#[derive(Debug, Clone)]
pub(crate) struct People {
    pub(crate) seed: u64,
    start: i64,
    end: i64,
    /// How many people there are to draw from: fewer than inquiries, so that some come back.
    people: u64,
    rings: u64,
    /// The last inquiry and its number of sessions, cut so that the total is what was asked for.
    pub(crate) last: Option<(u32, u8)>,
    /// What was planted among them.
    pub(crate) plants: Plants,
}

/// Who an inquiry is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    Person(u64),
    /// One of the many inquiries of a fraud ring.
    Ring(Ring),
    /// Part of an event that was planted: how its first session looks, and how the others do.
    Planted([Plot; 2]),
}

/// A burst of inquiries from one device or one address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring {
    pub(crate) number: u64,
    pub(crate) place: Place,
    /// Whether its inquiries share the device; otherwise they share the address.
    pub(crate) shares_device: bool,
    pub(crate) anonymiser: Option<Anonymiser>,
    pub(crate) class: Class,
    from: i64,
    span: i64,
}

/// One inquiry: its moments and how its sessions follow each other.
#[derive(Debug, Clone)]
pub(crate) struct Inquiry {
    pub(crate) number: u32,
    pub(crate) created: i64,
    pub(crate) who: Who,
    pub(crate) sessions: u8,
    /// When each session was created.
    pub(crate) times: [i64; MOST_SESSIONS],
    /// How the second session got to another device, if it did.
    pub(crate) handoff: Option<&'static str>,
    /// Which signals the inquiry's template has configured.
    pub(crate) template: Template,
    pub(crate) redacted: Option<i64>,
}

/// What an inquiry template has configured: a signal that is not reads null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Template {
    AllSignals,
    NoVpn,
    NoNetworkSignals,
}

impl People {
    pub(crate) fn new(seed: u64, sessions: u64, end: i64, days: u32, planted: bool) -> Self {
        let start = end - i64::from(days) * DAY;
        let plants = if planted { Plants::draw(seed, sessions, start, end) } else { Plants::default() };
        let (people, rings) = ((sessions / 2).max(1), (sessions / 1500).max(1));
        Self { seed, start, end, people, rings, last: None, plants }
    }

    pub(crate) fn inquiry_id(&self, number: u32) -> Id {
        Id { prefix: INQUIRY, token: token(self.seed, Purpose::InquiryId, u64::from(number)) }
    }

    /// The inquiry of a number, the same at every call.
    pub(crate) fn inquiry(&self, number: u32) -> Inquiry {
        if let Some(planted) = self.plants.inquiry(number) {
            return planted;
        }
        let mut rng = stream(self.seed, Purpose::Inquiry, u64::from(number));
        let (who, created) = if rng.u8(0..100) < 4 {
            let ring = self.ring(rng.u64(0..self.rings));
            (Who::Ring(ring), ring.from + rng.i64(0..ring.span))
        } else {
            let person = rng.u64(0..self.people);
            (Who::Person(person), self.moment(&mut rng, self.home(person)))
        };
        let drawn = match rng.u8(0..100) {
            0..52 => 1,
            52..90 => 2,
            90..97 => 3,
            _ => 4,
        };
        let handoff = (drawn > 1 && rng.u8(0..100) < 78).then(|| match rng.u8(0..100) {
            0..48 => "qr",
            48..83 => "sms",
            _ => "email",
        });
        let times = self.times(&mut rng, created, handoff.is_some());
        let template = match rng.u8(0..100) {
            0..72 => Template::AllSignals,
            72..90 => Template::NoVpn,
            _ => Template::NoNetworkSignals,
        };
        let redacted = (rng.u8(0..100) < 2).then(|| created + HOUR + rng.i64(0..20 * DAY));
        let sessions = self.last.filter(|(last, _)| *last == number).map_or(drawn, |(_, sessions)| sessions);
        Inquiry { number, created, who, sessions, times, handoff, template, redacted }
    }

    /// When each possible session begins. They never leave the days that were asked for.
    fn times(&self, rng: &mut Rng, created: i64, handoff: bool) -> [i64; MOST_SESSIONS] {
        let mut times = [created; MOST_SESSIONS];
        let mut last = created;
        for (nth, time) in times.iter_mut().enumerate() {
            let wait = match (nth, rng.u8(0..100)) {
                // The first session is the inquiry's own, unless it was sent out as an invitation.
                (0, 0..75) => rng.i64(0..400),
                (0, 75..94) => rng.i64(MINUTE..6 * HOUR),
                (0, _) => rng.i64(6 * HOUR..3 * DAY),
                (1, _) if handoff => rng.i64(8 * SECOND..6 * MINUTE),
                // A form opened twice at once: sessions of the same millisecond.
                (_, 0..4) => 0,
                (_, 4..80) => rng.i64(MINUTE..90 * MINUTE),
                _ => rng.i64(2 * HOUR..2 * DAY),
            };
            *time = last + wait;
            if *time > self.end {
                *time = rng.i64(last..=self.end);
            }
            last = *time;
        }
        times
    }

    /// A moment within the days, by the rhythm of the hours and weekdays where the person lives.
    fn moment(&self, rng: &mut Rng, home: Place) -> i64 {
        // Cut to whole milliseconds.
        let offset = (home.longitude / 15.0 * 3_600_000.0) as i64;
        let mut moment = self.start;
        for _ in 0..12 {
            moment = rng.i64(self.start..self.end);
            let local = moment + offset;
            // 1970-01-01 was a Thursday.
            let weekday = (local.div_euclid(DAY) + 3).rem_euclid(7);
            let hour = local.rem_euclid(DAY) / HOUR;
            let busy = |table: &[u8], at: i64| {
                usize::try_from(at).ok().and_then(|at| table.get(at)).copied().map_or(100, u32::from)
            };
            if rng.u32(0..10_000) < busy(&BY_HOUR, hour) * busy(&BY_WEEKDAY, weekday) {
                break;
            }
        }
        moment
    }

    /// Where a person lives.
    pub(crate) fn home(&self, person: u64) -> Place {
        Place::draw(&mut stream(self.seed, Purpose::Person, person))
    }

    fn ring(&self, number: u64) -> Ring {
        let mut rng = stream(self.seed, Purpose::Ring, number);
        let span = rng.i64(20 * MINUTE..6 * HOUR).min(self.end - self.start);
        let from = rng.i64(self.start..=self.end - span);
        let anonymiser = (rng.u8(0..100) < 70).then(|| Anonymiser::draw(&mut rng));
        let class = match rng.u8(0..100) {
            0..45 => Class::Desktop,
            45..80 => Class::Phone,
            _ => Class::Automation,
        };
        let shares_device = class != Class::Automation && rng.bool();
        Ring { number, place: Place::draw(&mut rng), shares_device, anonymiser, class, from, span }
    }
}
