//! The sandbox's clock: the moment its world shows, the `Date` of its replies and its rate-limit window.
//!
//! Owns time and nothing else; it knows neither requests nor sessions.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A clock that can be turned.
///
/// It starts at a chosen moment. A running clock goes on from there with real time, a frozen one stays. What
/// sessions look like follows only the moment to which the clock was *turned*, not the seconds that pass, so
/// that two walks of the same flags read the same bytes. Sessions created after that moment are not listed
/// yet: start the clock before the end of the made-up days, and turning it makes new sessions appear.
#[derive(Debug)]
pub struct Clock {
    turned_to: AtomicI64,
    running: Option<Instant>,
}

impl Clock {
    /// Starts at `moment` and goes on with real time.
    pub fn running_from(moment: Timestamp) -> Self {
        Self { turned_to: AtomicI64::new(moment.as_millisecond()), running: Some(Instant::now()) }
    }

    /// Stays at `moment` until it is turned.
    pub fn frozen_at(moment: Timestamp) -> Self {
        Self { turned_to: AtomicI64::new(moment.as_millisecond()), running: None }
    }

    /// Turns the clock on.
    pub fn turn(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.turned_to.fetch_add(by, Ordering::SeqCst);
    }

    /// Turns the clock to a moment, earlier or later.
    pub fn turn_to(&self, moment: Timestamp) {
        self.turned_to.store(moment.as_millisecond(), Ordering::SeqCst);
    }

    /// The moment to which it was turned: whose sessions are shown.
    pub fn moment(&self) -> Timestamp {
        Timestamp::from_millisecond(self.shown()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Now, in Unix milliseconds: what `Date` and the rate limit go by.
    pub(crate) fn now(&self) -> i64 {
        let passed = self.running.map_or(0, |since| since.elapsed().as_millis());
        self.shown().saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// The moment whose sessions are shown, in Unix milliseconds.
    pub(crate) fn shown(&self) -> i64 {
        self.turned_to.load(Ordering::SeqCst)
    }
}
