//! The pace against made-up limiters on a made-up clock: nobody is refused because of us, and alone we use our share.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use session_risk::persona::pacing::{Budget, Limits, Pacer, Ticket};

const LIMIT: usize = 300;
const RESERVE: usize = 90;
const WINDOW: u64 = 60_000;
const STEP: u64 = 5;

/// How an API counts. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Windows {
    /// One after another on a grid.
    Fixed,
    /// The last minute; the reset tells when its oldest request leaves it.
    Sliding,
    /// The last minute; the reset is always a whole window.
    SlidingVague,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    windows: Windows,
    /// Whether the seconds to the reset are rounded up.
    rounds_up: bool,
    /// Whether a request counts when it comes in; otherwise when it is answered.
    counts_early: bool,
    /// Whether the headers count our key alone.
    headers_of_key: bool,
    walks: usize,
    others: Others,
    jitter: bool,
    seed: u64,
}

/// What a production client sends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Others {
    Nobody,
    /// A sixth of the limit, evenly.
    Sixth,
    /// The whole reserve at once, once a minute.
    Bursts,
    /// Half of the limit, evenly: more than the reserve.
    Half,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            windows: Windows::Fixed,
            rounds_up: true,
            counts_early: true,
            headers_of_key: false,
            walks: 4,
            others: Others::Nobody,
            jitter: false,
            seed: 1,
        }
    }
}

/// The limiter: granted requests by their time, ours marked.
#[derive(Default)]
struct Limiter(VecDeque<(u64, bool)>);

impl Limiter {
    /// Counts a request if it may pass.
    fn admit(&mut self, case: Case, now: u64, is_ours: bool) -> (bool, Limits) {
        let began = match case.windows {
            // Not on the whole seconds of our clock.
            Windows::Fixed => (now + 17_345) / WINDOW * WINDOW,
            _ => (now + 17_345 + 1).saturating_sub(WINDOW),
        };
        let at = now + 17_345;
        while self.0.front().is_some_and(|(counted, _)| *counted < began) {
            self.0.pop_front();
        }
        let granted = self.0.len() < LIMIT;
        if granted {
            self.0.push_back((at, is_ours));
        }
        let counted = self.0.iter().filter(|(_, ours)| *ours || !case.headers_of_key).count();
        let reset = match case.windows {
            Windows::Fixed => began + WINDOW - at,
            Windows::Sliding => self.0[0].0 + WINDOW - at,
            Windows::SlidingVague => WINDOW,
        };
        let seconds = if case.rounds_up { reset.div_ceil(1000) } else { reset / 1000 };
        let limits = Limits {
            limit: Some(LIMIT as u32),
            remaining: Some((LIMIT - counted) as u32),
            reset: Some(Duration::from_secs(seconds)),
        };
        (granted, limits)
    }
}

/// What came of a simulation.
#[derive(Debug)]
struct Seen {
    ours: usize,
    ours_refused: usize,
    others_refused: usize,
    most_in_a_second: usize,
    longest_pause: u64,
}

struct Flight {
    ticket: Ticket,
    ends: u64,
    answer: Option<(bool, Limits)>,
}

/// Some minutes of walks that ask as fast as they may.
fn simulate(case: Case, minutes: u64) -> Seen {
    let mut random = fastrand::Rng::with_seed(case.seed);
    let (mut limiter, mut pacer) = (Limiter::default(), Pacer::new(Budget::default()));
    let origin = Instant::now();
    let mut flights: Vec<Flight> = Vec::new();
    let mut seen =
        Seen { ours: 0, ours_refused: 0, others_refused: 0, most_in_a_second: 0, longest_pause: 0 };
    let (mut last_second, mut last_sent) = (VecDeque::new(), 0);
    let (mut ask_at, mut burst_at) = (0, random.u64(0..WINDOW));
    for now in (0..minutes * WINDOW).step_by(STEP as usize) {
        let moment = origin + Duration::from_millis(now);
        let production = match case.others {
            Others::Nobody => 0,
            Others::Sixth => usize::from(now % (WINDOW / 50) == 0),
            Others::Half => usize::from(now % (WINDOW / 150) == 0),
            Others::Bursts if now >= burst_at => {
                burst_at += WINDOW + STEP + random.u64(0..10_000);
                RESERVE
            }
            Others::Bursts => 0,
        };
        for _ in 0..production {
            seen.others_refused += usize::from(!limiter.admit(case, now, false).0);
        }
        while let Some(at) = flights.iter().position(|flight| flight.ends <= now) {
            let Flight { ticket, answer, .. } = flights.swap_remove(at);
            let (granted, limits) = answer.unwrap_or_else(|| limiter.admit(case, now, true));
            if granted {
                seen.ours += 1;
                pacer.learn(moment, ticket, limits);
            } else {
                seen.ours_refused += 1;
                pacer.refused(moment, ticket, limits, limits.reset);
            }
            ask_at = now;
        }
        while flights.len() < case.walks && now >= ask_at {
            match pacer.take(moment) {
                Err(wait) => ask_at = now + (wait.as_millis() as u64).max(1),
                Ok(ticket) => {
                    let latency = match random.u32(0..100) {
                        _ if !case.jitter => 500,
                        0 => 5_000,
                        _ => random.u64(100..1_000),
                    };
                    let answer = case.counts_early.then(|| limiter.admit(case, now, true));
                    flights.push(Flight { ticket, ends: now + latency, answer });
                    last_second.push_back(now);
                    seen.longest_pause = seen.longest_pause.max(now - last_sent);
                    last_sent = now;
                }
            }
        }
        while last_second.front().is_some_and(|sent| sent + 1000 <= now) {
            last_second.pop_front();
        }
        seen.most_in_a_second = seen.most_in_a_second.max(last_second.len());
    }
    seen
}

/// Every way of counting, with any company.
fn cases(others: Others) -> impl Iterator<Item = Case> {
    let windows = [Windows::Fixed, Windows::Sliding, Windows::SlidingVague];
    (0..windows.len() * 2 * 2 * 2 * 2 * 3).map(move |nth| Case {
        windows: windows[nth % 3],
        rounds_up: nth / 3 % 2 == 0,
        counts_early: nth / 6 % 2 == 0,
        headers_of_key: nth / 12 % 2 == 0,
        jitter: nth / 24 % 2 == 0,
        walks: [1, 4, 8][nth / 48 % 3],
        others,
        seed: nth as u64,
    })
}

#[test]
fn nobody_is_refused_while_production_keeps_within_the_reserve() {
    for others in [Others::Nobody, Others::Sixth, Others::Bursts] {
        for case in cases(others) {
            let seen = simulate(case, 6);
            assert_eq!((seen.ours_refused, seen.others_refused), (0, 0), "{case:?}: {seen:?}");
            assert!(seen.most_in_a_second <= 5, "{case:?}: {seen:?}");
            if others == Others::Sixth && !case.jitter && case.windows != Windows::SlidingVague {
                assert!(seen.longest_pause <= 4_000, "it stops instead of slowing down, {case:?}: {seen:?}");
            }
        }
    }
}

#[test]
fn what_others_spend_beyond_the_reserve_is_taken_from_ours_where_the_headers_tell() {
    for case in cases(Others::Half).filter(|case| !case.headers_of_key) {
        let seen = simulate(case, 6);
        assert_eq!((seen.ours_refused, seen.others_refused), (0, 0), "{case:?}: {seen:?}");
        let spared = 6 * (LIMIT - RESERVE - 150);
        assert!(seen.ours >= spared / 2, "it starves, {case:?}: {seen:?}");
    }
}

#[test]
fn alone_it_uses_its_share() {
    for case in cases(Others::Nobody).filter(|case| case.walks > 1) {
        let seen = simulate(case, 10);
        let share = seen.ours as f64 / (10 * (LIMIT - RESERVE)) as f64;
        // A sliding window whose reset says nothing costs half of it.
        let least = if case.windows == Windows::SlidingVague { 0.5 } else { 0.95 };
        assert!((least..=1.0).contains(&share), "{share} of the share, {case:?}: {seen:?}");
    }
}
