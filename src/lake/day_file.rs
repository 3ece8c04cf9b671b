//! A day's rows written as a Parquet file, under staging: what is not yet in its place is nobody's to read.
//!
//! Must not know where the rows come from nor what becomes of the file.

use arrow::array::RecordBatch;
use jiff::civil::Date;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;

use super::facts::Facts;
use super::parts::with_schema;
use super::writer::{Encoded, properties};
use super::{Error, Lake, layout};
use crate::session::schema::schema;

/// A day's file under staging, and what its rows say.
pub(super) struct Written {
    pub(super) facts: Facts,
    pub(super) file: Encoded,
}

impl Lake {
    /// Writes a day's rows, which come in their order, into one of staging's folders; none if there is not a single
    /// one.
    pub(super) fn write_day(
        &self,
        run_id: &str,
        folder: &str,
        date: Date,
        batches: impl Iterator<Item = Result<RecordBatch, Error>>,
    ) -> Result<Option<Written>, Error> {
        let key = layout::day_file(date);
        let failed = |source| match source {
            // The system's own words, without Parquet's around them.
            ParquetError::External(source) => Error::File { what: "written", key: key.to_string(), source },
            source => Error::file("written", &key, source),
        };
        let mut facts = Facts::default();
        let mut writer = None;
        for batch in batches {
            let batch = with_schema(&batch?).map_err(Error::arrow("written"))?;
            if batch.num_rows() == 0 {
                continue;
            }
            let writer = match &mut writer {
                Some(writer) => writer,
                none => {
                    let properties = properties(run_id, &self.privacy()?);
                    let opened = ArrowWriter::try_new(self.writer(folder, date)?, schema(), Some(properties));
                    none.insert(opened.map_err(failed)?)
                }
            };
            facts.add(&batch);
            writer.write(&batch).map_err(failed)?;
        }
        let Some(mut writer) = writer else { return Ok(None) };
        for (name, value) in facts.footer() {
            writer.append_key_value_metadata(KeyValue::new(format!("session_risk.{name}"), value));
        }
        // Else what the system says of the last rows would come in words of Parquet's only.
        writer.flush().map_err(failed)?;
        writer.sync().map_err(|source| Error::file("written", &key, source))?;
        let file = writer.into_inner().map_err(failed)?.finish()?;
        Ok(Some(Written { facts, file }))
    }
}
