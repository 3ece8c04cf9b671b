//! Asking: the reports' questions of a window's day files, and of an earlier window's where they are compared.
//!
//! Must not know which days these are, nor what becomes of the answer.

use super::report::ReportOptions;
use crate::analysis::catalogue::Query;
use crate::analysis::local::LocalEngine;
use crate::analysis::{AnalysisError, Answer, Scope, answers, compare};

/// The answers over the scope's files, compared with those over an earlier window if there is one.
///
/// # Errors
/// [`AnalysisError`].
pub(super) fn ask(
    options: &ReportOptions,
    queries: &[&Query],
    scope: &Scope,
    earlier: Option<&Scope>,
) -> Result<Vec<Answer>, AnalysisError> {
    let asked: Vec<_> = queries.iter().map(|query| (*query, options.arguments_of(query))).collect();
    let over = |scope: &Scope| answers(&asked, scope, &LocalEngine::new(scope));
    let mut found = over(scope)?;
    if let Some(earlier) = earlier {
        for (answer, before) in found.iter_mut().zip(over(earlier)?) {
            compare::compare(answer, scope, before, earlier)?;
        }
    }
    Ok(found)
}
