//! Thresholds: a figure of a report that must not be over, or under, a limit.
//!
//! Owns what a threshold looks like ([`parse`](Condition)), whether it fits its report, and whether it was crossed. One
//! that cannot be judged is *not evaluated*, with the reason: never the same as not crossed. Must not know what a
//! crossing leads to, nor how it is told.

use super::Answer;
use super::compare::{CHANGE, P, PREVIOUS};
use super::header::Rate;
use super::rate::{HIGH, LOW};
use super::table::Value;

mod fit;
mod parse;

pub use fit::UnfitError;
pub use parse::ConditionError;

/// What must not be so: `network_risk.vpn_rate > 0.2`, `threat_by_country[US].high_rate > 0.1 min 100`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    /// The report's name.
    pub report: String,
    /// What the key's columns hold in the row that is meant; null is none. Nothing for a report of one row.
    pub key: Vec<Option<String>>,
    /// The column of the figure.
    pub column: String,
    /// How the figure and the limit compare where it is crossed.
    pub operator: Operator,
    /// The limit.
    pub limit: f64,
    /// Under how many assessed sessions it is not evaluated; the report's own `min_sessions` where nothing is said.
    pub min: Option<i64>,
}

/// A comparison of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `>`
    Over,
    /// `>=`
    OverOrAt,
    /// `<`
    Under,
    /// `<=`
    UnderOrAt,
}

/// What a crossing means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The run is to fail.
    Fail,
    /// It is told, and no more.
    Warn,
}

impl Severity {
    /// The word for it in settings and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
        }
    }
}

/// A condition, and what it means where it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// When it is crossed.
    pub condition: Condition,
    /// What that means.
    pub severity: Severity,
}

/// What came of a threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Which one.
    pub threshold: Threshold,
    /// Whether it was crossed.
    pub outcome: Outcome,
    /// The figure, where it is known.
    pub value: Option<f64>,
    /// On how many assessed sessions it rests, where it is a rate's; the fewer of two where two windows are compared.
    pub assessed: Option<i64>,
}

/// Whether a threshold was crossed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was.
    Crossed,
    /// It was not.
    NotCrossed,
    /// Nobody can tell, and why.
    NotEvaluated(String),
}

impl Condition {
    /// The rate that the column is of, and which windows it rests on.
    fn rate<'a>(&self, answer: &'a Answer) -> Option<(&'a Rate, Rests)> {
        let ends = [("", Rests::HERE), (LOW, Rests::HERE), (HIGH, Rests::HERE)];
        let compared = [(PREVIOUS, Rests::BEFORE), (CHANGE, Rests::BOTH), (P, Rests::BOTH)];
        let compared = compared.into_iter().filter(|_| answer.compared.is_some());
        let ends: Vec<(&str, Rests)> = ends.into_iter().chain(compared).collect();
        answer.query.header.rates.iter().find_map(|rate| {
            let end = self.column.strip_prefix(&rate.name)?;
            ends.iter().find(|(known, _)| *known == end).map(|(_, rests)| (rate, *rests))
        })
    }
}

/// On which windows a figure rests.
#[derive(Debug, Clone, Copy)]
struct Rests {
    here: bool,
    before: bool,
}

impl Rests {
    const HERE: Self = Self { here: true, before: false };
    const BEFORE: Self = Self { here: false, before: true };
    const BOTH: Self = Self { here: true, before: true };
}

impl Threshold {
    /// What came of it in an answer that it fits.
    pub fn evaluate(&self, answer: &Answer) -> Verdict {
        let mut verdict =
            Verdict { threshold: self.clone(), outcome: Outcome::NotCrossed, value: None, assessed: None };
        let judged = self.condition.judge(answer, &mut verdict.value, &mut verdict.assessed);
        verdict.outcome = match judged {
            Ok(true) => Outcome::Crossed,
            Ok(false) => Outcome::NotCrossed,
            Err(reason) => Outcome::NotEvaluated(reason),
        };
        verdict
    }
}

impl Condition {
    /// Whether it holds; else why nobody can tell.
    fn judge(
        &self,
        answer: &Answer,
        value: &mut Option<f64>,
        assessed: &mut Option<i64>,
    ) -> Result<bool, String> {
        let row = self.row(answer)?;
        *value = answer.table.value(row, &self.column).as_number().filter(|value| value.is_finite());
        if let Some((rate, rests)) = self.rate(answer) {
            let here = answer.table.value(row, &rate.denominator).as_integer();
            let before = answer.compared.as_ref().and_then(|compared| {
                let row = compared.rows.get(row)?.earlier?;
                compared.earlier.value(row, &rate.denominator).as_integer()
            });
            let sides = [here.filter(|_| rests.here), before.filter(|_| rests.before)];
            *assessed = sides.into_iter().flatten().min();
            let least = self.min.or(answer.min_sessions()).unwrap_or(0);
            if let Some(few) = assessed.filter(|assessed| *assessed < least) {
                return Err(format!("{few} assessed, fewer than {least}"));
            }
        }
        match *value {
            Some(value) => Ok(self.operator.holds(value, self.limit)),
            None if row >= answer.own_rows() => {
                Err("the row is gone: only the earlier window has it".to_owned())
            }
            None if *assessed == Some(0) => Err("nothing was assessed".to_owned()),
            None => Err(format!("`{}` is not known", self.column)),
        }
    }

    /// The row that is meant.
    fn row(&self, answer: &Answer) -> Result<usize, String> {
        if self.key.is_empty() {
            return match answer.table.rows.len() {
                0 => Err("the report has no row".to_owned()),
                1 => Ok(0),
                rows => Err(format!("the report names no key and has {rows} rows")),
            };
        }
        let is_it = |row: &usize| {
            let columns = answer.query.header.key.iter().zip(&self.key);
            columns
                .into_iter()
                .all(|(column, part)| is_part(answer.table.value(*row, column), part.as_deref()))
        };
        (0..answer.table.rows.len()).find(is_it).ok_or_else(|| "there is no such row".to_owned())
    }
}

impl Operator {
    /// The sign for it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Over => ">",
            Self::OverOrAt => ">=",
            Self::Under => "<",
            Self::UnderOrAt => "<=",
        }
    }

    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Over => value > limit,
            Self::OverOrAt => value >= limit,
            Self::Under => value < limit,
            Self::UnderOrAt => value <= limit,
        }
    }
}

/// Whether a value is what somebody wrote for it.
fn is_part(value: &Value, written: Option<&str>) -> bool {
    let Some(written) = written else { return value.is_null() };
    match value {
        Value::Null => false,
        Value::Integer(value) => written.parse() == Ok(*value),
        Value::Number(value) => written.parse() == Ok(*value),
        Value::Text(value) => value == written,
        Value::Boolean(value) => written.parse() == Ok(*value),
        Value::Date(day) => day.to_string() == written,
        Value::Timestamp(moment) => moment.to_string() == written,
    }
}
