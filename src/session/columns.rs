//! The Arrow builders of a record batch, one a column, in the schema's order.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, RecordBatch, StringBuilder, TimestampMillisecondBuilder,
};
use arrow::error::ArrowError;

use super::resource::Slot;
use super::schema::{ATTRIBUTES, Kind, RELATIONSHIPS, schema};

/// One attribute's column.
#[derive(Debug)]
enum Column {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
    Number(Float64Builder),
    Moment(TimestampMillisecondBuilder),
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Number => Self::Number(Float64Builder::new()),
            Kind::Moment => Self::Moment(moments()),
        }
    }

    /// Appends a value; whatever is not of the column's kind becomes null.
    fn append(&mut self, slot: &Slot<'_>) {
        match (self, slot) {
            (Self::Text(column), Slot::Text(text)) => column.append_value(text),
            (Self::Text(column), _) => column.append_null(),
            (Self::Boolean(column), Slot::Boolean(value)) => column.append_value(*value),
            (Self::Boolean(column), _) => column.append_null(),
            (Self::Number(column), Slot::Number(value)) => column.append_value(*value),
            (Self::Number(column), _) => column.append_null(),
            (Self::Moment(column), Slot::Moment(value)) => column.append_value(*value),
            (Self::Moment(column), _) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Boolean(column) => Arc::new(column.finish()),
            Self::Number(column) => Arc::new(column.finish()),
            Self::Moment(column) => Arc::new(column.finish()),
        }
    }
}

fn moments() -> TimestampMillisecondBuilder {
    TimestampMillisecondBuilder::new().with_timezone("UTC")
}

/// All columns, with as many rows in each.
#[derive(Debug)]
pub(super) struct Columns {
    environment: StringBuilder,
    session: StringBuilder,
    related: [StringBuilder; RELATIONSHIPS.len()],
    attributes: Vec<Column>,
    fetched: TimestampMillisecondBuilder,
    extra: StringBuilder,
    rows: usize,
}

/// One row's values.
pub(super) struct Row<'a> {
    pub(super) environment: Option<&'a str>,
    pub(super) session: &'a str,
    pub(super) related: &'a [Slot<'a>; RELATIONSHIPS.len()],
    pub(super) attributes: &'a [Slot<'a>; ATTRIBUTES.len()],
    /// Milliseconds since 1970, UTC.
    pub(super) fetched: i64,
    pub(super) extra: Option<&'a str>,
}

impl Columns {
    pub(super) fn new() -> Self {
        Self {
            environment: StringBuilder::new(),
            session: StringBuilder::new(),
            related: std::array::from_fn(|_| StringBuilder::new()),
            attributes: ATTRIBUTES.iter().map(|attribute| Column::new(attribute.kind)).collect(),
            fetched: moments(),
            extra: StringBuilder::new(),
            rows: 0,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn append(&mut self, row: &Row<'_>) {
        self.environment.append_option(row.environment);
        self.session.append_value(row.session);
        for (column, slot) in self.related.iter_mut().zip(row.related) {
            column.append_option(if let Slot::Text(id) = slot { Some(id) } else { None });
        }
        for (column, slot) in self.attributes.iter_mut().zip(row.attributes) {
            column.append(slot);
        }
        self.fetched.append_value(row.fetched);
        self.extra.append_option(row.extra);
        self.rows += 1;
    }

    /// Hands out the rows so far and starts anew.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        let mut arrays: Vec<ArrayRef> =
            vec![Arc::new(self.environment.finish()), Arc::new(self.session.finish())];
        arrays.extend(self.related.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        arrays.extend(self.attributes.iter_mut().map(Column::finish));
        arrays.push(Arc::new(self.fetched.finish()));
        arrays.push(Arc::new(self.extra.finish()));
        RecordBatch::try_new(schema(), arrays)
    }
}
