//! The export: what to walk, how far, and the way of every page from the API into the lake.
//!
//! Joins [`persona`](crate::persona), [`session`](crate::session) and [`lake`](crate::lake), and is the only room
//! that knows all three. Network, decode and write run side by side; every channel between them is bounded.

mod checkpoint;
mod forecast;
mod limits;
mod pages;
mod plan;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use tokio::runtime::Handle;

use crate::lake::manifest::MANIFEST_VERSION;
use crate::lake::{self, Lake, Manifest, Quarantine, RunCounts, RunRecord};
use crate::persona::{self, Client};
use crate::range::DayRange;
use crate::session::DecodeError;

pub use forecast::{Forecast, forecast};
pub use limits::{Limits, Stop};
use plan::Asked;
use walk::Start;

/// What an export is to do.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The run's name in records and logs.
    pub run_id: String,
    /// Only sessions of these days; none for everything there is.
    pub range: Range,
    /// Walk all again, whatever was walked before and whatever an interrupted run left.
    pub full: bool,
    /// Days behind the watermark within which covered days that are still open are walked again.
    pub look_back_days: u32,
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
    /// The days to keep; none where nothing is left out.
    fn days(self) -> Option<DayRange> {
        if self == Self::default() {
            return None;
        }
        let since = self.since.unwrap_or(jiff::civil::Date::MIN);
        DayRange::new(since, self.until.unwrap_or(jiff::civil::Date::MAX)).ok()
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
    lake.settle_intents()?;
    let manifest = lake.manifest()?;
    let began_at = Timestamp::now();
    let mut run = Run {
        runtime,
        client,
        lake,
        options,
        watch,
        manifest,
        environment: None,
        began: None,
        counts: RunCounts::default(),
        quarantine: Quarantine::default(),
    };
    let ended = run.walk_all();
    let incomplete = match ended {
        Ok(incomplete) => incomplete.or_else(|| Incomplete::of(&run.counts)),
        Err(error) => {
            // A lake that never got a page keeps no trace of the attempt.
            if run.counts.pages > 0 {
                run.record(began_at, &format!("failed: {error}"))?;
            }
            return Err(error);
        }
    };
    let outcome = incomplete.as_ref().map_or("done".to_owned(), |reason| format!("incomplete: {reason}"));
    let record = run.record(began_at, &outcome)?;
    Ok(Summary { record, incomplete })
}

/// One run's state, from its first walk to its record.
struct Run<'a> {
    runtime: &'a Handle,
    client: &'a Arc<Client>,
    lake: &'a Lake,
    options: &'a ExportOptions,
    watch: &'a dyn Watch,
    manifest: Manifest,
    environment: Option<String>,
    /// The server's clock at its first page.
    began: Option<Timestamp>,
    counts: RunCounts,
    quarantine: Quarantine,
}

impl Run<'_> {
    /// Goes on where an interrupted run stood, then walks what the plan says, one stretch after another.
    fn walk_all(&mut self) -> Result<Option<Incomplete>, Error> {
        let left = checkpoint::find(self.lake, self.options)?;
        let left_began = left.as_ref().map(|left| left.began);
        if let Some(left) = left {
            if let Some(incomplete) = self.walk(left.span, Start::Resumed(Box::new(left)))? {
                return Ok(Some(incomplete));
            }
            self.manifest = self.lake.manifest()?;
        }
        // What the interrupted run saw long ago may have changed since.
        let an_hour_ago = self.began.map(|began| began.saturating_sub(1.hour()).unwrap_or(began));
        let checked_since = left_began.map(|began| began.max(an_hour_ago.unwrap_or(began)));
        let asked = Asked {
            range: self.options.range,
            full: self.options.full,
            look_back_days: self.options.look_back_days,
            checked_since,
        };
        for span in plan::plan(asked, &self.manifest) {
            if let Some(incomplete) = self.walk_span(span)? {
                return Ok(Some(incomplete));
            }
        }
        Ok(None)
    }

    /// Writes the run's record and its quarantine.
    fn record(&self, began_at: Timestamp, outcome: &str) -> Result<RunRecord, lake::Error> {
        let counters = self.client.counters();
        let (budget_left, _) = self.client.budget();
        let record = RunRecord {
            version: MANIFEST_VERSION,
            run_id: self.options.run_id.clone(),
            command: "fetch".to_owned(),
            began_at,
            ended_at: Timestamp::now(),
            outcome: outcome.to_owned(),
            environment_id: self.environment.clone(),
            api_version: Some(self.options.api_version.clone()),
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            requests: counters.requests(),
            retries: counters.retries(),
            too_many_requests: counters.too_many(),
            waited_seconds: counters.waited().as_secs_f64(),
            budget_left,
            counts: self.counts.clone(),
            settings: self.options.settings.clone(),
        };
        self.lake.record_run(&record, &self.quarantine)?;
        Ok(record)
    }
}
