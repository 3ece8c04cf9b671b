//! Sessions erased on request, and kept out from then on.
//!
//! What is to be forgotten is written down before a single day is rewritten: whenever a process ends, nothing that was
//! erased comes back, and the same command finishes the rest. Must not know who asked for it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use arrow::array::{Array, BooleanArray, RecordBatch, cast::AsArray};
use arrow::compute::filter_record_batch;
use arrow::ipc::reader::StreamReader;
use bytes::Buf;
use jiff::Timestamp;
use jiff::civil::Date;

use super::day_file::Written;
use super::facts::{Origin, empty_day};
use super::forgotten::Forgotten;
use super::manifest::{Coverage, DayRecord};
use super::parts::{DEVICE_ID, INQUIRY_ID, KeyColumns, SESSION_ID};
use super::stage::AbsentCounts;
use super::{Error, Lake, Quarantine, RunCounts, RunRecord, layout};

/// Whose sessions are to be erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unwanted {
    /// These.
    pub sessions: BTreeSet<String>,
    /// Those of these inquiries, also all that come later.
    pub inquiries: BTreeSet<String>,
    /// Those of these devices that are there now.
    pub devices: BTreeSet<String>,
}

/// Where such sessions are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    days: BTreeMap<Date, HashSet<String>>,
    /// Rows of a run that was interrupted; in no day yet.
    staged: HashSet<String>,
}

impl Found {
    /// How many sessions the days hold.
    pub fn sessions(&self) -> usize {
        self.days.values().map(HashSet::len).sum()
    }

    /// How many days hold one.
    pub fn days(&self) -> usize {
        self.days.len()
    }
}

impl Unwanted {
    /// The ids of the batch's sessions that are meant.
    fn among(&self, batch: &RecordBatch) -> HashSet<String> {
        let ids = |column: usize| batch.column(column).as_string::<i32>();
        let named = [(SESSION_ID, &self.sessions), (INQUIRY_ID, &self.inquiries), (DEVICE_ID, &self.devices)]
            .map(|(column, meant)| (ids(column), meant));
        let is_meant =
            |row: usize| named.iter().any(|(ids, meant)| ids.is_valid(row) && meant.contains(ids.value(row)));
        let sessions = ids(SESSION_ID);
        (0..batch.num_rows()).filter(|row| is_meant(*row)).map(|row| sessions.value(row).to_owned()).collect()
    }
}

impl Lake {
    /// Looks for sessions, and leaves everything as it is.
    ///
    /// # Errors
    /// [`Error`] if a day file cannot be read: nobody could say then that nothing of them is left.
    pub fn find(&self, unwanted: &Unwanted) -> Result<Found, Error> {
        let mut found = Found::default();
        for date in self.list(&layout::day_files())?.iter().filter_map(layout::day_of_file) {
            for batch in self.read_day(date)?.into_iter().flatten() {
                let of_day = unwanted.among(&batch?);
                if !of_day.is_empty() {
                    found.days.entry(date).or_default().extend(of_day);
                }
            }
        }
        for key in self.list(&layout::staging())?.iter().filter(|key| key.extension() == Some("arrow")) {
            // A part that broke off is of no use to anyone, and purged with the others.
            let Ok(part) = StreamReader::try_new(self.read_bytes(key)?.reader(), None) else { continue };
            part.flatten().for_each(|batch| found.staged.extend(unwanted.among(&batch)));
        }
        Ok(found)
    }

    /// Erases sessions and whatever interrupted and earlier runs left of rows, and keeps them out from now on.
    ///
    /// # Errors
    /// [`Error`] if another process holds the lake, or something cannot be read or written. Some days may have been
    /// rewritten then; the same call finishes the others.
    pub fn forget(
        &self,
        run_id: &str,
        unwanted: &Unwanted,
        wait_lock: Duration,
    ) -> Result<(Found, RunRecord), Error> {
        let began_at = Timestamp::now();
        let _lock = self.lock_within(run_id, wait_lock, &|| false)?;
        let found = self.find(unwanted)?;
        let sessions = found.days.values().flatten().chain(&found.staged).chain(&unwanted.sessions);
        self.record_forgotten(run_id, Forgotten::of(sessions, unwanted.inquiries.iter()))?;
        for folder in [layout::staging(), layout::quarantines(), layout::damaged()] {
            self.clear_folder(&folder)?;
        }
        for (date, ids) in &found.days {
            self.erase(run_id, *date, ids)?;
        }
        self.clear_staging(run_id)?;
        let counts = RunCounts {
            erased: found.sessions() as u64,
            days_written: found.days() as u64,
            ..RunCounts::default()
        };
        let record = RunRecord::without_api("forget", run_id, began_at, counts);
        self.record_run(&record, &Quarantine::default())?;
        Ok((found, record))
    }

    /// Rewrites a day without some of its sessions.
    fn erase(&self, run_id: &str, date: Date, ids: &HashSet<String>) -> Result<(), Error> {
        let old: Option<DayRecord> = self.read_json(&layout::day_record(date))?;
        // What is known of the day's walks stays as it is.
        let walked = Origin::Import(Timestamp::now()).walked(old.as_ref());
        let (existing, seen) = self.open_day(date)?.unzip();
        let rest = existing.into_iter().flatten().map(|batch| without(&batch?, ids));
        let (file, record) = match self.write_day(run_id, run_id, date, rest)? {
            Some(Written { facts, file }) => {
                (Some(file), facts.record(date, walked, run_id, &AbsentCounts::default()))
            }
            None => (None, empty_day(date, walked, run_id, old.as_ref())),
        };
        self.swap_in(file, seen, run_id, of_fewer(record, old.as_ref()))
    }
}

/// The batch without the rows of these sessions.
fn without(batch: &RecordBatch, ids: &HashSet<String>) -> Result<RecordBatch, Error> {
    let keys = KeyColumns::of(batch);
    let stays = (0..keys.len()).map(|row| Some(!ids.contains(keys.at(row).1)));
    filter_record_batch(batch, &stays.collect::<BooleanArray>()).map_err(Error::arrow("filtered"))
}

/// A day's record once it has fewer rows: how complete it is does not hang on them.
fn of_fewer(record: DayRecord, old: Option<&DayRecord>) -> DayRecord {
    let Some(old) = old else { return record };
    let absent = |name: &String| old.coverage.get(name).map_or(0, |of| of.absent);
    let coverage = record.coverage.into_iter().map(|(name, of)| {
        let of = Coverage { absent: absent(&name).min(of.null), ..of };
        (name, of)
    });
    DayRecord {
        complete: old.complete,
        imported: old.imported,
        sealed: old.sealed,
        coverage: coverage.collect(),
        ..record
    }
}
