//! From the Arrow streams of a cluster to a plain table.
//!
//! Where Spark has another type than the local engine for what is the same number, the column becomes what it is there:
//! a report must not look otherwise because a cluster has computed it.

use std::io::Cursor;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Schema, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use bytes::Bytes;
use jiff::{Timestamp, ToSpan};

use crate::analysis::EngineError;
use crate::analysis::table::{Column, Table, Type, Value};

/// The first rows of the streams, in order; their columns are those of the first stream. `known` are the columns that
/// the local engine would give, if it can tell.
///
/// # Errors
/// [`EngineError::Type`] for a column that a report cannot hold, [`EngineError::Range`] for a value,
/// [`EngineError::Refused`] for two columns of a name, or what `odd` makes of a stream that is none.
pub(super) fn table(
    streams: &[Bytes],
    known: &[Column],
    most: usize,
    odd: impl Fn(ArrowError) -> EngineError,
) -> Result<Table, EngineError> {
    let mut table = Table::default();
    for (nth, stream) in streams.iter().enumerate() {
        let reader = StreamReader::try_new(Cursor::new(stream), None).map_err(&odd)?;
        if nth == 0 {
            table.columns = columns(&reader.schema(), known)?;
        }
        for batch in reader {
            let batch = batch.map_err(&odd)?;
            let taken = batch.num_rows().min(most - table.rows.len());
            append(&mut table, &batch.slice(0, taken))?;
            table.left_out += batch.num_rows() - taken;
        }
    }
    Ok(table)
}

fn columns(schema: &Schema, known: &[Column]) -> Result<Vec<Column>, EngineError> {
    let mut columns: Vec<Column> = Vec::new();
    for field in schema.fields() {
        if columns.iter().any(|column| column.name == *field.name()) {
            let words =
                format!("the result has two columns `{}`; give one of them another name", field.name());
            return Err(EngineError::Refused { source: words.into() });
        }
        columns.push(column(field, known)?);
    }
    Ok(columns)
}

fn column(field: &Field, known: &[Column]) -> Result<Column, EngineError> {
    let found = field.data_type();
    let own = data_type(found)
        .ok_or_else(|| EngineError::Type { column: field.name().clone(), found: found.to_string() })?;
    let local = known.iter().find(|column| column.name == *field.name()).map(|column| column.data_type);
    let data_type = match (found, own, local) {
        // Nothing but NULL.
        (DataType::Null, _, Some(local)) => local,
        (_, Type::Integer, Some(Type::Number)) => Type::Number,
        (DataType::Decimal128(..), _, Some(Type::Integer)) => Type::Integer,
        _ => own,
    };
    Ok(Column::new(field.name(), data_type))
}

fn data_type(found: &DataType) -> Option<Type> {
    Some(match found {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Type::Integer,
        DataType::Decimal128(_, scale) if *scale <= 0 => Type::Integer,
        DataType::Decimal128(..) | DataType::Float32 | DataType::Float64 => Type::Number,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Null => Type::Text,
        DataType::Boolean => Type::Boolean,
        DataType::Date32 => Type::Date,
        DataType::Timestamp(..) => Type::Timestamp,
        _ => return None,
    })
}

fn append(table: &mut Table, batch: &RecordBatch) -> Result<(), EngineError> {
    let first = table.rows.len();
    table.rows.resize_with(first + batch.num_rows(), || Vec::with_capacity(table.columns.len()));
    for (column, array) in table.columns.iter().zip(batch.columns()) {
        for (nth, row) in table.rows[first..].iter_mut().enumerate() {
            let found = value(array, nth, column.data_type);
            row.push(found.ok_or_else(|| EngineError::Range { column: column.name.clone() })?);
        }
    }
    Ok(())
}

/// None for a value outside the plain type's range.
fn value(array: &dyn Array, row: usize, wanted: Type) -> Option<Value> {
    if array.is_null(row) {
        return Some(Value::Null);
    }
    Some(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Boolean(array.as_boolean().value(row)),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row).to_owned()),
        DataType::Int8 => integer(array.as_primitive::<Int8Type>().value(row).into(), wanted),
        DataType::Int16 => integer(array.as_primitive::<Int16Type>().value(row).into(), wanted),
        DataType::Int32 => integer(array.as_primitive::<Int32Type>().value(row).into(), wanted),
        DataType::Int64 => integer(array.as_primitive::<Int64Type>().value(row), wanted),
        DataType::Float32 => Value::Number(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Value::Number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            decimal(array.as_primitive::<Decimal128Type>().value(row), *scale, wanted)?
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            Value::Date(jiff::civil::date(1970, 1, 1).checked_add(i64::from(days).days()).ok()?)
        }
        DataType::Timestamp(unit, _) => Value::Timestamp(moment(array, row, *unit)?),
        _ => return None,
    })
}

fn integer(value: i64, wanted: Type) -> Value {
    match wanted {
        // Counts stay far below 2^53.
        Type::Number => Value::Number(value as f64),
        _ => Value::Integer(value),
    }
}

/// A number of so many decimal places; as a whole one it must have nothing behind its point.
fn decimal(value: i128, scale: i8, wanted: Type) -> Option<Value> {
    if wanted == Type::Number {
        return Some(Value::Number(value as f64 / 10_f64.powi(scale.into())));
    }
    let power = 10_i128.checked_pow(scale.unsigned_abs().into())?;
    let whole = match scale {
        ..0 => value.checked_mul(power)?,
        _ if value % power == 0 => value / power,
        _ => return None,
    };
    Some(Value::Integer(i64::try_from(whole).ok()?))
}

fn moment(array: &dyn Array, row: usize, unit: TimeUnit) -> Option<Timestamp> {
    match unit {
        TimeUnit::Second => Timestamp::from_second(array.as_primitive::<TimestampSecondType>().value(row)),
        TimeUnit::Millisecond => {
            Timestamp::from_millisecond(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        TimeUnit::Microsecond => {
            Timestamp::from_microsecond(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        TimeUnit::Nanosecond => {
            Timestamp::from_nanosecond(array.as_primitive::<TimestampNanosecondType>().value(row).into())
        }
    }
    .ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Decimal128Array, Int32Array, NullArray, StringArray, TimestampMicrosecondArray,
    };
    use arrow::ipc::writer::StreamWriter;

    use super::*;

    fn stream(columns: Vec<(&str, ArrayRef)>) -> Bytes {
        let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap().into()
    }

    fn read(streams: &[Bytes], known: &[Column]) -> Result<Table, String> {
        first(usize::MAX, streams, known)
    }

    fn first(most: usize, streams: &[Bytes], known: &[Column]) -> Result<Table, String> {
        table(streams, known, most, |error| EngineError::Failed { source: Box::new(error) })
            .map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn the_rows_of_all_streams_are_there_in_order_nulls_among_them() {
        let part = |values: Vec<Option<i32>>| stream(vec![("n", Arc::new(Int32Array::from(values)))]);
        let table = read(&[part(vec![Some(3), None]), part(vec![]), part(vec![Some(1)])], &[]).unwrap();
        assert_eq!(table.columns, [Column::new("n", Type::Integer)]);
        let rows = [Value::Integer(3), Value::Null, Value::Integer(1)].map(|value| vec![value]);
        assert_eq!(table.rows, rows);
    }

    #[test]
    fn of_many_rows_the_first_are_there_and_the_others_are_counted() {
        let part = |values: Vec<i32>| stream(vec![("n", Arc::new(Int32Array::from(values)))]);
        let streams = [part(vec![1, 2]), part(vec![3, 4, 5]), part(vec![6])];
        for most in [0, 1, 2, 4, 6, 7] {
            let table = first(most, &streams, &[]).unwrap();
            let rows: Vec<Vec<Value>> = (1..=6).take(most).map(|n| vec![Value::Integer(n)]).collect();
            assert_eq!((&table.rows, table.left_out), (&rows, 6 - rows.len()), "{most}");
        }
    }

    #[test]
    fn a_number_is_of_the_type_that_it_has_in_the_local_engine() {
        let decimals = |values: Vec<i128>, scale| {
            Arc::new(Decimal128Array::from(values).with_precision_and_scale(20, scale).unwrap()) as ArrayRef
        };
        let columns = vec![
            ("sum", decimals(vec![700], 2)),
            ("share", decimals(vec![125], 2)),
            ("count", decimals(vec![9], 0)),
            ("whole", Arc::new(Int32Array::from(vec![4])) as ArrayRef),
            ("nothing", Arc::new(NullArray::new(1)) as ArrayRef),
        ];
        let known = [("sum", Type::Integer), ("whole", Type::Number), ("nothing", Type::Date)];
        let known = known.map(|(name, data_type)| Column::new(name, data_type));
        let table = read(&[stream(columns)], &known).unwrap();
        let types: Vec<Type> = table.columns.iter().map(|column| column.data_type).collect();
        assert_eq!(types, [Type::Integer, Type::Number, Type::Integer, Type::Number, Type::Date]);
        let row =
            [Value::Integer(7), Value::Number(1.25), Value::Integer(9), Value::Number(4.0), Value::Null];
        assert_eq!(table.rows, [row]);
    }

    #[test]
    fn what_a_report_cannot_hold_is_told_by_its_column() {
        let half = Arc::new(Decimal128Array::from(vec![5_i128]).with_precision_and_scale(3, 1).unwrap());
        let error = read(&[stream(vec![("n", half)])], &[Column::new("n", Type::Integer)]).unwrap_err();
        assert!(error.contains("Range") && error.contains("\"n\""), "{error}");
        let odd = Arc::new(arrow::array::BinaryArray::from(vec![&b"a"[..]]));
        assert!(read(&[stream(vec![("bytes", odd)])], &[]).unwrap_err().contains("Type"));
        let text = || Arc::new(StringArray::from(vec!["a"])) as ArrayRef;
        assert!(
            read(&[stream(vec![("a", text()), ("a", text())])], &[]).unwrap_err().contains("two columns")
        );
        let late = Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX]));
        assert!(read(&[stream(vec![("late", late)])], &[]).unwrap_err().contains("Range"));
        assert!(read(&[Bytes::from_static(b"no stream")], &[]).unwrap_err().contains("Failed"));
    }
}
