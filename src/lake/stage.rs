//! The rows of a walk on their way into day files: split by day, buffered, and staged as sorted parts.
//!
//! Memory holds one checkpoint's rows at most; all else waits in parts under `_session_risk/staging/`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::RecordBatch;
use jiff::Timestamp;
use jiff::civil::Date;
use object_store::path::Path as Key;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::manifest::DayRecord;
use super::parts::{KeyColumns, Part, sorted};
use super::{Error, Lake, layout, to_json};
use crate::range::{DayRange, day_start, utc_date};
use crate::session::Decoded;

/// Rows of one day that are buffered before they become a part, whether or not a checkpoint is due.
const PART_ROWS: usize = 32_768;

/// The rows of one run that are not yet published.
#[derive(Debug)]
pub struct Stage {
    pub(super) lake: Lake,
    pub(super) run_id: String,
    /// Only rows of these days are kept; the others were passed on the way.
    range: Option<DayRange>,
    days: BTreeMap<Date, StagedDay>,
    next_part: u64,
    /// Parts whose day is published, but which the last checkpoint still names.
    pub(super) spent: Vec<Part>,
}

/// One day's rows.
#[derive(Debug, Default)]
pub(super) struct StagedDay {
    buffer: Vec<RecordBatch>,
    buffered: usize,
    pub(super) parts: Vec<Part>,
    pub(super) absent: AbsentCounts,
}

/// How many rows lacked the same attributes, by their mask (see [`Decoded::absent`]).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct AbsentCounts(pub(super) HashMap<u64, u64>);

/// What a stage needs to go on after its process ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StageState {
    parts: Vec<Part>,
    absent: BTreeMap<Date, Vec<(u64, u64)>>,
    next_part: u64,
}

impl Stage {
    /// An empty stage of a run. `range` drops the rows of all other days.
    pub fn new(lake: Lake, run_id: &str, range: Option<DayRange>) -> Self {
        Self {
            lake,
            run_id: run_id.to_owned(),
            range,
            days: BTreeMap::new(),
            next_part: 0,
            spent: Vec::new(),
        }
    }

    /// The stage of an interrupted run, as its checkpoint described it.
    pub fn resume(lake: Lake, run_id: &str, range: Option<DayRange>, state: StageState) -> Self {
        let mut stage = Self::new(lake, run_id, range);
        stage.next_part = state.next_part;
        for part in state.parts {
            stage.days.entry(part.date).or_default().parts.push(part);
        }
        for (date, absent) in state.absent {
            stage.days.entry(date).or_default().absent = AbsentCounts(absent.into_iter().collect());
        }
        stage
    }

    /// Takes rows in.
    ///
    /// # Errors
    /// [`Error::Store`] if a part cannot be written.
    pub fn append(&mut self, decoded: &Decoded) -> Result<(), Error> {
        let keys = KeyColumns::of(&decoded.batch);
        let mut from = 0;
        while from < keys.len() {
            let (date, until) = day_run(&keys, from);
            if self.range.is_none_or(|range| range.contains(date)) {
                let day = self.days.entry(date).or_default();
                day.buffer.push(decoded.batch.slice(from, until - from));
                day.buffered += until - from;
                for mask in &decoded.absent[from..until] {
                    *day.absent.0.entry(*mask).or_default() += 1;
                }
                if day.buffered >= PART_ROWS {
                    self.spill(date)?;
                }
            }
            from = until;
        }
        Ok(())
    }

    /// Writes all buffered rows as parts and says what there is: a checkpoint may then rely on it.
    ///
    /// # Errors
    /// [`Error::Store`] if a part cannot be written.
    pub fn flush(&mut self) -> Result<StageState, Error> {
        let dates: Vec<Date> = self.days.keys().copied().collect();
        for date in dates {
            self.spill(date)?;
        }
        let absent = |day: &StagedDay| day.absent.0.iter().map(|(mask, rows)| (*mask, *rows)).collect();
        Ok(StageState {
            parts: self.days.values().flat_map(|day| day.parts.iter().cloned()).collect(),
            absent: self.days.iter().map(|(date, day)| (*date, absent(day))).collect(),
            next_part: self.next_part,
        })
    }

    /// The run whose staging folder this is.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The days that have rows waiting, oldest first.
    pub fn days(&self) -> Vec<Date> {
        self.days.keys().copied().collect()
    }

    /// Takes a day out, all of its rows in parts.
    pub(super) fn take(&mut self, date: Date) -> Result<StagedDay, Error> {
        self.spill(date)?;
        Ok(self.days.remove(&date).unwrap_or_default())
    }

    /// Deletes the parts of published days: the checkpoint that named them has been replaced.
    ///
    /// # Errors
    /// [`Error::Store`] if one cannot be deleted.
    pub fn sweep(&mut self) -> Result<(), Error> {
        for part in std::mem::take(&mut self.spent) {
            self.lake.delete(&layout::staged(&self.run_id, &part.name))?;
        }
        Ok(())
    }

    /// Deletes whatever the run staged.
    ///
    /// # Errors
    /// [`Error::Store`] if something cannot be deleted.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.days.clear();
        self.lake.clear_staging(&self.run_id)
    }

    fn spill(&mut self, date: Date) -> Result<(), Error> {
        let Some(day) = self.days.get_mut(&date).filter(|day| day.buffered > 0) else { return Ok(()) };
        let batch =
            sorted(&day.buffer).map_err(|source| Error::file("sorted", &layout::day_file(date), source))?;
        let part = self.lake.write_part(&self.run_id, date, self.next_part, &batch)?;
        self.next_part += 1;
        day.parts.push(part);
        day.buffer.clear();
        day.buffered = 0;
        Ok(())
    }
}

/// The date of a row, and the end of the run of rows with the same date.
fn day_run(keys: &KeyColumns, from: usize) -> (Date, usize) {
    let moment = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let date = utc_date(moment(keys.created_ms(from)));
    let begins = day_start(date).as_millisecond();
    let ends = date.tomorrow().map_or(i64::MAX, |next| day_start(next).as_millisecond());
    let until =
        (from..keys.len()).find(|row| !(begins..ends).contains(&keys.created_ms(*row))).unwrap_or(keys.len());
    (date, until)
}

/// What runs leave under `_session_risk/staging/` and `_session_risk/quarantine/`.
impl Lake {
    /// The runs that have something staged.
    ///
    /// # Errors
    /// [`Error::Store`] if the folder cannot be listed.
    pub fn staged_runs(&self) -> Result<BTreeSet<String>, Error> {
        let folder = layout::staging();
        let run = |key: Key| key.prefix_match(&folder)?.next().map(|run| run.as_ref().to_owned());
        Ok(self.list(&folder)?.into_iter().filter_map(run).collect())
    }

    /// Deletes whatever a run staged.
    ///
    /// # Errors
    /// [`Error::Store`] if something cannot be deleted.
    pub fn clear_staging(&self, run_id: &str) -> Result<(), Error> {
        let folder = layout::staged(run_id, "");
        for key in self.list(&folder)? {
            self.delete(&key)?;
        }
        // Only a file system has empty folders to leave behind, and one that stays is no harm.
        let _ = std::fs::remove_dir(self.root().join(folder.as_ref()));
        Ok(())
    }

    /// Keeps a run's checkpoint beside its parts.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be written.
    pub fn write_checkpoint<T: Serialize>(&self, run_id: &str, checkpoint: &T) -> Result<(), Error> {
        let key = layout::staged(run_id, "checkpoint.json");
        self.write_scratch(&key, to_json(&key, checkpoint)?)
    }

    /// A run's checkpoint; none if there is none of use: it only saves requests, so a damaged one is no error.
    pub fn read_checkpoint<T: DeserializeOwned>(&self, run_id: &str) -> Option<T> {
        self.read_json(&layout::staged(run_id, "checkpoint.json")).ok().flatten()
    }

    /// Whether every part of a stage is where its checkpoint says, and whole.
    pub fn has_parts(&self, run_id: &str, state: &StageState) -> bool {
        state.parts.iter().all(|part| self.has_part(run_id, part))
    }

    /// Whether the day has a record.
    ///
    /// # Errors
    /// [`Error::Record`] if it has one that cannot be understood.
    pub fn has_day_record(&self, date: Date) -> Result<bool, Error> {
        Ok(self.read_json::<DayRecord>(&layout::day_record(date))?.is_some())
    }

    /// Keeps the resources of a run that could not become rows, a line each.
    ///
    /// # Errors
    /// [`Error::Store`] if they cannot be written.
    pub fn record_quarantine<T: Serialize>(&self, run_id: &str, quarantined: &[T]) -> Result<(), Error> {
        if quarantined.is_empty() {
            return Ok(());
        }
        let key = layout::quarantine(run_id);
        let mut lines = Vec::new();
        for resource in quarantined {
            serde_json::to_writer(&mut lines, resource)
                .map_err(|source| Error::Record { key: key.to_string(), source })?;
            lines.push(b'\n');
        }
        self.write_bytes(&key, lines)
    }
}
