//! The rate limit: so many requests a window, over all keys of the environment.
//!
//! Owns the count; it knows neither headers nor faults. The clock is handed in.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is reported where no limit is enforced: the documents promise the headers on every reply.
const UNLIMITED: u32 = 1_000_000;

/// Counts requests in fixed windows; a window begins with the first request after the last one ended.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: Option<u32>,
    window: i64,
    state: Mutex<(i64, u32)>,
}

/// What is left of the window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) seconds_to_reset: u64,
    /// Whether this request was still within the limit.
    pub(crate) granted: bool,
}

impl Limiter {
    pub(crate) fn new(limit: Option<u32>, window: Duration) -> Self {
        let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX).max(1);
        Self { limit, window, state: Mutex::new((i64::MIN, 0)) }
    }

    /// Takes one request from the window.
    pub(crate) fn take(&self, now: i64) -> Budget {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, used) = &mut *state;
        // A clock turned back starts afresh too; otherwise it would wait for the old future.
        if now < *began || now >= began.saturating_add(self.window) {
            (*began, *used) = (now, 0);
        }
        let limit = self.limit.unwrap_or(UNLIMITED);
        let granted = self.limit.is_none() || *used < limit;
        if granted {
            *used = used.saturating_add(1);
        }
        let left = u64::try_from(began.saturating_add(self.window) - now).unwrap_or(0);
        let remaining = limit.saturating_sub(*used);
        Budget { limit, remaining, seconds_to_reset: left.div_ceil(1000), granted }
    }
}
