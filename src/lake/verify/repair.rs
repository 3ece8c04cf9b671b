//! What a look found put right, as far as the lake's own files go; what was lost is then a hole that the next export
//! closes.
//!
//! Nothing is deleted: what is replaced or of no use is put aside under the run's name. Must not know the API.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;

use super::day::Content;
use super::surplus::Surplus;
use super::{Day, Finding, Found, Recorded, Verification, What};
use crate::lake::facts::Origin;
use crate::lake::manifest::{DayRecord, LakeRecord};
use crate::lake::publish::Publication;
use crate::lake::rewrite::keep_absent;
use crate::lake::{Error, Lake, Quarantine, RunCounts, RunRecord, Stage, layout, store_error};
use crate::range::{DayRange, day_end, day_start};
use crate::session::Decoded;

/// What a repair came to.
#[derive(Debug)]
pub struct Repaired {
    /// What was found before.
    pub found: Verification,
    /// What was done about it.
    pub mended: Vec<Mended>,
    /// Days that are to be walked again.
    pub to_walk: Vec<Date>,
    /// The lake's first day: what is older was left out on purpose.
    pub since: Option<Date>,
}

/// Something that a repair did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// The day; none where it was no day's.
    pub day: Option<Date>,
    /// What was done with what lay there.
    pub key: String,
    /// What.
    pub done: Done,
}

/// What was done. Its words follow the day's date or the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Done {
    /// The file stayed.
    #[error("its file is kept, its record made anew from it")]
    Recorded,
    /// The rows stayed.
    #[error("its file is written anew from its rows; as it was: {aside}")]
    Rewritten {
        /// The file as it was.
        aside: String,
    },
    /// It is out of the way.
    #[error("put aside as {aside}")]
    PutAside {
        /// Where it lies now.
        aside: String,
    },
    /// The API may not have it.
    #[error("was imported by run {run_id}: what the API does not list is to be imported again")]
    WasImported {
        /// The run.
        run_id: String,
    },
    /// The stretches that were walked.
    #[error("the stretches that cannot have been walked are no longer taken for it")]
    Uncovered,
}

/// What is to become of a day's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// There is none, or it is of a newer program.
    Leave,
    /// It holds what it should: only its record does not say so.
    Keep,
    /// Its rows can be had, but not as they lie there.
    Rewrite,
    /// Its rows cannot be had, or not be trusted.
    PutAside,
}

impl Day {
    fn is_broken(&self) -> bool {
        self.found.iter().any(What::is_fault)
            && !self.found.iter().any(|what| matches!(what, What::Newer { .. }))
    }

    pub(super) fn fate(&self) -> Fate {
        let Some(file) = &self.file else { return Fate::Leave };
        let distrusted = |what: &What| matches!(what, What::Damaged { .. } | What::OtherEnvironment { .. });
        match &file.content {
            Err(What::Newer { .. }) => Fate::Leave,
            Err(_) => Fate::PutAside,
            Ok(content) if content.says.rows == 0 || self.found.iter().any(distrusted) => Fate::PutAside,
            Ok(content) if content.is_sound() => Fate::Keep,
            Ok(_) => Fate::Rewrite,
        }
    }
}

impl Content {
    /// The record of the file as it is: nobody has walked what it holds.
    pub(super) fn record(&self, old: Option<&DayRecord>) -> DayRecord {
        let mut record = self.says.clone();
        if let Some(old) = old {
            record.imported = old.imported;
            if old.sha256 == record.sha256 {
                keep_absent(&mut record, old);
                (record.checked_at, record.fetched_at) = (old.checked_at, old.fetched_at);
            }
        }
        record
    }
}

impl Lake {
    /// Looks at the lake, keeps what is sound, puts aside what is not, and takes the days in question out of what was
    /// walked.
    ///
    /// # Errors
    /// [`Error::NoLakeRecord`] if the records are to be rebuilt first; [`Error`] if the lake cannot be read or written.
    pub fn repair(&self, run_id: &str, now: Timestamp, wait_lock: Duration) -> Result<Repaired, Error> {
        let _lock = self.lock_within(run_id, wait_lock, &|| false)?;
        let began_at = Timestamp::now();
        let found = self.look(now)?;
        let verification = found.verification();
        if verification.is_sound() {
            return Ok(Repaired {
                found: verification,
                mended: Vec::new(),
                to_walk: Vec::new(),
                since: None,
            });
        }
        let lake = match &found.lake {
            Recorded::Yes(lake) => lake.clone(),
            Recorded::No if found.days.is_empty() => LakeRecord::default(),
            _ => return Err(Error::NoLakeRecord),
        };
        let broken: BTreeMap<Date, &Day> =
            found.days.iter().filter(|(_, day)| day.is_broken()).map(|(date, day)| (*date, day)).collect();
        let mut repair = Repair { lake: self, run_id, found: &found, mended: Vec::new() };
        // First of all: from now on the next export walks these days again, whatever ends this one.
        let lake = repair.uncover(lake, &broken, now)?;
        repair.others()?;
        repair.days(&broken, &lake)?;
        let mended = repair.mended;
        let since = lake.first_day;
        let to_walk =
            broken.keys().copied().filter(|date| since.is_none_or(|since| since <= *date)).collect();
        let counts = RunCounts { days_written: broken.len() as u64, ..RunCounts::default() };
        let record = RunRecord {
            environment_id: lake.environment_id,
            settings: BTreeMap::from([("repair".to_owned(), "true".to_owned())]),
            ..RunRecord::without_api("verify", run_id, began_at, counts)
        };
        self.record_run(&record, &Quarantine::default())?;
        Ok(Repaired { found: verification, mended, to_walk, since })
    }

    /// Copies what lies at a key out of readers' and writers' sight.
    pub(super) fn copy_aside(&self, run_id: &str, key: &Key) -> Result<String, Error> {
        let aside = layout::put_aside(run_id, key);
        match self.wait(self.store.copy(key, &aside)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(aside.to_string()),
            Err(source) => Err(store_error("copy", key, source)),
        }
    }

    /// Moves what lies at a key there.
    pub(super) fn move_aside(&self, run_id: &str, key: &Key) -> Result<String, Error> {
        let aside = self.copy_aside(run_id, key)?;
        self.delete(key)?;
        Ok(aside)
    }
}

/// A repair under way.
struct Repair<'a> {
    lake: &'a Lake,
    run_id: &'a str,
    found: &'a Found,
    mended: Vec<Mended>,
}

impl Repair<'_> {
    fn say(&mut self, day: Option<Date>, key: &Key, done: Done) {
        self.mended.push(Mended { day, key: key.to_string(), done });
    }

    fn uncover(
        &mut self,
        mut lake: LakeRecord,
        broken: &BTreeMap<Date, &Day>,
        now: Timestamp,
    ) -> Result<LakeRecord, Error> {
        if self.found.others.iter().any(|finding| matches!(finding.what, What::Covered { .. })) {
            let soon = now.saturating_add(1.hour()).unwrap_or(Timestamp::MAX);
            for walked in std::mem::take(&mut lake.covered) {
                if walked.from.is_none_or(|from| from <= walked.until) && walked.until <= soon {
                    lake.cover(walked);
                }
            }
            self.say(None, &layout::lake_record(), Done::Uncovered);
        }
        for date in broken.keys() {
            lake.uncover(day_start(*date), day_end(*date));
        }
        self.lake.record_lake(&lake)?;
        Ok(lake)
    }

    /// What lies where it does not belong.
    fn others(&mut self) -> Result<(), Error> {
        let strays = |finding: &&Finding| matches!(finding.what, What::Stray | What::StrayRecord);
        for finding in self.found.others.iter().filter(strays) {
            let key = Key::from(finding.key.as_str());
            let aside = self.lake.move_aside(self.run_id, &key)?;
            self.say(None, &key, Done::PutAside { aside });
        }
        Ok(())
    }

    fn days(&mut self, broken: &BTreeMap<Date, &Day>, lake: &LakeRecord) -> Result<(), Error> {
        let surplus = Surplus::of(self.found);
        let mut rewritten = BTreeMap::new();
        for (date, day) in broken {
            let (file, record) = (layout::day_file(*date), layout::day_record(*date));
            let old = day.record.as_ref();
            match day.fate() {
                Fate::Leave | Fate::PutAside => {
                    if day.file.is_some() {
                        let aside = self.lake.move_aside(self.run_id, &file)?;
                        self.say(Some(*date), &file, Done::PutAside { aside });
                    }
                    if day.record != Recorded::No {
                        self.lake.move_aside(self.run_id, &record)?;
                    }
                    if let Some(old) = old.filter(|old| old.imported) {
                        self.say(Some(*date), &file, Done::WasImported { run_id: old.run_id.clone() });
                    }
                }
                Fate::Rewrite => _ = rewritten.insert(*date, old),
                Fate::Keep if surplus.days.contains(date) => _ = rewritten.insert(*date, old),
                Fate::Keep => {
                    if day.record != Recorded::No {
                        self.lake.copy_aside(self.run_id, &record)?;
                    }
                    if let Some(Ok(content)) = day.file.as_ref().map(|file| &file.content) {
                        self.lake.record_day(&content.record(old))?;
                        self.say(Some(*date), &file, Done::Recorded);
                    }
                }
            }
        }
        self.rewrite(&rewritten, surplus, lake)
    }

    /// Writes files anew from their rows. Rows of other days go into those: the newer version of a session stays, and
    /// what was dropped for good stays out.
    fn rewrite(
        &mut self,
        days: &BTreeMap<Date, Option<&DayRecord>>,
        mut surplus: Surplus,
        lake: &LakeRecord,
    ) -> Result<(), Error> {
        let kept = lake.pruned_before.and_then(|since| DayRange::new(since, Date::MAX).ok());
        let mut stage = Stage::new(self.lake.clone(), self.run_id, self.run_id, kept);
        for date in days.keys() {
            let file = layout::day_file(*date);
            let aside = self.lake.copy_aside(self.run_id, &file)?;
            for batch in self.lake.read_day(*date)?.into_iter().flatten() {
                let batch = surplus.taken_from(&batch?, *date)?;
                stage.append(&Decoded { absent: vec![0; batch.num_rows()], batch, ..Decoded::default() })?;
            }
            self.say(Some(*date), &file, Done::Rewritten { aside });
        }
        for (date, old) in days {
            let staged = stage.take(*date);
            if staged.parts.is_empty() && staged.rest()?.is_none() {
                self.lake.delete(&layout::day_record(*date))?;
                self.lake.delete_day_file(*date)?;
                continue;
            }
            let imported = old.is_some_and(|old| old.imported);
            Publication::of_lake(self.lake, self.run_id, *date)
                .replace(&staged, None, |record| DayRecord { imported, ..record })?;
        }
        for date in stage.days() {
            let is_newer = |day: &Day| day.fate() == Fate::Leave && day.file.is_some();
            if self.found.days.get(&date).is_some_and(is_newer) {
                stage.take(date);
            } else {
                stage.publish(date, Origin::Lake)?;
            }
        }
        stage.clear()
    }
}
