//! What an export would walk, and about how many requests that takes, told from the lake's records alone.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::plan::{Asked, Span, plan};
use super::{Range, checkpoint};
use crate::lake::{self, Lake, Manifest};
use crate::persona::PAGE_SIZE;
use crate::range::utc_date;

/// Complete days whose average stands for days that nobody has seen yet.
const USUAL_DAYS: usize = 7;

/// What an export would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The first and the last day of each stretch, newest first; the first is open where the API's oldest session is
    /// not known, the last where it reaches up to now.
    pub stretches: Vec<(Option<Date>, Option<Date>)>,
    /// About how many requests it takes; none where that cannot be known, as the API's list has no total.
    pub requests: Option<u64>,
    /// Whether an interrupted run would be gone on with first; what is left of it is not counted.
    pub resumes: bool,
}

/// Looks at the records; asks the API nothing.
///
/// # Errors
/// [`lake::Error`] if the lake cannot be read.
pub fn forecast(
    lake: &Lake,
    range: Range,
    full: bool,
    look_back_days: u32,
    now: Timestamp,
) -> Result<Forecast, lake::Error> {
    let manifest = lake.manifest()?;
    let range = range.within(&manifest.lake, full);
    let spans = plan(Asked { range, full, look_back_days, checked_since: None }, &manifest);
    let rows: Option<u64> = spans.iter().map(|span| expected_rows(span, &manifest, now)).sum();
    let pages = |rows: u64| rows.div_ceil(u64::from(PAGE_SIZE)) + spans.len() as u64;
    Ok(Forecast {
        stretches: spans.iter().map(days).collect(),
        requests: rows.map(pages),
        resumes: !full && checkpoint::is_left(lake, range)?,
    })
}

fn days(span: &Span) -> (Option<Date>, Option<Date>) {
    // The end is excluded.
    let last = |until: Timestamp| utc_date(until.saturating_sub(1.millisecond()).unwrap_or(until));
    (span.from.map(utc_date), span.until.map(last))
}

/// The sessions of a stretch: as recorded, and as many as usual on days without a record. None where its oldest day
/// or what is usual is not known.
fn expected_rows(span: &Span, manifest: &Manifest, now: Timestamp) -> Option<u64> {
    let complete = manifest.days.values().rev().filter(|day| day.complete).take(USUAL_DAYS);
    let rows: Vec<u64> = complete.map(|day| day.rows).collect();
    let usual = rows.iter().sum::<u64>().checked_div(rows.len() as u64)?;
    let (first, last) = days(span);
    let reaches_bottom = manifest.lake.covered.first().is_some_and(|covered| covered.from.is_none());
    let first = first.or_else(|| manifest.days.keys().next().copied().filter(|_| reaches_bottom))?;
    let last = last.unwrap_or_else(|| utc_date(now));
    let days = first.series(1.day()).take_while(|date| *date <= last);
    let expected = |date| match manifest.days.get(&date) {
        Some(day) if day.complete => day.rows,
        // More may come in, or may have since.
        Some(day) => day.rows.max(usual),
        None => usual,
    };
    Some(days.map(expected).sum())
}
