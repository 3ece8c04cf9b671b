//! Numbers in place of a column's values, for queries that only tell these apart.
//!
//! A grouping by ids keeps them in memory, some fifty bytes a session, and compares them byte by byte. Of numbers it
//! takes eight bytes, and a third of the time. A number is a hash of 64 bits whose seed nobody knows beforehand; two ids
//! with the same number would count as one, which among ten million happens in three of a million runs. What is to be
//! shown gets its values back at the end, by one more look at their column. Must not know what is grouped.

use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock};

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Expr, Field, IdxCa, IdxSize, IntoColumn, LazyFrame,
    NamedFrom, NewChunkedArray, PlHashMap, PlHashSet, PlSeedableRandomStateQuality, PolarsError,
    PolarsResult, Schema, Series, col,
};

use super::declared;
use crate::analysis::EngineError;

/// The same in all of a run, so that what is equal in two readings is equal here.
static STATE: LazyLock<PlSeedableRandomStateQuality> = LazyLock::new(PlSeedableRandomStateQuality::random);

/// Refuses a column that is not there, or whose values are small already.
pub(super) fn check(columns: &[String]) -> Result<(), EngineError> {
    let declared = declared();
    match columns.iter().find(|column| declared.get(column.as_str()) != Some(&DataType::String)) {
        None => Ok(()),
        Some(column) => {
            let words = format!("the header declares `{column}` as `distinct`, and it is no column of text");
            Err(EngineError::Refused { source: words.into() })
        }
    }
}

/// The number of a value.
pub(super) fn of(value: &str) -> u64 {
    STATE.hash_one(value)
}

/// The column, with numbers in place of its texts and null where it is null.
pub(super) fn instead_of(column: &str) -> Expr {
    let numbers = |values: Column| -> PolarsResult<Column> {
        let numbers: Vec<Option<u64>> = values.str()?.iter().map(|text| text.map(of)).collect();
        Ok(Series::new(values.name().clone(), numbers).into_column())
    };
    col(column).map(numbers, |_, field| Ok(Field::new(field.name().clone(), DataType::UInt64)))
}

/// The columns of an answer with texts where it has numbers in place of them.
///
/// # Errors
/// As [`restore`].
pub(super) fn restored(mut schema: Schema, columns: &[String]) -> PolarsResult<Schema> {
    for column in columns {
        if schema.get(column) == Some(&DataType::UInt64) {
            schema.set_dtype(column, DataType::String);
        }
    }
    let left = schema.iter().find(|(_, found)| !columns.is_empty() && **found == DataType::UInt64);
    left.map_or(Ok(()), |(name, _)| Err(unknown(name)))?;
    Ok(schema)
}

/// Gives the columns of an answer that are numbers their texts again, which the sessions have.
///
/// # Errors
/// [`PolarsError`] if the sessions cannot be read, or if numbers stand under a name that is not their column's: nobody
/// knows whose they are.
pub(super) fn restore(
    mut answer: DataFrame,
    columns: &[String],
    sessions: impl Fn() -> PolarsResult<LazyFrame>,
) -> PolarsResult<DataFrame> {
    restored(answer.schema().as_ref().clone(), columns)?;
    for column in columns {
        let numbers = match answer.column(column) {
            Ok(found) if *found.dtype() == DataType::UInt64 => found.u64()?.clone(),
            _ => continue,
        };
        let wanted: PlHashSet<u64> = numbers.iter().flatten().collect();
        let texts = texts(column, wanted, sessions()?)?;
        let places: PlHashMap<u64, IdxSize> =
            texts.str()?.iter().zip(0..).filter_map(|(text, place)| Some((of(text?), place))).collect();
        let place = |number: Option<u64>| places.get(&number?).copied();
        let places: IdxCa = numbers.iter().map(place).collect();
        answer.replace(column, texts.take(&places)?)?;
    }
    Ok(answer)
}

/// Each text of the column whose number is wanted.
fn texts(column: &str, wanted: PlHashSet<u64>, sessions: LazyFrame) -> PolarsResult<Column> {
    let wanted = Arc::new(wanted);
    let mask = move |texts: Column| -> PolarsResult<Column> {
        let is_wanted = |text: Option<&str>| text.is_some_and(|text| wanted.contains(&of(text)));
        let mask = BooleanChunked::from_iter_values(texts.name().clone(), texts.str()?.iter().map(is_wanted));
        Ok(mask.into_column())
    };
    let boolean = |_: &Schema, field: &Field| Ok(Field::new(field.name().clone(), DataType::Boolean));
    let texts = sessions.select([col(column)]).filter(col(column).map(mask, boolean));
    let number = "number";
    let texts = texts.with_columns([instead_of(column).alias(number)]).group_by([col(number)]);
    let texts = texts.agg([col(column).first()]).select([col(column)]);
    let texts = texts.collect_with_engine(polars::prelude::Engine::Streaming)?.unwrap_single();
    Ok(texts.column(column)?.clone())
}

fn unknown(column: &str) -> PolarsError {
    let words = format!(
        "`{column}` shows what the header declares as `distinct` under another name: give it the name of its column"
    );
    PolarsError::InvalidOperation(words.into())
}
