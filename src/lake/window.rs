//! Which days a report may read: the range that was asked for, laid over what the lake holds.

use jiff::Timestamp;
use jiff::civil::Date;

use super::Manifest;
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

impl Manifest {
    /// The last day that was walked from end to end after its end, or imported.
    pub fn last_complete(&self) -> Option<Date> {
        self.days.values().rev().find(|day| day.is_whole()).map(|day| day.date)
    }

    /// What the lake holds of these days; none if it has a record of none of them.
    pub fn window(&self, range: DayRange) -> Option<Window> {
        self.days.range(range.since()..=range.until()).next().map(|_| self.days_of(range))
    }

    /// What the lake holds of these days, be it nothing.
    pub fn days_of(&self, range: DayRange) -> Window {
        let recorded = || self.days.range(range.since()..=range.until()).map(|(_, day)| day);
        let is_complete = |date: &Date| match self.days.get(date) {
            Some(day) => day.is_whole(),
            // Before the API's oldest session there is nothing to record, and yet nothing is missing.
            None => self.covers_day(*date),
        };
        Window {
            with_file: recorded().filter(|day| day.rows > 0).map(|day| day.date).collect(),
            incomplete: range.days().filter(|date| !is_complete(date)).collect(),
            newest: recorded().filter_map(|day| day.newest).max(),
        }
    }

    pub(super) fn covers_day(&self, date: Date) -> bool {
        date.tomorrow().is_ok_and(|next| self.lake.covers(day_start(date), day_start(next)))
    }
}
