//! A day's staged rows and its day file made into the new day file.
//!
//! The new file is written under staging and moved into place in one step, after an intent was journalled: a
//! reader sees the old file or the new one, and after a crash the file is known as ours.

use jiff::civil::Date;
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::facts::{Facts, Walked, empty_day};
use super::manifest::DayRecord;
use super::merge::{Batches, Merge, Source, Tally};
use super::parts::{BATCH_ROWS, Part, PartReader, RowKey};
use super::stage::StagedDay;
use super::writer::properties;
use super::{Error, Lake, Stage, hexadecimal, layout, store_error};
use crate::session::schema::schema;

/// What publishing a day came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Rows of the day file.
    pub rows: u64,
    /// Rows that it did not have before.
    pub new: u64,
    /// Rows that it had otherwise.
    pub changed: u64,
    /// Whether a file was written: not where nothing changed.
    pub written: bool,
}

/// Journalled before a file is moved into place.
#[derive(Debug, Serialize, Deserialize)]
struct Intent {
    run_id: String,
    record: DayRecord,
}

impl Stage {
    /// Publishes a day: its staged rows, merged with its day file if there is one. A day without rows gets a
    /// record and no file, so that it is not taken for one that was never fetched.
    ///
    /// # Errors
    /// [`Error`] if a file cannot be read, merged or written; the day file is then as it was.
    pub fn publish(&mut self, date: Date, walked: Walked) -> Result<Published, Error> {
        let staged = self.take(date)?;
        let lake = self.lake.clone();
        let old: Option<DayRecord> = lake.read_json(&layout::day_record(date))?;
        let existing = lake.read_day(date)?;
        let had_file = existing.is_some();
        let Some(written) = self.write_merged(date, &staged, existing)? else {
            lake.record_day(&empty_day(date, walked, &self.run_id, old))?;
            return Ok(Published::default());
        };
        let Written { tally, facts, key, bytes, sha256 } = written;
        let mut record = facts.record(date, walked, &self.run_id, &staged.absent);
        let mut published =
            Published { rows: tally.rows, new: tally.new, changed: tally.changed, written: true };
        if let Some(old) = old.filter(|_| had_file && tally.new == 0 && tally.changed == 0) {
            lake.delete(&key)?;
            published.written = false;
            record = DayRecord {
                bytes: old.bytes,
                sha256: old.sha256,
                fetched_at: old.fetched_at,
                run_id: old.run_id,
                // A later walk that did not go over the whole day takes nothing from one that did.
                complete: old.complete || record.complete,
                sealed: old.sealed || record.sealed,
                ..record
            };
            lake.record_day(&record)?;
        } else {
            record.bytes = bytes;
            record.sha256 = sha256;
            lake.swap_in(&key, &Intent { run_id: self.run_id.clone(), record })?;
        }
        self.spent.extend(staged.parts);
        Ok(published)
    }

    /// Writes the merged rows under staging; none if there is not a single row.
    fn write_merged(
        &self,
        date: Date,
        staged: &StagedDay,
        existing: Option<Batches<'static>>,
    ) -> Result<Option<Written>, Error> {
        // The day file's first row is not known before it is read; it is opened first.
        let first = RowKey { created_ms: i64::MAX, session_id: String::new() };
        let mut sources: Vec<Source<'_>> =
            existing.into_iter().map(|batches| Source { newest: first.clone(), rank: 0, batches }).collect();
        for (nth, part) in staged.parts.iter().enumerate() {
            let lazily = move || self.lake.read_part(&self.run_id, part);
            sources.push(Source { newest: part.newest.clone(), rank: nth + 1, batches: lazy(lazily, part) });
        }
        if sources.is_empty() {
            return Ok(None);
        }
        let mut merge = Merge::new(sources)?;
        let key = layout::staged(&self.run_id, &format!("{date}.parquet"));
        let failed = |source| Error::file("written", &key, source);
        let mut facts = Facts::default();
        let mut writer =
            ArrowWriter::try_new(self.lake.writer(&key)?, schema(), Some(properties(&self.run_id)))
                .map_err(failed)?;
        while let Some(batch) = merge.next_batch()? {
            facts.add(&batch);
            writer.write(&batch).map_err(failed)?;
        }
        let tally = merge.tally();
        if tally.rows == 0 {
            return Ok(None);
        }
        for (name, value) in facts.footer() {
            writer.append_key_value_metadata(KeyValue::new(format!("session_risk.{name}"), value));
        }
        let (bytes, sha256) = writer
            .into_inner()
            .map_err(failed)?
            .finish()
            .map_err(|source| store_error("write", &key, source))?;
        Ok(Some(Written { tally, facts, key, bytes, sha256 }))
    }
}

/// A merged file under staging.
struct Written {
    tally: Tally,
    facts: Facts,
    key: Key,
    bytes: u64,
    sha256: String,
}

/// A part's batches, its file opened only when the first is asked for.
fn lazy<'a>(open: impl Fn() -> Result<PartReader, Error> + Send + 'a, part: &'a Part) -> Batches<'a> {
    let mut reader = None;
    Box::new(std::iter::from_fn(move || {
        if reader.is_none() {
            match open() {
                Ok(opened) => reader = Some(opened),
                Err(error) => return Some(Err(error)),
            }
        }
        let batch = reader.as_mut()?.next()?;
        Some(batch.map_err(|source| Error::File {
            what: "read",
            key: part.name.clone(),
            source: Box::new(source),
        }))
    }))
}

impl Lake {
    /// A day file's batches; none if there is no file.
    fn read_day(&self, date: Date) -> Result<Option<Batches<'static>>, Error> {
        let key = layout::day_file(date);
        let bytes = match self.read_bytes(&key) {
            Ok(bytes) => bytes,
            Err(Error::Store { source: object_store::Error::NotFound { .. }, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
            .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
            .map_err(|source| Error::file("read", &key, source))?;
        Ok(Some(Box::new(reader.map(move |batch| batch.map_err(|source| Error::file("read", &key, source))))))
    }

    /// Moves a finished file into place and records it.
    fn swap_in(&self, staged: &Key, intent: &Intent) -> Result<(), Error> {
        let date = intent.record.date;
        let target = layout::day_file(date);
        self.write_json(&layout::intent(date), intent)?;
        self.wait(self.store.rename(staged, &target))
            .map_err(|source| store_error("publish", &target, source))?;
        self.record_day(&intent.record)?;
        self.delete(&layout::intent(date))
    }

    /// Finishes what a crashed run was about to record: a day file that bears an intent's checksum is ours.
    ///
    /// # Errors
    /// [`Error`] if an intent or a day file cannot be read or the record not written.
    pub fn settle_intents(&self) -> Result<(), Error> {
        for key in self.list(&layout::intents())? {
            if let Some(intent) = self.read_json::<Intent>(&key)? {
                let file = self.read_bytes(&layout::day_file(intent.record.date));
                if file.is_ok_and(|bytes| hexadecimal(&Sha256::digest(&bytes)) == intent.record.sha256) {
                    self.record_day(&intent.record)?;
                }
            }
            self.delete(&key)?;
        }
        Ok(())
    }
}
