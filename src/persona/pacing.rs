//! The even pace that keeps an export out of production's way.
//!
//! The API allows 300 requests a minute an environment over all keys, and a key may have a lower limit of its own
//! (docs.withpersona.com/rate-limiting). Its headers count one key only, so what others spend shows merely as a
//! 429 that the headers did not foretell. The pacer must not know HTTP nor sleep: it is told the time and says
//! how long to wait.

use std::time::{Duration, Instant};

/// The limit that the API's documents give, in requests a window.
pub const DOCUMENTED_LIMIT: u32 = 300;

/// How far a late slot may be caught up: timers are late by a millisecond or two, and the pace is meant on average.
const SLACK: Duration = Duration::from_millis(20);

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

/// What an answer's headers said of the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests a window.
    pub limit: Option<u32>,
    /// Requests left in this window.
    pub remaining: Option<u32>,
    /// Until the window ends.
    pub reset: Option<Duration>,
}

/// Says when the next request may go out.
#[derive(Debug)]
pub struct Pacer {
    budget: Budget,
    limit: Option<u32>,
    /// As the newest answer said it, less what was sent since.
    remaining: Option<u32>,
    window_ends: Option<Instant>,
    last_slot: Option<Instant>,
    halved_until: Option<Instant>,
}

impl Pacer {
    /// A pacer that has heard nothing from the API yet.
    pub fn new(budget: Budget) -> Self {
        Self { budget, limit: None, remaining: None, window_ends: None, last_slot: None, halved_until: None }
    }

    /// Takes the next slot and says how long to wait for it. Counts the request as spent.
    pub fn take_slot(&mut self, now: Instant) -> Duration {
        // The interval is that of the pace as it is known now: the first answer may have changed it.
        let due = self.last_slot.map(|last| last + self.interval(now));
        let mut slot = due.map_or(now, |due| due.max(now.checked_sub(SLACK).unwrap_or(now)));
        if let Some(pause) = self.pause(now) {
            slot = slot.max(now + pause);
            // A new window: what is left in it will be known with the next answer.
            self.remaining = None;
        }
        self.remaining = self.remaining.map(|left| left.saturating_sub(1));
        self.last_slot = Some(slot);
        slot.saturating_duration_since(now)
    }

    /// Learns from an answer's headers. `in_flight` requests were sent after that answer's own.
    pub fn learn(&mut self, now: Instant, limits: Limits, in_flight: u32) {
        if let Some(limit) = limits.limit {
            self.limit = Some(limit);
        }
        if let Some(remaining) = limits.remaining {
            self.remaining = Some(remaining.saturating_sub(in_flight));
            self.window_ends = limits.reset.map(|reset| now + reset);
        }
    }

    /// Hears of a 429. If the headers foretold none, others spend: half the pace for two windows.
    pub fn refused(&mut self, now: Instant) {
        if !self.at_reserve() {
            self.halved_until = Some(now + self.budget.window * 2);
        }
    }

    /// Requests a window that the pace comes to.
    pub fn rate(&self, now: Instant) -> f64 {
        let limit = self.limit.or(self.budget.max_rate).unwrap_or(DOCUMENTED_LIMIT);
        let mut rate = f64::from(limit) * (1.0 - self.budget.reserve);
        if self.limit.is_none() && self.budget.max_rate.is_some() {
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

    /// Requests a window that the API allows, if it says so.
    pub fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Requests left in this window, if the API says so.
    pub fn remaining(&self) -> Option<u32> {
        self.remaining
    }

    fn interval(&self, now: Instant) -> Duration {
        self.budget.window.div_f64(self.rate(now))
    }

    fn at_reserve(&self) -> bool {
        match (self.limit, self.remaining) {
            (Some(limit), Some(remaining)) => f64::from(remaining) <= f64::from(limit) * self.budget.reserve,
            _ => false,
        }
    }

    /// How long to stop for the window's end, if what is left has come down to the reserve.
    fn pause(&self, now: Instant) -> Option<Duration> {
        let ends = self.window_ends.filter(|_| self.at_reserve())?;
        Some(ends.saturating_duration_since(now)).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limits(limit: u32, remaining: u32, reset: u64) -> Limits {
        Limits { limit: Some(limit), remaining: Some(remaining), reset: Some(Duration::from_secs(reset)) }
    }

    /// Runs a pacer on a turned clock for a while and counts its requests.
    fn requests_in(pacer: &mut Pacer, start: Instant, span: Duration) -> u32 {
        let (mut now, mut sent) = (start, 0);
        loop {
            now += pacer.take_slot(now);
            if now >= start + span {
                return sent;
            }
            sent += 1;
        }
    }

    #[test]
    fn without_headers_the_documented_limit_less_the_reserve_is_kept() {
        let sent = requests_in(&mut Pacer::new(Budget::default()), Instant::now(), MINUTE);
        assert!((209..=211).contains(&sent), "{sent}");
    }

    #[test]
    fn a_max_rate_is_the_pace_where_no_header_says_otherwise_and_a_cap_where_one_does() {
        let budget = Budget { max_rate: Some(1200), ..Budget::default() };
        let mut pacer = Pacer::new(budget);
        let start = Instant::now();
        assert!((1199..=1201).contains(&requests_in(&mut pacer, start, MINUTE)));
        pacer.learn(start, limits(100, 100, 60), 0);
        assert!((pacer.rate(start) - 70.0).abs() < 1e-9);
    }

    #[test]
    fn the_first_answer_sets_the_pace_of_the_very_next_request() {
        let mut pacer = Pacer::new(Budget::default());
        let now = Instant::now();
        pacer.take_slot(now);
        pacer.learn(now, limits(60_000, 59_999, 60), 0);
        assert!(pacer.take_slot(now) < Duration::from_millis(2));
    }

    #[test]
    fn it_stops_at_the_reserve_until_the_window_ends() {
        let mut pacer = Pacer::new(Budget::default());
        let now = Instant::now();
        pacer.learn(now, limits(300, 91, 30), 0);
        assert!(pacer.take_slot(now).is_zero());
        assert!(pacer.take_slot(now) >= Duration::from_secs(30));
        assert!(pacer.take_slot(now) < Duration::from_secs(31), "only once a window");
    }

    #[test]
    fn an_unforetold_429_halves_the_pace_for_two_windows() {
        let mut pacer = Pacer::new(Budget::default());
        let now = Instant::now();
        pacer.learn(now, limits(300, 250, 30), 0);
        pacer.refused(now);
        assert!((pacer.rate(now) - 105.0).abs() < 1e-9);
        assert!((pacer.rate(now + MINUTE * 2) - 210.0).abs() < 1e-9);
    }

    #[test]
    fn a_429_at_the_reserve_was_foretold_and_halves_nothing() {
        let mut pacer = Pacer::new(Budget::default());
        let now = Instant::now();
        pacer.learn(now, limits(300, 80, 30), 0);
        pacer.refused(now);
        assert!((pacer.rate(now) - 210.0).abs() < 1e-9);
    }

    #[test]
    fn a_pause_elsewhere_is_not_made_up_for_by_a_burst() {
        let mut pacer = Pacer::new(Budget::default());
        let start = Instant::now();
        pacer.take_slot(start);
        let later = start + MINUTE;
        assert!(pacer.take_slot(later).is_zero());
        assert!(pacer.take_slot(later) >= Duration::from_millis(200));
    }
}
