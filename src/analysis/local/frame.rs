//! A polars frame whose cells are read where they are.

use jiff::Timestamp;
use jiff::civil::Date;
use polars::prelude::{
    DataType, Float64Chunked, IdxCa, Int32Chunked, Int64Chunked, Series, StringChunked, TimeUnit,
};

use super::convert::{data_type, date};
use super::numbers::Coded;
use super::refused;
use crate::analysis::EngineError;
use crate::analysis::rows::{Names, Rows};
use crate::analysis::table::{Column, Type};

/// The frame's columns, each in one piece.
pub(super) struct Frame {
    columns: Vec<Column>,
    cells: Vec<Cells>,
    height: usize,
}

enum Cells {
    Integers(Int64Chunked),
    Numbers(Float64Chunked),
    Texts(StringChunked),
    /// Places among texts, and these.
    Places(IdxCa, StringChunked),
    /// Days since 1970.
    Days(Int32Chunked),
    /// Milliseconds since 1970.
    Moments(Int64Chunked),
    /// Of a type that no step reads.
    Unread,
}

impl Frame {
    /// # Errors
    /// [`EngineError::Type`] for a column that a report cannot hold, [`EngineError::Refused`] for a value outside
    /// the range of its type.
    pub(super) fn new(coded: Coded) -> Result<Self, EngineError> {
        let Coded { frame, mut texts } = coded;
        let height = frame.height();
        let (mut columns, mut cells) = (Vec::new(), Vec::new());
        for column in frame.into_columns() {
            let name = column.name().to_string();
            if let Some(at) = texts.iter().position(|(coded, _)| *coded == name) {
                let places = column.take_materialized_series().rechunk();
                cells.push(Cells::Places(places.idx().map_err(refused)?.clone(), texts.swap_remove(at).1));
                columns.push(Column::new(name, Type::Text));
                continue;
            }
            let data_type = data_type(column.dtype()).ok_or_else(|| EngineError::Type {
                column: name.clone(),
                found: column.dtype().to_string(),
            })?;
            columns.push(Column::new(name, data_type));
            // One column at a time, so that only one is there twice.
            let series = column.take_materialized_series().rechunk();
            cells.push(read(&series, data_type).map_err(refused)?);
        }
        Ok(Self { columns, cells, height })
    }
}

fn read(series: &Series, data_type: Type) -> polars::prelude::PolarsResult<Cells> {
    Ok(match data_type {
        Type::Integer => Cells::Integers(series.strict_cast(&DataType::Int64)?.i64()?.clone()),
        Type::Number => Cells::Numbers(series.strict_cast(&DataType::Float64)?.f64()?.clone()),
        Type::Text => Cells::Texts(series.cast(&DataType::String)?.str()?.clone()),
        Type::Timestamp => {
            let moments = series.cast(&DataType::Datetime(TimeUnit::Milliseconds, None))?;
            Cells::Moments(moments.to_physical_repr().i64()?.clone())
        }
        Type::Date => Cells::Days(series.to_physical_repr().i32()?.clone()),
        Type::Boolean => Cells::Unread,
    })
}

impl Rows for Frame {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn len(&self) -> usize {
        self.height
    }

    fn integer(&self, row: usize, column: usize) -> Option<i64> {
        match &self.cells[column] {
            Cells::Integers(cells) => cells.get(row),
            _ => None,
        }
    }

    fn number(&self, row: usize, column: usize) -> Option<f64> {
        match &self.cells[column] {
            Cells::Numbers(cells) => cells.get(row),
            // Counts stay far below 2^53.
            Cells::Integers(cells) => cells.get(row).map(|value| value as f64),
            _ => None,
        }
    }

    fn text(&self, row: usize, column: usize) -> Option<&str> {
        match &self.cells[column] {
            Cells::Texts(cells) => cells.get(row),
            Cells::Places(places, texts) => texts.get(places.get(row)? as usize),
            _ => None,
        }
    }

    fn names(&self, column: usize) -> Names<'_> {
        match &self.cells[column] {
            Cells::Places(places, texts) => {
                Names { texts: texts.iter().flatten().collect(), of_rows: places.iter().collect() }
            }
            _ => Names::of(self, column),
        }
    }

    fn date(&self, row: usize, column: usize) -> Option<Date> {
        match &self.cells[column] {
            Cells::Days(cells) => date(cells.get(row)?),
            _ => None,
        }
    }

    fn moment(&self, row: usize, column: usize) -> Option<Timestamp> {
        match &self.cells[column] {
            Cells::Moments(cells) => Timestamp::from_millisecond(cells.get(row)?).ok(),
            _ => None,
        }
    }
}
