//! Day files of an older schema written anew under today's.
//!
//! Readers and writers understand older files as they are; after a migration all files have the same columns, for
//! readers that ask for that. Must not know which columns came when.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::manifest::DayRecord;
use super::publish::Publication;
use super::rewrite::keep_absent;
use super::stage::StagedDay;
use super::verify::What;
use super::{Error, Lake, Quarantine, RunCounts, RunRecord, layout};

/// What was brought up to date, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrated {
    /// The days whose files are older, oldest first.
    pub days: Vec<Date>,
    /// Sessions in them.
    pub sessions: u64,
    /// Day files that are of today's schema.
    pub current: u64,
}

impl Lake {
    /// The days whose files are of an older schema.
    ///
    /// # Errors
    /// [`Error::NewerSchema`] or [`Error::Unsound`] for a file that cannot be migrated.
    pub fn outdated(&self) -> Result<Migrated, Error> {
        let days = self.outdated_days()?;
        Ok(days.0)
    }

    /// Writes the files of an older schema anew; the others stay as they are.
    ///
    /// # Errors
    /// As [`Lake::outdated`], and [`Error::Held`] while another run writes.
    pub fn migrate(&self, run_id: &str, wait_lock: Duration) -> Result<Migrated, Error> {
        let _lock = self.lock_within(run_id, wait_lock, &|| false)?;
        let began_at = Timestamp::now();
        let (migrated, records) = self.outdated_days()?;
        for (date, old) in records {
            let publication = Publication::of_lake(self, run_id, date);
            publication.replace(&StagedDay::default(), self.read_day(date)?, |mut record| {
                keep_absent(&mut record, &old);
                DayRecord {
                    coverage: record.coverage,
                    fetched_at: record.fetched_at,
                    run_id: record.run_id,
                    ..old
                }
            })?;
        }
        self.clear_staging(run_id)?;
        let counts = RunCounts {
            rows: migrated.sessions,
            days_written: migrated.days.len() as u64,
            ..RunCounts::default()
        };
        let record = RunRecord::without_api("migrate", run_id, began_at, counts);
        self.record_run(&record, &Quarantine::default())?;
        Ok(migrated)
    }

    fn outdated_days(&self) -> Result<(Migrated, BTreeMap<Date, DayRecord>), Error> {
        let mut manifest = self.manifest()?;
        let mut migrated = Migrated::default();
        let mut records = BTreeMap::new();
        for date in self.list(&layout::day_files())?.iter().filter_map(layout::day_of_file) {
            let Some(file) = self.examine(date)? else { continue };
            match file.content {
                Err(What::Newer { version }) => return Err(Error::NewerSchema { date, version }),
                Err(_) => return Err(Error::Unsound { date }),
                Ok(content) if content.is_older => {
                    let recorded = manifest.days.remove(&date).filter(|day| day.sha256 == file.sha256);
                    let record = recorded.ok_or(Error::Unsound { date })?;
                    migrated.sessions += record.rows;
                    records.insert(date, record);
                }
                Ok(_) => migrated.current += 1,
            }
        }
        migrated.days = records.keys().copied().collect();
        Ok((migrated, records))
    }
}
