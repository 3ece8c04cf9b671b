//! What a run does to a lake: its counts while it goes on, its quarantine, and the record that stays of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// Resources that could not become rows.
    pub quarantined: u64,
    /// Values of another type than documented, by column.
    pub wrong_types: BTreeMap<String, u64>,
    /// Days whose files were written.
    pub days_written: u64,
}

impl RunCounts {
    /// Counts decoded rows.
    pub fn seen(&mut self, decoded: &Decoded) {
        self.rows += decoded.batch.num_rows() as u64;
        self.quarantined += decoded.quarantined.len() as u64;
        for (column, times) in &decoded.wrong_types {
            *self.wrong_types.entry((*column).to_owned()).or_default() += times;
        }
    }

    /// Counts a published day.
    pub fn published(&mut self, published: Published) {
        self.new += published.new;
        self.changed += published.changed;
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
    /// The command that ran: `fetch` or `import`.
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
    /// What it counted.
    #[serde(flatten)]
    pub counts: RunCounts,
    /// The settings, without secrets.
    pub settings: BTreeMap<String, String>,
}

impl Lake {
    /// Writes a run's record, and its quarantine if there is any.
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
        self.write_json(&layout::run_record(&record.run_id), record)
    }

    /// The records of all runs, in the order in which they began. One that cannot be understood is left out: it
    /// says what was, and nothing depends on it.
    ///
    /// # Errors
    /// [`Error::Store`] if the folder cannot be listed.
    pub fn runs(&self) -> Result<Vec<RunRecord>, Error> {
        let mut runs: Vec<RunRecord> =
            self.read_records(&layout::run_records())?.into_iter().filter_map(Result::ok).collect();
        runs.sort_by(|one, other| (one.began_at, &one.run_id).cmp(&(other.began_at, &other.run_id)));
        Ok(runs)
    }
}
