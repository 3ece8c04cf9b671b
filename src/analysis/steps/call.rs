//! What a step is handed: the rows that it reads, its parameters, and the days that it is asked about.
//!
//! Must not know what a step makes of them.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Days, Step, StepError};
use crate::analysis::rows::{Names, Rows};

/// A step's rows and parameters. Columns and parameters are named by their place in the step's declaration.
pub(super) struct Call<'a> {
    pub(super) step: &'a Step,
    pub(super) rows: &'a dyn Rows,
    /// Which days are asked about, and which cannot be told of.
    pub(super) days: &'a Days,
    pub(super) at: Vec<usize>,
    pub(super) values: Vec<i64>,
}

impl Call<'_> {
    pub(super) fn rows(&self) -> std::ops::Range<usize> {
        0..self.rows.len()
    }

    pub(super) fn integer(&self, row: usize, column: usize) -> Option<i64> {
        self.rows.integer(row, self.at[column])
    }

    pub(super) fn number(&self, row: usize, column: usize) -> Option<f64> {
        self.rows.number(row, self.at[column])
    }

    pub(super) fn text(&self, row: usize, column: usize) -> Option<&str> {
        self.rows.text(row, self.at[column])
    }

    pub(super) fn names(&self, column: usize) -> Names<'_> {
        self.rows.names(self.at[column])
    }

    /// A day, which cannot be null.
    pub(super) fn date(&self, row: usize, column: usize) -> Result<Date, StepError> {
        self.rows.date(row, self.at[column]).ok_or_else(|| self.lacks(row, column, "a date"))
    }

    /// A count, which cannot be null nor below zero.
    pub(super) fn count(&self, row: usize, column: usize) -> Result<i64, StepError> {
        let count = self.integer(row, column).filter(|count| *count >= 0);
        count.ok_or_else(|| self.lacks(row, column, "a count"))
    }

    /// A moment, which cannot be null.
    pub(super) fn moment(&self, row: usize, column: usize) -> Result<Timestamp, StepError> {
        self.rows.moment(row, self.at[column]).ok_or_else(|| self.lacks(row, column, "a moment"))
    }

    /// What is set, by its place among the step's parameters.
    pub(super) fn setting(&self, parameter: usize) -> i64 {
        self.values[parameter]
    }

    pub(super) fn lacks(&self, row: usize, column: usize, needed: &'static str) -> StepError {
        StepError::Value { step: self.step.name, column: self.step.columns[column].0, needed, row: row + 1 }
    }
}
