//! A history: everything that will happen, drawn before it begins.

use std::fmt;

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use session_risk::export::Range;
use session_risk::range::utc_date;
use session_risk::sandbox::{Fault, FaultKind, SandboxOptions};

/// All that one number draws.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) seed: u64,
    pub(super) sessions: usize,
    pub(super) days: u32,
    /// When the first night is.
    pub(super) begins: Timestamp,
    pub(super) faults: Vec<Fault>,
    pub(super) look_back_days: u32,
    /// Walks side by side, and the pages that are worth one.
    pub(super) segments: usize,
    pub(super) piece_pages: u64,
    pub(super) nights: Vec<Night>,
}

/// Some time passes, something changes, and a run follows, or several.
#[derive(Debug, Clone)]
pub(super) struct Night {
    pub(super) pause_hours: i64,
    pub(super) changes: Vec<Change>,
    pub(super) runs: Vec<Run>,
}

/// What happens to the data besides the passing of time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// A share of the sessions, drawn from a number of its own, is deleted.
    Delete(f64, u64),
    Undelete,
    Block(&'static [&'static str]),
    Hide(f64),
    /// Hours go by.
    Turn(i64),
}

/// One run of the export.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) full: bool,
    pub(super) range: Range,
    pub(super) ends: Ends,
    /// What vanished is gone for good, whatever day it is of.
    pub(super) accepts: bool,
    /// Hours before it, after the one before it in the same night.
    pub(super) waits_hours: i64,
    /// What changes while it runs, after so many pages or more.
    pub(super) midway: Option<(u64, Change)>,
}

impl Run {
    /// The walk over everything that every history ends with.
    pub(super) const LAST: Self = Self {
        full: true,
        range: Range { since: None, until: None },
        ends: Ends::Done,
        accepts: true,
        waits_hours: 0,
        midway: None,
    };
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// When it is done.
    Done,
    /// After so many requests.
    Requests(u64),
    /// Somebody asks it to, after so many pages.
    Asked(u64),
}

pub(super) const BLOCKED: [&[&str]; 4] = [
    &["ip-address"],
    &["is-vpn", "is-tor", "threat-level"],
    &["status"],
    &["latitude", "started-at", "os-name"],
];

impl History {
    pub(super) fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let large = rng.u8(0..8) == 0;
        let sessions = if large { rng.usize(2_500..=5_000) } else { rng.usize(200..=2_000) };
        let days = rng.u32(3..=40);
        let begins = SandboxOptions::default().end - (rng.i64(0..i64::from(days) * 24)).hours();
        let nights = rng.usize(1..=5);
        let first_range = first_range(&mut rng, begins);
        let mut history = Self {
            seed,
            sessions,
            days,
            begins,
            faults: faults(&mut rng, large),
            look_back_days: rng.u32(1..=9),
            segments: rng.usize(1..=4),
            piece_pages: rng.u64(1..=8),
            nights: Vec::new(),
        };
        for nth in 0..nights {
            let range = if nth == 0 { first_range } else { Range::default() };
            history.nights.push(night(&mut rng, range, sessions));
        }
        let pause_hours = pause(&mut rng);
        history.nights.push(Night { pause_hours, changes: changes(&mut rng), runs: Vec::new() });
        history
    }

    pub(super) fn world(&self) -> SandboxOptions {
        SandboxOptions {
            seed: self.seed,
            sessions: self.sessions,
            days: self.days,
            faults: self.faults.clone(),
            gzip: self.seed.is_multiple_of(2),
            limit: None,
            ..SandboxOptions::default()
        }
    }
}

fn first_range(rng: &mut Rng, begins: Timestamp) -> Range {
    let mut day = || -> Date { utc_date(begins - rng.i64(0..24 * 20).hours()) };
    let (one, other) = (day(), day());
    match rng.u8(0..10) {
        0 => Range { since: Some(one.min(other)), until: Some(one.max(other)) },
        1 => Range { since: Some(one), until: None },
        2 => Range { since: None, until: Some(one) },
        _ => Range::default(),
    }
}

/// Few of those that make a run wait for real.
fn faults(rng: &mut Rng, quiet: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut add = |kind, rate| faults.push(Fault::new(kind, rate).unwrap());
    let noisy = !quiet && rng.u8(0..3) > 0;
    for kind in FaultKind::OF_REQUESTS {
        let slow = matches!(kind, FaultKind::Slow | FaultKind::Limited | FaultKind::Unavailable);
        let drawn = rng.u8(0..100) < if slow { 4 } else { 50 };
        let rate = rng.f64() * if slow { 0.02 } else { 0.08 };
        if noisy && drawn {
            add(kind, rate);
        }
    }
    for kind in FaultKind::OF_DATA {
        let drawn = rng.u8(0..100) < 20;
        let rate = rng.f64() * if kind == FaultKind::Deleted { 0.1 } else { 0.3 };
        if drawn {
            add(kind, rate);
        }
    }
    faults
}

fn pause(rng: &mut Rng) -> i64 {
    match rng.u8(0..10) {
        0..2 => rng.i64(0..12),
        2..6 => 24,
        6..9 => rng.i64(24..24 * 7),
        _ => rng.i64(24 * 7..24 * 35),
    }
}

fn changes(rng: &mut Rng) -> Vec<Change> {
    let mut changes = Vec::new();
    for (percent, change) in [
        (8, Change::Undelete),
        (10, Change::Block(&[])),
        (10, Change::Hide(0.0)),
        (20, Change::Delete(rng.f64() * 0.2, rng.u64(..))),
        (8, Change::Block(BLOCKED[rng.usize(0..BLOCKED.len())])),
        (8, Change::Hide(rng.f64() * 0.6)),
    ] {
        if rng.u8(0..100) < percent {
            changes.push(change);
        }
    }
    changes
}

fn night(rng: &mut Rng, range: Range, sessions: usize) -> Night {
    let full = rng.u8(0..10) == 0;
    let pages = sessions as u64 / 100;
    let mut runs = Vec::new();
    for nth in 0..4 {
        let ends = match rng.u8(0..10) {
            0 | 1 => Ends::Requests(rng.u64(1..pages + 3)),
            2 | 3 => Ends::Asked(rng.u64(0..pages + 1)),
            _ => Ends::Done,
        };
        // An interrupted run is run again at once or much later.
        let waits_hours = if nth > 0 && rng.bool() { rng.i64(2..60) } else { 0 };
        let midway = (rng.u8(0..6) == 0).then(|| (rng.u64(0..pages + 1), midway(rng)));
        let accepts = rng.u8(0..8) == 0;
        runs.push(Run { full, range, ends, accepts, waits_hours, midway });
        if ends == Ends::Done && rng.u8(0..8) > 0 {
            break;
        }
    }
    Night { pause_hours: pause(rng), changes: changes(rng), runs }
}

fn midway(rng: &mut Rng) -> Change {
    match rng.u8(0..6) {
        0 | 1 => Change::Delete(rng.f64() * 0.3, rng.u64(..)),
        2 => Change::Hide(rng.f64() * 0.6),
        3 => Change::Block(BLOCKED[rng.usize(0..BLOCKED.len())]),
        _ => Change::Turn(rng.i64(1..40)),
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, days, begins, look_back_days, segments, piece_pages, .. } = self;
        write!(
            f,
            "  {sessions} sessions over {days} days, from {begins}, look-back {look_back_days}d, {segments} segments of {piece_pages} pages, faults"
        )?;
        for fault in &self.faults {
            write!(f, " {}={:.3}", fault.kind(), fault.rate())?;
        }
        for night in &self.nights {
            write!(f, "\n  {} h later", night.pause_hours)?;
            for change in &night.changes {
                write!(f, ", {change:?}")?;
            }
            for Run { full, range, ends, accepts, waits_hours, midway } in &night.runs {
                write!(f, "\n    run: {ends:?}")?;
                if *full {
                    write!(f, ", full")?;
                }
                if *accepts {
                    write!(f, ", accepts what vanished")?;
                }
                if *waits_hours > 0 {
                    write!(f, ", {waits_hours} h later")?;
                }
                if let Some((pages, change)) = midway {
                    write!(f, ", {change:?} after {pages} pages")?;
                }
                let side = |side: Option<Date>| side.map_or_else(String::new, |date| date.to_string());
                if *range != Range::default() {
                    write!(f, ", {}..{}", side(range.since), side(range.until))?;
                }
            }
        }
        Ok(())
    }
}
