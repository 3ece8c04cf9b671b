//! The sentences that the formats for people have in common: the stamp of a page and what stands below a table.
//!
//! Says them once, so that every format says the same. They are not yet escaped for any of them. Must not know
//! how a format sets them.

use crate::analysis::header::{MIN_SESSIONS, Rate};
use crate::analysis::{Answer, Scope};

use super::layout::{Layout, Role};
use super::{Page, text};

/// What stands above every page.
pub const HEADING: &str = "Session risk";
/// In which zone every moment is shown.
pub const ZONE: &str = "all times UTC";
/// What stands in the place of a table without rows.
pub const NO_ROWS: &str = "No rows.";

/// What a page says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The days, first and last.
    pub range: String,
    /// How many days these are.
    pub length: String,
    /// When the newest session was created.
    pub newest: String,
    /// What makes the figures less than they seem, a sentence each.
    pub warnings: Vec<String>,
}

/// The page's stamp.
pub fn stamp(page: &Page<'_>) -> Stamp {
    let scope = page.scope;
    let days = scope.range.len();
    let length = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let newest = scope.newest.map_or_else(
        || "no session yet".to_owned(),
        |moment| format!("newest session {}", moment.strftime("%Y-%m-%d %H:%M")),
    );
    let warnings = incomplete(scope).into_iter().chain(scope.notes.iter().cloned()).collect();
    Stamp { range: format!("{} to {}", scope.range.since(), scope.range.until()), length, newest, warnings }
}

/// Which days of the range are missing or still open, if any are.
pub fn incomplete(scope: &Scope) -> Option<String> {
    let days = scope.range.len();
    match &scope.missing[..] {
        [] if scope.complete => None,
        [] => Some("Incomplete: not every day of the range is whole yet.".to_owned()),
        missing => Some(format!(
            "Incomplete: {} of {days} {} missing or still open: {}.",
            missing.len(),
            if days == 1 { "day" } else { "days" },
            text::spans(missing)
        )),
    }
}

/// Which of the days before the range that a report looks back to are missing or still open, if any are.
pub fn incomplete_before(answer: &Answer) -> Option<String> {
    let (days, missing) = (answer.query.header.days_before(), &answer.missing_before);
    (!missing.is_empty()).then(|| {
        let of = if days == 1 { "day" } else { "days" };
        let are = if missing.len() == 1 { "is" } else { "are" };
        format!(
            "Of the {days} {of} before the range {} {are} missing or still open: {}.",
            missing.len(),
            text::spans(missing)
        )
    })
}

/// That rows were left out, if any were.
pub fn cut(shown: usize, all: usize) -> Option<String> {
    (shown < all).then(|| format!("{shown} of {} rows; --format json has them all.", text::count(all as i64)))
}

/// What the mark of small rows means, if one of the rows that are shown bears it.
pub fn small(answer: &Answer, layout: &Layout, shown: usize) -> Option<String> {
    let parameter = answer.query.header.parameter(MIN_SESSIONS)?;
    let least = answer.min_sessions()?;
    let marked = layout.rows.iter().take(shown).any(|row| row.small);
    marked.then(|| format!("{MIN_SESSIONS} = {}: {}.", text::count(least), parameter.text))
}

/// Of what the shares are, and what the brackets hold; none without rates.
pub fn shares(answer: &Answer, layout: &Layout) -> Option<&'static str> {
    let of_known = layout.columns.iter().any(|column| column.role == Role::Unknown);
    let words = if of_known {
        "Shares are of the sessions where the signal is known; [low–high] is the 95\u{a0}% Wilson interval."
    } else {
        "[low–high] is the share's 95\u{a0}% Wilson interval."
    };
    (!answer.query.header.rates.is_empty()).then_some(words)
}

/// What a rate counts, by the names of the columns.
pub fn definition(rate: &Rate) -> String {
    let Rate { numerator, denominator, total, .. } = rate;
    if denominator == total {
        return format!("{numerator} / {denominator}");
    }
    format!("{numerator} / {denominator}, of {total}; unknown is {total} − {denominator}")
}
