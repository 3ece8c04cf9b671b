//! A day's file and its record put into place together: what is about to be done is written down first, and a crash in
//! between is made good by the next writer.
//!
//! Must not know how the file came about.

use jiff::civil::Date;
use object_store::UpdateVersion;
use object_store::path::Path as Key;
use serde::{Deserialize, Serialize};

use super::manifest::DayRecord;
use super::publish::Settled;
use super::writer::Encoded;
use super::{Error, Lake, layout, to_json};

/// Journalled before a file is put into place, or deleted because its last row is gone.
#[derive(Debug, Serialize, Deserialize)]
struct Intent {
    run_id: String,
    record: DayRecord,
}

impl Lake {
    /// Puts a finished file into the place of the one that was `seen`, or where there is none deletes that one, and
    /// records the day: as said, with the size and the checksum of the file.
    pub(super) fn swap_in(
        &self,
        file: Option<Encoded>,
        seen: Option<UpdateVersion>,
        run_id: &str,
        mut record: DayRecord,
    ) -> Result<(), Error> {
        let date = record.date;
        if let Some(file) = &file {
            record.bytes = file.bytes;
            record.sha256.clone_from(&file.sha256);
        }
        let intent = Intent { run_id: run_id.to_owned(), record };
        // Not waited for to reach the disk: if the power fails, the day is walked and merged once more.
        let journal = layout::intent(date);
        self.write_scratch(&journal, to_json(&journal, &intent)?)?;
        match file {
            Some(file) => self.put_in_place(file, date, seen)?,
            None => {
                self.check_lease()?;
                self.delete_day_file(date)?;
            }
        }
        self.record_day(&intent.record)?;
        self.delete(&journal)
    }

    /// Takes back what a publication settled about a day.
    ///
    /// # Errors
    /// [`Error`] if the day's record cannot be read or written.
    pub fn unsettle(&self, date: Date, settled: Settled) -> Result<(), Error> {
        let Some(mut record) = self.read_json::<DayRecord>(&layout::day_record(date))? else { return Ok(()) };
        record.complete &= !settled.complete;
        record.sealed &= !settled.sealed;
        self.record_day(&record)
    }

    /// An intent; none where there is none of use: it may not have reached the disk when the power failed.
    fn read_intent(&self, key: &Key) -> Result<Option<Intent>, Error> {
        match self.read_json(key) {
            Err(Error::Record { .. }) => Ok(None),
            read => read,
        }
    }

    /// The record that a run was about to write of a day when it ended.
    pub(super) fn intended(&self, date: Date) -> Result<Option<DayRecord>, Error> {
        Ok(self.read_intent(&layout::intent(date))?.map(|intent| intent.record))
    }

    /// Finishes what a crashed run was about to record: a day file that bears an intent's checksum is ours, and so is
    /// one that is gone as it was meant to be.
    ///
    /// # Errors
    /// [`Error`] if an intent or a day file cannot be read or the record not written.
    pub fn settle_intents(&self) -> Result<(), Error> {
        for key in self.list(&layout::intents())? {
            if let Some(intent) = self.read_intent(&key)? {
                let Intent { record, .. } = &intent;
                let is_done = match record.rows {
                    0 => self.day_version(record.date)?.is_none(),
                    _ => self.is_in_place(record.date, &record.sha256)?,
                };
                if is_done {
                    self.record_day(record)?;
                }
            }
            self.delete(&key)?;
        }
        Ok(())
    }
}
