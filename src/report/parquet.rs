//! A report as a Parquet file, for notebooks and other engines: typed columns, every row, nothing cut.
//!
//! A file holds one report. Owns how a table's types are stored and what the footer says of the report. Text is whole,
//! as in JSON: nothing here is shown on a screen. Must not know how figures look to people.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use jiff::civil::Date;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::analysis::Answer;
use crate::analysis::table::{Column, Type, Value};

use super::{Page, Renderer, words};

/// What the names in the footer begin with, as in the lake's day files.
const PREFIX: &str = "session_risk.";
const ZONE: &str = "UTC";

/// Rows that are turned into columns at a time, and in a row group.
const BATCH_ROWS: usize = 8_192;
const ROW_GROUP_ROWS: usize = 131_072;
/// Bytes of text at a time: a column of 32-bit offsets holds 2 GiB at most.
const BATCH_BYTES: usize = 64 << 20;

/// A Parquet file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parquet;

impl Renderer for Parquet {
    fn extension(&self) -> &'static str {
        "parquet"
    }

    fn holds_several(&self) -> bool {
        false
    }

    fn is_text(&self) -> bool {
        false
    }

    fn render(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        let [answer] = page.answers else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a Parquet file holds one report"));
        };
        let columns = &answer.table.columns;
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_created_by(concat!("session-risk ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(footer(page, answer)))
            .build();
        // The library wants a sink that may change threads, which `out` may not: whatever is ready is handed on.
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties));
        let mut writer = writer.map_err(io::Error::other)?;
        for rows in batches(&answer.table.rows) {
            let arrays = columns.iter().enumerate().map(|(at, column)| array(column.data_type, rows, at));
            let batch = RecordBatch::try_new(Arc::clone(&schema), arrays.collect());
            writer.write(&batch.map_err(io::Error::other)?).map_err(io::Error::other)?;
            out.write_all(writer.inner())?;
            writer.inner_mut().clear();
        }
        out.write_all(&writer.into_inner().map_err(io::Error::other)?)
    }
}

/// What the footer says of the report.
fn footer(page: &Page<'_>, answer: &Answer) -> Vec<KeyValue> {
    let (header, range) = (&answer.query.header, page.scope.range);
    let mut said = vec![
        ("report", answer.query.name.clone()),
        ("title", header.title.clone()),
        ("question", header.question.clone()),
        ("since", range.since().to_string()),
        ("until", range.until().to_string()),
        ("complete", page.scope.complete.to_string()),
        ("generated_at", page.generated_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("notes", words::notes(page, answer).join("\n")),
    ];
    if let Some(earlier) = page.earlier {
        said.push(("compared_since", earlier.range.since().to_string()));
        said.push(("compared_until", earlier.range.until().to_string()));
    }
    said.into_iter().map(|(name, value)| KeyValue::new(format!("{PREFIX}{name}"), value)).collect()
}

fn field(column: &Column) -> Field {
    let data_type = match column.data_type {
        Type::Integer => DataType::Int64,
        Type::Number => DataType::Float64,
        Type::Text => DataType::Utf8,
        Type::Boolean => DataType::Boolean,
        Type::Date => DataType::Date32,
        Type::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some(ZONE.into())),
    };
    Field::new(&column.name, data_type, true)
}

/// The rows, so many of them at a time that no column overflows.
fn batches(rows: &[Vec<Value>]) -> impl Iterator<Item = &[Vec<Value>]> {
    let size = |row: &[Value]| row.iter().filter_map(text).map(str::len).sum::<usize>();
    let (mut count, mut bytes) = (0, 0);
    rows.chunk_by(move |row, next| {
        count += 1;
        bytes += size(row);
        let fits = count < BATCH_ROWS && bytes + size(next) <= BATCH_BYTES;
        if !fits {
            (count, bytes) = (0, 0);
        }
        fits
    })
}

/// One column of the rows. A moment is cut to its millisecond.
fn array(data_type: Type, rows: &[Vec<Value>], at: usize) -> ArrayRef {
    let values = rows.iter().map(|row| &row[at]);
    match data_type {
        Type::Integer => Arc::new(values.map(Value::as_integer).collect::<Int64Array>()),
        Type::Number => Arc::new(values.map(Value::as_number).collect::<Float64Array>()),
        Type::Text => Arc::new(values.map(text).collect::<StringArray>()),
        Type::Boolean => {
            let truth = |value: &Value| if let Value::Boolean(truth) = value { Some(*truth) } else { None };
            Arc::new(values.map(truth).collect::<BooleanArray>())
        }
        Type::Date => {
            let days = |value: &Value| if let Value::Date(day) = value { days(*day) } else { None };
            Arc::new(values.map(days).collect::<Date32Array>())
        }
        Type::Timestamp => {
            let moment = |value: &Value| match value {
                Value::Timestamp(moment) => Some(moment.as_millisecond()),
                _ => None,
            };
            Arc::new(values.map(moment).collect::<TimestampMillisecondArray>().with_timezone(ZONE))
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

/// Days since 1970-01-01.
fn days(day: Date) -> Option<i32> {
    jiff::civil::date(1970, 1, 1).until(day).ok().map(|span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_lost_between_batches_and_none_of_them_is_too_large() {
        let row = |bytes: usize| vec![Value::Integer(1), Value::Text("x".repeat(bytes))];
        let sizes = |rows: &[Vec<Value>]| batches(rows).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&vec![row(1); 2 * BATCH_ROWS + 1]), [BATCH_ROWS, BATCH_ROWS, 1]);
        let half = BATCH_BYTES / 2;
        assert_eq!(sizes(&[row(half), row(half), row(1), row(BATCH_BYTES + 1), row(1)]), [2, 1, 1, 1]);
    }

    #[test]
    fn a_day_is_counted_from_1970_on_and_back() {
        for (day, since) in
            [((1970, 1, 1), 0), ((1969, 12, 31), -1), ((2026, 11, 20), 20_777), ((9999, 12, 31), 2_932_896)]
        {
            let (year, month, day) = day;
            assert_eq!(days(jiff::civil::date(year, month, day)), Some(since));
        }
    }
}
