//! Days dropped for good, oldest first.
//!
//! The lake's record says so before the first file goes: whatever ends a prune midway, the days that are left are not
//! fetched again, and the next prune finishes it. Must not know who asks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Error, Lake, Quarantine, RunCounts, RunRecord, layout};
use crate::range::day_start;

/// What was dropped, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The days, oldest first.
    pub days: BTreeSet<Date>,
    /// Their sessions, as recorded.
    pub sessions: u64,
    /// Bytes of their files, as recorded.
    pub bytes: u64,
}

impl Lake {
    /// The days before one, and what they hold.
    ///
    /// # Errors
    /// [`Error::PrunesAll`] if no other day is in the lake, or [`Error`] if it cannot be read.
    pub fn prunable(&self, before: Date) -> Result<Pruned, Error> {
        let manifest = self.manifest()?;
        let files = self.list(&layout::day_files())?;
        let mut days: BTreeSet<Date> = files.iter().filter_map(layout::day_of_file).collect();
        days.extend(manifest.days.keys());
        if let Some(last) = days.last().copied().filter(|last| *last < before) {
            return Err(Error::PrunesAll { last });
        }
        days.retain(|date| *date < before);
        let recorded = || manifest.days.range(..before).map(|(_, day)| day);
        Ok(Pruned {
            days,
            sessions: recorded().map(|day| day.rows).sum(),
            bytes: recorded().map(|day| day.bytes).sum(),
        })
    }

    /// Drops all days before one, and what was staged or put aside of them.
    ///
    /// # Errors
    /// As [`Lake::prunable`], and [`Error::Held`] while another run writes.
    pub fn prune(&self, run_id: &str, before: Date, wait_lock: Duration) -> Result<Pruned, Error> {
        let _lock = self.lock_within(run_id, wait_lock, &|| false)?;
        let began_at = Timestamp::now();
        let pruned = self.prunable(before)?;
        let mut lake = self.manifest()?.lake;
        lake.first_day = lake.first_day.max(Some(before));
        lake.pruned_before = lake.pruned_before.max(Some(before));
        lake.uncover(Timestamp::MIN, day_start(before));
        self.record_lake(&lake)?;
        // Rows of these days may be staged too. What else is there is fetched again.
        for run in self.staged_folders()? {
            self.clear_staging(&run)?;
        }
        for date in &pruned.days {
            // Reports go by the records: without one they do not miss its file.
            self.delete(&layout::day_record(*date))?;
            self.delete_day_file(*date)?;
        }
        for key in self.list(&layout::damaged())? {
            if layout::day_of_put_aside(&key).is_some_and(|date| date < before) {
                self.delete(&key)?;
            }
        }
        let settings = BTreeMap::from([(BEFORE.to_owned(), before.to_string())]);
        let record = RunRecord {
            environment_id: lake.environment_id,
            settings,
            ..RunRecord::without_api(COMMAND, run_id, began_at, RunCounts::default())
        };
        self.record_run(&record, &Quarantine::default())?;
        Ok(pruned)
    }

    /// The day before which days were dropped, as far as the runs' records tell.
    pub(super) fn pruned_by_runs(&self) -> Result<Option<Date>, Error> {
        let prunes = self.runs()?.into_iter().filter(|run| run.command == COMMAND);
        Ok(prunes.filter_map(|run| run.settings.get(BEFORE)?.parse().ok()).max())
    }
}

/// The command's name in a run's record, and that of its setting.
const COMMAND: &str = "prune";
const BEFORE: &str = "before";
