//! What a lake holds, how fresh and how complete it is: one look at its records.
//!
//! A pure function of the records and of the time; must not know how it is shown.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Serialize;

use super::manifest::Coverage;
use super::{DayRecord, Manifest, RunRecord};
use crate::range::{day_start, utc_date};
use crate::session::privacy::Mode;

/// The look-back where nobody says another.
pub(super) const LOOK_BACK_DAYS: i64 = 7;

/// A lake at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// The environment whose sessions these are.
    pub environment_id: Option<String>,
    /// Sessions.
    pub sessions: u64,
    /// Bytes of the day files.
    pub bytes: u64,
    /// The days by their state.
    pub days: Days,
    /// How many days behind the watermark the last walk would have looked at open days again.
    pub look_back_days: i64,
    /// Up to when the lake holds every session, by its newest walk; for a lake of files only, when the newest of them
    /// was fetched.
    pub fresh_until: Option<Timestamp>,
    /// Whether any of it came from a walk: files do not say whether they hold every session.
    pub walked: bool,
    /// Seconds since then.
    pub age_seconds: Option<i64>,
    /// The newest `created_at`.
    pub newest_session: Option<Timestamp>,
    /// The newest `created_at` of the last finished walk.
    pub watermark: Option<Timestamp>,
    /// Coverage by column.
    pub coverage: BTreeMap<String, Coverage>,
    /// Requests that runs sent.
    pub requests: Requests,
    /// What of its sessions it keeps; none where that is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Mode>,
}

/// A lake's days by their state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Days {
    /// The first day with a record.
    pub first: Option<Date>,
    /// The last day with a record.
    pub last: Option<Date>,
    /// Days with sessions.
    pub with_sessions: u64,
    /// Days that were walked and had none.
    pub without_sessions: u64,
    /// Days that need not be looked at again.
    pub sealed: u64,
    /// Days whose sessions may still change.
    pub open: u64,
    /// Open days further behind the watermark than the look-back: nobody looks at them again unless asked to.
    pub stale: u64,
    /// Days from imported files that no walk has gone over.
    pub imported: u64,
    /// Days between the lake's first and its last that nobody fetched, or not to their end.
    pub holes: Vec<Date>,
}

/// What runs took of the API's budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// In the last 24 hours.
    pub last_day: u64,
    /// In the last 7 days.
    pub last_week: u64,
    /// Left in the API's window when the last run ended, if it said so.
    pub left: Option<u32>,
}

impl Overview {
    /// Looks at a lake's records.
    pub fn of(manifest: &Manifest, runs: &[RunRecord], now: Timestamp) -> Self {
        let days = || manifest.days.values();
        let fresh_until = fresh_until(manifest);
        let look_back_days = runs.iter().rev().find_map(look_back_days).unwrap_or(LOOK_BACK_DAYS);
        Self {
            environment_id: manifest.lake.environment_id.clone(),
            sessions: days().map(|day| day.rows).sum(),
            bytes: days().map(|day| day.bytes).sum(),
            days: Days::of(manifest, look_back_days),
            look_back_days,
            fresh_until,
            walked: !manifest.lake.covered.is_empty(),
            age_seconds: fresh_until.map(|moment| now.duration_since(moment).as_secs()),
            newest_session: days().filter_map(|day| day.newest).max(),
            watermark: manifest.lake.watermark,
            coverage: coverage(days()),
            requests: Requests::of(runs, now),
            privacy: Some(manifest.lake.privacy.clone()).filter(|mode| *mode != Mode::default()),
        }
    }

    /// How long ago the lake held every session; none if it never did.
    pub fn age(&self) -> Option<SignedDuration> {
        self.age_seconds.map(SignedDuration::from_secs)
    }
}

/// The look-back that a run was given.
fn look_back_days(run: &RunRecord) -> Option<i64> {
    run.settings.get("look-back")?.strip_suffix('d')?.parse().ok()
}

fn walked_until(manifest: &Manifest) -> Option<Timestamp> {
    manifest.lake.covered.iter().map(|interval| interval.until).max()
}

fn fresh_until(manifest: &Manifest) -> Option<Timestamp> {
    walked_until(manifest)
        .or_else(|| manifest.days.values().filter(|day| day.imported).map(|day| day.checked_at).max())
}

fn coverage<'a>(days: impl Iterator<Item = &'a DayRecord>) -> BTreeMap<String, Coverage> {
    let mut coverage: BTreeMap<String, Coverage> = BTreeMap::new();
    for (column, of_day) in days.flat_map(|day| &day.coverage) {
        let sum = coverage.entry(column.clone()).or_default();
        sum.known += of_day.known;
        sum.null += of_day.null;
        sum.absent += of_day.absent;
    }
    coverage
}

impl Days {
    fn of(manifest: &Manifest, look_back_days: i64) -> Self {
        let count =
            |of: &dyn Fn(&DayRecord) -> bool| manifest.days.values().filter(|day| of(day)).count() as u64;
        let watched = manifest.lake.watermark.map(utc_date);
        let watched = watched.map(|date| date.saturating_sub(look_back_days.days()));
        let is_open = |day: &DayRecord| !day.sealed && (day.complete || !day.imported);
        Self {
            first: manifest.days.keys().next().copied(),
            last: manifest.days.keys().next_back().copied(),
            with_sessions: count(&|day| day.rows > 0),
            without_sessions: count(&|day| day.rows == 0),
            sealed: count(&|day| day.sealed),
            open: count(&is_open),
            stale: count(&|day| is_open(day) && watched.is_some_and(|watched| day.date < watched)),
            imported: count(&|day| day.imported && !day.complete),
            holes: holes(manifest),
        }
    }
}

/// Days that are over, between the lake's first and the last that it could know, and that are not whole.
fn holes(manifest: &Manifest) -> Vec<Date> {
    let walked_until = walked_until(manifest);
    let recorded = || manifest.days.keys().copied();
    let Some(first) = recorded().chain(manifest.lake.first_day).min() else { return Vec::new() };
    let Some(last) = recorded().chain(walked_until.map(utc_date)).max() else { return Vec::new() };
    let is_over = |date: Date| {
        date.tomorrow().is_ok_and(|next| walked_until.is_none_or(|until| day_start(next) <= until))
    };
    let is_whole = |date: Date| manifest.is_whole(date, recorded().next());
    let days = first.series(1.day()).take_while(|date| *date <= last);
    days.filter(|date| is_over(*date) && !is_whole(*date)).collect()
}

impl Requests {
    fn of(runs: &[RunRecord], now: Timestamp) -> Self {
        let since = |hours: i64| {
            let from = now.saturating_sub(hours.hours()).unwrap_or(Timestamp::MIN);
            runs.iter().filter(|run| run.ended_at > from).map(|run| run.requests).sum()
        };
        Self {
            last_day: since(24),
            last_week: since(7 * 24),
            left: runs.last().and_then(|run| run.budget_left),
        }
    }
}
