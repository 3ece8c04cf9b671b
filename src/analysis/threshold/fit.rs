//! Whether a threshold fits its report: its key, its column, its least number of assessed sessions.
//!
//! Looks at headers and columns only, so that a report of no day at all will do.

use super::Condition;
use crate::analysis::catalogue::Query;
use crate::analysis::compare::{CHANGE, P, PREVIOUS};
use crate::analysis::header::Rate;
use crate::analysis::table::Type;
use crate::analysis::{Answer, near};

/// A threshold that does not fit its report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnfitError {
    /// A report with another key, or none.
    #[error("the threshold `{threshold}` {problem}")]
    Key {
        /// The threshold.
        threshold: String,
        /// What is wrong, and how it is written.
        problem: String,
    },
    /// A column that the report does not have.
    #[error(
        "the threshold `{threshold}` is on the column `{column}`, which the report `{report}` does not have; {hint}"
    )]
    Column {
        /// The threshold.
        threshold: String,
        /// The report.
        report: String,
        /// The column.
        column: String,
        /// What was likely meant, or what there is.
        hint: String,
    },
    /// A column that holds no numbers.
    #[error("the threshold `{threshold}` needs a number, but the column `{column}` holds the type {found}")]
    NotANumber {
        /// The threshold.
        threshold: String,
        /// The column.
        column: String,
        /// Its type.
        found: &'static str,
    },
    /// A least number of assessed sessions for what no rate assesses.
    #[error(
        "the threshold `{threshold}` has a `min`, which counts the sessions that a rate assessed, and `{column}` is of no rate"
    )]
    MinWithoutRate {
        /// The threshold.
        threshold: String,
        /// The column.
        column: String,
    },
}

impl Condition {
    /// Whether the query has a row and a column of that kind, so far as its header says.
    ///
    /// # Errors
    /// [`UnfitError::Key`].
    pub fn check_key(&self, query: &Query) -> Result<(), UnfitError> {
        let key = &query.header.key;
        let problem = match (&key[..], self.key.len()) {
            (key, given) if key.len() == given => return Ok(()),
            ([], _) => {
                format!("names a row, and the report `{}` has only one: leave the brackets out", query.name)
            }
            (key, _) => format!(
                "must say which row it means: the report `{0}` has one for each {1}, as in `{0}[{2}].{3}`",
                query.name,
                key.join(" and "),
                key.iter().map(|column| column.to_uppercase()).collect::<Vec<_>>().join(", "),
                self.column
            ),
        };
        Err(UnfitError::Key { threshold: self.text.clone(), problem })
    }

    /// Whether the answer has the column, and the condition its rate. Its rows do not matter.
    ///
    /// # Errors
    /// [`UnfitError`].
    pub fn check_column(&self, answer: &Answer) -> Result<(), UnfitError> {
        let threshold = || self.text.clone();
        let column = || self.column.clone();
        let Some(at) = answer.table.position(&self.column) else {
            return Err(UnfitError::Column {
                threshold: threshold(),
                report: answer.query.name.clone(),
                column: column(),
                hint: self.hint(answer),
            });
        };
        match answer.table.columns[at].data_type {
            Type::Integer | Type::Number => {}
            other => {
                let found = other.name();
                return Err(UnfitError::NotANumber { threshold: threshold(), column: column(), found });
            }
        }
        if self.min.is_some() && self.rate(answer).is_none() {
            return Err(UnfitError::MinWithoutRate { threshold: threshold(), column: column() });
        }
        Ok(())
    }

    fn hint(&self, answer: &Answer) -> String {
        let ends = [PREVIOUS, CHANGE, P];
        let of_rate = |rate: &Rate| ends.iter().any(|end| self.column == format!("{}{end}", rate.name));
        if answer.compared.is_none() && answer.query.header.rates.iter().any(of_rate) {
            return "it is there where an earlier window is compared with, by --compare".to_owned();
        }
        let numbers = answer.table.columns.iter().filter(|column| is_number(column.data_type));
        let names: Vec<&str> = numbers.map(|column| column.name.as_str()).collect();
        near::hint(near::nearest(&self.column, names.iter().copied()), names.iter().copied())
    }
}

fn is_number(data_type: Type) -> bool {
    matches!(data_type, Type::Integer | Type::Number)
}
