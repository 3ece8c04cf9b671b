//! Rates: declared shares of counts, with their interval, the same whichever engine counted.
//!
//! Owns the arithmetic and the names of the columns it appends. Must not know how they are shown.

use super::header::Rate;
use super::table::{Column, Table, Type, Value};

/// The normal quantile of a two-sided 95 % interval.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// Appended to a rate's name for the interval's lower end.
pub const LOW: &str = "_low";
/// Appended to a rate's name for the interval's upper end.
pub const HIGH: &str = "_high";
/// Appended to a rate's name for how many were not assessed.
pub const UNKNOWN: &str = "_unknown";

/// A share and its 95 % interval, all between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The share itself.
    pub rate: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// Counts that make no rate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// A rate over a column that the result does not have.
    #[error("the rate `{rate}` needs the column `{column}`, which the result does not have")]
    Absent {
        /// The rate.
        rate: String,
        /// The column.
        column: String,
    },
    /// A rate over a column that does not count.
    #[error("the rate `{rate}` needs whole numbers, but the column `{column}` holds the type {found}")]
    NotCounted {
        /// The rate.
        rate: String,
        /// The column.
        column: String,
        /// The type that it has.
        found: &'static str,
    },
    /// A rate whose column the query already has.
    #[error("the rate `{rate}` would add the column `{column}`, which the result has already")]
    Taken {
        /// The rate.
        rate: String,
        /// The column.
        column: String,
    },
    /// Counts that cannot be: below zero, more hits than assessed, or more assessed than there are.
    #[error("the rate `{rate}` in row {row} counts {numerator} of {denominator} assessed of {total}")]
    Impossible {
        /// The rate.
        rate: String,
        /// The row, from 1.
        row: usize,
        /// Its numerator.
        numerator: i64,
        /// Its denominator.
        denominator: i64,
        /// Its total.
        total: i64,
    },
}

/// The share of `hits` among `trials` with Wilson's score interval at 95 %, without continuity correction
/// (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927). None
/// for no trials.
pub fn wilson(hits: u64, trials: u64) -> Option<Share> {
    if trials == 0 {
        return None;
    }
    // Counts stay far below 2^53.
    let (hits, trials) = (hits as f64, trials as f64);
    let rate = hits / trials;
    let z2 = Z_95 * Z_95;
    let scale = 1.0 + z2 / trials;
    let centre = (rate + z2 / (2.0 * trials)) / scale;
    let half = Z_95 * (rate * (1.0 - rate) / trials + z2 / (4.0 * trials * trials)).sqrt() / scale;
    // Rounding would leave 1e-17 where the ends are exactly 0 and 1.
    let low = if hits == 0.0 { 0.0 } else { (centre - half).clamp(0.0, rate) };
    let high = if hits == trials { 1.0 } else { (centre + half).clamp(rate, 1.0) };
    Some(Share { rate, low, high })
}

/// Appends to the table, for each rate, its four columns: `NAME`, `NAME_low`, `NAME_high`, `NAME_unknown`.
///
/// # Errors
/// [`RateError`] if a column is missing, is no count, or holds counts that cannot be.
pub fn append(table: &mut Table, rates: &[Rate]) -> Result<(), RateError> {
    for rate in rates {
        let numerator = count_column(table, rate, &rate.numerator)?;
        let denominator = count_column(table, rate, &rate.denominator)?;
        let total = count_column(table, rate, &rate.total)?;
        let columns = [
            Column::new(&rate.name, Type::Number),
            Column::new(format!("{}{LOW}", rate.name), Type::Number),
            Column::new(format!("{}{HIGH}", rate.name), Type::Number),
            Column::new(format!("{}{UNKNOWN}", rate.name), Type::Integer),
        ];
        if let Some(taken) = columns.iter().find(|column| table.position(&column.name).is_some()) {
            return Err(RateError::Taken { rate: rate.name.clone(), column: taken.name.clone() });
        }
        table.columns.extend(columns);
        for (row, values) in (1..).zip(&mut table.rows) {
            let counts = [numerator, denominator, total].map(|column| values[column].as_integer());
            values.extend(cells(rate, row, counts)?);
        }
    }
    Ok(())
}

fn count_column(table: &Table, rate: &Rate, column: &str) -> Result<usize, RateError> {
    let (rate, column_name) = (rate.name.clone(), column.to_owned());
    let Some(position) = table.position(column) else {
        return Err(RateError::Absent { rate, column: column_name });
    };
    match table.columns[position].data_type {
        Type::Integer => Ok(position),
        other => Err(RateError::NotCounted { rate, column: column_name, found: other.name() }),
    }
}

fn cells(rate: &Rate, row: usize, counts: [Option<i64>; 3]) -> Result<[Value; 4], RateError> {
    let [Some(numerator), Some(denominator), Some(total)] = counts else {
        return Ok([Value::Null, Value::Null, Value::Null, Value::Null]);
    };
    if !(0 <= numerator && numerator <= denominator && denominator <= total) {
        return Err(RateError::Impossible { rate: rate.name.clone(), row, numerator, denominator, total });
    }
    let share = wilson(numerator.unsigned_abs(), denominator.unsigned_abs());
    Ok([
        share.map(|share| share.rate).into(),
        share.map(|share| share.low).into(),
        share.map(|share| share.high).into(),
        Value::Integer(total - denominator),
    ])
}
