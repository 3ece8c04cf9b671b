//! A day's staged rows and its day file made into the new day file.
//!
//! The new file is written under staging and moved into place in one step, after an intent was journalled: a
//! reader sees the old file or the new one, and after a crash the file is known as ours.

use std::collections::BTreeMap;
use std::io::{self, Write};

use arrow::array::{Array, RecordBatch, cast::AsArray};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt, WriteMultipart};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::manifest::{Coverage, DayRecord, MANIFEST_VERSION};
use super::merge::{Batches, Merge, Source, Tally};
use super::parts::{BATCH_ROWS, KeyColumns, RowKey};
use super::stage::{AbsentCounts, StagedDay};
use super::{Error, Lake, Stage, layout, store_error};
use crate::range::day_start;
use crate::session::decode::column_at;
use crate::session::schema::{ATTRIBUTES, CREATED_AT, RELATIONSHIPS, SCHEMA_VERSION, STATUS, schema};

/// Rows of a row group at most.
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Bytes of a row group at most.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// Statuses that no session leaves (Persona's `inquiry-session.yaml`: `new`, `active`, `expired`).
const FINAL_STATUSES: [&str; 1] = ["expired"];

/// What is known of the walk that a day's rows come from.
#[derive(Debug, Clone, Copy)]
pub struct Walked<'a> {
    /// When it began, by the server's clock.
    pub began: Timestamp,
    /// Whether it went over the whole day without a break.
    pub whole: bool,
    /// The environment that answered.
    pub environment: Option<&'a str>,
}

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
    pub fn publish(&mut self, date: Date, walked: Walked<'_>) -> Result<Published, Error> {
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
        for part in &staged.parts {
            lake.delete(&layout::staged(&self.run_id, &part.name))?;
        }
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
        for (name, value) in facts.footer(tally) {
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
fn lazy<'a>(
    open: impl Fn() -> Result<super::parts::PartReader, Error> + Send + 'a,
    part: &'a super::parts::Part,
) -> Batches<'a> {
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

    fn writer(&self, key: &Key) -> Result<StoreWriter, Error> {
        let upload =
            self.wait(self.store.put_multipart(key)).map_err(|source| store_error("write", key, source))?;
        Ok(StoreWriter {
            upload: WriteMultipart::new_with_chunk_size(upload, 8 << 20),
            digest: Sha256::new(),
            bytes: 0,
            runtime: self.runtime.clone(),
        })
    }
}

/// Bytes on their way into the store, counted and hashed.
struct StoreWriter {
    upload: WriteMultipart,
    digest: Sha256,
    bytes: u64,
    runtime: Handle,
}

impl Write for StoreWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // At most two chunks under way: memory is bounded by them, not by the file.
        self.runtime.block_on(self.upload.wait_for_capacity(2))?;
        let _runtime = self.runtime.enter();
        self.upload.write(bytes);
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StoreWriter {
    fn finish(self) -> object_store::Result<(u64, String)> {
        self.runtime.block_on(self.upload.finish())?;
        Ok((self.bytes, hexadecimal(&self.digest.finalize())))
    }
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn properties(run_id: &str) -> WriterProperties {
    let by_column = |column: usize, descending| SortingColumn {
        column_idx: column as i32,
        descending,
        nulls_first: false,
    };
    let created_at = 2 + RELATIONSHIPS.len() + CREATED_AT;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_created_by(concat!("session-risk ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_sorting_columns(Some(vec![by_column(created_at, true), by_column(1, false)]))
        .set_key_value_metadata(Some(vec![
            KeyValue::new("session_risk.run_id".to_owned(), run_id.to_owned()),
            KeyValue::new("session_risk.schema_version".to_owned(), SCHEMA_VERSION.to_string()),
            KeyValue::new("session_risk.privacy".to_owned(), "ip=keep,extra=keep".to_owned()),
        ]));
    // Ids hardly repeat within a day: a dictionary would only hold them twice.
    for unique in ["session_id", "inquiry_id"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(unique), false);
    }
    properties.build()
}

/// What a day's rows say as a whole.
#[derive(Debug, Default)]
struct Facts {
    newest: Option<i64>,
    oldest: Option<i64>,
    statuses: BTreeMap<String, u64>,
    rows: u64,
    nulls: Vec<u64>,
    environment: Option<String>,
}

impl Facts {
    fn add(&mut self, batch: &RecordBatch) {
        let keys = KeyColumns::of(batch);
        let last = keys.len().saturating_sub(1);
        self.newest = self.newest.or_else(|| Some(keys.created_ms(0)));
        self.oldest = Some(keys.created_ms(last));
        self.rows += keys.len() as u64;
        self.nulls.resize(batch.num_columns(), 0);
        for (nulls, column) in self.nulls.iter_mut().zip(batch.columns()) {
            *nulls += column.null_count() as u64;
        }
        let statuses = batch.column(2 + RELATIONSHIPS.len() + STATUS).as_string::<i32>();
        for status in statuses {
            let status = status.unwrap_or("unknown");
            match self.statuses.get_mut(status) {
                Some(rows) => *rows += 1,
                None => _ = self.statuses.insert(status.to_owned(), 1),
            }
        }
        if self.environment.is_none() {
            self.environment = batch.column(0).as_string::<i32>().iter().flatten().next().map(str::to_owned);
        }
    }

    fn footer(&self, tally: Tally) -> Vec<(&'static str, String)> {
        let mut footer = vec![("rows", tally.rows.to_string())];
        footer.extend(self.environment.clone().map(|environment| ("environment_id", environment)));
        footer
    }

    fn record(&self, date: Date, walked: Walked<'_>, run_id: &str, absent: &AbsentCounts) -> DayRecord {
        let moment = |ms: Option<i64>| ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let all_final = self.statuses.keys().all(|status| FINAL_STATUSES.contains(&status.as_str()));
        let (complete, settled) = ended(date, walked);
        DayRecord {
            version: MANIFEST_VERSION,
            date,
            rows: self.rows,
            bytes: 0,
            sha256: String::new(),
            complete,
            sealed: settled && all_final,
            checked_at: walked.began,
            fetched_at: Timestamp::now(),
            newest: moment(self.newest),
            oldest: moment(self.oldest),
            statuses: self.statuses.clone(),
            coverage: self.coverage(absent),
            run_id: run_id.to_owned(),
        }
    }

    fn coverage(&self, absent: &AbsentCounts) -> BTreeMap<String, Coverage> {
        (0..ATTRIBUTES.len() + RELATIONSHIPS.len())
            .map(|place| {
                let name = column_at(place);
                let column = schema().index_of(name).unwrap_or_default();
                let null = self.nulls.get(column).copied().unwrap_or_default();
                let missing = |mask: &u64| mask & (1 << place) != 0;
                let absent = absent.0.iter().filter(|(mask, _)| missing(mask)).map(|(_, rows)| rows).sum();
                (name.to_owned(), Coverage { known: self.rows - null, null, absent })
            })
            .collect()
    }
}

/// Whether the day was walked from end to end after its end, and whether an hour or more after it.
fn ended(date: Date, walked: Walked<'_>) -> (bool, bool) {
    let end = date.tomorrow().map_or(Timestamp::MAX, day_start);
    let an_hour_later = end.saturating_add(1.hour()).unwrap_or(Timestamp::MAX);
    (walked.whole && walked.began >= end, walked.whole && walked.began >= an_hour_later)
}

/// The record of a day on which there was no session.
fn empty_day(date: Date, walked: Walked<'_>, run_id: &str, old: Option<DayRecord>) -> DayRecord {
    let record = Facts::default().record(date, walked, run_id, &AbsentCounts::default());
    let was = |of: fn(&DayRecord) -> bool| old.as_ref().is_some_and(of);
    DayRecord {
        complete: record.complete || was(|old| old.complete),
        sealed: record.sealed || was(|old| old.sealed),
        ..record
    }
}
