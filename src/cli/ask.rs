//! Asking: the reports' questions of a window's day files, and of an earlier window's where they are compared.
//!
//! Must not know which days these are, nor what becomes of the answer but how many of its rows are looked at.

use super::engine::Engines;
use super::output::most_rows;
use super::report::ReportOptions;
use crate::analysis::catalogue::Query;
use crate::analysis::{AnalysisError, Answer, Scope, answers, compare};
use crate::report::layout::is_series;

/// The engine's answers over the scope's files, compared with those over an earlier window if there is one.
///
/// # Errors
/// [`AnalysisError`].
pub(super) fn ask(
    engine: &Engines,
    options: &ReportOptions,
    queries: &[&Query],
    scope: &Scope,
    earlier: Option<&Scope>,
) -> Result<Vec<Answer>, AnalysisError> {
    let asked: Vec<_> = queries.iter().map(|query| (*query, options.arguments_of(query))).collect();
    let wanted = match queries {
        [query] if earlier.is_none() => wanted(options, query),
        _ => usize::MAX,
    };
    let over = |scope: &Scope| answers(&asked, scope, &*engine.over(scope, wanted));
    let mut found = over(scope)?;
    if let Some(earlier) = earlier {
        for (answer, before) in found.iter_mut().zip(over(earlier)?) {
            compare::compare(answer, scope, before, earlier)?;
        }
    }
    Ok(found)
}

/// How many rows are wanted of an answer that is not compared: all of them, unless people are shown the first and no
/// threshold looks at the others.
fn wanted(options: &ReportOptions, query: &Query) -> usize {
    let judged = options.thresholds.iter().any(|threshold| threshold.condition.report == query.name);
    let shown = most_rows(options).filter(|_| !judged && !is_series(query));
    shown.unwrap_or(usize::MAX)
}
