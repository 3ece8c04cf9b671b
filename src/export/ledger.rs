//! What a run's walks have in common: the lake's record as it grows, the counts, and what is doubtful.
//!
//! Must not know how a walk goes on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::doubt::Doubt;
use super::{Error, ExportOptions};
use crate::lake::{self, Interval, Lake, LakeRecord, Manifest, Published, Quarantine, RunCounts, Settled};
use crate::range::utc_date;

/// The run's books.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The lake's record grows with the run; those of the days are as they were when they were read last.
    pub(super) manifest: Manifest,
    pub(super) environment: Option<String>,
    pub(super) counts: RunCounts,
    pub(super) quarantine: Quarantine,
    pub(super) doubt: Doubt,
    /// The lake's record when the run began, to go back to where walks are doubtful.
    before: LakeRecord,
    /// Rows that went without a person's word from days that lacked more than their share.
    pub(super) exempt: u64,
    /// The oldest session that any walk has seen.
    pub(super) oldest: Option<Timestamp>,
    /// Where the API's list ended, the newest of these moments if it did so in several walks.
    pub(super) ends: Option<Timestamp>,
    /// What the run settled, to be taken back then.
    settled: BTreeMap<Date, Settled>,
    /// Whether the inquiries cannot be asked for.
    pub(super) has_no_inquiries: bool,
    /// Rows that had changed further behind the watermark than the look-back, by their age in days.
    pub(super) late: BTreeMap<i64, u64>,
}

impl Ledger {
    pub(super) fn new(manifest: Manifest) -> Self {
        Self {
            before: manifest.lake.clone(),
            manifest,
            environment: None,
            counts: RunCounts::default(),
            quarantine: Quarantine::default(),
            doubt: Doubt::default(),
            exempt: 0,
            oldest: None,
            ends: None,
            settled: BTreeMap::new(),
            has_no_inquiries: false,
            late: BTreeMap::new(),
        }
    }

    /// Sessions of two environments never share a lake.
    pub(super) fn check_environment(
        &mut self,
        lake: &Lake,
        environment: Option<String>,
    ) -> Result<(), Error> {
        let Some(key) = environment else { return Ok(()) };
        if self.environment.as_ref() == Some(&key) {
            return Ok(());
        }
        match &self.manifest.lake.environment_id {
            Some(lake) if *lake != key => {
                return Err(lake::Error::OtherEnvironment { lake: lake.clone(), key }.into());
            }
            Some(_) => {}
            None => {
                self.manifest.lake.environment_id = Some(key.clone());
                self.before.environment_id = Some(key.clone());
                lake.record_lake(&self.manifest.lake)?;
            }
        }
        self.environment = Some(key);
        Ok(())
    }

    /// The lake's record, as if one more interval were covered.
    pub(super) fn covered_with(&self, interval: Option<Interval>) -> LakeRecord {
        let mut record = self.manifest.lake.clone();
        if let Some(interval) = interval {
            record.cover(interval);
        }
        record
    }

    /// Enters a day that was published.
    pub(super) fn published(
        &mut self,
        lake: &Lake,
        options: &ExportOptions,
        date: Date,
        published: &Published,
    ) -> Result<(), Error> {
        self.counts.published(published);
        self.exempt += published.exempt;
        let settled = self.settled.entry(date).or_default();
        settled.complete |= published.settled.complete;
        settled.sealed |= published.settled.sealed;
        let age = self.before.watermark.map(|mark| days_behind(mark, date));
        if let Some(age) = age.filter(|age| *age > i64::from(options.asked.look_back_days)) {
            let changed = published.changed + published.vanished;
            if changed > 0 {
                *self.late.entry(age).or_default() += changed;
            }
        }
        if published.is_doubtful() {
            self.doubt.of_day(date, published);
        }
        self.take_back(lake)
    }

    /// Where anything is doubtful, nothing of the run counts as settled: a key that sees less than it did may have
    /// hidden sessions anywhere.
    pub(super) fn take_back(&mut self, lake: &Lake) -> Result<(), Error> {
        if self.doubt.is_none() {
            return Ok(());
        }
        for (date, settled) in std::mem::take(&mut self.settled) {
            if settled != Settled::default() {
                lake.unsettle(date, settled)?;
            }
        }
        if self.manifest.lake != self.before {
            self.manifest.lake = self.before.clone();
            lake.record_lake(&self.manifest.lake)?;
        }
        Ok(())
    }

    /// Enters how far a walk came.
    pub(super) fn walked(&mut self, lake: &Lake, record: LakeRecord) -> Result<(), Error> {
        if self.doubt.is_none() {
            self.manifest.lake = record;
        }
        lake.record_lake(&self.manifest.lake)?;
        Ok(())
    }
}

/// How many days a day lies behind that of a moment.
fn days_behind(mark: Timestamp, date: Date) -> i64 {
    date.until(utc_date(mark)).map_or(0, |span| span.get_days().into())
}
