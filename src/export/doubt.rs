//! What only a person can decide: whether sessions that are not listed any more are gone, or hidden from the key.
//!
//! Owns the words for it and must not know how it was found out.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;

use crate::lake::Published;
use crate::range::DayRange;

/// Why a walk may have seen less than there is. What it did not see was kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doubt {
    /// Days with sessions that are not listed any more, and how many.
    missed: BTreeMap<Date, u64>,
    /// Columns whose attributes not one session had any more, and the first and last day of that.
    withheld: BTreeMap<&'static str, (Date, Date)>,
}

impl Doubt {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.missed.is_empty() && self.withheld.is_empty()
    }

    /// Takes in what publishing a day came to.
    pub(super) fn of_day(&mut self, date: Date, published: &Published) {
        if published.missed > 0 {
            self.missed.insert(date, published.missed);
        }
        for column in &published.withheld {
            let days = self.withheld.entry(column).or_insert((date, date));
            *days = (days.0.min(date), days.1.max(date));
        }
    }

    /// Takes in a day of so many sessions that lies below the end of the API's list.
    pub(super) fn below_the_end(&mut self, date: Date, sessions: u64) {
        self.missed.insert(date, sessions);
    }

    /// From the first of the days to the last.
    fn days(&self) -> Option<(Date, Date)> {
        let missed = self.missed.keys().map(|date| (*date, *date));
        missed
            .chain(self.withheld.values().copied())
            .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((first, missed)) = self.missed.first_key_value() {
            let all: u64 = self.missed.values().sum();
            write!(f, "{all} sessions that the lake holds are not listed any more ({missed} on {first}")?;
            match self.missed.len() - 1 {
                0 => write!(f, ")")?,
                1 => write!(f, ", the others on one more day)")?,
                more => write!(f, ", the others on {more} more days)")?,
            }
        }
        if !self.withheld.is_empty() {
            let columns: Vec<&str> = self.withheld.keys().copied().collect();
            let and = if self.missed.is_empty() { "" } else { ", and " };
            write!(f, "{and}no session has {} any more", columns.join(", "))?;
        }
        write!(f, "; nothing of that was removed and no day was sealed")?;
        if let Some((first, last)) = self.days() {
            let days = if first == last { first.to_string() } else { format!("{first}..{last}") };
            write!(
                f,
                "; check what the key may see, or if it is gone for good, fetch with --accept-vanished {days}"
            )?;
        }
        Ok(())
    }
}

/// Whether a person said that what vanished on that day is gone for good.
pub(super) fn accepts(accepted: Option<DayRange>, date: Date) -> bool {
    accepted.is_some_and(|days| days.contains(date))
}
