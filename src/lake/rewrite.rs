//! A day file written anew from rows that the lake has already, for a repair or a migration.
//!
//! Must not know why.

use jiff::civil::Date;

use super::Error;
use super::day_file::Written;
use super::manifest::DayRecord;
use super::merge::Batches;
use super::publish::Publication;
use super::stage::{StagedDay, Unread};
use super::{Lake, Origin};

impl<'a> Publication<'a> {
    /// Of rows that the lake has already.
    pub(super) fn of_lake(lake: &'a Lake, run_id: &'a str, date: Date) -> Self {
        Self {
            lake,
            run_id,
            folder: run_id,
            date,
            origin: Origin::Lake,
            unread: Unread::NONE,
            again: true,
            forgotten: None,
        }
    }

    /// Puts a file of the staged rows and those of `existing` in the place of the day file, whatever that holds.
    /// `record` makes the day's record of the one that the rows give. Without any row nothing is done.
    pub(super) fn replace(
        &self,
        staged: &StagedDay,
        existing: Option<Batches<'static>>,
        record: impl FnOnce(DayRecord) -> DayRecord,
    ) -> Result<(), Error> {
        let Self { lake, run_id, date, origin, .. } = *self;
        let Some((written, _)) = self.write_merged(staged, existing, None, &[], false)? else {
            return Ok(());
        };
        let Written { facts, file } = written;
        let of_rows = facts.record(date, origin.walked(None), run_id, &staged.absent);
        lake.swap_in(Some(file), lake.day_version(date)?, run_id, record(of_rows))
    }
}

/// What a record of the same rows goes on saying of the answers that they came in: which attributes were absent. Those
/// that it does not know yet were.
pub(super) fn keep_absent(record: &mut DayRecord, old: &DayRecord) {
    for (column, coverage) in &mut record.coverage {
        coverage.absent = old.coverage.get(column).map_or(coverage.null, |old| old.absent);
    }
}
