//! A plain table: what every engine answers with and every report shows.
//!
//! Must not know which engine filled it nor how it will be shown; neither polars nor arrow appear here.

use jiff::Timestamp;
use jiff::civil::Date;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A whole number of 64 bits.
    Integer,
    /// A double.
    Number,
    /// A string, kept as it came: session values are hostile text.
    Text,
    /// True or false.
    Boolean,
    /// A calendar day, UTC.
    Date,
    /// A moment, UTC.
    Timestamp,
}

impl Type {
    /// The name that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
        }
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not known; never the same as zero, false or the empty string.
    Null,
    /// See [`Type::Integer`].
    Integer(i64),
    /// See [`Type::Number`].
    Number(f64),
    /// See [`Type::Text`].
    Text(String),
    /// See [`Type::Boolean`].
    Boolean(bool),
    /// See [`Type::Date`].
    Date(Date),
    /// See [`Type::Timestamp`].
    Timestamp(Timestamp),
}

impl Value {
    /// Whether nothing is known.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, whole or not, as a double.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            // Counts stay far below 2^53.
            Self::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }
}

impl From<Option<f64>> for Value {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Null, Self::Number)
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Integer)
    }
}

/// A column's name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Unique within its table.
    pub name: String,
    /// The type of all its values that are not null.
    pub data_type: Type,
}

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, data_type: Type) -> Self {
        Self { name: name.into(), data_type }
    }
}

/// Columns and rows, in the order the query gave them; every row has one value a column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The rows, in order.
    pub rows: Vec<Vec<Value>>,
    /// How many rows follow, where only the first were wanted.
    pub left_out: usize,
}

impl Table {
    /// How many rows there are, those that were left out too.
    pub fn all_rows(&self) -> usize {
        self.rows.len() + self.left_out
    }

    /// Where the column stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The value of a column in a row; null if either is not there.
    pub fn value(&self, row: usize, name: &str) -> &Value {
        const NULL: &Value = &Value::Null;
        self.position(name)
            .and_then(|column| self.rows.get(row).and_then(|values| values.get(column)))
            .unwrap_or(NULL)
    }
}
