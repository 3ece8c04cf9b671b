//! Rows that are read and not kept: what a step looks at, cell by cell, in whatever form an engine has them.
//!
//! A [`Table`] keeps each cell by itself, which is right for what is shown. What a step sees may be millions of rows:
//! an engine lends them as it has them, so that they are in memory once. Must not know which engine that is.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::table::{Column, Table, Value};

/// The different texts of a column, in no order, and which of them each row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names<'a> {
    /// Each text once.
    pub texts: Vec<&'a str>,
    /// The place of each row's text among them.
    pub of_rows: Vec<Option<u32>>,
}

impl<'a> Names<'a> {
    /// Those of rows that have nothing but a text in each.
    pub fn of(rows: &'a (impl Rows + ?Sized), column: usize) -> Self {
        let mut places = HashMap::new();
        let mut texts = Vec::new();
        let of_row = |row| {
            let text = rows.text(row, column)?;
            Some(*places.entry(text).or_insert_with(|| {
                texts.push(text);
                texts.len() as u32 - 1
            }))
        };
        let of_rows = (0..rows.len()).map(of_row).collect();
        Self { texts, of_rows }
    }
}

/// Rows to be read. A cell that is null, or of another type than it is read as, reads as none.
pub trait Rows {
    /// The columns, in order.
    fn columns(&self) -> &[Column];

    /// How many rows there are.
    fn len(&self) -> usize;

    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A whole number.
    fn integer(&self, row: usize, column: usize) -> Option<i64>;

    /// A number, whole or not, as a double.
    fn number(&self, row: usize, column: usize) -> Option<f64>;

    /// A text.
    fn text(&self, row: usize, column: usize) -> Option<&str>;

    /// The different texts of a column, for a step that tells many apart: some engines have them so.
    fn names(&self, column: usize) -> Names<'_> {
        Names::of(self, column)
    }

    /// A calendar day.
    fn date(&self, row: usize, column: usize) -> Option<Date>;

    /// A moment.
    fn moment(&self, row: usize, column: usize) -> Option<Timestamp>;
}

impl Rows for Table {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn integer(&self, row: usize, column: usize) -> Option<i64> {
        self.rows[row][column].as_integer()
    }

    fn number(&self, row: usize, column: usize) -> Option<f64> {
        self.rows[row][column].as_number()
    }

    fn text(&self, row: usize, column: usize) -> Option<&str> {
        match &self.rows[row][column] {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn date(&self, row: usize, column: usize) -> Option<Date> {
        match self.rows[row][column] {
            Value::Date(day) => Some(day),
            _ => None,
        }
    }

    fn moment(&self, row: usize, column: usize) -> Option<Timestamp> {
        match self.rows[row][column] {
            Value::Timestamp(moment) => Some(moment),
            _ => None,
        }
    }
}
