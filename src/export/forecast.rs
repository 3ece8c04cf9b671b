//! What an export would walk, and about how many requests that takes, told from the lake's records alone.

use jiff::Timestamp;
use jiff::civil::Date;

use super::checkpoint;
use super::cut::{days_of, expected};
use super::plan::{Asked, Span, plan};
use crate::lake::{self, Lake, Manifest};
use crate::persona::PAGE_SIZE;
use crate::range::utc_date;

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
pub fn forecast(lake: &Lake, asked: Asked, now: Timestamp) -> Result<Forecast, lake::Error> {
    let manifest = lake.manifest()?;
    let spans = plan(asked, &manifest, None);
    let rows: Option<u64> = spans.iter().map(|span| expected_rows(*span, &manifest, now)).sum();
    let pages = |rows: u64| rows.div_ceil(u64::from(PAGE_SIZE)) + spans.len() as u64;
    Ok(Forecast {
        stretches: spans.iter().map(|span| span.days()).collect(),
        requests: rows.map(pages),
        resumes: !asked.full && checkpoint::is_left(lake, asked.range)?,
    })
}

/// None where the stretch's oldest day or what is usual is not known.
fn expected_rows(span: Span, manifest: &Manifest, now: Timestamp) -> Option<u64> {
    let rows_of = expected(manifest)?;
    Some(days_of(span, manifest, utc_date(now))?.days().map(rows_of).sum())
}
