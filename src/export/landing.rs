//! From a moment to a place in the API's list: below a session that was created then or somewhat later.
//!
//! Sessions that the lake holds are such places, and those that the inquiries of that time name. Must not know what is
//! walked from there.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};

use super::Run;
use super::limits::becomes_true;
use super::plan::Span;
use super::side_by_side::Queue;
use crate::lake::Seed;
use crate::persona::{self, Inquiry, Place};
use crate::range::{DayRange, day_start, utc_date};

/// A place to begin at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Landing {
    pub(super) place: Place,
    /// The first session there is no newer than this, in milliseconds since 1970: otherwise the API took no notice of
    /// the cursor, or it lies too far off to be of use.
    pub(super) begins_below: i64,
}

/// Sessions that lie between a moment and the session to begin below, so that neighbours whose order in the list is not
/// quite that of their time are not passed over: a page of them, as a walk ends with a page that is older throughout.
const MARGIN: usize = 100;
/// Further sessions of the lake that are tried.
const OTHERS: usize = 5;
/// How far the order of the list may be from that of time.
const DISORDER: SignedDuration = SignedDuration::from_secs(60);
/// A session of the lake that is newer than the moment by more than this is worth a look for a nearer one.
const FAR: SignedDuration = SignedDuration::from_hours(24);
/// The first stretch of time that inquiries are asked for.
const FIRST_LOOK: SignedDuration = SignedDuration::from_hours(1);
/// How much longer or shorter the next one is.
const WIDER: i32 = 8;
/// Requests for inquiries at most for one moment.
const LOOKS: usize = 7;
/// How much later than its inquiry a session may have been created and still be a good place.
const LATE: SignedDuration = SignedDuration::from_hours(6);
/// Places by way of the inquiries that are tried.
const TRIED: usize = 4;
/// Before this there was no API.
pub(super) const BEGINNING: Date = date(2015, 1, 1);

impl Run<'_> {
    /// Places from which everything older than a moment can be walked, the best first; none if there is only the top.
    pub(super) fn landings(&self, until: Timestamp, queue: &Queue) -> Vec<Landing> {
        let days = self.ledger().manifest.days_with_sessions(utc_date(until));
        // What is broken there is for `verify` to tell; there are other places.
        let stored = self.lake.seeds(&days, until, MARGIN + OTHERS).unwrap_or_else(|error| {
            tracing::warn!("no place to begin at could be read from the lake: {error}");
            Vec::new()
        });
        let is_near = |seed: &Seed| seed.created_ms < (until.as_millisecond() + FAR.as_millis() as i64);
        let near = stored.first().is_some_and(is_near);
        let of_lake = stored_landing(&stored);
        if near {
            return of_lake.into_iter().collect();
        }
        let mut landings = self.inquired(until, queue);
        landings.extend(of_lake);
        landings
    }

    /// Places by way of the inquiries that were created shortly after a moment: everything older can be walked from
    /// each of them.
    pub(super) fn inquired(&self, moment: Timestamp, queue: &Queue) -> Vec<Landing> {
        let moment = moment.saturating_add(DISORDER).unwrap_or(Timestamp::MAX);
        let now = self.client.server_time().unwrap_or_else(Timestamp::now);
        let mut found = Vec::new();
        let mut look = FIRST_LOOK;
        for _ in 0..LOOKS {
            let end = moment.saturating_add(look).unwrap_or(Timestamp::MAX).min(now);
            if end <= moment {
                break;
            }
            let Some(inquiries) = self.ask_inquiries(moment, end, queue) else { break };
            let (is_empty, more) = (inquiries.found.is_empty(), inquiries.more);
            if !is_empty {
                found = inquiries.found;
            }
            // Too many: those that are shown are the newest, and the wanted ones the oldest.
            if more && look > SignedDuration::from_mins(1) {
                look /= WIDER;
            } else if is_empty && found.is_empty() && end < now {
                look = look.saturating_mul(WIDER);
            } else {
                break;
            }
        }
        inquired_landings(found)
    }

    /// The days of a stretch on which there may be sessions, as far as the inquiries tell.
    pub(super) fn days_below(&self, span: Span, oldest: Timestamp, queue: &Queue) -> Option<DayRange> {
        let (first, last) = span.days();
        let first = match first {
            Some(first) => Some(first),
            None => self.bottom(oldest, queue),
        };
        let last = last.unwrap_or_else(|| utc_date(oldest));
        first.and_then(|first| DayRange::new(first, last).ok())
    }

    /// The day before which there are hardly any sessions, by the inquiries; none if that is not to be had.
    fn bottom(&self, known: Timestamp, queue: &Queue) -> Option<Date> {
        let beginning = day_start(BEGINNING);
        let (mut with, mut without) = (known, beginning);
        let mut step = SignedDuration::from_hours(24 * 30);
        for _ in 0..LOOKS + 3 {
            let moment = match with.saturating_sub(step).unwrap_or(beginning) {
                moment if moment > without => moment,
                _ => without + (with.duration_since(without) / 2),
            };
            if with.duration_since(without) < SignedDuration::from_hours(48) {
                break;
            }
            let inquiries = self.ask_inquiries(beginning, moment, queue)?;
            match inquiries.found.last() {
                Some(oldest) if !inquiries.more => return Some(utc_date(oldest.created)),
                Some(oldest) => {
                    with = oldest.created;
                    step = step.saturating_mul(4);
                }
                None => without = moment,
            }
        }
        Some(utc_date(without))
    }

    /// Inquiries of a stretch of time; none where the API does not show them to this key, which is said once, and none
    /// where the walk is to end.
    fn ask_inquiries(&self, from: Timestamp, until: Timestamp, queue: &Queue) -> Option<persona::Inquiries> {
        if self.ledger().has_no_inquiries {
            return None;
        }
        let asked = self.runtime.block_on(async {
            tokio::select! {
                biased;
                _stop = self.options.limits.reached() => None,
                () = becomes_true(Some(queue.halted())) => None,
                asked = self.client.inquiries(from, until) => Some(asked),
            }
        })?;
        match asked {
            Ok(inquiries) => Some(inquiries),
            // Told by the page that cannot be asked for either.
            Err(persona::Error::Spent) => None,
            Err(error) => {
                self.ledger().has_no_inquiries = true;
                tracing::warn!(
                    "days cannot be reached by way of the inquiries, so more pages are walked to find them: {}",
                    without_inquiries(&error)
                );
                None
            }
        }
    }
}

/// Why the inquiries are not to be had, and what to do about it.
fn without_inquiries(error: &persona::Error) -> String {
    match error {
        persona::Error::Refused { status: 403, .. } => {
            "the key may not read inquiries; only their times and session ids would be asked for".to_owned()
        }
        error => error.to_string(),
    }
}

/// Below a session of the lake that lies a page above the moment, or as far above it as there are any.
fn stored_landing(stored: &[Seed]) -> Option<Landing> {
    let (margin, beyond) = stored.split_at(stored.len().min(MARGIN));
    let seeds = beyond.iter().chain(margin.iter().rev()).take(OTHERS + 1);
    let newest = seeds.clone().map(|seed| seed.created_ms).max()?;
    let place = Place::below(seeds.map(|seed| seed.session_id.clone()))?;
    Some(Landing { place, begins_below: newest + DISORDER.as_millis() as i64 })
}

/// Below the sessions of the oldest inquiries; first of those that have but one, as it was created with its inquiry.
fn inquired_landings(mut found: Vec<Inquiry>) -> Vec<Landing> {
    found.retain(|inquiry| !inquiry.sessions.is_empty());
    found.sort_by_key(|inquiry| inquiry.created);
    found.truncate(10 * TRIED);
    found.sort_by_key(|inquiry| inquiry.sessions.len() > 1);
    let landing = |inquiry: Inquiry| {
        let latest = inquiry.created.saturating_add(LATE).unwrap_or(Timestamp::MAX);
        let place = Place::below(inquiry.sessions.into_iter().rev())?;
        Some(Landing { place, begins_below: latest.as_millisecond() })
    };
    found.into_iter().filter_map(landing).take(TRIED).collect()
}
