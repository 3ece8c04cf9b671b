//! Comparison: one question's answers over two windows, joined on its key.
//!
//! Appends to the later answer, for each rate `NAME`, the earlier window's share, the difference of the two and its
//! p-value ([`chance`]), and for each row its state. Rows that only the earlier window has stand at the end, in its
//! order. Must not know how any of it is shown, nor how the windows were chosen.
//!
//! A key that is a day is joined by its place in the window: the n-th day with the n-th.

use super::header::Rate;
use super::table::{Column, Table, Type, Value};
use super::trusted::LeftOut;
use super::{AnalysisError, Answer, Scope};
use crate::range::DayRange;

pub mod chance;
mod join;

use chance::Counts;
use join::Join;

/// Appended to a rate's name for the earlier window's share.
pub const PREVIOUS: &str = "_previous";
/// Appended to a rate's name for the share less the earlier one.
pub const CHANGE: &str = "_change";
/// Appended to a rate's name for how likely chance alone makes such a change, adjusted for the number of rows.
pub const P: &str = "_p";
/// The column that says where a row's key is.
pub const STATE: &str = "state";

/// Where a row's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In both windows.
    Same,
    /// In the later window only.
    New,
    /// In the earlier window only.
    Gone,
    /// Nobody can tell: the lake lacks what the row would be compared with.
    NotComparable,
}

impl State {
    /// The word that stands in the column [`STATE`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::New => "new",
            Self::Gone => "gone",
            Self::NotComparable => "n/a",
        }
    }
}

/// What an answer was compared with.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The days of the earlier window.
    pub range: DayRange,
    /// The earlier window's rows.
    pub earlier: Table,
    /// What of the earlier window was left out as its network is trusted, if any network is.
    pub left_out: Option<LeftOut>,
    /// How each row of the answer stands to it.
    pub rows: Vec<Joined>,
    /// How many rows the answer has of its own; those after them are the earlier window's alone.
    pub own: usize,
    /// What a reader must know of how the rows were joined, a sentence each.
    pub notes: Vec<String>,
}

/// A row's state, and the row of the earlier window with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// Where the key is.
    pub state: State,
    /// The row of [`Compared::earlier`].
    pub earlier: Option<usize>,
}

/// Compares an answer with that of the same query over an earlier window. Days that are not complete must have been
/// left out of both.
///
/// # Errors
/// [`AnalysisError::Taken`] if the query has a column of a name that the comparison needs.
pub fn compare(
    answer: &mut Answer,
    scope: &Scope,
    earlier: Answer,
    earlier_scope: &Scope,
) -> Result<(), AnalysisError> {
    let rates = answer.query.header.rates.clone();
    let added = added_columns(&rates);
    if let Some(taken) = added.iter().find(|column| answer.table.position(&column.name).is_some()) {
        return Err(AnalysisError::Taken { report: answer.query.name.clone(), column: taken.name.clone() });
    }
    let join = Join::new(&answer.query.header.key, &answer.table, scope, &earlier.table, earlier_scope);
    let (rows, notes) = join.rows();
    let own = answer.table.rows.len();
    let only_earlier = rows[own..].iter().filter_map(|joined| joined.earlier.map(|at| join.only_earlier(at)));
    let only_earlier: Vec<Vec<Value>> = only_earlier.collect();
    answer.table.rows.extend(only_earlier);
    let least = answer.min_sessions().unwrap_or(0);
    let mut cells: Vec<Vec<Value>> = vec![Vec::new(); rows.len()];
    for rate in &rates {
        let tested = rows.iter().enumerate().map(|(at, joined)| {
            let sides = [counts(&answer.table, at, rate)?, counts(&earlier.table, joined.earlier?, rate)?];
            let few = sides.iter().any(|side| side.trials < least.unsigned_abs());
            if few { None } else { chance::two_proportions(sides[0], sides[1]) }
        });
        let adjusted = chance::adjusted(&tested.collect::<Vec<_>>());
        for (at, (joined, p)) in rows.iter().zip(adjusted).enumerate() {
            let share = answer.table.value(at, &rate.name).as_number();
            let previous = joined.earlier.and_then(|row| earlier.table.value(row, &rate.name).as_number());
            let change = share.zip(previous).map(|(share, previous)| share - previous);
            cells[at].extend([previous.into(), change.into(), p.into()]);
        }
    }
    answer.table.columns.extend(added);
    for ((row, cells), joined) in answer.table.rows.iter_mut().zip(cells).zip(&rows) {
        row.extend(cells);
        row.push(Value::Text(joined.state.name().to_owned()));
    }
    let Answer { table: earlier, left_out, .. } = earlier;
    answer.compared = Some(Compared { range: earlier_scope.range, earlier, left_out, rows, own, notes });
    Ok(())
}

fn added_columns(rates: &[Rate]) -> Vec<Column> {
    let of_rate = |rate: &Rate| [PREVIOUS, CHANGE, P].map(|end| format!("{}{end}", rate.name));
    let numbers = rates.iter().flat_map(of_rate).map(|name| Column::new(name, Type::Number));
    numbers.chain([Column::new(STATE, Type::Text)]).collect()
}

fn counts(table: &Table, row: usize, rate: &Rate) -> Option<Counts> {
    let count = |column: &str| table.value(row, column).as_integer().and_then(|count| count.try_into().ok());
    Some(Counts { hits: count(&rate.numerator)?, trials: count(&rate.denominator)? })
}
