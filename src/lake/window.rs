//! Which days a report may read: the range that was asked for, laid over what the lake holds.
//!
//! Reads no record but of these days, and of the newest back to the last complete one: a report costs the same whatever
//! the lake's age.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{DayRecord, Error, Lake, LakeRecord, Manifest, RECORDS_AT_A_TIME, layout};
use crate::range::{DayRange, day_start};

/// The days of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days that have a file, oldest first.
    pub with_file: Vec<Date>,
    /// The days that are not complete: never fetched, or still open.
    pub incomplete: Vec<Date>,
    /// The newest session in it.
    pub newest: Option<Timestamp>,
}

/// The days of a lake: which there are is known, what they hold is read once it is asked for.
#[derive(Debug)]
pub struct Calendar<'a> {
    lake: &'a Lake,
    dates: BTreeSet<Date>,
    read: Manifest,
}

impl Lake {
    /// Reads the lake's own record, and which days have one.
    ///
    /// # Errors
    /// [`Error::Record`] for a record that cannot be understood, [`Error::Store`] if the lake cannot be read.
    pub fn calendar(&self) -> Result<Calendar<'_>, Error> {
        let lake = self.read_json(&layout::lake_record())?.unwrap_or_default();
        let dates = self.list(&layout::day_records())?.iter().filter_map(layout::day_of_record).collect();
        Ok(Calendar { lake: self, dates, read: Manifest { lake, ..Manifest::default() } })
    }
}

impl Calendar<'_> {
    /// The lake as a whole.
    pub fn lake(&self) -> &LakeRecord {
        &self.read.lake
    }

    /// The first day with a record.
    pub fn first(&self) -> Option<Date> {
        self.dates.first().copied()
    }

    /// The last day with a record.
    pub fn last(&self) -> Option<Date> {
        self.dates.last().copied()
    }

    /// The last day that was walked from end to end after its end, or imported.
    ///
    /// # Errors
    /// [`Error::Record`] for a record that cannot be understood, [`Error::Store`] if one cannot be read.
    pub fn last_complete(&mut self) -> Result<Option<Date>, Error> {
        let dates: Vec<Date> = self.dates.iter().rev().copied().collect();
        // The newest but one as a rule; where none is complete, all are looked at.
        let (newest, others) = dates.split_at(dates.len().min(2));
        for dates in std::iter::once(newest).chain(others.chunks(RECORDS_AT_A_TIME)) {
            let (Some(last), Some(first)) = (dates.first(), dates.last()) else { continue };
            self.read(*first..=*last)?;
            let is_whole = |date: &&Date| self.read.days.get(*date).is_some_and(DayRecord::is_whole);
            if let Some(date) = dates.iter().find(is_whole) {
                return Ok(Some(*date));
            }
        }
        Ok(None)
    }

    /// What the lake holds of these days; none if it has a record of none of them.
    ///
    /// # Errors
    /// [`Error::Record`] for a record that cannot be understood, [`Error::Store`] if one cannot be read.
    pub fn window(&mut self, range: DayRange) -> Result<Option<Window>, Error> {
        let window = self.days_of(range)?;
        Ok(self.read.days.range(range.since()..=range.until()).next().map(|_| window))
    }

    /// What the lake holds of these days, be it nothing.
    ///
    /// # Errors
    /// [`Error::Record`] for a record that cannot be understood, [`Error::Store`] if one cannot be read.
    pub fn days_of(&mut self, range: DayRange) -> Result<Window, Error> {
        self.read(range.since()..=range.until())?;
        Ok(self.read.days_of(range, self.first()))
    }

    /// Reads the records of these days that were not read yet.
    fn read(&mut self, days: RangeInclusive<Date>) -> Result<(), Error> {
        let unread = self.dates.range(days).filter(|date| !self.read.days.contains_key(date));
        for record in self.lake.read_records::<DayRecord>(unread.copied().map(layout::day_record).collect()) {
            let record = record?;
            self.read.days.insert(record.date, record);
        }
        Ok(())
    }
}

impl Manifest {
    fn days_of(&self, range: DayRange, first: Option<Date>) -> Window {
        let recorded = || self.days.range(range.since()..=range.until()).map(|(_, day)| day);
        Window {
            with_file: recorded().filter(|day| day.rows > 0).map(|day| day.date).collect(),
            incomplete: range.days().filter(|date| !self.is_whole(*date, first)).collect(),
            newest: recorded().filter_map(|day| day.newest).max(),
        }
    }

    /// Whether nothing of a day is missing, in a lake whose first record is that of `first`.
    pub(super) fn is_whole(&self, date: Date, first: Option<Date>) -> bool {
        match self.days.get(&date) {
            Some(day) => day.is_whole(),
            // Before the API's oldest session there is nothing to record, and yet nothing is missing. Of any later day that
            // was walked a record was lost.
            None => first.is_none_or(|first| date < first) && self.covers_day(date),
        }
    }

    fn covers_day(&self, date: Date) -> bool {
        date.tomorrow().is_ok_and(|next| self.lake.covers(day_start(date), day_start(next)))
    }
}
