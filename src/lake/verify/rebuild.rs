//! The lake's records made anew from its day files alone.
//!
//! A file cannot say whether its day was walked to its end: after a rebuild no day is taken for complete, and the next
//! export walks all again. Of the old records only what cannot mislead is kept: where the lake begins, and of a record
//! that bears the checksum of the file as it lies there what was absent and whether it was imported.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Found, Recorded, Verification, What};
use crate::lake::manifest::{DayRecord, LakeRecord};
use crate::lake::{Error, Lake, Quarantine, RunCounts, RunRecord, layout};

/// What a rebuild came to.
#[derive(Debug)]
pub struct Rebuilt {
    /// Days that have a record now.
    pub days: u64,
    /// Their sessions.
    pub sessions: u64,
    /// What is still wrong.
    pub left: Verification,
}

impl Lake {
    /// Makes the records anew; the old ones are put aside.
    ///
    /// # Errors
    /// [`Error::Environments`] if nothing says whose sessions these are; [`Error`] if the lake cannot be read or
    /// written.
    pub fn rebuild(&self, run_id: &str, now: Timestamp, wait_lock: Duration) -> Result<Rebuilt, Error> {
        let _lock = self.lock_within(run_id, wait_lock, &|| false)?;
        let began_at = Timestamp::now();
        let found = self.look(now)?;
        let lake = self.rebuilt_lake(&found)?;
        for key in self.list(&layout::day_records())?.into_iter().chain([layout::lake_record()]) {
            self.copy_aside(run_id, &key)?;
        }
        // First of all: whatever ends this one, nothing is taken for walked any more.
        self.record_lake(&lake)?;
        let mut counts = RunCounts::default();
        for (date, day) in &found.days {
            match rebuilt_day(day, lake.environment_id.as_deref()) {
                Some(record) => {
                    self.record_day(&record)?;
                    counts.days_written += 1;
                    counts.rows += record.rows;
                }
                None => self.delete(&layout::day_record(*date))?,
            }
        }
        let (days, sessions) = (counts.days_written, counts.rows);
        let record = RunRecord {
            environment_id: lake.environment_id,
            settings: BTreeMap::from([("rebuild".to_owned(), "true".to_owned())]),
            ..RunRecord::without_api("verify", run_id, began_at, counts)
        };
        self.record_run(&record, &Quarantine::default())?;
        Ok(Rebuilt { days, sessions, left: self.verify(now)? })
    }

    fn rebuilt_lake(&self, found: &Found) -> Result<LakeRecord, Error> {
        let old = found.lake.as_ref().cloned().unwrap_or_default();
        let contents = found.days.values().filter_map(|day| day.file.as_ref()?.content.as_ref().ok());
        let mut environments: Vec<&String> = contents.flat_map(|content| &content.environments).collect();
        environments.sort_unstable();
        environments.dedup();
        let environment_id = match (old.environment_id, environments.as_slice()) {
            (Some(environment), _) => Some(environment),
            (None, [one, other, ..]) => {
                return Err(Error::Environments { one: (*one).clone(), other: (*other).clone() });
            }
            (None, environments) => environments.first().map(|environment| (*environment).clone()),
        };
        // What was dropped for good is said by the runs' records too.
        let pruned_before = match found.lake {
            Recorded::Yes(_) => old.pruned_before,
            _ => self.pruned_by_runs()?,
        };
        let first_day = old.first_day.max(pruned_before);
        let mut contents = found.days.values().filter_map(|day| day.file.as_ref()?.content.as_ref().ok());
        let privacy = match found.lake {
            Recorded::Yes(_) => old.privacy,
            _ => contents.find_map(|content| content.privacy.clone()).unwrap_or_default(),
        };
        Ok(LakeRecord { environment_id, first_day, pruned_before, privacy, ..LakeRecord::default() })
    }
}

/// The record that a day's file gives; of one that is damaged the one it had, so that it stays known for damaged.
fn rebuilt_day(day: &super::Day, environment: Option<&str>) -> Option<DayRecord> {
    let old = day.record.as_ref();
    let file = day.file.as_ref()?;
    let content = file.content.as_ref().ok();
    let is_damaged = day.found.iter().any(|what| matches!(what, What::Damaged { .. }));
    let is_ours = |content: &&super::day::Content| {
        content.is_sound() && environment.is_none_or(|ours| content.other_environment(ours).is_none())
    };
    match content.filter(is_ours).filter(|_| !is_damaged) {
        Some(content) => Some(content.record(old)),
        None => old.map(|old| DayRecord { complete: false, sealed: false, ..old.clone() }),
    }
}
