//! What can go wrong on purpose: the faults' names, their rates and when each strikes.
//!
//! Owns the draw; what a fault looks like on the wire is the server's business, and what one does to the data that
//! of [`super::absence`] and [`super::oddity`].

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;

use super::ids::{Purpose, stream};

/// A way for a reply to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// Status 500 with a JSON:API error.
    Internal,
    /// Status 502 with a proxy's HTML page.
    BadGateway,
    /// Status 503 with `Retry-After` of zero or one second.
    Unavailable,
    /// Status 429 with all headers, `remaining` 0 and hints of zero or one second.
    Limited,
    /// Status 429 without any of the API's headers.
    LimitedBare,
    /// The connection ends before the reply or in its midst.
    Reset,
    /// `Content-Length` promises more than the body holds.
    Truncation,
    /// Status 200 with a body that is not JSON.
    Garbage,
    /// Fewer rows than asked for, with the right `next`.
    ShortPage,
    /// No rows, with a `next` that loses nothing.
    EmptyPage,
    /// The reply stops in its midst for up to half a second, and then goes on.
    Slow,
    /// Sessions that are deleted some time after their creation: neither listed nor known as a cursor any more.
    Deleted,
    /// Attributes that are in no reply, as on an API key's blocklist.
    Blocklist,
    /// Sessions that the key may not see: left out of pages, which become short or empty.
    PayloadFilter,
    /// Sessions with attributes and a relationship that no description knows.
    UnknownAttributes,
    /// Sessions with values that no description knows.
    UnknownValues,
    /// Sessions with a value of another type than described.
    WrongTypes,
}

impl FaultKind {
    /// Those that strike requests: the rate is the share of them, and one that is asked again may fare better.
    pub const OF_REQUESTS: [Self; 11] = [
        Self::Internal,
        Self::BadGateway,
        Self::Unavailable,
        Self::Limited,
        Self::LimitedBare,
        Self::Reset,
        Self::Truncation,
        Self::Garbage,
        Self::ShortPage,
        Self::EmptyPage,
        Self::Slow,
    ];
    /// Those of the data: the rate is the share of sessions, or of attributes for the blocklist. Which ones follows
    /// from the seed, so that every reply tells the same story.
    pub const OF_DATA: [Self; 6] = [
        Self::Deleted,
        Self::Blocklist,
        Self::PayloadFilter,
        Self::UnknownAttributes,
        Self::UnknownValues,
        Self::WrongTypes,
    ];

    /// Every fault.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::OF_REQUESTS.into_iter().chain(Self::OF_DATA)
    }

    /// The name on the command line and in the statistics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "500",
            Self::BadGateway => "502",
            Self::Unavailable => "503",
            Self::Limited => "429",
            Self::LimitedBare => "429-bare",
            Self::Reset => "reset",
            Self::Truncation => "truncation",
            Self::Garbage => "garbage",
            Self::ShortPage => "short-page",
            Self::EmptyPage => "empty-page",
            Self::Slow => "slow",
            Self::Deleted => "deleted",
            Self::Blocklist => "blocklist",
            Self::PayloadFilter => "payload-filter",
            Self::UnknownAttributes => "unknown-attributes",
            Self::UnknownValues => "unknown-values",
            Self::WrongTypes => "wrong-types",
        }
    }

    fn names() -> String {
        Self::all().map(Self::name).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A fault and how much of what it strikes it does strike. Written `NAME=RATE`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    kind: FaultKind,
    rate: f64,
}

impl Fault {
    /// The fault at a rate of 0 to 1.
    ///
    /// # Errors
    /// [`FaultError::Rate`] if the rate is outside 0 to 1 or not a number.
    pub fn new(kind: FaultKind, rate: f64) -> Result<Self, FaultError> {
        if (0.0..=1.0).contains(&rate) {
            Ok(Self { kind, rate })
        } else {
            Err(FaultError::Rate { name: kind.name(), rate: rate.to_string() })
        }
    }

    /// Which fault.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The share of requests, sessions or attributes that it strikes.
    pub fn rate(&self) -> f64 {
        self.rate
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let Some((name, rate)) = text.split_once('=') else {
            return Err(FaultError::Shape { text: text.to_owned() });
        };
        let kind = FaultKind::all()
            .find(|kind| kind.name() == name.trim())
            .ok_or_else(|| FaultError::Name { name: name.trim().to_owned() })?;
        match rate.trim().parse() {
            Ok(rate) => Self::new(kind, rate),
            Err(_) => Err(FaultError::Rate { name: kind.name(), rate: rate.to_owned() }),
        }
    }
}

/// A fault that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// Not of the form `NAME=RATE`.
    #[error("`{text}` is not a fault; write NAME=RATE, for instance 500=0.05, where NAME is one of {names}",
        names = FaultKind::names())]
    Shape {
        /// What was given.
        text: String,
    },
    /// No fault of that name.
    #[error("there is no fault `{name}`; the faults are {names}", names = FaultKind::names())]
    Name {
        /// What was given.
        name: String,
    },
    /// A rate outside 0 to 1.
    #[error("the rate `{rate}` of the fault {name} is not a number from 0 to 1")]
    Rate {
        /// The fault.
        name: &'static str,
        /// What was given.
        rate: String,
    },
}

/// The faults of requests. At most one strikes each.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    faults: Vec<Fault>,
}

impl Faults {
    /// The faults, unless their rates add up to more than every request; then the sum.
    pub(crate) fn new(seed: u64, faults: &[Fault]) -> Result<Self, f64> {
        let strikes = |fault: &&Fault| FaultKind::OF_REQUESTS.contains(&fault.kind);
        let faults: Vec<Fault> = faults.iter().filter(strikes).copied().collect();
        let sum: f64 = faults.iter().map(Fault::rate).sum();
        // Ten tenths add up to a little more than one.
        if sum > 1.0 + 1e-9 { Err(sum) } else { Ok(Self { seed, faults }) }
    }

    /// What strikes the `request`th request, if anything, and more chance for the details.
    ///
    /// The draw follows the request's number, not what it asks for, so that a retry draws anew.
    pub(crate) fn draw(&self, request: u64) -> Option<(FaultKind, Rng)> {
        if self.faults.is_empty() {
            return None;
        }
        let mut rng = stream(self.seed, Purpose::Fault, request);
        let mut draw = rng.f64();
        for fault in &self.faults {
            if draw < fault.rate {
                return Some((fault.kind, rng));
            }
            draw -= fault.rate;
        }
        None
    }
}

/// How much of the data the faults of the data strike, each from 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DataRates {
    pub(crate) deleted: f64,
    pub(crate) blocklist: f64,
    pub(crate) payload_filter: f64,
    pub(crate) unknown_attributes: f64,
    pub(crate) unknown_values: f64,
    pub(crate) wrong_types: f64,
}

impl DataRates {
    /// The rates of those that are named; the last one of a name counts.
    pub(crate) fn new(faults: &[Fault]) -> Self {
        let mut rates = Self::default();
        for Fault { kind, rate } in faults.iter().copied() {
            match kind {
                FaultKind::Deleted => rates.deleted = rate,
                FaultKind::Blocklist => rates.blocklist = rate,
                FaultKind::PayloadFilter => rates.payload_filter = rate,
                FaultKind::UnknownAttributes => rates.unknown_attributes = rate,
                FaultKind::UnknownValues => rates.unknown_values = rate,
                FaultKind::WrongTypes => rates.wrong_types = rate,
                _ => {}
            }
        }
        rates
    }
}
