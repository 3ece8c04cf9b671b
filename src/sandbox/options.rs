//! What a sandbox can be asked for, and why it cannot be had.
//!
//! Owns the names and the defaults; what they do is said where they are used.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::plants;
use super::{Clock, Fault};

/// What the sandbox shows and how it behaves.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where all made-up data comes from.
    pub seed: u64,
    /// How many sessions there are.
    pub sessions: usize,
    /// Over how many days they were created, at least one.
    pub days: u32,
    /// The newest moment: no session is created after it, and the clock starts there.
    pub end: Timestamp,
    /// Requests a window; none enforces no limit and reports a very large one.
    pub limit: Option<u32>,
    /// The length of the limit's window.
    pub window: Duration,
    /// How long each reply waits.
    pub latency: Duration,
    /// Whether replies are compressed for clients that ask for it.
    pub gzip: bool,
    /// What goes wrong, and how often. The rates of those that strike requests add up to 1 at most.
    pub faults: Vec<Fault>,
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// Whether bursts, impossible travel, a surge of VPNs, two fleeting countries, webs of shared devices and addresses
    /// beside a carrier's gateway, switched devices and false places are planted, on top of the sessions asked for.
    pub planted: bool,
    /// Whether sessions have attributes beyond the published description (`gps-country-code`).
    pub newer_attributes: bool,
    /// The API key with all permissions; none derives one from the seed.
    pub key: Option<String>,
    /// The environment's id in the headers; none derives one from the seed.
    pub environment: Option<String>,
    /// A clock to share or to start elsewhere than at `end`; none starts one at `end`, running.
    pub clock: Option<Arc<Clock>>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            sessions: 20_000,
            days: 30,
            // A Friday noon: the same for every run, in the middle of a day that is still open.
            end: Timestamp::constant(1_795_176_000, 0),
            limit: Some(300),
            window: Duration::from_secs(60),
            latency: Duration::ZERO,
            gzip: true,
            faults: Vec::new(),
            port: 0,
            planted: false,
            newer_attributes: true,
            key: None,
            environment: None,
            clock: None,
        }
    }
}

/// Why the sandbox could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// No day to create sessions on, or days before the clock can count.
    #[error("{days} days before {end} cannot be shown; give between 1 and 36500 days")]
    Days {
        /// What was asked for.
        days: u32,
        /// The newest moment.
        end: Timestamp,
    },
    /// Too few days for what is to be planted.
    #[error("{days} days are too few to plant anything in; give {} or more", plants::FEWEST_DAYS)]
    TooFewToPlant {
        /// What was asked for.
        days: u32,
    },
    /// More sessions than can be held.
    #[error("{sessions} sessions are too many; the sandbox keeps them in memory and shows at most 10000000")]
    Sessions {
        /// What was asked for.
        sessions: usize,
    },
    /// More faults than requests.
    #[error("the faults' rates add up to {sum:.2}; at most one fault strikes a request, so at most 1")]
    Faults {
        /// The sum of the rates.
        sum: f64,
    },
    /// A key or an id that no header can carry.
    #[error("the {what} holds characters that an HTTP header cannot carry")]
    Header {
        /// Which one.
        what: &'static str,
        /// The cause.
        #[source]
        source: axum::http::header::InvalidHeaderValue,
    },
    /// The port is taken, or there is no loopback.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The threads that serve could not be started.
    #[error("cannot start the sandbox's threads")]
    Threads(#[source] io::Error),
}
