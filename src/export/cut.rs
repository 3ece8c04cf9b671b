//! A stretch cut into pieces that are walked side by side.
//!
//! A pure function of the days and of how many sessions they are expected to have. The cuts lie between days: each day
//! is walked by one walk from end to end.

use jiff::ToSpan;
use jiff::civil::Date;

use super::plan::Span;
use crate::lake::Manifest;
use crate::persona::PAGE_SIZE;
use crate::range::{DayRange, day_start};

/// Fewer pages than this are not worth a walk of their own: each costs a request or two to find its beginning, and some
/// beyond its end.
pub const PIECE_PAGES: u64 = 50;
/// Pieces for each of the walks side by side: as not all take equally long, the last ones share the rest.
const PIECES_EACH: u64 = 3;
/// Complete days whose average stands for days that nobody has seen yet.
const USUAL_DAYS: usize = 7;

/// The stretch in pieces, the newest first; itself where that is not worth while. `days` are those that have sessions.
pub(super) fn cut(
    span: Span,
    days: DayRange,
    segments: usize,
    piece_pages: u64,
    rows_of: impl Fn(Date) -> u64,
) -> Vec<Span> {
    let pages = days.days().map(&rows_of).sum::<u64>() / u64::from(PAGE_SIZE);
    let pieces = (pages / piece_pages.max(1)).min(segments as u64 * PIECES_EACH);
    if segments < 2 || pieces < 2 {
        return vec![span];
    }
    let target = pages * u64::from(PAGE_SIZE) / pieces;
    let mut cuts = Vec::new();
    let mut rows = 0;
    // From the newest day on, so that the oldest piece takes what is left.
    let mut date = days.until();
    while date > days.since() {
        rows += rows_of(date);
        if rows >= target {
            cuts.push(date);
            rows = 0;
        }
        date = date.saturating_sub(1.day());
    }
    let mut until = span.until;
    let mut pieces: Vec<Span> = Vec::new();
    for date in cuts {
        pieces.push(Span { from: Some(day_start(date)), until });
        until = Some(day_start(date));
    }
    pieces.push(Span { from: span.from, until });
    pieces
}

/// How many sessions a day of the lake is expected to have: as recorded, and as many as usual on days without a
/// complete record. None where nothing is usual yet.
pub(super) fn expected(manifest: &Manifest) -> Option<impl Fn(Date) -> u64> {
    let complete = manifest.days.values().rev().filter(|day| day.complete).take(USUAL_DAYS);
    let rows: Vec<u64> = complete.map(|day| day.rows).collect();
    let usual = rows.iter().sum::<u64>().checked_div(rows.len() as u64)?;
    Some(move |date| match manifest.days.get(&date) {
        Some(day) if day.complete => day.rows,
        // More may come in, or may have since.
        Some(day) => day.rows.max(usual),
        None => usual,
    })
}

/// The days of a stretch that can have sessions; none where its oldest is not known.
pub(super) fn days_of(span: Span, manifest: &Manifest, today: Date) -> Option<DayRange> {
    let (first, last) = span.days();
    let reaches_bottom = manifest.lake.covered.first().is_some_and(|covered| covered.from.is_none());
    let first = first.or_else(|| manifest.days.keys().next().copied().filter(|_| reaches_bottom))?;
    DayRange::new(first, last.unwrap_or(today).max(first)).ok()
}
