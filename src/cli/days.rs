//! The days that a report is asked for, and how dates and numbers of days are typed.
//!
//! Must not know the lake: its last complete day is handed in.

use jiff::civil::Date;

use crate::range::{Backwards, DayRange};

/// Which days were asked for; the last complete day is the lake's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// So many days, ending with the last complete one, or with today.
    Last {
        /// How many.
        days: u32,
        /// Whether today ends them.
        include_today: bool,
    },
    /// From a day to the last complete one, or to today.
    Since {
        /// The first day.
        since: Date,
        /// Whether today ends them.
        include_today: bool,
    },
    /// Exactly these.
    Range(DayRange),
}

impl Days {
    /// The range, given the last complete day of the lake and today's date, both UTC.
    ///
    /// # Errors
    /// [`Backwards`] if `--since` lies after the day that ends the range.
    pub fn resolve(self, last_complete: Date, today: Date) -> Result<DayRange, Backwards> {
        let end = |include_today| if include_today { today } else { last_complete };
        match self {
            Self::Last { days, include_today } => Ok(DayRange::ending(end(include_today), days)),
            Self::Since { since, include_today } => DayRange::new(since, end(include_today)),
            Self::Range(range) => Ok(range),
        }
    }
}

/// A flag's value that is not understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// No date.
    #[error("it is not a date of the form YYYY-MM-DD")]
    Date,
    /// No date and no two of them.
    #[error("it is not a date of the form YYYY-MM-DD, nor two as DATE..DATE with the earlier one first")]
    Dates,
    /// No number of days.
    #[error("it is not a number of days such as 28d")]
    Days,
}

/// Reads a date as people write it, and nothing more.
///
/// # Errors
/// [`ValueError::Date`].
pub fn parse_date(text: &str) -> Result<Date, ValueError> {
    // jiff would take a date with a time too.
    let date = text.parse().ok().filter(|date: &Date| date.to_string() == text);
    date.ok_or(ValueError::Date)
}

/// Reads a date, or the first and the last of several: `2026-11-19..2026-11-20`.
///
/// # Errors
/// [`ValueError::Dates`].
pub fn parse_date_range(text: &str) -> Result<DayRange, ValueError> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let dates = parse_date(first).ok().zip(parse_date(last).ok());
    dates.and_then(|(first, last)| DayRange::new(first, last).ok()).ok_or(ValueError::Dates)
}

/// Reads a number of days: `28d` or `28`, at least one.
///
/// # Errors
/// [`ValueError::Days`].
pub fn parse_days(text: &str) -> Result<u32, ValueError> {
    let days = text.strip_suffix('d').unwrap_or(text).parse().ok();
    days.filter(|days| (1..=36_500).contains(days)).ok_or(ValueError::Days)
}
