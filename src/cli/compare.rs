//! `--compare`: the window that a report is compared with, and what of the lake's days that leaves.
//!
//! Must not know what is compared, nor how.

use jiff::ToSpan;

use super::days::{parse_date_range, parse_days};
use super::exit::{Nothing, Usage};
use super::scope::{before, day_files};
use crate::analysis::Scope;
use crate::lake::Lake;
use crate::lake::window::{Calendar, Window};
use crate::range::DayRange;

/// The window to compare with, as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// As many days, just before the range.
    Previous,
    /// The range, so many days earlier.
    Back(u32),
    /// Exactly these.
    Range(DayRange),
}

/// A window that cannot be compared with.
#[derive(Debug, thiserror::Error)]
#[error(
    "--compare means {window}, which {what} the range {range}; the two must not share a day, and the earlier is compared with: {advice}"
)]
pub struct Overlap {
    window: DayRange,
    range: DayRange,
    what: &'static str,
    advice: &'static str,
}

/// A flag's value that is not understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is neither `previous`, nor a number of days such as 28d, nor DATE..DATE with the earlier one first"
)]
pub struct NotAWindow;

/// Reads `previous`, `7d`, `28d` or `DATE..DATE`.
///
/// # Errors
/// [`NotAWindow`].
pub fn parse_compare(text: &str) -> Result<Compare, NotAWindow> {
    match text {
        "previous" => Ok(Compare::Previous),
        days if days.ends_with('d') => parse_days(days).map(Compare::Back).map_err(|_| NotAWindow),
        dates => parse_date_range(dates).map(Compare::Range).map_err(|_| NotAWindow),
    }
}

impl Compare {
    /// The days of the window for a report over these.
    ///
    /// # Errors
    /// [`Overlap`] if it does not end before the range begins.
    pub fn window(self, range: DayRange) -> Result<DayRange, Overlap> {
        let days = u32::try_from(range.len()).unwrap_or(u32::MAX);
        let back = |back: u32| DayRange::ending(range.until().saturating_sub(i64::from(back).days()), days);
        let window = match self {
            Self::Previous => back(days),
            Self::Back(days) => back(days),
            Self::Range(window) => window,
        };
        if window.until() < range.since() {
            return Ok(window);
        }
        let what = if window.since() > range.until() { "lies after" } else { "overlaps" };
        let advice = match self {
            Self::Range(_) => "name earlier days, or others with --since and --until",
            _ => "name more days, or fewer of them with --last",
        };
        Err(Overlap { window, range, what, advice })
    }
}

/// What is read of the earlier window. Leaves in both only the days that are complete: one that is not would count as
/// quiet.
pub(super) fn earlier(
    compare: Compare,
    lake: &Lake,
    calendar: &mut Calendar<'_>,
    days_before: u32,
    scope: &mut Scope,
) -> anyhow::Result<Scope> {
    let range = compare.window(scope.range).map_err(|error| Usage(error.to_string()))?;
    if scope.missing.len() >= scope.range.len() {
        return Err(Nothing(format!(
            "there is nothing to compare: the lake {} has no complete day from {}",
            lake.name(),
            scope.range
        ))
        .into());
    }
    scope.files.retain(|file| !scope.missing.contains(&file.date));
    if !scope.missing.is_empty() {
        scope
            .notes
            .push("Only complete days are compared: the others are left out of every figure.".to_owned());
    }
    let Window { with_file, incomplete, newest } = calendar.days_of(range)?;
    let complete = with_file.into_iter().filter(|date| !incomplete.contains(date));
    Ok(Scope {
        range,
        files: day_files(lake, complete),
        before: before(lake, calendar, range, days_before)?,
        trusted: scope.trusted.clone(),
        complete: incomplete.is_empty(),
        newest,
        notes: Vec::new(),
        missing: incomplete,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn range(days: &str) -> DayRange {
        parse_date_range(days).unwrap()
    }

    #[test]
    fn a_window_is_as_long_as_the_range_unless_its_days_are_named() {
        let week = range("2026-11-14..2026-11-20");
        for (asked, window) in [
            ("previous", "2026-11-07..2026-11-13"),
            ("7d", "2026-11-07..2026-11-13"),
            ("28d", "2026-10-17..2026-10-23"),
            ("2026-01-01..2026-01-31", "2026-01-01..2026-01-31"),
            ("2026-11-13", "2026-11-13"),
        ] {
            assert_eq!(parse_compare(asked).unwrap().window(week).unwrap(), range(window), "{asked}");
        }
        let day = range("2026-11-20");
        assert_eq!(Compare::Previous.window(day).unwrap(), range("2026-11-19"));
    }

    #[test]
    fn a_window_that_shares_a_day_with_the_range_or_lies_after_it_is_refused() {
        let month = range("2026-10-24..2026-11-20");
        for (asked, words) in [
            ("7d", ["2026-10-17 to 2026-11-13", "overlaps", "--last"]),
            ("27d", ["2026-09-27 to 2026-10-24", "overlaps", "--last"]),
            ("2026-10-01..2026-10-24", ["overlaps", "--since", ""]),
            ("2026-11-21..2026-11-22", ["lies after", "--since", ""]),
        ] {
            let error = parse_compare(asked).unwrap().window(month).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{asked}: {error}");
        }
    }

    #[test]
    fn other_words_are_not_understood() {
        for asked in ["", "last", "7", "0d", "-7d", "7w", "2026-11-20..2026-11-01", "2026-11-01..", "d"] {
            assert!(parse_compare(asked).is_err(), "{asked}");
        }
    }
}
