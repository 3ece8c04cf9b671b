//! Asking: a report's question of a window's day files, and of an earlier window's where it is compared.
//!
//! Must not know which days these are, nor what becomes of the answer but how many of its rows are looked at.

use super::output::most_rows;
use super::report::ReportOptions;
use crate::analysis::catalogue::Query;
use crate::analysis::local::LocalEngine;
use crate::analysis::{AnalysisError, Answer, Scope, answer, compare};
use crate::report::layout::is_series;

/// The answer over the scope's files, compared with that over an earlier window if there is one.
///
/// # Errors
/// [`AnalysisError`].
pub(super) fn ask(
    options: &ReportOptions,
    query: &Query,
    scope: &Scope,
    earlier: Option<&Scope>,
) -> Result<Answer, AnalysisError> {
    let wanted = if earlier.is_some() { usize::MAX } else { wanted(options, query) };
    let engine = |scope: &Scope| LocalEngine::new(scope).giving_at_most(wanted);
    let over = |scope: &Scope| answer(query, scope, options.arguments_of(query), &engine(scope));
    let mut answer = over(scope)?;
    if let Some(earlier) = earlier {
        compare::compare(&mut answer, scope, over(earlier)?, earlier)?;
    }
    Ok(answer)
}

/// How many rows are wanted of an answer that is not compared: all of them, unless people are shown the first and no
/// threshold looks at the others.
fn wanted(options: &ReportOptions, query: &Query) -> usize {
    let judged = options.thresholds.iter().any(|threshold| threshold.condition.report == query.name);
    let shown = most_rows(options).filter(|_| !judged && !is_series(query));
    shown.unwrap_or(usize::MAX)
}
