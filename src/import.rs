//! The import: sessions from files into the lake, through the same decode and the same publication as an export.
//!
//! Joins files, [`session`](crate::session) and [`lake`](crate::lake). Reading, decoding on every core and staging
//! run side by side, and every channel between them is bounded. Nothing is published before every file was read to
//! its end. Must not know the API.

mod source;
mod workers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::lake::{self, Lake, Origin, Quarantine, RunCounts, RunRecord, Stage};
use crate::session::{DecodeError, Privacy};

pub use source::ReadError;

/// What an import is to do.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The run's name in records and logs.
    pub run_id: String,
    /// What to read.
    pub inputs: Vec<Input>,
    /// What is kept of each session.
    pub privacy: Arc<Privacy>,
    /// How long to wait for another run to end that holds the lake.
    pub wait_lock: Duration,
    /// How many threads decode and publish.
    pub threads: usize,
    /// For the run's record.
    pub settings: BTreeMap<String, String>,
}

/// One thing to read.
#[derive(Debug, Clone)]
pub struct Input {
    /// Where it comes from.
    pub source: Source,
    /// When its sessions were fetched; none if nobody knows.
    pub fetched: Option<Timestamp>,
}

/// Where sessions come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Standard,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Standard => f.write_str("standard input"),
        }
    }
}

/// Watches an import.
pub trait Watch: Sync {
    /// So many bytes were read, as they lie in the files, and so many rows seen.
    fn standing(&self, bytes: u64, rows: u64);
}

/// What an import came to.
#[derive(Debug)]
pub struct Summary {
    /// The run's record, as it was written.
    pub record: RunRecord,
    /// Whether more resources could not become rows than a complete run may have.
    pub is_incomplete: bool,
}

/// An import that failed. Nothing of it is in the lake unless publishing itself failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read as sessions.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The lake could not be read or written.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// Rows could not be put together.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Sessions that the lake has, from input of an unknown age.
    #[error(
        "{sessions} sessions of {date} are in the lake already, and it is not known which version is newer; say with --fetched-at when these were fetched"
    )]
    Overlap {
        /// The first such day.
        date: Date,
        /// How many of its sessions.
        sessions: usize,
    },
}

/// Imports every input, all or nothing. Blocks.
///
/// # Errors
/// [`Error`] if an input cannot be read to its end as sessions, or the lake cannot be written.
pub fn import(lake: &Lake, options: &ImportOptions, watch: &dyn Watch) -> Result<Summary, Error> {
    let ImportOptions { run_id, inputs, privacy, wait_lock, threads, settings } = options;
    let _lock = lake.lock_within(run_id, *wait_lock, &|| false)?;
    lake.clear_abandoned()?;
    let began_at = Timestamp::now();
    let mut manifest = lake.manifest()?;
    lake.agree_on_privacy(&mut manifest, privacy.mode())?;
    let environment = manifest.lake.environment_id.clone();
    // Whoever imports into an environment's lake says that these are its sessions: the files do not.
    let mut stage = Stage::new(lake.clone(), run_id, run_id, None);
    let mut counts = RunCounts::default();
    let mut quarantine = Quarantine::default();
    let of_unknown_age = inputs.iter().any(|input| input.fetched.is_none());
    let mut dated: Vec<(Source, Timestamp)> =
        inputs.iter().map(|input| (input.source.clone(), input.fetched.unwrap_or(began_at))).collect();
    // Of two versions of a session the one that is staged later stays.
    dated.sort_by_key(|(_, fetched)| *fetched);
    let latest = dated.last().map_or(began_at, |(_, fetched)| *fetched);
    let staged = workers::decode_all(&dated, environment.as_deref(), privacy, *threads, |decoded, bytes| {
        stage.append(&decoded)?;
        counts.seen(&decoded);
        quarantine.take_in(decoded.quarantined);
        watch.standing(bytes, counts.rows);
        Ok(())
    });
    let staged = staged.and_then(|()| if of_unknown_age { no_overlap(&mut stage) } else { Ok(()) });
    if let Err(error) = staged {
        // What was wrong is worth more than what of it cannot be tidied up; the next writer does that.
        let _ = stage.clear();
        return Err(error);
    }
    if manifest.lake == lake::LakeRecord::default() {
        lake.record_lake(&manifest.lake)?;
    }
    for published in stage.publish_all(Origin::Import(latest), *threads)? {
        counts.published(&published);
    }
    stage.clear()?;
    let is_incomplete = counts.too_many_quarantined();
    let outcome = if is_incomplete { "incomplete: too many sessions could not be read" } else { "done" };
    let record = RunRecord {
        outcome: outcome.to_owned(),
        environment_id: environment,
        settings: settings.clone(),
        ..RunRecord::without_api("import", run_id, began_at, counts)
    };
    lake.record_run(&record, &quarantine)?;
    Ok(Summary { record, is_incomplete })
}

fn no_overlap(stage: &mut Stage) -> Result<(), Error> {
    match stage.overlap()? {
        Some((date, sessions)) => Err(Error::Overlap { date, sessions }),
        None => Ok(()),
    }
}
