//! What came of the thresholds: a sentence each for people, an object each for programs.
//!
//! The sentences are not yet escaped for any format. Must not know how a format sets them, nor what follows from a
//! crossing.

use serde::Serialize;

use crate::analysis::threshold::{Outcome, Severity, Verdict};

use super::text;

/// The heading above the sentences.
pub const HEADING: &str = "Thresholds";

/// What came of a threshold, as other programs read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    expression: String,
    report: String,
    severity: &'static str,
    outcome: &'static str,
    value: Option<f64>,
    assessed: Option<i64>,
    reason: Option<String>,
}

impl Told {
    /// A verdict for other programs.
    pub fn new(verdict: &Verdict) -> Self {
        let condition = &verdict.threshold.condition;
        Self {
            expression: condition.text.clone(),
            report: condition.report.clone(),
            severity: verdict.threshold.severity.name(),
            outcome: match verdict.outcome {
                Outcome::Crossed => "crossed",
                Outcome::NotCrossed => "not_crossed",
                Outcome::NotEvaluated(_) => "not_evaluated",
            },
            value: verdict.value,
            assessed: verdict.assessed,
            reason: match &verdict.outcome {
                Outcome::NotEvaluated(reason) => Some(reason.clone()),
                Outcome::Crossed | Outcome::NotCrossed => None,
            },
        }
    }
}

/// What came of a threshold, to stand inside a sentence: `crossed: network_risk.vpn_rate > 0.2 (0.2312 of 12,041
/// assessed)`.
pub fn words(verdict: &Verdict) -> String {
    let condition = &verdict.threshold.condition;
    let what = match (&verdict.outcome, verdict.threshold.severity) {
        (Outcome::Crossed, Severity::Fail) => "crossed",
        (Outcome::Crossed, Severity::Warn) => "crossed, as a warning",
        (Outcome::NotCrossed, _) => "not crossed",
        (Outcome::NotEvaluated(_), _) => "not evaluated",
    };
    let known = verdict.value.map(|value| figure(value, condition.limit)).unwrap_or_default();
    let assessed = verdict.assessed.map(|assessed| format!(" of {} assessed", text::count(assessed)));
    let why = match &verdict.outcome {
        Outcome::NotEvaluated(reason) => reason.clone(),
        Outcome::Crossed | Outcome::NotCrossed => known + &assessed.unwrap_or_default(),
    };
    format!("{what}: {} ({why})", condition.text)
}

/// Whether somebody should look: it was crossed, or nobody can tell.
pub fn is_remarkable(verdict: &Verdict) -> bool {
    verdict.outcome != Outcome::NotCrossed
}

/// A figure with as many decimals as tell it from its limit.
fn figure(value: f64, limit: f64) -> String {
    let short = format!("{value:.4}");
    let is_told = short
        .parse::<f64>()
        .is_ok_and(|short| (short > limit, short < limit) == (value > limit, value < limit));
    if !is_told {
        return value.to_string();
    }
    short.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_told_from_its_limit() {
        for (value, limit, shown) in [
            (0.231_234, 0.2, "0.2312"),
            (0.2, 0.2, "0.2"),
            (0.200_001, 0.2, "0.200001"),
            (0.199_999_9, 0.2, "0.1999999"),
            (18_587.0, 3.0, "18587"),
            (0.0, 0.1, "0"),
        ] {
            assert_eq!(figure(value, limit), shown);
        }
    }
}
