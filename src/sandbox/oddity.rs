//! What some sessions say beyond the API's description: attributes, values and types that nobody documented.
//!
//! Owns which and what, drawn from the seed a session: a row must read the same however often it is asked for. It
//! knows nothing of how it is written.

use super::faults::DataRates;
use super::ids::{Purpose, stream};

/// An attribute, in kebab case, and the JSON that stands in place of its value.
pub(crate) type Replaced = (&'static str, &'static str);

/// Values that clients must expect one day (docs: versioning, "expanding possible values").
const VALUES: [Replaced; 6] = [
    ("status", "\"paused\""),
    ("threat-level", "\"critical\""),
    ("device-type", "\"smart \\u0022fridge\\u0022\""),
    ("device-handoff-method", "\"carrier pigeon\""),
    ("ip-connection-type", "\"satellite\""),
    ("country-code", "\"XK\""),
];

/// Values of a type that the description does not give.
const TYPES: [Replaced; 8] = [
    ("is-vpn", "\"true\""),
    ("is-tor", "0"),
    ("latitude", "\"52.1\""),
    ("ip-address", "3221225985"),
    ("started-at", "1795176000"),
    ("expired-at", "\"2026-11-20T08:57:30\""),
    ("os-name", "[\"Mac\",null]"),
    ("threat-level", "{\"level\":\"low\",\"score\":1e-3}"),
];

/// Attributes beyond any description.
const ATTRIBUTES: [Replaced; 4] = [
    ("sim-swap-risk", "0.25"),
    ("liveness-checks", "[{\"name\":\"blink\",\"passed-at\":null}]"),
    ("is-emulator", "false"),
    ("proxy-provider", "null"),
];

/// How often each of them occurs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Oddities {
    seed: u64,
    attributes: f64,
    values: f64,
    types: f64,
}

/// What is odd about one session.
#[derive(Debug, Default)]
pub(crate) struct Oddity {
    /// Known attributes with other values.
    pub(crate) replaced: Vec<Replaced>,
    /// Attributes that nobody knows; where there are any, there is an unknown relationship too.
    pub(crate) added: &'static [Replaced],
}

impl Oddities {
    pub(crate) fn new(seed: u64, rates: DataRates) -> Self {
        let DataRates { unknown_attributes, unknown_values, wrong_types, .. } = rates;
        Self { seed, attributes: unknown_attributes, values: unknown_values, types: wrong_types }
    }

    /// The oddity of a session, the same at every call.
    pub(crate) fn of(&self, session: u64) -> Oddity {
        let mut oddity = Oddity::default();
        if self.attributes + self.values + self.types == 0.0 {
            return oddity;
        }
        let mut rng = stream(self.seed, Purpose::Oddity, session);
        if rng.f64() < self.attributes {
            oddity.added = &ATTRIBUTES[..rng.usize(1..=ATTRIBUTES.len())];
        }
        if rng.f64() < self.types {
            oddity.replaced.push(TYPES[rng.usize(0..TYPES.len())]);
        }
        if rng.f64() < self.values {
            oddity.replaced.push(VALUES[rng.usize(0..VALUES.len())]);
        }
        oddity
    }
}
