//! `--fail-on` and `[[threshold]]`: which thresholds there are, and that each fits a report of the run.
//!
//! Must not know the lake, nor what came of them.

use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;

use super::ask::ask;
use super::engine::Engines;
use super::report::{ReportError, ReportOptions};
use crate::analysis::catalogue::{Catalogue, Query, UnknownReport};
use crate::analysis::threshold::{Condition, ConditionError, Severity, Threshold, UnfitError, Verdict};
use crate::analysis::trusted::Trusted;
use crate::analysis::{Answer, Before, Scope};
use crate::range::{DayRange, utc_date};

/// What a threshold is called in the settings file: `[[threshold]]`.
pub const ENTRY: &str = "threshold";

/// The flags of thresholds.
#[derive(Debug, Clone, Args)]
pub struct ThresholdArgs {
    /// End with status 10 if this is so: 'network_risk.vpn_rate > 0.2', 'threat_by_country[US].high_rate >= 0.1 min 100'
    /// (not evaluated where fewer were assessed); > >= < <=; repeatable
    #[arg(long, value_name = "EXPRESSION", value_parser = parse_condition, help_heading = "Thresholds")]
    pub fail_on: Vec<Condition>,

    /// Those of the settings file.
    #[arg(skip)]
    pub settings: Vec<Entry>,
}

/// A threshold of the settings file.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Entry(Threshold);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    expression: String,
    severity: Option<Severity>,
    min: Option<i64>,
}

impl TryFrom<Fields> for Entry {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { expression, severity, min } = fields;
        let mut condition =
            expression.parse::<Condition>().map_err(|error| format!("`{expression}`: {error}"))?;
        match (condition.min, min) {
            (Some(_), Some(_)) => return Err("`min` is given twice".to_owned()),
            (None, Some(min)) if min <= 0 => return Err("`min` must be over 0".to_owned()),
            (own, given) => condition.min = own.or(given),
        }
        Ok(Self(Threshold { condition, severity: severity.unwrap_or(Severity::Fail) }))
    }
}

/// Thresholds that cannot be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// A report that does not exist.
    #[error("the threshold `{threshold}` is on no report")]
    Unknown {
        /// The threshold.
        threshold: String,
        /// What there is.
        #[source]
        source: UnknownReport,
    },
    /// A report that was not asked for.
    #[error(
        "the threshold `{threshold}` is on the report `{report}`, which is not in this run: name it too, or leave the threshold out"
    )]
    NotInRun {
        /// The threshold.
        threshold: String,
        /// The report.
        report: String,
    },
    /// A report that it does not fit.
    #[error(transparent)]
    Unfit(#[from] UnfitError),
}

fn parse_condition(text: &str) -> Result<Condition, ConditionError> {
    text.parse()
}

impl ThresholdArgs {
    /// The settings' thresholds, then the flags'.
    pub(super) fn thresholds(self) -> Vec<Threshold> {
        let of_flags = self.fail_on.into_iter();
        let of_flags = of_flags.map(|condition| Threshold { condition, severity: Severity::Fail });
        self.settings.into_iter().map(|Entry(threshold)| threshold).chain(of_flags).collect()
    }
}

/// Checks that each threshold is on a report of the run and names one of its rows.
pub(super) fn check_reports(options: &ReportOptions, catalogue: &Catalogue) -> Result<(), ThresholdError> {
    for Threshold { condition, .. } in &options.thresholds {
        match options.queries.iter().find(|query| query.name == condition.report) {
            Some(query) => condition.check_key(query)?,
            None => {
                let (threshold, report) = (condition.text.clone(), condition.report.clone());
                return Err(match catalogue.select(std::slice::from_ref(&report)) {
                    Err(source) => ThresholdError::Unknown { threshold, source },
                    Ok(_) => ThresholdError::NotInRun { threshold, report },
                });
            }
        }
    }
    Ok(())
}

/// Checks that each threshold's column is there, by asking its report of no day at all: before any slow work.
pub(super) fn check_columns(options: &ReportOptions) -> Result<(), ReportError> {
    let on = |query: &Query| {
        let name = query.name.clone();
        options.thresholds.iter().filter(move |threshold| threshold.condition.report == name)
    };
    let queries: Vec<&Query> = options.queries.iter().filter(|query| on(query).next().is_some()).collect();
    let scope = no_day(options.generated_at);
    for answer in ask(&Engines::Local, options, &queries, &scope, options.compare.map(|_| &scope))? {
        for threshold in on(&answer.query) {
            threshold.condition.check_column(&answer).map_err(ThresholdError::from)?;
        }
    }
    Ok(())
}

/// What came of each threshold, in the order in which they were given.
pub(super) fn verdicts(thresholds: &[Threshold], answers: &[Answer]) -> Vec<Verdict> {
    let evaluate = |threshold: &Threshold| {
        let answer = answers.iter().find(|answer| answer.query.name == threshold.condition.report)?;
        Some(threshold.evaluate(answer))
    };
    thresholds.iter().filter_map(evaluate).collect()
}

fn no_day(now: Timestamp) -> Scope {
    Scope {
        range: DayRange::ending(utc_date(now), 1),
        files: Vec::new(),
        before: Before::default(),
        missing: Vec::new(),
        newest: None,
        complete: true,
        trusted: Trusted::default(),
        notes: Vec::new(),
    }
}
