//! What a client may spend: each request waits for its time, and each answer tells what is left.
//!
//! Joins the pacer with HTTP: headers, `GET /rate-limits`, waits. How fast to go is the pacer's business.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::{Client, text};
use crate::persona::pacing::{Limits, Ticket};
use crate::persona::retry;

/// How long the limits are waited for: the first page tells them too, and somebody may want the run to stop.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a client may spend, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Requests a window that the API allows, if it says so.
    pub limit: Option<u32>,
    /// Requests left in the API's window, if it says so; those under way are taken off.
    pub left: Option<u32>,
    /// Requests a window that the pace comes to at most.
    pub pace: f64,
}

/// A request under way. It counts as such until it lands or is given up.
pub(super) struct Flight<'c> {
    client: &'c Client,
    ticket: Ticket,
}

impl Flight<'_> {
    /// Its place in the order in which requests went out.
    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The headers of the answer are there. Gives the API's hint when to come back, after a failure.
    pub(super) fn land(
        self,
        status: StatusCode,
        headers: &HeaderMap,
        received: Timestamp,
    ) -> Option<Duration> {
        let now = Instant::now();
        let limits = limits(headers);
        let retry_after = text(headers, "retry-after");
        if status == StatusCode::TOO_MANY_REQUESTS {
            let hint = retry::hint(text(headers, "ratelimit-reset"), retry_after, received);
            self.client.pacer().refused(now, self.ticket, limits, hint);
            return hint;
        }
        self.client.pacer().learn(now, self.ticket, limits);
        // Only a 429 speaks of the window; a 5xx that carries the usual headers does not mean them as a hint.
        retry::hint(None, retry_after, received)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.client.pacer().landed(self.ticket);
        self.client.heard.notify_one();
    }
}

impl Client {
    /// What may be spent at this moment.
    pub fn allowance(&self) -> Allowance {
        let pacer = self.pacer();
        Allowance { limit: pacer.limit(), left: pacer.remaining(), pace: pacer.rate(Instant::now()) }
    }

    /// Asks what the limit is and what is left of it, once a client, so that it is known before the first page. No
    /// answer is no failure: every page's headers tell it too.
    pub async fn learn_limits(&self) {
        self.limits_asked.get_or_init(|| self.ask_limits()).await;
    }

    async fn ask_limits(&self) {
        let url = self.base_url.join("rate-limits");
        let answer = match tokio::time::timeout(PATIENCE, self.get(&url)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => return tracing::debug!(cause = %failure.error, "the limits were not told"),
            Err(_elapsed) => return tracing::debug!("the limits were not told in time"),
        };
        let Some(limits) = stated(&answer.body) else {
            return tracing::debug!("the limits were told in words that are not understood");
        };
        self.pacer().learn_stated(Instant::now(), answer.ticket, limits);
    }

    /// Waits until the pace lets the next request out, one after another in the order in which they came.
    pub(super) async fn depart(&self) -> Flight<'_> {
        let _turn = self.turn.lock().await;
        loop {
            let now = Instant::now();
            let taken = self.pacer().take(now);
            let wait = match taken {
                Ok(ticket) => return Flight { client: self, ticket },
                Err(wait) => wait,
            };
            // Heard something or not: the pacer says whether it changes anything.
            let _ = tokio::time::timeout(wait, self.heard.notified()).await;
            self.counters.waited_ms.fetch_add(now.elapsed().as_millis() as u64, Ordering::Relaxed);
        }
    }
}

fn limits(headers: &HeaderMap) -> Limits {
    let number = |name| text(headers, name)?.trim().parse::<u32>().ok();
    Limits {
        limit: number("ratelimit-limit").filter(|limit| *limit > 0),
        remaining: number("ratelimit-remaining"),
        reset: number("ratelimit-reset").map(|seconds| Duration::from_secs(seconds.into())),
    }
}

/// The lowest limit that the body of `GET /rate-limits` names.
fn stated(body: &[u8]) -> Option<Limits> {
    #[derive(Deserialize)]
    struct Body {
        data: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Attributes {
        limit: u32,
        remaining: Option<u32>,
        seconds_to_reset: Option<u32>,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    let attributes = body.data.into_iter().map(|entry| entry.attributes);
    let lowest = attributes.filter(|attributes| attributes.limit > 0).min_by_key(|lowest| lowest.limit)?;
    Some(Limits {
        limit: Some(lowest.limit),
        remaining: lowest.remaining,
        reset: lowest.seconds_to_reset.map(|seconds| Duration::from_secs(seconds.into())),
    })
}
