//! The lake's records: what was fetched, how far, how often and what for.
//!
//! One JSON file for the lake, one a day, one a run. Fields may be added; a reader ignores those that it does not
//! know.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Error, Lake, layout};

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
}

impl Default for LakeRecord {
    fn default() -> Self {
        Self {
            version: MANIFEST_VERSION,
            environment_id: None,
            first_day: None,
            covered: Vec::new(),
            watermark: None,
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

impl Lake {
    /// Reads the lake's and the days' records.
    ///
    /// # Errors
    /// [`Error::Record`] for a record that cannot be understood, [`Error::Store`] if one cannot be read.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        let lake = self.read_json(&layout::lake_record())?.unwrap_or_default();
        let mut days = BTreeMap::new();
        for record in self.read_records::<DayRecord>(&layout::day_records())? {
            let record = record?;
            days.insert(record.date, record);
        }
        Ok(Manifest { lake, days })
    }

    /// Writes the lake's own record.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be written.
    pub fn record_lake(&self, record: &LakeRecord) -> Result<(), Error> {
        self.write_json(&layout::lake_record(), record)
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
