//! The lake's records: what was fetched, how far, how often and what for.
//!
//! One JSON file for the lake, one a day, one a run. Fields may be added; a reader ignores those that it does not
//! know.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Error, Lake, layout};
use crate::session::privacy::{Addresses, Mode};

/// The version of the records.
pub const MANIFEST_VERSION: u32 = 1;

/// An interval of `created_at` that was walked without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Its beginning, included; none where the walk reached the API's oldest session.
    pub from: Option<Timestamp>,
    /// Its end: the server's time when the walk began.
    pub until: Timestamp,
}

impl Interval {
    fn begins(&self) -> Timestamp {
        self.from.unwrap_or(Timestamp::MIN)
    }

    /// Whether every moment from one to the other lies in it.
    pub fn holds(&self, from: Timestamp, until: Timestamp) -> bool {
        self.begins() <= from && until <= self.until
    }
}

/// What the lake as a whole holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeRecord {
    /// The version of the records.
    pub version: u32,
    /// The environment whose sessions these are.
    pub environment_id: Option<String>,
    /// The lowest `--since` so far; none if everything was asked for.
    pub first_day: Option<Date>,
    /// What was walked without a break, oldest first, never overlapping.
    pub covered: Vec<Interval>,
    /// The newest `created_at` of the last finished walk.
    pub watermark: Option<Timestamp>,
    /// What of its sessions it keeps.
    #[serde(default)]
    pub privacy: Mode,
    /// The day before which all days were dropped for good.
    #[serde(default)]
    pub pruned_before: Option<Date>,
}

impl Default for LakeRecord {
    fn default() -> Self {
        Self {
            version: MANIFEST_VERSION,
            environment_id: None,
            first_day: None,
            covered: Vec::new(),
            watermark: None,
            privacy: Mode::default(),
            pruned_before: None,
        }
    }
}

impl LakeRecord {
    /// Adds an interval; those that touch it become one with it.
    pub fn cover(&mut self, new: Interval) {
        let mut merged = new;
        self.covered.retain(|old| {
            let apart = old.until < merged.begins() || merged.until < old.begins();
            if !apart {
                merged = Interval {
                    from: if old.begins() <= merged.begins() { old.from } else { merged.from },
                    until: old.until.max(merged.until),
                };
            }
            apart
        });
        self.covered.push(merged);
        self.covered.sort_by_key(Interval::begins);
    }

    /// Takes a stretch out of what was walked; its end is excluded.
    pub fn uncover(&mut self, from: Timestamp, until: Timestamp) {
        let rest = |old: &Interval| {
            let below = Interval { from: old.from, until: old.until.min(from) };
            let above = Interval { from: Some(old.begins().max(until)), until: old.until };
            [below, above].into_iter().filter(|part| part.begins() < part.until)
        };
        self.covered = self.covered.iter().flat_map(rest).collect();
    }

    /// Where a lake begins of which days were pruned, for whoever does not ask for older ones; a walk over everything
    /// goes down to what was pruned.
    pub fn begins(&self, full: bool) -> Option<Date> {
        let pruned_before = self.pruned_before?;
        Some(if full {
            pruned_before
        } else {
            self.first_day.map_or(pruned_before, |first| first.max(pruned_before))
        })
    }

    /// Whether every moment from one to the other was walked.
    pub fn covers(&self, from: Timestamp, until: Timestamp) -> bool {
        self.covered.iter().any(|interval| interval.holds(from, until))
    }
}

/// How much of one attribute a day's rows say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Rows with a value.
    pub known: u64,
    /// Rows with null, absent ones included.
    pub null: u64,
    /// Rows of this run in which the attribute was not there at all.
    pub absent: u64,
}

/// What one day file holds, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRecord {
    /// The version of the records.
    pub version: u32,
    /// The UTC date.
    pub date: Date,
    /// Rows in the file; 0 where there is no file.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal; empty where there is no file.
    pub sha256: String,
    /// Whether it was walked from end to end after its end.
    pub complete: bool,
    /// Whether files that were fetched after its end were imported: reports take it for complete.
    #[serde(default)]
    pub imported: bool,
    /// Complete, begun an hour after the day's end or later, and every session in a final status.
    pub sealed: bool,
    /// When the last walk over it began, by the server's clock.
    pub checked_at: Timestamp,
    /// When its file was written.
    pub fetched_at: Timestamp,
    /// The newest `created_at`.
    pub newest: Option<Timestamp>,
    /// The oldest `created_at`.
    pub oldest: Option<Timestamp>,
    /// Rows by status.
    pub statuses: BTreeMap<String, u64>,
    /// Coverage by column.
    pub coverage: BTreeMap<String, Coverage>,
    /// The run that wrote the file.
    pub run_id: String,
}

impl DayRecord {
    /// Whether reports may take the day for whole.
    pub fn is_whole(&self) -> bool {
        self.complete || self.imported
    }
}

/// All that is recorded of the days.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// The lake as a whole.
    pub lake: LakeRecord,
    /// Every day with a record, a day without sessions included.
    pub days: BTreeMap<Date, DayRecord>,
}

impl Manifest {
    /// The days that have sessions, from one on, oldest first.
    pub fn days_with_sessions(&self, from: Date) -> Vec<Date> {
        self.days.range(from..).filter(|(_, day)| day.rows > 0).map(|(date, _)| *date).collect()
    }
}

impl Lake {
    /// Reads the lake's and the days' records.
    ///
    /// # Errors
    /// [`Error::Record`] for a record that cannot be understood, [`Error::Store`] if one cannot be read.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        let lake = self.read_json(&layout::lake_record())?.unwrap_or_default();
        let mut days = BTreeMap::new();
        for record in self.records_below::<DayRecord>(&layout::day_records())? {
            let record = record?;
            days.insert(record.date, record);
        }
        Ok(Manifest { lake, days })
    }

    /// What of its sessions the lake keeps.
    pub(super) fn privacy(&self) -> Result<Mode, Error> {
        Ok(self.read_json::<LakeRecord>(&layout::lake_record())?.unwrap_or_default().privacy)
    }

    /// Sees to it that a writer keeps of sessions what the lake does, before its first request and its first byte. A
    /// lake that holds nothing yet takes the writer's way for its own.
    ///
    /// # Errors
    /// [`Error::OtherPrivacy`] or [`Error::OtherAddressKey`] if they differ.
    pub fn agree_on_privacy(&self, manifest: &mut Manifest, writer: &Mode) -> Result<(), Error> {
        let lake = &manifest.lake.privacy;
        if lake == writer {
            return Ok(());
        }
        let is_new = || Ok(self.read_json::<LakeRecord>(&layout::lake_record())?.is_none());
        if manifest.days.is_empty() && is_new()? {
            // What an interrupted run left there was not hidden in this way.
            self.clear_folder(&layout::staging())?;
            manifest.lake.privacy = writer.clone();
            return self.record_lake(&manifest.lake);
        }
        Err(match (&lake.addresses, &writer.addresses) {
            (Addresses::Hash(one), Addresses::Hash(other)) if one != other => Error::OtherAddressKey,
            _ => Error::OtherPrivacy { lake: lake.flags(), run: writer.flags() },
        })
    }

    /// Writes the lake's own record.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be written.
    pub fn record_lake(&self, record: &LakeRecord) -> Result<(), Error> {
        self.write_json(&layout::lake_record(), record)
    }

    /// A day's record; none if it has none.
    ///
    /// # Errors
    /// [`Error::Record`] if it has one that cannot be understood.
    pub fn day_record(&self, date: Date) -> Result<Option<DayRecord>, Error> {
        self.read_json(&layout::day_record(date))
    }

    /// Writes a day's record.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be written.
    pub fn record_day(&self, record: &DayRecord) -> Result<(), Error> {
        self.write_json(&layout::day_record(record.date), record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(from: Option<i64>, until: i64) -> Interval {
        let at = |second| Timestamp::from_second(second).unwrap();
        Interval { from: from.map(at), until: at(until) }
    }

    #[test]
    fn what_is_taken_out_leaves_what_lies_on_both_sides() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut record = LakeRecord::default();
        record.cover(interval(None, 60));
        record.cover(interval(Some(70), 80));
        record.uncover(at(20), at(30));
        let apart = [interval(None, 20), interval(Some(30), 60), interval(Some(70), 80)];
        assert_eq!(record.covered, apart);
        record.uncover(at(61), at(69));
        assert_eq!(record.covered, apart);
        record.uncover(at(50), at(75));
        assert_eq!(record.covered, [interval(None, 20), interval(Some(30), 50), interval(Some(75), 80)]);
        record.uncover(Timestamp::MIN, at(40));
        assert_eq!(record.covered, [interval(Some(40), 50), interval(Some(75), 80)]);
        record.uncover(Timestamp::MIN, Timestamp::MAX);
        assert_eq!(record.covered, []);
    }

    #[test]
    fn intervals_that_touch_become_one_and_others_stay_apart_in_order() {
        let mut record = LakeRecord::default();
        record.cover(interval(Some(50), 60));
        record.cover(interval(Some(10), 20));
        assert_eq!(record.covered, [interval(Some(10), 20), interval(Some(50), 60)]);
        record.cover(interval(Some(20), 50));
        assert_eq!(record.covered, [interval(Some(10), 60)]);
        record.cover(interval(None, 15));
        assert_eq!(record.covered, [interval(None, 60)]);
        assert!(record.covers(Timestamp::from_second(-99).unwrap(), Timestamp::from_second(60).unwrap()));
        assert!(!record.covers(Timestamp::from_second(0).unwrap(), Timestamp::from_second(61).unwrap()));
    }
}
