//! What a run does to a lake: its counts while it goes on, its quarantine, and the record that stays of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::manifest::MANIFEST_VERSION;
use super::signals::Sightings;
use super::{Error, Lake, Published, layout};
use crate::session::{Decoded, Quarantined};

/// The share of a run's resources above which quarantine makes it incomplete.
const QUARANTINE_LIMIT: f64 = 0.01;
/// Quarantined resources that are kept with their text; beyond it they are only counted.
const QUARANTINE_KEPT: usize = 10_000;

/// What a run counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Pages read.
    pub pages: u64,
    /// Rows seen.
    pub rows: u64,
    /// Rows that the lake did not have.
    pub new: u64,
    /// Rows that the lake had otherwise.
    pub changed: u64,
    /// Rows that the lake had and the API does not list any more: they were removed.
    #[serde(default)]
    pub vanished: u64,
    /// Resources that could not become rows.
    pub quarantined: u64,
    /// Values of another type than documented, by column.
    pub wrong_types: BTreeMap<String, u64>,
    /// Days whose files were written.
    pub days_written: u64,
    /// Rows that somebody asked to erase.
    #[serde(default)]
    pub erased: u64,
    /// Which signals were in them: for the lake's record of these.
    #[serde(skip)]
    pub(super) sightings: Sightings,
}

impl RunCounts {
    /// Counts decoded rows.
    pub fn seen(&mut self, decoded: &Decoded) {
        self.rows += decoded.batch.num_rows() as u64;
        self.quarantined += decoded.quarantined.len() as u64;
        self.sightings.see(decoded);
        for (column, times) in &decoded.wrong_types {
            *self.wrong_types.entry((*column).to_owned()).or_default() += times;
        }
    }

    /// Counts a published day.
    pub fn published(&mut self, published: &Published) {
        self.new += published.new;
        self.changed += published.changed;
        self.vanished += published.vanished;
        self.days_written += u64::from(published.written);
    }

    /// Resources seen, whether or not they became rows.
    pub fn resources(&self) -> u64 {
        self.rows + self.quarantined
    }

    /// Whether more resources were quarantined than a complete run may have.
    pub fn too_many_quarantined(&self) -> bool {
        self.quarantined as f64 > self.resources() as f64 * QUARANTINE_LIMIT
    }
}

/// The resources of a run that could not become rows.
#[derive(Debug, Default)]
pub struct Quarantine(Vec<Quarantined>);

impl Quarantine {
    /// Warns of each and keeps it, as long as there are not too many.
    pub fn take_in(&mut self, quarantined: Vec<Quarantined>) {
        for unusable in quarantined {
            tracing::warn!(
                session = unusable.session_id,
                reason = unusable.reason,
                "a session was quarantined"
            );
            if self.0.len() < QUARANTINE_KEPT {
                self.0.push(unusable);
            }
        }
    }
}

/// What one run did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunRecord {
    /// The version of the records.
    pub version: u32,
    /// The run.
    pub run_id: String,
    /// The command that ran, such as `fetch` or `import`.
    pub command: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended: `done` or `incomplete`, with the reason.
    pub outcome: String,
    /// The environment that answered.
    pub environment_id: Option<String>,
    /// The API version asked for; none where no API was asked.
    pub api_version: Option<String>,
    /// This program's version.
    pub program_version: String,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests sent again.
    pub retries: u64,
    /// 429 answers.
    pub too_many_requests: u64,
    /// Seconds spent waiting for the pace and after failures.
    pub waited_seconds: f64,
    /// Requests left in the API's window at the end, if it said so.
    pub budget_left: Option<u32>,
    /// Requests a window that the API allows, if it said so: the lowest limit in force.
    pub rate_limit: Option<u32>,
    /// Requests a window that the pace came to at most; none where no API was asked.
    pub pace: Option<f64>,
    /// What it counted.
    #[serde(flatten)]
    pub counts: RunCounts,
    /// The settings, without secrets.
    pub settings: BTreeMap<String, String>,
}

impl RunRecord {
    /// The record of a run that asked no API, and is done now.
    pub fn without_api(command: &str, run_id: &str, began_at: Timestamp, counts: RunCounts) -> Self {
        Self {
            version: MANIFEST_VERSION,
            run_id: run_id.to_owned(),
            command: command.to_owned(),
            began_at,
            ended_at: Timestamp::now(),
            outcome: "done".to_owned(),
            environment_id: None,
            api_version: None,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            requests: 0,
            retries: 0,
            too_many_requests: 0,
            waited_seconds: 0.0,
            budget_left: None,
            rate_limit: None,
            pace: None,
            counts,
            settings: BTreeMap::new(),
        }
    }
}

impl Lake {
    /// Writes a run's record, its quarantine if there is any, and what it saw of the signals; warns of news among them.
    ///
    /// # Errors
    /// [`Error::Store`] if one of them cannot be written.
    pub fn record_run(&self, record: &RunRecord, quarantine: &Quarantine) -> Result<(), Error> {
        if !quarantine.0.is_empty() {
            let key = layout::quarantine(&record.run_id);
            let mut lines = Vec::new();
            for resource in &quarantine.0 {
                let begins = lines.len();
                serde_json::to_writer(&mut lines, resource)
                    .map_err(|source| Error::Record { key: key.to_string(), source })?;
                // A resource keeps the line ends that stood between its values; within a text there are none.
                lines[begins..]
                    .iter_mut()
                    .filter(|byte| b"\r\n".contains(byte))
                    .for_each(|byte| *byte = b' ');
                lines.push(b'\n');
            }
            self.write_bytes(&key, lines)?;
        }
        self.write_json(&layout::run_record(&record.run_id), record)?;
        self.note_signals(&record.counts.sightings)
    }

    /// The records of all runs, in the order in which they began. One that cannot be understood is left out: it
    /// says what was, and nothing depends on it.
    ///
    /// # Errors
    /// [`Error::Store`] if the folder cannot be listed.
    pub fn runs(&self) -> Result<Vec<RunRecord>, Error> {
        let mut runs: Vec<RunRecord> =
            self.records_below(&layout::run_records())?.into_iter().filter_map(Result::ok).collect();
        runs.sort_by(|one, other| (one.began_at, &one.run_id).cmp(&(other.began_at, &other.run_id)));
        Ok(runs)
    }
}
