//! An inclusive range of UTC days: what `--since/--until` ask for and what a report covers.
//!
//! Owns nothing but calendar arithmetic; it knows neither the lake nor the API.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

/// Days from `since` to `until`, both included, by UTC date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRange {
    since: Date,
    until: Date,
}

/// The first day of a range lies after its last.
#[derive(Debug, thiserror::Error)]
#[error("the range begins on {since}, after its end on {until}; give an earlier --since or a later --until")]
pub struct Backwards {
    since: Date,
    until: Date,
}

impl DayRange {
    /// The days from `since` to `until`, both included.
    ///
    /// # Errors
    /// [`Backwards`] if `since` lies after `until`.
    pub fn new(since: Date, until: Date) -> Result<Self, Backwards> {
        if since > until {
            return Err(Backwards { since, until });
        }
        Ok(Self { since, until })
    }

    /// The `days` days (at least one) that end with `until`.
    pub fn ending(until: Date, days: u32) -> Self {
        let back = i64::from(days.max(1)) - 1;
        Self { since: until.saturating_sub(back.days()), until }
    }

    /// The `days` days just before the range; none where the calendar has no day before it.
    pub fn before(&self, days: u32) -> Option<Self> {
        let until = self.since.yesterday().ok()?;
        (days > 0).then(|| Self::ending(until, days))
    }

    /// The first day.
    pub fn since(&self) -> Date {
        self.since
    }

    /// The last day.
    pub fn until(&self) -> Date {
        self.until
    }

    /// Whether the day lies in the range.
    pub fn contains(&self, day: Date) -> bool {
        self.since <= day && day <= self.until
    }

    /// Every day, oldest first.
    pub fn days(&self) -> impl Iterator<Item = Date> {
        let until = self.until;
        self.since.series(1.day()).take_while(move |day| *day <= until)
    }

    /// How many days the range has, at least one.
    pub fn len(&self) -> usize {
        self.days().count()
    }

    /// Never true: a range holds at least one day.
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl fmt::Display for DayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.since, self.until)
    }
}

/// The UTC date of a moment.
pub fn utc_date(moment: Timestamp) -> Date {
    Offset::UTC.to_datetime(moment).date()
}

/// The first moment of a UTC day; the calendar's ends are clamped to jiff's range.
pub fn day_start(day: Date) -> Timestamp {
    Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

/// The first moment after a UTC day; the calendar's end is clamped to jiff's range.
pub fn day_end(day: Date) -> Timestamp {
    day.tomorrow().map_or(Timestamp::MAX, day_start)
}

/// The last day that has a moment before this one: of a stretch's end, which is excluded.
pub fn last_day_before(moment: Timestamp) -> Date {
    utc_date(moment.saturating_sub(1.millisecond()).unwrap_or(moment))
}
