//! A day's staged rows and its day file made into the new day file.
//!
//! The new file is put into place in one step, after an intent was journalled: a reader sees the old file or the new
//! one, and after a crash the file is known as ours.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use object_store::UpdateVersion;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use serde::{Deserialize, Serialize};

use super::facts::{Facts, Origin, empty_day};
use super::manifest::DayRecord;
use super::merge::{Batches, Merge, Source, Tally};
use super::parts::{BATCH_ROWS, KeyColumns, Part, PartReader, RowKey};
use super::stage::StagedDay;
use super::writer::{Encoded, properties};
use super::{Error, Lake, Manifest, Stage, layout, to_json};
use crate::range::utc_date;
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

/// Journalled before a file is put into place.
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
    pub fn publish(&mut self, date: Date, origin: Origin) -> Result<Published, Error> {
        let staged = self.take(date);
        let published =
            Publication { lake: &self.lake, run_id: &self.run_id, date, origin }.publish(&staged)?;
        self.spent.extend(staged.parts);
        Ok(published)
    }

    /// Publishes every day that has rows waiting, several side by side, and says what each came to.
    ///
    /// # Errors
    /// As [`Stage::publish`]; the days that were published before stay.
    pub fn publish_all(&mut self, origin: Origin, threads: usize) -> Result<Vec<Published>, Error> {
        let waiting: Vec<_> = self.days().into_iter().map(|date| (date, self.take(date))).collect();
        let waiting = Mutex::new(waiting.into_iter());
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let (lake, run_id) = (&self.lake, self.run_id.as_str());
        let work = || {
            let mut published = Vec::new();
            while let Some((date, staged)) = next() {
                published.push(Publication { lake, run_id, date, origin }.publish(&staged)?);
            }
            Ok(published)
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let mut all = Vec::new();
            for worker in workers {
                // A panic goes on as one: the command line tells it.
                all.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(all)
        })
    }
}

/// One day on its way into the lake.
struct Publication<'a> {
    lake: &'a Lake,
    run_id: &'a str,
    date: Date,
    origin: Origin,
}

impl Publication<'_> {
    fn publish(&self, staged: &StagedDay) -> Result<Published, Error> {
        let Self { lake, run_id, date, origin } = *self;
        let old: Option<DayRecord> = lake.read_json(&layout::day_record(date))?;
        let walked = origin.walked(old.as_ref());
        let (existing, seen) = lake.open_day(date)?.unzip();
        let had_file = existing.is_some();
        let Some(written) = self.write_merged(staged, existing, old.as_ref())? else {
            lake.record_day(&empty_day(date, walked, run_id, old))?;
            return Ok(Published::default());
        };
        let Written { tally, facts, file } = written;
        let mut record = facts.record(date, walked, run_id, &staged.absent);
        if let Some(old) = old.as_ref().filter(|_| !walked.alone) {
            // A walk over a part of the day says nothing of the rest.
            record.checked_at = old.checked_at;
        }
        record.imported = origin.imports(date) || old.as_ref().is_some_and(|old| old.imported);
        let mut published =
            Published { rows: tally.rows, new: tally.new, changed: tally.changed, written: true };
        if let Some(old) = old.filter(|_| had_file && tally.new == 0 && tally.changed == 0) {
            lake.discard(file)?;
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
            record.bytes = file.bytes;
            record.sha256.clone_from(&file.sha256);
            lake.swap_in(file, seen, &Intent { run_id: run_id.to_owned(), record })?;
        }
        Ok(published)
    }

    /// Encodes the merged rows; none if there is not a single row.
    fn write_merged(
        &self,
        staged: &StagedDay,
        existing: Option<Batches<'static>>,
        old: Option<&DayRecord>,
    ) -> Result<Option<Written>, Error> {
        let Self { lake, run_id, date, origin } = *self;
        // The day file's first row is not known before it is read; it is opened first.
        let first = RowKey { created_ms: i64::MAX, session_id: String::new() };
        let mut sources: Vec<Source<'_>> =
            existing.into_iter().map(|batches| Source { newest: first.clone(), rank: 0, batches }).collect();
        for (nth, part) in staged.parts.iter().enumerate() {
            let lazily = move || lake.read_part(run_id, part);
            sources.push(Source { newest: part.newest.clone(), rank: nth + 1, batches: lazy(lazily, part) });
        }
        if let Some(rest) = staged.rest()? {
            let newest = KeyColumns::of(&rest).key(0);
            let rank = sources.len() + 1;
            sources.push(Source { newest, rank, batches: Box::new(std::iter::once(Ok(rest))) });
        }
        if sources.is_empty() {
            return Ok(None);
        }
        let gives_way = |stored_ms, incoming_ms| origin.stored_gives_way(old, stored_ms, incoming_ms);
        let mut merge = Merge::new(sources, &gives_way)?;
        let key = layout::day_file(date);
        let failed = |source| Error::file("written", &key, source);
        let mut facts = Facts::default();
        let mut writer = ArrowWriter::try_new(lake.writer(run_id, date)?, schema(), Some(properties(run_id)))
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
        let file = writer.into_inner().map_err(failed)?.finish()?;
        Ok(Some(Written { tally, facts, file }))
    }
}

/// A merged file that nobody sees yet.
struct Written {
    tally: Tally,
    facts: Facts,
    file: Encoded,
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
        Ok(self.open_day(date)?.map(|(batches, _)| batches))
    }

    /// A day file's batches, and which version of the file they are of.
    fn open_day(&self, date: Date) -> Result<Option<(Batches<'static>, UpdateVersion)>, Error> {
        let key = layout::day_file(date);
        let (bytes, version) = match self.read_version(&key) {
            Ok(read) => read,
            Err(Error::Store { source: object_store::Error::NotFound { .. }, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
            .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
            .map_err(|source| Error::file("read", &key, source))?;
        let batches = reader.map(move |batch| batch.map_err(|source| Error::file("read", &key, source)));
        Ok(Some((Box::new(batches), version)))
    }

    /// The ids of a day file's sessions; none if there is no file.
    pub(super) fn day_ids(&self, date: Date) -> Result<HashSet<String>, Error> {
        let mut ids = HashSet::new();
        for batch in self.read_day(date)?.into_iter().flatten() {
            let keys = KeyColumns::of(&batch?);
            ids.extend((0..keys.len()).map(|row| keys.at(row).1.to_owned()));
        }
        Ok(ids)
    }

    /// The ids of sessions that were created at a moment or later, the oldest first: the API's list goes on below
    /// each of them. At most `most`.
    ///
    /// # Errors
    /// [`Error`] if a day file cannot be read.
    pub fn seeds(&self, manifest: &Manifest, moment: Timestamp, most: usize) -> Result<Vec<String>, Error> {
        let mut seeds = Vec::new();
        let days = manifest.days.range(utc_date(moment)..).filter(|(_, day)| day.rows > 0);
        for (date, _) in days {
            let mut of_day = Vec::new();
            for batch in self.read_day(*date)?.into_iter().flatten() {
                let keys = KeyColumns::of(&batch?);
                let newer = (0..keys.len()).filter(|row| keys.created_ms(*row) >= moment.as_millisecond());
                of_day.extend(newer.map(|row| keys.at(row).1.to_owned()));
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

    /// Puts a finished file into the place of the one that was `seen` and records it.
    fn swap_in(&self, file: Encoded, seen: Option<UpdateVersion>, intent: &Intent) -> Result<(), Error> {
        let date = intent.record.date;
        // Not waited for to reach the disk: if the power fails, the day is walked and merged once more.
        let journal = layout::intent(date);
        self.write_scratch(&journal, to_json(&journal, intent)?)?;
        self.put_in_place(file, date, seen)?;
        self.record_day(&intent.record)?;
        self.delete(&journal)
    }

    /// Finishes what a crashed run was about to record: a day file that bears an intent's checksum is ours.
    ///
    /// # Errors
    /// [`Error`] if an intent or a day file cannot be read or the record not written.
    pub fn settle_intents(&self) -> Result<(), Error> {
        for key in self.list(&layout::intents())? {
            if let Some(intent) = self.read_json::<Intent>(&key)?
                && self.is_in_place(intent.record.date, &intent.record.sha256)?
            {
                self.record_day(&intent.record)?;
            }
            self.delete(&key)?;
        }
        Ok(())
    }
}
