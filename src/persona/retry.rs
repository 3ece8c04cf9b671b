//! Whether and when to ask again: one pure function over what an attempt met.
//!
//! Sources: docs.withpersona.com/rate-limiting (429, `RateLimit-Reset`), RFC 9110 §10.2.3 (`Retry-After`). It
//! must not know the HTTP client nor any clock: durations and a roll of the dice are passed in.

use std::time::Duration;

use jiff::Timestamp;

/// How patient a walk is with one page.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Failures of one page in a row before it is given up.
    pub max_failures: u32,
    /// Time since a page's first failure before it is given up.
    pub give_up_after: Duration,
    /// Failures in a row before an address that never once answered as the API does is given up: a wrong URL
    /// should be told within seconds.
    pub max_first_contact: u32,
    /// The longest that a hint of the server is followed.
    pub max_hint: Duration,
    /// The first backoff; it doubles with each failure.
    pub backoff: Duration,
    /// The longest backoff.
    pub max_backoff: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_failures: 20,
            give_up_after: Duration::from_secs(15 * 60),
            max_first_contact: 5,
            max_hint: Duration::from_secs(120),
            backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(30),
        }
    }
}

/// What kind of failure an attempt was, as far as the decision goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// An error status, with the server's hint when to come back.
    Status {
        /// The HTTP status.
        code: u16,
        /// Whether its title says `Quota exceeded`.
        quota: bool,
        /// `RateLimit-Reset` or `Retry-After`, where it is of use.
        hint: Option<Duration>,
    },
    /// A connection or its answer broke, or the body is no page.
    Broken,
    /// No request is left.
    Spent,
}

/// How often and how long one page has failed, this failure included.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    /// Failures in a row.
    pub failures: u32,
    /// Since the first of them.
    pub elapsed: Duration,
    /// Whether this address ever answered as the API does.
    pub known_good: bool,
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Ask again after a wait.
    Retry(Duration),
    /// 401 or 403: asking again cannot help.
    Refused,
    /// 400, 404, a redirect or another status that stays.
    Rejected,
    /// The quota is used up.
    Quota,
    /// No request is left.
    Spent,
    /// This address never answered as the API does.
    Unreachable,
    /// Too many failures, or for too long.
    GiveUp,
}

/// Decides what to do about a failure. `roll` in 0..1 jitters the backoff.
pub fn decide(policy: &Policy, failure: Failure, trouble: Trouble, roll: f64) -> Verdict {
    let hint = match failure {
        Failure::Status { code: 429, quota: true, .. } => return Verdict::Quota,
        Failure::Status { code: 401 | 403, .. } => return Verdict::Refused,
        Failure::Status { code: 408 | 429, hint, .. } => hint,
        Failure::Status { code, hint, .. } if code >= 500 => hint,
        Failure::Status { .. } => return Verdict::Rejected,
        Failure::Spent => return Verdict::Spent,
        Failure::Broken if !trouble.known_good && trouble.failures >= policy.max_first_contact => {
            return Verdict::Unreachable;
        }
        Failure::Broken => None,
    };
    if trouble.failures >= policy.max_failures || trouble.elapsed >= policy.give_up_after {
        return Verdict::GiveUp;
    }
    let wait = hint.map_or_else(|| backoff(policy, trouble.failures, roll), |hint| hint.min(policy.max_hint));
    Verdict::Retry(wait)
}

/// Exponential, between half and all of the step, so that clients that failed together do not return together.
fn backoff(policy: &Policy, failures: u32, roll: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let step = policy.backoff.saturating_mul(1 << doublings).min(policy.max_backoff);
    step.mul_f64(0.5 + 0.5 * roll.clamp(0.0, 1.0))
}

/// The server's hint when to come back: `RateLimit-Reset` (seconds) or `Retry-After` (seconds or an HTTP date).
/// Zero, a date in the past or text that is neither is no hint.
pub fn hint(reset: Option<&str>, retry_after: Option<&str>, now: Timestamp) -> Option<Duration> {
    let seconds = |text: &str| text.trim().parse::<u64>().ok().filter(|n| *n > 0).map(Duration::from_secs);
    let date = |text: &str| {
        let moment = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
        Duration::try_from(moment.duration_since(now)).ok().filter(|wait| !wait.is_zero())
    };
    let retry_after = retry_after.and_then(|text| seconds(text).or_else(|| date(text)));
    // Both present: the later one, since coming early costs a request and another 429.
    retry_after.max(reset.and_then(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(failure: Failure, failures: u32, known_good: bool) -> Verdict {
        let trouble = Trouble { failures, elapsed: Duration::from_secs(1), known_good };
        decide(&Policy::default(), failure, trouble, 1.0)
    }

    fn status(code: u16) -> Failure {
        Failure::Status { code, quota: false, hint: None }
    }

    #[test]
    fn each_status_has_its_verdict() {
        for (code, expected) in [
            (400, Verdict::Rejected),
            (401, Verdict::Refused),
            (403, Verdict::Refused),
            (404, Verdict::Rejected),
            (302, Verdict::Rejected),
            (429, Verdict::Retry(Duration::from_millis(250))),
            (500, Verdict::Retry(Duration::from_millis(250))),
            (503, Verdict::Retry(Duration::from_millis(250))),
        ] {
            assert_eq!(verdict(status(code), 1, true), expected, "{code}");
        }
        assert_eq!(verdict(Failure::Status { code: 429, quota: true, hint: None }, 1, true), Verdict::Quota);
    }

    #[test]
    fn a_hint_is_followed_but_capped() {
        let hinted =
            |seconds| Failure::Status { code: 429, quota: false, hint: Some(Duration::from_secs(seconds)) };
        assert_eq!(verdict(hinted(7), 1, true), Verdict::Retry(Duration::from_secs(7)));
        assert_eq!(verdict(hinted(86_400), 1, true), Verdict::Retry(Duration::from_secs(120)));
    }

    #[test]
    fn the_backoff_doubles_to_its_cap_and_never_overflows() {
        let wait = |failures| backoff(&Policy::default(), failures, 1.0);
        assert_eq!([wait(1), wait(2), wait(3)].map(|wait| wait.as_millis()), [250, 500, 1000]);
        assert_eq!(wait(u32::MAX), Duration::from_secs(30));
        assert_eq!(backoff(&Policy::default(), 1, 0.0), Duration::from_millis(125));
    }

    #[test]
    fn a_page_is_given_up_after_twenty_failures_or_fifteen_minutes() {
        assert_eq!(verdict(Failure::Broken, 20, true), Verdict::GiveUp);
        assert_eq!(verdict(status(500), 19, true), Verdict::Retry(Duration::from_secs(30)));
        let trouble = Trouble { failures: 2, elapsed: Duration::from_secs(900), known_good: true };
        assert_eq!(decide(&Policy::default(), Failure::Broken, trouble, 0.5), Verdict::GiveUp);
    }

    #[test]
    fn an_address_that_never_answered_is_given_up_early() {
        assert_eq!(verdict(Failure::Broken, 5, false), Verdict::Unreachable);
        assert!(matches!(verdict(status(503), 5, false), Verdict::Retry(_)));
    }

    #[test]
    fn zero_past_and_unreadable_hints_are_none() {
        let now: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        assert_eq!(hint(Some("0"), Some("soon"), now), None);
        assert_eq!(hint(None, Some("Thu, 19 Nov 2026 23:59:59 GMT"), now), None);
        assert_eq!(hint(None, Some("Fri, 20 Nov 2026 00:00:05 GMT"), now), Some(Duration::from_secs(5)));
        assert_eq!(hint(Some("3"), Some("2"), now), Some(Duration::from_secs(3)));
        assert_eq!(hint(Some("-4"), Some("99999999999999999999"), now), None);
    }
}
