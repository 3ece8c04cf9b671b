//! What was asked of the sandbox and what it answered, for tests to look at.
//!
//! Owns counters; it decides nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests by path below `/api/v1`, ids replaced by `{id}`; anything unknown is `other`.
    pub requests: BTreeMap<&'static str, u64>,
    /// Replies with status 200.
    pub answered: u64,
    /// Replies with status 429, from the limit or from a fault.
    pub limited: u64,
    /// Replies with status 401 or 403.
    pub refused: u64,
    /// Faults sent, by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Pages of sessions served.
    pub pages: u64,
    /// The largest page of sessions asked for (10 where a request did not say).
    pub largest_page_size: Option<usize>,
    /// The smallest page of sessions asked for (10 where a request did not say).
    pub smallest_page_size: Option<usize>,
    /// Requests being answered right now.
    pub in_flight: u64,
    /// The most requests that were being answered at once.
    pub most_in_flight: u64,
}

impl Stats {
    /// Requests of every path.
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

/// The shared counters.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Stats>);

impl Counters {
    pub(crate) fn change(&self) -> MutexGuard<'_, Stats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request until the guard is dropped, also if the client went away meanwhile.
    pub(crate) fn begin(&self, path: &'static str) -> InFlight<'_> {
        let mut stats = self.change();
        *stats.requests.entry(path).or_default() += 1;
        stats.in_flight += 1;
        stats.most_in_flight = stats.most_in_flight.max(stats.in_flight);
        InFlight(self)
    }
}

/// A request that is being answered.
pub(crate) struct InFlight<'a>(&'a Counters);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.change().in_flight -= 1;
    }
}
