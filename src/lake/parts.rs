//! The order of a day's rows, and the staged parts that wait for their day to be published.
//!
//! Parts are Arrow IPC streams: cheap to write at every checkpoint and cheap to read once. They never leave the
//! staging folder.

use std::sync::Arc;

use arrow::array::{
    RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array, cast::AsArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options, concat_batches, take_record_batch};
use arrow::datatypes::{FieldRef, TimestampMillisecondType};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bytes::{Buf, Bytes};
use jiff::civil::Date;
use parquet::arrow::ProjectionMask;
use parquet::schema::types::SchemaDescriptor;
use serde::{Deserialize, Serialize};

use super::{Error, Lake, layout};
use crate::session::schema::{CREATED_AT, place_of, schema};

/// Rows of a batch that is read back or merged.
pub(super) const BATCH_ROWS: usize = 8192;

/// Where `session_id` stands in the schema.
pub(super) const SESSION_ID: usize = 1;
/// Where `inquiry_id` stands in the schema.
pub(super) const INQUIRY_ID: usize = 2;
/// Where `device_id` stands in the schema.
pub(super) const DEVICE_ID: usize = 3;

/// A row's place in its day: newest first, ties by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RowKey {
    pub(super) created_ms: i64,
    pub(super) session_id: String,
}

/// The two columns that order a batch, and the one that says which version of a row is the newer.
#[derive(Debug, Clone)]
pub(super) struct KeyColumns {
    created: TimestampMillisecondArray,
    session: StringArray,
    fetched: TimestampMillisecondArray,
}

impl KeyColumns {
    /// Which of a file's columns they are.
    pub(super) fn among(columns: &SchemaDescriptor) -> ProjectionMask {
        ProjectionMask::columns(columns, ["session_id", "created_at", "fetched_at"])
    }

    pub(super) fn of(batch: &RecordBatch) -> Self {
        let moments = |column: usize| batch.column(column).as_primitive::<TimestampMillisecondType>().clone();
        Self {
            created: moments(place_of(CREATED_AT)),
            session: batch.column(SESSION_ID).as_string::<i32>().clone(),
            fetched: moments(batch.num_columns() - 2),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.created.len()
    }

    /// Sorts as the rows do: smaller is newer.
    pub(super) fn at(&self, row: usize) -> (std::cmp::Reverse<i64>, &str) {
        (std::cmp::Reverse(self.created.value(row)), self.session.value(row))
    }

    pub(super) fn created_ms(&self, row: usize) -> i64 {
        self.created.value(row)
    }

    pub(super) fn fetched_ms(&self, row: usize) -> i64 {
        self.fetched.value(row)
    }

    pub(super) fn key(&self, row: usize) -> RowKey {
        RowKey { created_ms: self.created.value(row), session_id: self.session.value(row).to_owned() }
    }
}

impl RowKey {
    pub(super) fn order(&self) -> (std::cmp::Reverse<i64>, &str) {
        (std::cmp::Reverse(self.created_ms), &self.session_id)
    }
}

/// The batch with its newest rows first, rows of the same age in the order they came, and where each came from if
/// any had to move. Pages come in order; files need not, and their days would fall apart into single rows.
pub(super) fn by_age(batch: &RecordBatch) -> Result<(RecordBatch, Option<UInt32Array>), ArrowError> {
    let keys = KeyColumns::of(batch);
    if (1..keys.len()).all(|row| keys.created_ms(row - 1) >= keys.created_ms(row)) {
        return Ok((batch.clone(), None));
    }
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_by_key(|row| std::cmp::Reverse(keys.created_ms(*row as usize)));
    let order = UInt32Array::from(order);
    Ok((take_record_batch(batch, &order)?, Some(order)))
}

/// One batch of the rows in their order; of several with one key only the one that came last is kept.
pub(super) fn sorted(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let batch = concat_batches(&schema(), batches)?;
    let keys = KeyColumns::of(&batch);
    if (1..keys.len()).all(|row| keys.at(row - 1) < keys.at(row)) {
        return Ok(batch);
    }
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_by(|a, b| keys.at(*a as usize).cmp(&keys.at(*b as usize)).then(b.cmp(a)));
    order.dedup_by(|later, first| keys.at(*later as usize) == keys.at(*first as usize));
    take_record_batch(&batch, &UInt32Array::from(order))
}

/// A staged part: some of a day's rows, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) date: Date,
    pub(super) name: String,
    pub(super) rows: u64,
    /// CRC-32 of its bytes: parts are not waited for to reach the disk, and a crash may take them.
    pub(super) checksum: u32,
    /// Its first row.
    pub(super) newest: RowKey,
}

impl Lake {
    /// Writes a part; `batch` is in order and not empty.
    pub(super) fn write_part(
        &self,
        folder: &str,
        date: Date,
        number: u64,
        batch: &RecordBatch,
    ) -> Result<Part, Error> {
        let name = format!("{date}-{number:06}.arrow");
        let key = layout::staged(folder, &name);
        let encoded = encode(batch).map_err(|source| Error::file("encoded", &key, source))?;
        let checksum = crc32fast::hash(&encoded);
        self.write_scratch(&key, encoded)?;
        Ok(Part { date, name, rows: batch.num_rows() as u64, checksum, newest: KeyColumns::of(batch).key(0) })
    }

    /// Whether a part is there, whole.
    pub(super) fn has_part(&self, folder: &str, part: &Part) -> bool {
        let bytes = self.read_bytes(&layout::staged(folder, &part.name));
        bytes.is_ok_and(|bytes| crc32fast::hash(&bytes) == part.checksum)
    }

    /// Reads a part's batches.
    pub(super) fn read_part(&self, folder: &str, part: &Part) -> Result<PartReader, Error> {
        let key = layout::staged(folder, &part.name);
        let bytes = self.read_bytes(&key)?;
        StreamReader::try_new(bytes.reader(), None).map_err(|source| Error::file("read", &key, source))
    }
}

/// A part's batches, one after another.
pub(super) type PartReader = StreamReader<bytes::buf::Reader<Bytes>>;

fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    let mut from = 0;
    while from < batch.num_rows() {
        let rows = BATCH_ROWS.min(batch.num_rows() - from);
        writer.write(&batch.slice(from, rows))?;
        from += rows;
    }
    writer.finish()?;
    writer.into_inner()
}

/// The same rows under the schema of today: columns that the file is too old to have are null, those in an older type
/// are cast.
pub(super) fn with_schema(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let (found, today) = (batch.schema(), schema());
    if Arc::ptr_eq(&found, &today) {
        return Ok(batch.clone());
    }
    if let Some(unknown) = found.fields().iter().find(|field| today.index_of(field.name()).is_err()) {
        return Err(ArrowError::SchemaError(format!("there is no column {} in a day file", unknown.name())));
    }
    let exactly = CastOptions { safe: false, ..CastOptions::default() };
    let column = |field: &FieldRef| match batch.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
        Some(column) => cast_with_options(column, field.data_type(), &exactly),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns = today.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(today, columns)
}
