//! From a polars frame to a plain table.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use polars::prelude::{AnyValue, DataFrame, DataType, Schema, TimeUnit};

use crate::analysis::EngineError;
use crate::analysis::table::{Column, Table, Type, Value};

/// The frame's first rows as plain values.
///
/// # Errors
/// [`EngineError::Type`] for a column that a report cannot hold, [`EngineError::Range`] for a value.
pub(super) fn table(frame: &DataFrame, most: usize) -> Result<Table, EngineError> {
    let all = frame.height();
    let frame = frame.head(Some(most));
    let mut table = Table { left_out: all - frame.height(), ..Table::default() };
    table.rows.resize_with(frame.height(), || Vec::with_capacity(frame.width()));
    for column in frame.columns() {
        let name = column.name().as_str();
        table.columns.push(described(name, column.dtype())?);
        let series = column.as_materialized_series();
        for (row, found) in table.rows.iter_mut().zip(series.iter()) {
            row.push(value(&found).ok_or_else(|| EngineError::Range { column: name.to_owned() })?);
        }
    }
    Ok(table)
}

/// The columns of frames with that schema.
///
/// # Errors
/// [`EngineError::Type`] for a column that a report cannot hold.
pub(super) fn columns(schema: &Schema) -> Result<Vec<Column>, EngineError> {
    schema.iter().map(|(name, found)| described(name, found)).collect()
}

fn described(name: &str, found: &DataType) -> Result<Column, EngineError> {
    let data_type = data_type(found)
        .ok_or_else(|| EngineError::Type { column: name.to_owned(), found: found.to_string() })?;
    Ok(Column::new(name, data_type))
}

pub(super) fn data_type(found: &DataType) -> Option<Type> {
    Some(match found {
        found if found.is_integer() => Type::Integer,
        found if found.is_float() => Type::Number,
        // A column of nothing but NULL literals.
        DataType::String | DataType::Null => Type::Text,
        DataType::Boolean => Type::Boolean,
        DataType::Date => Type::Date,
        DataType::Datetime(..) => Type::Timestamp,
        _ => return None,
    })
}

/// None for a value outside the plain type's range.
fn value(found: &AnyValue<'_>) -> Option<Value> {
    Some(match found {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(value) => Value::Boolean(*value),
        AnyValue::String(value) => Value::Text((*value).to_owned()),
        AnyValue::StringOwned(value) => Value::Text(value.as_str().to_owned()),
        AnyValue::Float32(value) => Value::Number(f64::from(*value)),
        AnyValue::Float64(value) => Value::Number(*value),
        AnyValue::Date(days) => Value::Date(date(*days)?),
        AnyValue::Datetime(count, unit, _) => Value::Timestamp(moment(*count, *unit)?),
        AnyValue::DatetimeOwned(count, unit, _) => Value::Timestamp(moment(*count, *unit)?),
        other => Value::Integer(i64::try_from(integer(other)?).ok()?),
    })
}

fn integer(found: &AnyValue<'_>) -> Option<i128> {
    Some(match found {
        AnyValue::UInt8(value) => (*value).into(),
        AnyValue::UInt16(value) => (*value).into(),
        AnyValue::UInt32(value) => (*value).into(),
        AnyValue::UInt64(value) => (*value).into(),
        AnyValue::UInt128(value) => i128::try_from(*value).ok()?,
        AnyValue::Int8(value) => (*value).into(),
        AnyValue::Int16(value) => (*value).into(),
        AnyValue::Int32(value) => (*value).into(),
        AnyValue::Int64(value) => (*value).into(),
        AnyValue::Int128(value) => *value,
        _ => return None,
    })
}

/// Days since 1970-01-01.
pub(super) fn date(days: i32) -> Option<Date> {
    jiff::civil::date(1970, 1, 1).checked_add(i64::from(days).days()).ok()
}

fn moment(count: i64, unit: TimeUnit) -> Option<Timestamp> {
    match unit {
        TimeUnit::Milliseconds => Timestamp::from_millisecond(count).ok(),
        TimeUnit::Microseconds => Timestamp::from_microsecond(count).ok(),
        TimeUnit::Nanoseconds => Timestamp::from_nanosecond(count.into()).ok(),
    }
}
