//! A source at one of its rows, and which of several comes first.

use std::cmp::Ordering;

use arrow::array::{Array, RecordBatch};
use arrow::row::{RowConverter, Rows};

use super::Batches;
use crate::lake::Error;
use crate::lake::parts::{KeyColumns, RowKey, with_schema};

/// A source at one of its rows.
pub(super) struct Head<'a> {
    pub(super) key: RowKey,
    pub(super) rank: usize,
    pub(super) batches: Batches<'a>,
    pub(super) loaded: Option<Loaded>,
}

pub(super) struct Loaded {
    pub(super) batch: RecordBatch,
    pub(super) keys: KeyColumns,
    pub(super) row: usize,
    /// Where the batch stands among those that the output is taken from.
    pub(super) pooled: Option<usize>,
    pub(super) comparable: Option<Rows>,
}

// A max-heap: the newest row, and of equal keys the source that was fetched last, is the greatest.
impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.order().cmp(&self.key.order()).then(self.rank.cmp(&other.rank))
    }
}
impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Head<'_> {}

impl Head<'_> {
    /// Loads the source's next batch that has rows; nothing is loaded past its end.
    pub(super) fn next_batch(&mut self) -> Result<(), Error> {
        self.loaded = None;
        for batch in self.batches.by_ref() {
            let batch = with_schema(&batch?).map_err(Error::arrow("merged"))?;
            if batch.num_rows() > 0 {
                let keys = KeyColumns::of(&batch);
                self.key = keys.key(0);
                self.loaded = Some(Loaded { batch, keys, row: 0, pooled: None, comparable: None });
                return Ok(());
            }
        }
        Ok(())
    }

    /// Goes to the next row of the loaded batch; false past its last.
    pub(super) fn step(&mut self) -> bool {
        let Some(loaded) = &mut self.loaded else { return false };
        loaded.row += 1;
        if loaded.row >= loaded.keys.len() {
            return false;
        }
        let (created_ms, session_id) = (loaded.keys.created_ms(loaded.row), loaded.keys.at(loaded.row).1);
        self.key.created_ms = created_ms;
        self.key.session_id.clear();
        self.key.session_id.push_str(session_id);
        true
    }

    /// When this version of the row was first seen, in milliseconds since 1970.
    pub(super) fn fetched_ms(&self) -> Option<i64> {
        self.loaded.as_ref().map(|loaded| loaded.keys.fetched_ms(loaded.row))
    }

    /// Whether the row has a value in one of the columns.
    pub(super) fn has_value_in(&self, columns: &[usize]) -> bool {
        let Some(loaded) = &self.loaded else { return false };
        columns.iter().any(|column| loaded.batch.column(*column).is_valid(loaded.row))
    }

    /// Past a batch's last row: on to the next batch, if there is one.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        match &self.loaded {
            Some(loaded) if loaded.row >= loaded.keys.len() => self.next_batch(),
            _ => Ok(()),
        }
    }
}

impl Loaded {
    /// Makes the batch's rows comparable, once.
    pub(super) fn compare(&mut self, compared: &[usize], converter: &RowConverter) -> Result<(), Error> {
        if self.comparable.is_none() {
            let columns: Vec<_> = compared.iter().map(|column| self.batch.column(*column).clone()).collect();
            self.comparable = Some(converter.convert_columns(&columns).map_err(Error::arrow("merged"))?);
        }
        Ok(())
    }
}
