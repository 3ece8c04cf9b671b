//! A history played: the sandbox, the lake and the runs of the export in one process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use session_risk::export::{self, Asked, ExportOptions, Incomplete, Limits, Standing, Summary, Watch};
use session_risk::lake::Lake;
use session_risk::range::{DayRange, day_end};
use session_risk::sandbox::{Clock, Sandbox, SandboxOptions};
use tempfile::TempDir;
use tokio::sync::watch;

use super::history::{Change, Ends, History, Run};
use super::rules::{Rules, digest};
use crate::harness::sandbox_with;
use crate::in_process::{RUNTIME, client, options};
use crate::lake_files::{LakeFiles, Row};
use crate::truth::{held, truth};

/// Runs that may follow a last one until it is done: a vanished cursor makes a walk begin anew.
const MOST_REPEATS: usize = 5;

/// Failures of one page in a row that no history comes to.
const MOST_FAILURES: u32 = 200;

/// Plays a history to its end, or to the first thing that is not as it must be. Gives what happened.
pub(super) fn play(history: &History) -> Result<String, String> {
    let clock = Arc::new(Clock::frozen_at(history.begins));
    let world = SandboxOptions { clock: Some(clock), ..history.world() };
    let folder = folder();
    let mut life = Life {
        api: sandbox_with(world),
        lake: Lake::create(folder.path().to_str().unwrap(), RUNTIME.handle()).unwrap(),
        files: LakeFiles::new(folder.path()),
        look_back_days: history.look_back_days,
        segments: history.segments,
        piece_pages: history.piece_pages,
        hides: !history.faults.is_empty(),
        rules: Rules::new(history.look_back_days),
        held: BTreeMap::new(),
        runs: 0,
        log: String::new(),
    };
    match life.live(history) {
        Ok(()) => Ok(life.log),
        Err(failure) => Err(format!("{failure}{}", life.log)),
    }
}

/// In memory where there is such a place: what is waited for is the disk.
fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared).unwrap() } else { TempDir::new().unwrap() }
}

struct Life {
    api: Sandbox,
    lake: Lake,
    files: LakeFiles,
    look_back_days: u32,
    segments: usize,
    piece_pages: u64,
    /// Whether anything was deleted or hidden so far, so that a run may have its doubts.
    hides: bool,
    rules: Rules,
    held: BTreeMap<String, Row>,
    runs: usize,
    log: String,
}

impl Life {
    fn live(&mut self, history: &History) -> Result<(), String> {
        for night in &history.nights {
            change(&self.api, Change::Turn(night.pause_hours));
            night.changes.iter().for_each(|of_data| change(&self.api, *of_data));
            self.hides |= !night.changes.is_empty() || night.runs.iter().any(|run| run.midway.is_some());
            for run in &night.runs {
                change(&self.api, Change::Turn(run.waits_hours));
                self.run(run)?;
            }
        }
        for _ in 0..MOST_REPEATS {
            if self.run(&Run::LAST)? {
                return self.rules.check_all(&self.held, &truth(&self.api));
            }
        }
        Err(format!("no full walk was done in {MOST_REPEATS} runs"))
    }

    /// The sandbox's frozen clock.
    fn now(&self) -> Timestamp {
        self.api.clock().moment()
    }

    /// One run and all that must be so after it. Gives whether it was done.
    fn run(&mut self, run: &Run) -> Result<bool, String> {
        let (began, before) = (self.now(), truth(&self.api));
        let number = self.runs;
        self.runs += 1;
        let ended = self.export(run, &format!("run-{number}"));
        let Summary { record, incomplete, .. } =
            ended.map_err(|error| format!("run {number} failed: {error}"))?;
        let (held, truth) = (held(&self.files), truth(&self.api));
        let reason = incomplete.as_ref().map_or_else(|| "done".to_owned(), Incomplete::to_string);
        let _ = write!(
            self.log,
            "\n  run {number} at {}: {} listed, {} held, {} requests, {} new, {} changed, {reason}",
            began,
            before.len(),
            held.len(),
            record.requests,
            record.counts.new,
            record.counts.changed
        );
        let was_to_end = run.ends != Ends::Done;
        let may_end = |incomplete: &Incomplete| match incomplete {
            Incomplete::Stopped(_) => was_to_end,
            Incomplete::Doubtful(_) => !run.accepts && self.hides,
            Incomplete::Api(error) => error.to_string().contains("404"),
            _ => false,
        };
        if let Some(incomplete) = incomplete.as_ref().filter(|incomplete| !may_end(incomplete)) {
            return Err(format!("run {number} ended early: {incomplete}"));
        }
        let done = incomplete.is_none();
        self.rules.kept_hidden |= matches!(incomplete, Some(Incomplete::Doubtful(_)));
        self.rules.ran(run, began, &before, &truth, done);
        self.rules.check(&held, &truth)?;
        self.check_counts(&held, [record.counts.new, record.counts.changed, record.counts.vanished])?;
        self.check_records(&held, done)?;
        self.held = held;
        Ok(done)
    }

    fn export(&self, run: &Run, run_id: &str) -> Result<Summary, export::Error> {
        let (ask, asked) = watch::channel(false);
        let options = ExportOptions {
            asked: Asked {
                range: run.range,
                full: run.full,
                look_back_days: self.look_back_days,
                refresh: 0,
                accept_vanished: DayRange::new(Date::MIN, Date::MAX).ok().filter(|_| run.accepts),
            },
            segments: Some(self.segments),
            piece_pages: self.piece_pages,
            limits: Limits {
                asked: Some(asked),
                max_requests: if let Ends::Requests(most) = run.ends { Some(most) } else { None },
                ..Limits::default()
            },
            ..options(run_id)
        };
        let after = if let Ends::Asked(after) = run.ends { Some(after) } else { None };
        let asker = Onlooker { api: &self.api, ask, after, midway: run.midway, stood: AtomicU64::new(0) };
        export::export(RUNTIME.handle(), &client(&self.api, MOST_FAILURES), &self.lake, &options, &asker)
    }

    fn check_counts(&self, after: &BTreeMap<String, Row>, told: [u64; 3]) -> Result<(), String> {
        let vanished = self.held.keys().filter(|id| !after.contains_key(*id)).count() as u64;
        let new = after.keys().filter(|id| !self.held.contains_key(*id)).count() as u64;
        let differs = |id: &String, row: &Row| after.get(id).is_some_and(|now| digest(now) != digest(row));
        let changed = self.held.iter().filter(|(id, row)| differs(id, row)).count() as u64;
        // A run that goes on may find a row otherwise twice: as it was seen before, and as it is now. And one that was
        // seen before and is gone by now came in and went.
        let both = told[0].checked_sub(new).filter(|both| told[2].checked_sub(vanished) == Some(*both));
        if both.is_some() && changed <= told[1] {
            return Ok(());
        }
        Err(format!("new, changed and vanished are told as {told:?}, and are {:?}", [new, changed, vanished]))
    }

    /// The records say what the files hold, and a sealed day can change no more.
    fn check_records(&self, after: &BTreeMap<String, Row>, done: bool) -> Result<(), String> {
        let manifest = self.lake.manifest().map_err(|error| error.to_string())?;
        let mut rows = BTreeMap::<String, (u64, bool)>::new();
        for row in after.values() {
            let (rows, settled) =
                rows.entry(row["created_at"].as_str().unwrap()[..10].to_owned()).or_insert((0, true));
            *rows += 1;
            *settled &= row["status"] == "expired";
        }
        for (date, day) in &manifest.days {
            let (rows, settled) = rows.remove(&date.to_string()).unwrap_or((0, true));
            if day.rows != rows {
                return Err(format!("{date} has {rows} rows, its record says {}", day.rows));
            }
            if day.sealed && !(settled && day_end(*date) <= self.now()) {
                return Err(format!("{date} is sealed, but may still change"));
            }
        }
        if let Some(date) = rows.keys().next() {
            return Err(format!("{date} has rows and no record"));
        }
        let staged = self.lake.staged_folders().map_err(|error| error.to_string())?;
        if done && !staged.is_empty() {
            return Err(format!("{staged:?} is staged though all is done"));
        }
        Ok(())
    }
}

/// Changes the data or asks a run to stop once it has come so far.
struct Onlooker<'a> {
    api: &'a Sandbox,
    ask: watch::Sender<bool>,
    after: Option<u64>,
    midway: Option<(u64, Change)>,
    stood: AtomicU64,
}

impl Watch for Onlooker<'_> {
    fn standing(&self, _: Standing) {
        let stood = self.stood.fetch_add(1, Ordering::Relaxed);
        if let Some((_, midway)) = self.midway.filter(|(pages, _)| *pages == stood) {
            change(self.api, midway);
        }
        if self.after == Some(stood) {
            let _ = self.ask.send(true);
        }
    }
}

fn change(api: &Sandbox, change: Change) {
    match change {
        Change::Delete(share, number) => {
            let mut rng = fastrand::Rng::with_seed(number);
            let gone: Vec<String> = truth(api).into_keys().filter(|_| rng.f64() < share).collect();
            api.delete(gone.iter().map(String::as_str));
        }
        Change::Undelete => api.undelete(),
        Change::Block(attributes) => api.block(attributes),
        Change::Hide(share) => api.hide(share),
        Change::Turn(hours) => api.clock().turn(Duration::from_secs(hours as u64 * 3600)),
    }
}
