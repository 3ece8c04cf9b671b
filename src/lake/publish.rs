//! A day's staged rows and its day file made into the new day file.
//!
//! The new file is put into place in one step, after an intent was journalled: a reader sees the old file or the new
//! one, and after a crash the file is known as ours.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;

use super::day_file::Written;
use super::facts::{Origin, Vanished, Walked, empty_day};
use super::forgotten::Forgotten;
use super::manifest::DayRecord;
use super::merge::{Batches, Merge, Rules, Source, Tally};
use super::parts::{KeyColumns, Part, PartReader, RowKey};
use super::stage::{StagedDay, Unread};
use super::{Error, Lake, Stage, layout};
use crate::session::schema::schema;

/// What publishing a day came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// Rows of the day file.
    pub rows: u64,
    /// Rows that it did not have before.
    pub new: u64,
    /// Rows that it had otherwise.
    pub changed: u64,
    /// Rows that it had and that the API does not list any more: they are gone.
    pub vanished: u64,
    /// As many of these as went from a day that lacked more than the share that goes unasked: few in number.
    pub exempt: u64,
    /// As many that were kept: so many do not go unasked.
    pub missed: u64,
    /// Columns whose stored values were kept, as not one row that came in had the attribute at all.
    pub withheld: Vec<&'static str>,
    /// Whether a file was written: not where nothing changed.
    pub written: bool,
    /// What the day's record says from now on and did not say before.
    pub settled: Settled,
}

/// What a publication settled about a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// It is complete now.
    pub complete: bool,
    /// It is sealed now.
    pub sealed: bool,
}

impl Published {
    /// Whether the walk may have seen less than there is: a person must say what becomes of what it did not see.
    pub fn is_doubtful(&self) -> bool {
        self.missed > 0 || !self.withheld.is_empty()
    }
}

impl Settled {
    fn between(old: Option<&DayRecord>, new: &DayRecord) -> Self {
        let was = |of: fn(&DayRecord) -> bool| old.is_some_and(of);
        Self {
            complete: new.complete && !was(|old| old.complete),
            sealed: new.sealed && !was(|old| old.sealed),
        }
    }
}

impl Stage {
    /// Publishes a day: its staged rows, merged with its day file if there is one. A day without rows gets a
    /// record and no file, so that it is not taken for one that was never fetched.
    ///
    /// # Errors
    /// [`Error`] if a file cannot be read, merged or written; the day file is then as it was.
    pub fn publish(&mut self, date: Date, origin: Origin) -> Result<Published, Error> {
        let staged = self.take(date);
        let published = self.publication(date, origin).publish(&staged)?;
        self.published.insert(date);
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
        let stage = &*self;
        let work = || {
            let mut published = Vec::new();
            while let Some((date, staged)) = next() {
                published.push(stage.publication(date, origin).publish(&staged)?);
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

impl Stage {
    fn publication(&self, date: Date, origin: Origin) -> Publication<'_> {
        let Self { lake, run_id, folder, unread, .. } = self;
        let (again, forgotten) = (self.has_published(date), self.forgotten.as_ref());
        Publication { lake, run_id, folder, date, origin, unread, again, forgotten }
    }
}

/// One day on its way into the lake.
pub(super) struct Publication<'a> {
    pub(super) lake: &'a Lake,
    pub(super) run_id: &'a str,
    pub(super) folder: &'a str,
    pub(super) date: Date,
    pub(super) origin: Origin,
    /// Sessions that came in and could not become rows: what is stored of them stays.
    pub(super) unread: &'a Unread,
    /// Whether the same walk has published the day before: then only what came late is staged.
    pub(super) again: bool,
    /// Sessions that were kept out: what is stored of them is for `forget` to erase.
    pub(super) forgotten: Option<&'a Forgotten>,
}

impl Publication<'_> {
    fn publish(&self, staged: &StagedDay) -> Result<Published, Error> {
        let Self { lake, run_id, date, origin, .. } = *self;
        let old: Option<DayRecord> = lake.read_json(&layout::day_record(date))?;
        let walked = origin.walked(old.as_ref());
        let withheld = self.withheld(staged, old.as_ref());
        let mut published = Published::default();
        let (existing, mut seen) = lake.open_day(date)?.unzip();
        let mut written = self.write_merged(staged, existing, old.as_ref(), &withheld, false)?;
        let tally = written.as_ref().map_or_else(Tally::default, |(_, tally)| *tally);
        published.missed = tally.missing;
        // Where attributes are hidden from the key, sessions may be too.
        if tally.withheld == 0 && walked.vanished.removes(published.missed, tally.stored()) {
            published.exempt = walked.vanished.exempt(published.missed, tally.stored());
            published.vanished = std::mem::take(&mut published.missed);
            written.map_or(Ok(()), |(kept, _)| lake.discard(kept.file))?;
            let existing;
            (existing, seen) = lake.open_day(date)?.unzip();
            written = self.write_merged(staged, existing, old.as_ref(), &withheld, true)?;
        }
        let Some((written, tally)) = written else {
            let record = empty_day(date, walked, run_id, old.as_ref());
            published.settled = Settled::between(old.as_ref(), &record);
            if published.vanished > 0 {
                lake.swap_in(None, seen, run_id, record)?
            } else {
                lake.record_day(&record)?
            }
            return Ok(published);
        };
        let Written { facts, file } = written;
        (published.rows, published.new, published.changed) = (tally.rows, tally.new, tally.changed);
        if tally.withheld > 0 {
            published.withheld = withheld;
        }
        let mut record = facts.record(date, walked, run_id, &staged.absent);
        if let Some(old) = old.as_ref().filter(|_| !walked.alone) {
            // A walk over a part of the day says nothing of the rest.
            record.checked_at = old.checked_at;
        }
        record.imported = origin.imports(date) || old.as_ref().is_some_and(|old| old.imported);
        if published.is_doubtful() {
            // A walk that may have seen less than there is settles nothing.
            record.complete = old.as_ref().is_some_and(|old| old.complete);
            record.sealed = false;
            record.checked_at = old.as_ref().map_or(Timestamp::UNIX_EPOCH, |old| old.checked_at);
        }
        published.settled = Settled::between(old.as_ref(), &record);
        if let Some(old) =
            old.filter(|_| tally.stored() > 0 && tally.new + tally.changed + published.vanished == 0)
        {
            lake.discard(file)?;
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
            published.written = true;
            lake.swap_in(Some(file), seen, run_id, record)?;
        }
        Ok(published)
    }

    /// The columns that had values and of which not one staged row has the attribute: a key's blocklist makes
    /// attributes vanish (docs: api-attribute-blocklists), and what it hides is not gone.
    fn withheld(&self, staged: &StagedDay, old: Option<&DayRecord>) -> Vec<&'static str> {
        let removes = matches!(self.origin, Origin::Walk(Walked { vanished: Vanished::Remove, .. }));
        let Some(old) = old.filter(|_| !removes) else { return Vec::new() };
        let had_values =
            |name: &&'static str| old.coverage.get(*name).is_some_and(|coverage| coverage.known > 0);
        staged.absent.throughout().filter(had_values).collect()
    }

    /// Encodes the merged rows; none if there is not a single row.
    pub(super) fn write_merged(
        &self,
        staged: &StagedDay,
        existing: Option<Batches<'static>>,
        old: Option<&DayRecord>,
        withheld: &[&'static str],
        remove: bool,
    ) -> Result<Option<(Written, Tally)>, Error> {
        let Self { lake, run_id, folder, date, origin, unread, again, .. } = *self;
        // The day file's first row is not known before it is read; it is opened first.
        let first = RowKey { created_ms: i64::MAX, session_id: String::new() };
        let mut sources: Vec<Source<'_>> =
            existing.into_iter().map(|batches| Source { newest: first.clone(), rank: 0, batches }).collect();
        for (nth, part) in staged.parts.iter().enumerate() {
            let lazily = move || lake.read_part(folder, part);
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
        let withheld: Vec<usize> = withheld.iter().filter_map(|name| schema().index_of(name).ok()).collect();
        let is_forgotten = |id: &str| self.forgotten.is_some_and(|forgotten| forgotten.holds(id));
        let rules = Rules {
            gives_way: &|stored_ms, incoming_ms| origin.stored_gives_way(old, stored_ms, incoming_ms),
            is_missed: &|created_ms, id| {
                !again && origin.went_over(created_ms) && !unread.may_be(id) && !is_forgotten(id)
            },
            remove,
            withheld: &withheld,
        };
        let mut merge = Merge::new(sources, &rules)?;
        let batches = std::iter::from_fn(|| merge.next_batch().transpose());
        let written = lake.write_day(run_id, folder, date, batches)?;
        Ok(written.map(|written| (written, merge.tally())))
    }
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
