//! What a day's rows say as a whole: the part of its record that is counted from them.
//!
//! Must not know where the rows lie.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch, cast::AsArray};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::manifest::{Coverage, DayRecord, MANIFEST_VERSION};
use super::parts::KeyColumns;
use super::stage::AbsentCounts;
use crate::range::day_end;
use crate::session::decode::column_at;
use crate::session::schema::{ATTRIBUTES, RELATIONSHIPS, STATUS, place_of, schema};

/// Statuses that no session leaves (Persona's `inquiry-session.yaml`: `new`, `active`, `expired`).
const FINAL_STATUSES: [&str; 1] = ["expired"];

/// What is known of the walk that a day's rows come from.
#[derive(Debug, Clone, Copy)]
pub struct Walked {
    /// When it began, by the server's clock.
    pub began: Timestamp,
    /// Whether it went over the whole day without a break, other walks before it included.
    pub whole: bool,
    /// Whether it did so by itself.
    pub alone: bool,
    /// What becomes of the day's stored rows that it did not see.
    pub vanished: Vanished,
}

impl Walked {
    /// For a day that no walk went over.
    fn never(began: Timestamp) -> Self {
        Self { began, whole: false, alone: false, vanished: Vanished::Keep }
    }
}

/// What a walk that went over a whole day by itself does to the day's stored rows that it did not see, and to the
/// stored values of attributes that not one of its rows had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vanished {
    /// They stay.
    Keep,
    /// Few rows go. Many stay, and so do values: the key may see less than it did. So many went before in the same run
    /// of days that lacked more than their share (see [`Published::exempt`](super::Published::exempt)).
    Guard(u64),
    /// They go, however many.
    Remove,
}

/// The share of a day's stored rows above which a guarded walk removes none …
const GUARDED_SHARE: f64 = 0.05;
/// … unless it is no more rows than this, with those of the run's other days above that share.
const GUARDED_ROWS: u64 = 20;

impl Vanished {
    /// Whether so many of a day's stored rows may go.
    pub(super) fn removes(self, missing: u64, stored: u64) -> bool {
        let is_allowed = match self {
            Self::Keep => false,
            Self::Remove => true,
            Self::Guard(before) => match self.exempt(missing, stored) {
                0 => true,
                exempt => before + exempt <= GUARDED_ROWS,
            },
        };
        missing > 0 && is_allowed
    }

    /// How many of a day's rows go for being few in number, as they are more than its share.
    pub(super) fn exempt(self, missing: u64, stored: u64) -> u64 {
        let is_exempt = matches!(self, Self::Guard(_)) && missing as f64 > stored as f64 * GUARDED_SHARE;
        if is_exempt { missing } else { 0 }
    }
}

/// Where a day's rows come from, and so what they may change.
#[derive(Debug, Clone, Copy)]
pub enum Origin {
    /// From a walk of the API: its version of a session is the newest.
    Walk(Walked),
    /// From files, the latest of them fetched at that moment: of two versions of a session the one fetched later
    /// stays, and no day becomes covered by them.
    Import(Timestamp),
    /// From files of the lake itself: as an import, but they do not make a day an imported one.
    Lake,
}

impl Origin {
    /// The walk that the day's record speaks of from now on: this one, or for an import the one that it spoke of.
    pub(super) fn walked(self, old: Option<&DayRecord>) -> Walked {
        match (self, old) {
            (Self::Walk(walked), _) => walked,
            (Self::Import(_) | Self::Lake, Some(old)) => {
                let vanished = Vanished::Keep;
                Walked { began: old.checked_at, whole: old.complete, alone: old.sealed, vanished }
            }
            (Self::Import(fetched), None) => Walked::never(fetched),
            // Long before any moment that a walk is compared with.
            (Self::Lake, None) => Walked::never(Timestamp::UNIX_EPOCH),
        }
    }

    /// Whether a stored version of a session gives way to one that comes in, by the moments in milliseconds since
    /// 1970 at which they were fetched. What the API confirmed when it walked a complete day counts as fetched then.
    pub(super) fn stored_gives_way(self, old: Option<&DayRecord>, stored_ms: i64, incoming_ms: i64) -> bool {
        match self {
            Self::Walk(_) => true,
            Self::Import(_) | Self::Lake => {
                let confirmed = old.filter(|old| old.complete).map(|old| old.checked_at.as_millisecond());
                confirmed.max(Some(stored_ms)) < Some(incoming_ms)
            }
        }
    }

    /// Whether a stored session of that moment, in milliseconds since 1970, would have come in if it were still there.
    pub(super) fn went_over(self, created_ms: i64) -> bool {
        matches!(self, Self::Walk(walked) if walked.alone && created_ms <= walked.began.as_millisecond())
    }

    /// Whether the day counts as imported: by files that were fetched after its end.
    pub(super) fn imports(self, date: Date) -> bool {
        let end = day_end(date);
        matches!(self, Self::Import(fetched) if fetched >= end)
    }
}

/// What a day's rows say as a whole.
#[derive(Debug, Default)]
pub(super) struct Facts {
    newest: Option<i64>,
    oldest: Option<i64>,
    statuses: BTreeMap<String, u64>,
    rows: u64,
    nulls: Vec<u64>,
    environment: Option<String>,
}

impl Facts {
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        let keys = KeyColumns::of(batch);
        let last = keys.len().saturating_sub(1);
        self.newest = self.newest.or_else(|| Some(keys.created_ms(0)));
        self.oldest = Some(keys.created_ms(last));
        self.rows += keys.len() as u64;
        self.nulls.resize(batch.num_columns(), 0);
        for (nulls, column) in self.nulls.iter_mut().zip(batch.columns()) {
            *nulls += column.null_count() as u64;
        }
        let statuses = batch.column(place_of(STATUS)).as_string::<i32>();
        for status in statuses {
            let status = status.unwrap_or("unknown");
            match self.statuses.get_mut(status) {
                Some(rows) => *rows += 1,
                None => _ = self.statuses.insert(status.to_owned(), 1),
            }
        }
        if self.environment.is_none() {
            self.environment = batch.column(0).as_string::<i32>().iter().flatten().next().map(str::to_owned);
        }
    }

    pub(super) fn footer(&self) -> Vec<(&'static str, String)> {
        let mut footer = vec![("rows", self.rows.to_string())];
        footer.extend(self.environment.clone().map(|environment| ("environment_id", environment)));
        footer
    }

    pub(super) fn record(
        &self,
        date: Date,
        walked: Walked,
        run_id: &str,
        absent: &AbsentCounts,
    ) -> DayRecord {
        let moment = |ms: Option<i64>| ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let all_final = self.statuses.keys().all(|status| FINAL_STATUSES.contains(&status.as_str()));
        let (complete, settled) = ended(date, walked);
        DayRecord {
            version: MANIFEST_VERSION,
            date,
            rows: self.rows,
            bytes: 0,
            sha256: String::new(),
            complete,
            sealed: settled && all_final,
            checked_at: walked.began,
            fetched_at: Timestamp::now(),
            newest: moment(self.newest),
            oldest: moment(self.oldest),
            statuses: self.statuses.clone(),
            coverage: self.coverage(absent),
            imported: false,
            run_id: run_id.to_owned(),
        }
    }

    fn coverage(&self, absent: &AbsentCounts) -> BTreeMap<String, Coverage> {
        (0..ATTRIBUTES.len() + RELATIONSHIPS.len())
            .map(|place| {
                let name = column_at(place);
                let column = schema().index_of(name).unwrap_or_default();
                let null = self.nulls.get(column).copied().unwrap_or_default();
                let missing = |mask: &u64| mask & (1 << place) != 0;
                let absent = absent.0.iter().filter(|(mask, _)| missing(mask)).map(|(_, rows)| rows).sum();
                (name.to_owned(), Coverage { known: self.rows - null, null, absent })
            })
            .collect()
    }
}

/// Whether the day was walked from end to end after its end, and whether in one go an hour or more after it.
fn ended(date: Date, walked: Walked) -> (bool, bool) {
    let end = day_end(date);
    let an_hour_later = end.saturating_add(1.hour()).unwrap_or(Timestamp::MAX);
    (walked.whole && walked.began >= end, walked.alone && walked.began >= an_hour_later)
}

/// The record of a day on which there was no session.
pub(super) fn empty_day(date: Date, walked: Walked, run_id: &str, old: Option<&DayRecord>) -> DayRecord {
    let record = Facts::default().record(date, walked, run_id, &AbsentCounts::default());
    let was = |of: fn(&DayRecord) -> bool| old.is_some_and(of);
    DayRecord {
        complete: record.complete || was(|old| old.complete),
        sealed: record.sealed || was(|old| old.sealed),
        ..record
    }
}
