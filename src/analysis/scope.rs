//! What there is to read: a report's range, the day files of it and of the days before, and what is missing.
//!
//! Must not know where the lake is nor what is asked of it.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;

use super::trusted::Trusted;
use crate::range::DayRange;

/// One day's Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFile {
    /// The UTC date of its sessions.
    pub date: Date,
    /// Where it is.
    pub path: PathBuf,
}

/// What a report reads, and how complete that is.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The days that were asked for.
    pub range: DayRange,
    /// The files of those days that have one, oldest first.
    pub files: Vec<DayFile>,
    /// The days before them, as far back as a query of the run looks.
    pub before: Before,
    /// The days of the range that are not complete.
    pub missing: Vec<Date>,
    /// When the newest session of the lake was created.
    pub newest: Option<Timestamp>,
    /// Whether every day of the range is complete.
    pub complete: bool,
    /// The networks whose sessions are kept from the queries that ask for it.
    pub trusted: Trusted,
    /// What a reader must know about the range, a sentence each.
    pub notes: Vec<String>,
}

/// Days before a range.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// The files of those days that have one, oldest first.
    pub files: Vec<DayFile>,
    /// Those of them that are not complete, oldest first.
    pub missing: Vec<Date>,
}

impl Before {
    /// What there is of the days of this stretch.
    fn within(&self, stretch: Option<DayRange>) -> Self {
        let is_in = |date: Date| stretch.is_some_and(|stretch| stretch.contains(date));
        Self {
            files: self.files.iter().filter(|file| is_in(file.date)).cloned().collect(),
            missing: self.missing.iter().copied().filter(|date| is_in(*date)).collect(),
        }
    }
}

impl Scope {
    /// What a query that looks so many days back finds before the range.
    pub fn before(&self, days: u32) -> Before {
        self.before.within(self.range.before(days))
    }
}
