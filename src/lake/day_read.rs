//! Day files as they are read back: their rows, their version, and sessions of them to begin a walk below.
//!
//! Must not know what they are read for.

use std::collections::HashSet;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use jiff::Timestamp;
use jiff::civil::Date;
use object_store::{ObjectStoreExt, UpdateVersion};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::schema::types::SchemaDescriptor;

use super::merge::Batches;
use super::parts::{BATCH_ROWS, KeyColumns, RowKey, with_schema};
use super::{Error, Lake, layout, store_error};

/// A session of the lake below which the API's list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Its `created_at`, in milliseconds since 1970.
    pub created_ms: i64,
    /// Its id.
    pub session_id: String,
}

impl Lake {
    /// A day file's batches; none if there is no file.
    pub(super) fn read_day(&self, date: Date) -> Result<Option<Batches<'static>>, Error> {
        Ok(self.open_day(date)?.map(|(batches, _)| batches))
    }

    /// A day file's batches, and which version of the file they are of.
    pub(super) fn open_day(&self, date: Date) -> Result<Option<(Batches<'static>, UpdateVersion)>, Error> {
        self.open_columns(date, |_| ProjectionMask::all())
    }

    /// The columns of a day file that say which sessions it holds, without the others being decoded; nothing if there
    /// is no file.
    pub(super) fn day_keys(
        &self,
        date: Date,
    ) -> Result<impl Iterator<Item = Result<KeyColumns, Error>> + use<>, Error> {
        let batches = self.open_columns(date, KeyColumns::among)?.map(|(batches, _)| batches);
        Ok(batches.into_iter().flatten().map(|batch| batch.map(|batch| KeyColumns::of(&batch))))
    }

    fn open_columns(
        &self,
        date: Date,
        columns: impl FnOnce(&SchemaDescriptor) -> ProjectionMask,
    ) -> Result<Option<(Batches<'static>, UpdateVersion)>, Error> {
        let key = layout::day_file(date);
        let Some((bytes, version)) = self.read_if_there(&key)? else { return Ok(None) };
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
            .and_then(|builder| {
                let columns = columns(builder.parquet_schema());
                builder.with_projection(columns).with_batch_size(BATCH_ROWS).build()
            })
            .map_err(|source| Error::file("read", &key, source))?;
        let read = move |batch: Result<RecordBatch, ArrowError>| {
            batch.and_then(|batch| with_schema(&batch)).map_err(|source| Error::file("read", &key, source))
        };
        Ok(Some((Box::new(reader.map(read)), version)))
    }

    /// Which version of a day's file there is, whatever it holds; none if there is no file.
    pub(super) fn day_version(&self, date: Date) -> Result<Option<UpdateVersion>, Error> {
        let key = layout::day_file(date);
        match self.wait(self.store.head(&key)) {
            Ok(found) => Ok(Some(UpdateVersion { e_tag: found.e_tag, version: found.version })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(store_error("read", &key, source)),
        }
    }

    /// The ids of a day file's sessions; none if there is no file.
    pub(super) fn day_ids(&self, date: Date) -> Result<HashSet<String>, Error> {
        let mut ids = HashSet::new();
        for keys in self.day_keys(date)? {
            let keys = keys?;
            ids.extend((0..keys.len()).map(|row| keys.at(row).1.to_owned()));
        }
        Ok(ids)
    }

    /// Sessions of these days that were created at a moment or later, the oldest first: the API's list goes on below
    /// each of them. At most `most`.
    ///
    /// # Errors
    /// [`Error`] if a day file cannot be read.
    pub fn seeds(&self, days: &[Date], moment: Timestamp, most: usize) -> Result<Vec<Seed>, Error> {
        let mut seeds = Vec::new();
        for date in days {
            let mut of_day = Vec::new();
            for keys in self.day_keys(*date)? {
                let keys = keys?;
                let newer = (0..keys.len()).filter(|row| keys.created_ms(*row) >= moment.as_millisecond());
                of_day.extend(newer.map(|row| {
                    let RowKey { created_ms, session_id } = keys.key(row);
                    Seed { created_ms, session_id }
                }));
                // Only the oldest are of use.
                of_day.drain(..of_day.len().saturating_sub(most));
            }
            seeds.extend(of_day.into_iter().rev().take(most - seeds.len()));
            if seeds.len() == most {
                break;
            }
        }
        Ok(seeds)
    }
}
