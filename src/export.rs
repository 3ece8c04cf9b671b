//! The export: what to walk, how far, and the way of every page from the API into the lake.
//!
//! Joins [`persona`](crate::persona), [`session`](crate::session) and [`lake`](crate::lake), and is the only room
//! that knows all three. Network, decode and write run side by side; every channel between them is bounded.

mod checkpoint;
mod cut;
mod doubt;
mod finish;
mod forecast;
mod landing;
mod ledger;
mod limits;
mod pages;
mod plan;
mod side_by_side;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use tokio::runtime::Handle;

use crate::lake::manifest::MANIFEST_VERSION;
use crate::lake::{self, Lake, LakeRecord, RunCounts, RunRecord};
use crate::persona::{self, Allowance, Client};
use crate::range::utc_date;
use crate::session::{DecodeError, Privacy};

pub use cut::PIECE_PAGES;
use cut::{cut, days_of, expected};
pub use doubt::Doubt;
pub use forecast::{Forecast, forecast};
use ledger::Ledger;
pub use limits::{Limits, Stop};
pub use plan::Asked;
use plan::Span;
pub use side_by_side::MOST_SEGMENTS;
use side_by_side::Piece;

/// What an export is to do.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The run's name in records and logs.
    pub run_id: String,
    /// What it is to go over.
    pub asked: Asked,
    /// Walks side by side; none for as many as make use of the pace.
    pub segments: Option<usize>,
    /// Fewer pages than this are not worth a walk of their own.
    pub piece_pages: u64,
    /// What is kept of each session.
    pub privacy: Arc<Privacy>,
    /// How long to wait for another run to end that holds the lake.
    pub wait_lock: Duration,
    /// When to stop, whatever is left.
    pub limits: Limits,
    /// For the run's record: the settings, without secrets.
    pub settings: BTreeMap<String, String>,
    /// For the run's record: the API version asked for.
    pub api_version: String,
}

/// The days that an export asks for; an open end reaches as far as the API does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Range {
    /// The first day.
    pub since: Option<jiff::civil::Date>,
    /// The last day.
    pub until: Option<jiff::civil::Date>,
}

impl Range {
    /// The range, without what was pruned where nobody asks for that.
    fn within(self, lake: &LakeRecord, full: bool) -> Self {
        Self { since: self.since.or(lake.begins(full)), ..self }
    }
}

/// Where an export stands, for whoever watches.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// The newest and the oldest `created_at` of the walk so far.
    pub reached: Option<(Timestamp, Timestamp)>,
    /// Rows seen so far.
    pub rows: u64,
    /// Rows that the lake already records: the best guess of how many there are.
    pub rows_expected: Option<u64>,
}

/// Watches an export.
pub trait Watch: Sync {
    /// Something moved on.
    fn standing(&self, standing: Standing);
}

/// What an export came to.
#[derive(Debug)]
pub struct Summary {
    /// The run's record, as it was written.
    pub record: RunRecord,
    /// Why it is incomplete; none if it is not.
    pub incomplete: Option<Incomplete>,
    /// Rows that had changed or vanished further behind the watermark than the look-back, by the age of their day in
    /// days: what a walk over everything caught and the nights had not.
    pub late: BTreeMap<i64, u64>,
}

/// Why an export did not reach its end. What is there is sound.
#[derive(Debug, thiserror::Error)]
pub enum Incomplete {
    /// The API gave no further page.
    #[error(transparent)]
    Api(#[from] persona::Error),
    /// It was to stop.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// It may have seen less than there is.
    #[error("{0}")]
    Doubtful(Doubt),
    /// Too many resources could not become rows.
    #[error(
        "{quarantined} of {resources} sessions could not be read and lie in _session_risk/quarantine; see there for the reasons"
    )]
    Quarantine {
        /// Resources that could not become rows.
        quarantined: u64,
        /// Resources seen.
        resources: u64,
    },
}

impl Incomplete {
    fn of(counts: &RunCounts) -> Option<Self> {
        let (quarantined, resources) = (counts.quarantined, counts.resources());
        counts.too_many_quarantined().then_some(Self::Quarantine { quarantined, resources })
    }
}

/// An export that failed. What was published before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The API refused the key or the request, or was never reached.
    #[error(transparent)]
    Api(#[from] persona::Error),
    /// The lake could not be read or written.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// A page could not be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A part of the pipeline ended without a word.
    #[error("the export's {0} stopped unexpectedly; run again to go on")]
    Stopped(&'static str),
}

/// Exports every page into the lake. Blocks; `runtime` runs the requests.
///
/// # Errors
/// [`Error`] if the export failed. One that merely did not get to its end is [`Summary::incomplete`].
pub fn export(
    runtime: &Handle,
    client: &Arc<Client>,
    lake: &Lake,
    options: &ExportOptions,
    watch: &dyn Watch,
) -> Result<Summary, Error> {
    let _lock = lake.lock_within(&options.run_id, options.wait_lock, &|| options.limits.is_asked())?;
    let mut manifest = lake.manifest()?;
    lake.agree_on_privacy(&mut manifest, options.privacy.mode())?;
    let range = options.asked.range.within(&manifest.lake, options.asked.full);
    let options = &ExportOptions { asked: Asked { range, ..options.asked }, ..options.clone() };
    let began_at = Timestamp::now();
    let run = Run {
        runtime,
        client,
        lake,
        options,
        watch,
        ledger: Mutex::new(Ledger::new(manifest)),
        taken: lake.staged_folders()?,
        folders: AtomicU32::new(0),
    };
    if let Some(most) = options.limits.max_requests {
        client.send_at_most(most);
    }
    let ended = run.walk_all();
    let doubted = run.doubt_the_ends();
    let ended = ended.and_then(|incomplete| doubted.map(|()| incomplete));
    let doubt = std::mem::take(&mut run.ledger().doubt);
    let incomplete = match ended {
        // What a person must decide comes first: to run again would not help.
        Ok(_) if !doubt.is_none() => Some(Incomplete::Doubtful(doubt)),
        Ok(incomplete) => incomplete.or_else(|| Incomplete::of(&run.ledger().counts)),
        Err(error) => {
            if !doubt.is_none() {
                // The next run will come upon it again.
                tracing::warn!("{doubt}");
            }
            // A lake that never got a page keeps no trace of the attempt.
            if run.ledger().counts.pages > 0 {
                run.record(began_at, &format!("failed: {error}"))?;
            }
            return Err(error);
        }
    };
    let outcome = incomplete.as_ref().map_or("done".to_owned(), |reason| format!("incomplete: {reason}"));
    let record = run.record(began_at, &outcome)?;
    let late = std::mem::take(&mut run.ledger().late);
    Ok(Summary { record, incomplete, late })
}

/// One run, from its first walk to its record.
struct Run<'a> {
    runtime: &'a Handle,
    client: &'a Arc<Client>,
    lake: &'a Lake,
    options: &'a ExportOptions,
    watch: &'a dyn Watch,
    ledger: Mutex<Ledger>,
    /// Folders under staging that were there when it began.
    taken: BTreeSet<String>,
    folders: AtomicU32,
}

impl Run<'_> {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a folder under staging that no other walk has.
    fn new_folder(&self) -> String {
        let run_id = &self.options.run_id;
        loop {
            let name = match self.folders.fetch_add(1, Ordering::Relaxed) {
                0 => run_id.clone(),
                nth => format!("{run_id}.{nth}"),
            };
            if !self.taken.contains(&name) {
                return name;
            }
        }
    }

    /// Goes on where an interrupted run stood, then walks what the plan says.
    fn walk_all(&self) -> Result<Option<Incomplete>, Error> {
        let asked = self.options.asked;
        let left = checkpoint::find(self.lake, &asked)?;
        let left_began = left.iter().map(|left| left.began).min();
        if left_began.is_some() {
            self.runtime.block_on(self.client.learn_limits());
            let pieces = left.into_iter().map(Piece::resumed).collect();
            let incomplete = self.walk_pieces(pieces)?;
            if incomplete.is_some() || !self.ledger().doubt.is_none() {
                return Ok(incomplete);
            }
            self.ledger().manifest.days = self.lake.manifest()?.days;
        }
        // What an interrupted run saw long ago may have changed since.
        let an_hour_ago = self.client.server_time().map(|now| now.saturating_sub(1.hour()).unwrap_or(now));
        let checked_since = left_began.map(|began| began.max(an_hour_ago.unwrap_or(began)));
        let manifest = self.ledger().manifest.clone();
        let spans = plan::plan(asked, &manifest, checked_since);
        if !spans.is_empty() {
            self.runtime.block_on(self.client.learn_limits());
        }
        let pieces = spans.into_iter().flat_map(|span| self.pieces(span, &manifest)).collect();
        self.walk_pieces(pieces)
    }

    /// A stretch in pieces, where its size can be told from the lake's records; else as one whose size is to be seen.
    fn pieces(&self, span: Span, manifest: &lake::Manifest) -> Vec<Piece> {
        let today = utc_date(self.client.server_time().unwrap_or_else(Timestamp::now));
        match expected(manifest).zip(days_of(span, manifest, today)) {
            Some((rows_of, days)) => {
                let pieces = cut(span, days, self.segments(), self.options.piece_pages, rows_of);
                let is_whole = pieces.len() == 1;
                pieces.into_iter().map(|span| Piece::new(span, is_whole)).collect()
            }
            None => vec![Piece::new(span, true)],
        }
    }

    /// Writes the run's record and its quarantine.
    fn record(&self, began_at: Timestamp, outcome: &str) -> Result<RunRecord, lake::Error> {
        let counters = self.client.counters();
        let Allowance { limit, left, pace } = self.client.allowance();
        let ledger = self.ledger();
        let record = RunRecord {
            version: MANIFEST_VERSION,
            run_id: self.options.run_id.clone(),
            command: "fetch".to_owned(),
            began_at,
            ended_at: Timestamp::now(),
            outcome: outcome.to_owned(),
            environment_id: ledger.environment.clone(),
            api_version: Some(self.options.api_version.clone()),
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            requests: counters.requests(),
            retries: counters.retries(),
            too_many_requests: counters.too_many(),
            waited_seconds: counters.waited().as_secs_f64(),
            budget_left: left,
            rate_limit: limit,
            pace: Some(pace),
            counts: ledger.counts.clone(),
            settings: self.options.settings.clone(),
        };
        self.lake.record_run(&record, &ledger.quarantine)?;
        Ok(record)
    }
}
