//! Asking: a report's question of a window's day files, and of an earlier window's where it is compared.
//!
//! Must not know which days these are, nor what becomes of the answer.

use super::report::ReportOptions;
use crate::analysis::catalogue::Query;
use crate::analysis::local::LocalEngine;
use crate::analysis::{AnalysisError, Answer, Scope, answer, compare};

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
    let over = |scope: &Scope| answer(query, scope, options.arguments_of(query), &LocalEngine::new(scope));
    let mut answer = over(scope)?;
    if let Some(earlier) = earlier {
        compare::compare(&mut answer, scope, over(earlier)?, earlier)?;
    }
    Ok(answer)
}
