//! Numbers in place of a column's values, for queries that only tell these apart.
//!
//! A grouping that counts the distinct ids of each group keeps them in memory, some fifty bytes a session, and compares
//! them byte by byte. Of numbers it takes eight bytes. A number is a hash of 64 bits whose
//! seed nobody knows beforehand; two ids of one group with the same number would count as one, which over ten million
//! sessions happens in less than one of a million runs. Must not know what is counted.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use polars::prelude::{
    Column, DataFrame, DataType, Expr, Field, IntoColumn, NamedFrom, PlSeedableRandomStateQuality,
    PolarsError, PolarsResult, Series, col,
};

/// The same in all of a run, so that what is equal in two readings is equal here.
static STATE: LazyLock<PlSeedableRandomStateQuality> = LazyLock::new(PlSeedableRandomStateQuality::random);

/// The column, with numbers in place of its texts and null where it is null.
pub(super) fn of(column: &str) -> Expr {
    let numbers = |values: Column| -> PolarsResult<Column> {
        let numbers: Vec<Option<u64>> =
            values.str()?.iter().map(|text| text.map(|text| STATE.hash_one(text))).collect();
        Ok(Series::new(values.name().clone(), numbers).into_column())
    };
    col(column).map(numbers, |_, field| Ok(Field::new(field.name().clone(), DataType::UInt64)))
}

/// Refuses an answer that has numbers where whoever asked expects a value.
pub(super) fn check(answer: &DataFrame, columns: &[String]) -> PolarsResult<()> {
    let is_number =
        |column: &&String| answer.column(column).is_ok_and(|found| *found.dtype() == DataType::UInt64);
    match columns.iter().find(is_number) {
        Some(column) => Err(PolarsError::InvalidOperation(
            format!("the header declares `{column}` as `distinct`, so that it cannot be shown").into(),
        )),
        None => Ok(()),
    }
}
