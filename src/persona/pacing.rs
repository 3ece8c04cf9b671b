//! The even pace that keeps an export out of production's way.
//!
//! The API allows 300 requests a minute an environment over all keys, and a key may have a lower limit of its own
//! (docs.withpersona.com/rate-limiting). Whether its windows are fixed or slide is not documented, nor how the
//! seconds to their end are rounded, so the pace holds for both. The headers may count one key only; then what
//! others spend shows merely as a 429 that nothing foretold. The pacer must not know HTTP nor sleep: it is told the
//! time and says how long to wait.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The limit that the API's documents give, in requests a window.
pub const DOCUMENTED_LIMIT: u32 = 300;

/// How far a late request may be caught up: timers are late by a millisecond or two, and the pace is meant on
/// average.
const SLACK: Duration = Duration::from_millis(20);

/// Timers are no finer than that: a shorter wait is none, and the slack makes up for it.
const TIMER: Duration = Duration::from_millis(1);

/// How long to wait for an answer that is under way before looking again.
const LISTEN: Duration = Duration::from_secs(1);

/// How much of the budget an export may take.
#[derive(Debug, Clone)]
pub struct Budget {
    /// The share of the limit that is left to others, 0 to 1.
    pub reserve: f64,
    /// Requests a window at most, whatever the headers allow.
    pub max_rate: Option<u32>,
    /// The limit's window: a minute.
    pub window: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { reserve: 0.3, max_rate: None, window: Duration::from_secs(60) }
    }
}

/// What an answer said of the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests a window.
    pub limit: Option<u32>,
    /// Requests left in this window.
    pub remaining: Option<u32>,
    /// Until the window ends, in whole seconds.
    pub reset: Option<Duration>,
}

/// A request that was let out. Requests are numbered in the order in which they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// Says when the next request may go out.
#[derive(Debug)]
pub struct Pacer {
    budget: Budget,
    /// What `GET /rate-limits` said.
    stated: Option<u32>,
    /// The lowest limit that headers named of late, and when.
    heard: Option<(u32, Instant)>,
    window: Option<Window>,
    has_answered: bool,
    sent: u64,
    in_flight: BTreeSet<u64>,
    last_slot: Option<Instant>,
    halved_until: Option<Instant>,
    held_until: Option<Instant>,
}

/// The API's window, as far as it is known.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// As the newest request's answer said it, less what that answer cannot have counted.
    left: i64,
    /// By then something is free again, however the API rounds.
    ends: Instant,
    /// The request whose answer said so.
    told_by: u64,
}

impl Pacer {
    /// A pacer that has heard nothing from the API yet.
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            stated: None,
            heard: None,
            window: None,
            has_answered: false,
            sent: 0,
            in_flight: BTreeSet::new(),
            last_slot: None,
            halved_until: None,
            held_until: None,
        }
    }

    /// Lets the next request out, which counts as spent from now on, or says how long to wait before asking again.
    /// After an answer it is worth to ask earlier.
    ///
    /// # Errors
    /// The time to wait.
    pub fn take(&mut self, now: Instant) -> Result<Ticket, Duration> {
        let due = self.due().unwrap_or(now);
        let wait = due.saturating_duration_since(now + TIMER).max(self.stop(now));
        if !wait.is_zero() {
            return Err(wait);
        }
        self.last_slot = Some(due.max(now.checked_sub(SLACK).unwrap_or(now)));
        if let Some(window) = &mut self.window {
            window.left -= 1;
        }
        self.sent += 1;
        self.in_flight.insert(self.sent);
        Ok(Ticket(self.sent))
    }

    /// Learns from an answer.
    pub fn learn(&mut self, now: Instant, ticket: Ticket, limits: Limits) {
        self.landed(ticket);
        self.has_answered = true;
        if let Some(limit) = limits.limit {
            let is_in_force = |(lowest, at)| limit <= lowest || now >= at + self.budget.window;
            if self.heard.is_none_or(is_in_force) {
                self.heard = Some((limit, now));
            }
        }
        let Some(remaining) = limits.remaining else { return };
        if self.window.is_some_and(|window| window.told_by > ticket.0) {
            // A slow answer, older than what is known: its own request is accounted for.
            return;
        }
        let unseen = self.sent - ticket.0 + self.in_flight.range(..ticket.0).count() as u64;
        let left = i64::from(remaining).saturating_sub_unsigned(unseen);
        let reset = limits.reset.unwrap_or(self.budget.window).min(self.budget.window * 2);
        // The seconds may be rounded down: a second in a minute.
        let latest = now + reset + self.budget.window / 60;
        let ends = match self.window {
            // The same window still: of several roundings the earliest end is the nearest.
            Some(known) if left <= known.left && now < known.ends => known.ends.min(latest),
            _ => latest,
        };
        self.window = Some(Window { left, ends, told_by: ticket.0 });
    }

    /// Learns what `GET /rate-limits` tells. It may be of another limit than the headers: the lower holds.
    pub fn learn_stated(&mut self, now: Instant, ticket: Ticket, limits: Limits) {
        self.stated = limits.limit;
        let is_less = |remaining| self.window.is_none_or(|window| i64::from(remaining) < window.left);
        if limits.remaining.is_some_and(is_less) {
            self.learn(now, ticket, Limits { limit: None, ..limits });
        }
    }

    /// Hears of a 429, with the API's hint when to come back. If nothing foretold it, others spend: half the pace for
    /// two windows.
    pub fn refused(&mut self, now: Instant, ticket: Ticket, limits: Limits, hint: Option<Duration>) {
        if !self.is_at_reserve(now) {
            self.halved_until = Some(now + self.budget.window * 2);
        }
        if let Some(hint) = hint {
            self.held_until = self.held_until.max(Some(now + hint.min(self.budget.window * 2)));
        }
        // Nothing left until a moment that is no moment is no news.
        let remaining = limits.remaining.filter(|_| hint.is_some());
        self.learn(now, ticket, Limits { remaining, ..limits });
    }

    /// A request is over, be it without an answer.
    pub fn landed(&mut self, ticket: Ticket) {
        self.in_flight.remove(&ticket.0);
    }

    /// Requests a window that the pace comes to at most.
    pub fn rate(&self, now: Instant) -> f64 {
        let limit = self.limit().or(self.budget.max_rate).unwrap_or(DOCUMENTED_LIMIT);
        let mut rate = f64::from(limit) * (1.0 - self.budget.reserve);
        if self.limit().is_none() && self.budget.max_rate.is_some() {
            // No headers: the user's own word is the pace, not a limit to keep a share of.
            rate = f64::from(limit);
        }
        if let Some(max_rate) = self.budget.max_rate {
            rate = rate.min(f64::from(max_rate));
        }
        if self.halved_until.is_some_and(|until| now < until) {
            rate /= 2.0;
        }
        rate.max(1.0)
    }

    /// The limit's window.
    pub fn window(&self) -> Duration {
        self.budget.window
    }

    /// Requests a window that the API allows, if it says so: the lowest that is in force.
    pub fn limit(&self) -> Option<u32> {
        [self.stated, self.heard.map(|(limit, _)| limit)].into_iter().flatten().min()
    }

    /// Requests left in this window, if the API says so. Those under way are taken off.
    pub fn remaining(&self) -> Option<u32> {
        self.window.map(|window| u32::try_from(window.left).unwrap_or(0))
    }

    /// Requests left in this window above the reserve.
    fn spare(&self, window: Window) -> f64 {
        let reserve = f64::from(self.limit().unwrap_or(DOCUMENTED_LIMIT)) * self.budget.reserve;
        window.left as f64 - reserve
    }

    fn is_at_reserve(&self, now: Instant) -> bool {
        self.window.is_some_and(|window| self.spare(window) < 1.0 && now < window.ends)
    }

    /// When the pace lets the next request out: what is left above the reserve is spread over the rest of the window, so
    /// that what others spend slows the pace down. Where nothing is left above it, that is the window's end.
    fn due(&self) -> Option<Instant> {
        let last = self.last_slot?;
        let even = self.budget.window.div_f64(self.rate(last));
        let spread = self
            .window
            .map(|window| window.ends.saturating_duration_since(last).div_f64(self.spare(window).max(1.0)));
        Some(last + even.max(spread.unwrap_or_default()))
    }

    /// How long nothing may go out, whatever the pace.
    fn stop(&self, now: Instant) -> Duration {
        let held = self.held_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        // Where it is not known that anything is left, one request goes ahead, and its answer tells.
        let is_unknown = self.window.map_or(!self.has_answered, |window| self.spare(window) < 1.0);
        if is_unknown && !self.in_flight.is_empty() { held.max(LISTEN) } else { held }
    }
}

#[cfg(test)]
mod tests;
