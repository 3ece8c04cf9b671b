//! Named steps: what plain portable SQL cannot say (quantiles, sliding windows, speeds, components), in Rust over
//! the rows that the SQL gives, and so the same whichever engine gave them.
//!
//! Owns which steps there are, which columns and parameters each needs, and that they are there; the steps
//! themselves are one file each. A step sees the rows after the SQL, in whatever order an engine gives them, and makes
//! another table of them, to which the header's key, rates and chart refer. Must not know which engine ran nor how a
//! table is shown.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::header::{Literal, Parameter};
use super::near;
use super::rows::Rows;
use super::table::{Column, Table, Type, Value};
use crate::range::DayRange;

mod address_velocity;
mod anomalies;
mod call;
mod clusters;
mod globe;
mod gps_distance;
mod impossible_travel;
mod quantile;
mod robust;
mod time_to_start;
mod user_agents;

use call::Call;

/// Every step, in the order in which they are told.
pub const STEPS: &[Step] = &[
    time_to_start::STEP,
    address_velocity::STEP,
    impossible_travel::STEP,
    gps_distance::STEP,
    clusters::STEP,
    user_agents::STEP,
    anomalies::STEP,
];

/// A step: what it needs and what it does.
#[derive(Debug)]
pub struct Step {
    /// What `-- then:` calls it.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub does: &'static str,
    /// The columns that the SQL must give, in any order and beside any others. A whole number does for a number.
    pub columns: &'static [(&'static str, Type)],
    /// What can be set; the header may declare one of them anew, with another default, range and text.
    pub parameters: &'static [Setting],
    run: fn(&Call<'_>) -> Result<Outcome, StepError>,
}

/// The days that a step's rows are of.
#[derive(Debug, Clone)]
pub struct Days {
    /// Those that were asked for. Rows may be of days before them.
    pub range: DayRange,
    /// Those that are not complete, of these and of those before: what is not there of them is not known.
    pub incomplete: BTreeSet<Date>,
}

/// What a step made of the rows.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its table.
    pub table: Table,
    /// What it has to say beside that, a sentence each.
    pub said: Vec<String>,
}

impl From<Table> for Outcome {
    /// A table that speaks for itself.
    fn from(table: Table) -> Self {
        Self { table, said: Vec::new() }
    }
}

/// Something of a step that can be set, a whole number.
#[derive(Debug)]
pub struct Setting {
    /// Its name among the query's parameters.
    pub name: &'static str,
    /// What stands in when nothing is given.
    pub default: i64,
    /// The smallest and the largest value.
    pub range: (i64, i64),
    /// What it does, in words.
    pub text: &'static str,
}

impl PartialEq for Step {
    /// Names are unique.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A name that no step has.
#[derive(Debug, thiserror::Error)]
#[error("there is no step `{name}`; {hint}")]
pub struct UnknownStep {
    name: String,
    hint: String,
}

/// Rows that a step cannot take.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// A column that is not there.
    #[error("the step `{step}` needs the column `{column}` ({needed}), which the SQL does not give")]
    Absent {
        /// The step.
        step: &'static str,
        /// The column.
        column: &'static str,
        /// The type that it must have.
        needed: &'static str,
    },
    /// A column of another type.
    #[error(
        "the step `{step}` needs the column `{column}` of the type {needed}, and the SQL gives the type {found}"
    )]
    Type {
        /// The step.
        step: &'static str,
        /// The column.
        column: &'static str,
        /// The type that it must have.
        needed: &'static str,
        /// The type that it has.
        found: &'static str,
    },
    /// A null or negative count, or a null where the step needs a value.
    #[error("the step `{step}` needs {needed} in the column `{column}`, and row {row} has none")]
    Value {
        /// The step.
        step: &'static str,
        /// The column.
        column: &'static str,
        /// What must be there, in words.
        needed: &'static str,
        /// The row, from 1.
        row: usize,
    },
    /// Rules that a step brings along and that are none.
    #[error("the rules of the step `{step}`, which are built in, cannot be used: {reason}")]
    Rules {
        /// The step.
        step: &'static str,
        /// What is wrong with them.
        reason: String,
    },
}

/// The step of that name.
///
/// # Errors
/// [`UnknownStep`] with what was likely meant, or with what there is.
pub fn find(name: &str) -> Result<&'static Step, UnknownStep> {
    STEPS.iter().find(|step| step.name == name).ok_or_else(|| {
        let known = || STEPS.iter().map(|step| step.name);
        UnknownStep { name: name.to_owned(), hint: near::hint(near::nearest(name, known()), known()) }
    })
}

impl Setting {
    /// As a header would declare it.
    pub fn parameter(&self) -> Parameter {
        let Self { name, default, range: (min, max), text } = self;
        Parameter {
            name: (*name).to_owned(),
            default: Literal::Integer(*default),
            range: Some((Literal::Integer(*min), Literal::Integer(*max))),
            text: (*text).to_owned(),
        }
    }
}

impl Step {
    /// Makes the step's table of the SQL's rows. `value` has the values of the header's parameters in this run.
    ///
    /// # Errors
    /// [`StepError`] for a column that is not there or of another type, or a value that cannot be.
    pub fn run(
        &self,
        rows: &dyn Rows,
        days: &Days,
        value: impl Fn(&str) -> Option<i64>,
    ) -> Result<Outcome, StepError> {
        let at = self.places(rows)?;
        let value = |setting: &Setting| value(setting.name).unwrap_or(setting.default);
        let values = self.parameters.iter().map(value).collect();
        (self.run)(&Call { step: self, rows, days, at, values })
    }

    /// Where the columns that it needs stand.
    fn places(&self, rows: &dyn Rows) -> Result<Vec<usize>, StepError> {
        let place = |(column, needed): &(&'static str, Type)| {
            let (step, column, needed) = (self.name, *column, *needed);
            let at = rows.columns().iter().position(|found| found.name == column);
            let at = at.ok_or(StepError::Absent { step, column, needed: needed.name() })?;
            match rows.columns()[at].data_type {
                found if found == needed => Ok(at),
                Type::Integer if needed == Type::Number => Ok(at),
                found => Err(StepError::Type { step, column, needed: needed.name(), found: found.name() }),
            }
        };
        self.columns.iter().map(place).collect()
    }
}

/// A table of these columns, without a row yet.
fn table_of(columns: &[(&str, Type)]) -> Table {
    let columns = columns.iter().map(|(name, data_type)| Column::new(*name, *data_type));
    Table { columns: columns.collect(), ..Table::default() }
}

/// A text of the rows as a value of the step's own table.
fn owned(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| Value::Text(text.to_owned()))
}

/// Orders texts with null last.
fn null_last(text: Option<&str>) -> (bool, Option<&str>) {
    (text.is_none(), text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    pub(super) fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    pub(super) fn moment(text: &str) -> Value {
        Value::Timestamp(text.parse().unwrap())
    }

    /// A range of no interest.
    fn days() -> Days {
        let range = DayRange::ending(jiff::civil::date(2026, 11, 20), 28);
        Days { range, incomplete: BTreeSet::new() }
    }

    /// What a step makes of rows in the columns that it needs.
    pub(super) fn made(
        name: &str,
        rows: Vec<Vec<Value>>,
        days: &Days,
        values: &[(&str, i64)],
    ) -> Result<Outcome, StepError> {
        let step = find(name).unwrap();
        assert!(rows.iter().all(|row| row.len() == step.columns.len()));
        let table = Table { rows, ..table_of(step.columns) };
        step.run(&table, days, |wanted| {
            values.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
        })
    }

    /// The rows that a step makes of rows in the columns that it needs.
    pub(super) fn ran(name: &str, rows: Vec<Vec<Value>>, values: &[(&str, i64)]) -> Vec<Vec<Value>> {
        let Outcome { table, .. } = made(name, rows, &days(), values).unwrap();
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
        table.rows
    }

    /// Why a step does not take these rows.
    pub(super) fn refused(name: &str, rows: Vec<Vec<Value>>) -> String {
        made(name, rows, &days(), &[]).unwrap_err().to_string()
    }

    #[test]
    fn columns_are_found_by_name_and_a_whole_number_does_for_a_number() {
        let step = find("time_to_start").unwrap();
        let columns = [
            ("sessions", Type::Integer),
            ("beside", Type::Date),
            ("seconds", Type::Integer),
            ("device_type", Type::Text),
        ];
        let int = Value::Integer;
        let rows = vec![vec![int(3), Value::Null, int(7), text("desktop")]];
        let table = Table { rows, ..table_of(&columns) };
        assert_eq!(
            step.run(&table, &days(), |_| None).unwrap().table.rows,
            [[text("desktop"), int(3), int(3), int(7), int(7)]]
        );
        let number = Step { columns: &[("sessions", Type::Number)], name: "odd", ..time_to_start::STEP };
        assert!(number.places(&table).is_ok());
        let error = |step: &Step| step.places(&table).unwrap_err().to_string();
        let absent = Step { columns: &[("beside_it", Type::Date)], name: "odd", ..time_to_start::STEP };
        assert_eq!(
            error(&absent),
            "the step `odd` needs the column `beside_it` (date), which the SQL does not give"
        );
        let other = Step { columns: &[("beside", Type::Integer)], name: "odd", ..time_to_start::STEP };
        assert_eq!(
            error(&other),
            "the step `odd` needs the column `beside` of the type integer, and the SQL gives the type date"
        );
    }

    #[test]
    fn names_are_unique_and_no_step_takes_what_is_not_said() {
        let names: BTreeSet<&str> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
        for step in STEPS {
            for Setting { name, default, range: (min, max), text } in step.parameters {
                assert!(min <= default && default <= max && !text.is_empty(), "{} {name}", step.name);
            }
            assert!(step.does.ends_with('.'), "{}", step.name);
        }
    }
}
