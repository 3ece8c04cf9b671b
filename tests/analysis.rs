//! The analysis: headers, binding, rates, the local engine and the catalogue's answers.

use std::error::Error;

mod binding;
pub(crate) mod chance;
mod comparing;
mod devices;
mod engine;
mod headers;
mod queries;
mod rates;
mod thresholds;
mod when_and_where;

/// An error with its causes, as the command line shows them.
pub(crate) fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}
