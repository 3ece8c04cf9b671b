//! `verify`: every day file against its record; with `--repair` and `--rebuild` what can be done about it.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::HumanBytes;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use tokio::runtime::Handle;

use super::api::ApiArgs;
use super::console::Console;
use super::counted::counted;
use super::exit::Exit;
use super::fetch::{Fetch, LakeArgs, WalkArgs, settings};
use super::privacy::PrivacyArgs;
use super::scheduler::{Part, SchedulerArgs, Watched};
use crate::export::{Asked, Range};
use crate::lake::{Finding, Lake, Mended, Repaired, Verification, What};
use crate::report::text::{spans, visible};

/// The version of the JSON: additions keep it, anything else raises it.
const VERSION: u32 = 1;

/// The flags of `verify`.
#[derive(Debug, Clone, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    lake: LakeArgs,
    /// Put right what is broken, and fetch again what cannot be had otherwise
    #[arg(long, conflicts_with = "rebuild")]
    repair: bool,
    /// Make the records anew from the day files; the next fetch then walks everything
    #[arg(long)]
    rebuild: bool,
    /// How the findings look
    #[arg(long, value_enum, default_value_t = VerifyFormat::Terminal, value_name = "FORMAT")]
    format: VerifyFormat,
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    walk: WalkArgs,
    #[command(flatten)]
    privacy: PrivacyArgs,
    #[command(flatten)]
    scheduler: SchedulerArgs,
}

/// The formats of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerifyFormat {
    /// A line a finding
    Terminal,
    /// One document for other programs
    Json,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    version: u32,
    lake: &'a str,
    sound: bool,
    days: u64,
    sessions: u64,
    bytes: u64,
    findings: Vec<Line>,
    /// What a repair found before, and what it did.
    repair: Option<Repair>,
}

#[derive(Debug, Serialize)]
struct Repair {
    found: Vec<Line>,
    done: Vec<Line>,
}

impl From<&Repaired> for Repair {
    fn from(repaired: &Repaired) -> Self {
        let found = repaired.found.findings.iter().map(Line::from).collect();
        Self { found, done: repaired.mended.iter().map(Line::from).collect() }
    }
}

#[derive(Debug, Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<bool>,
    day: Option<Date>,
    key: String,
    words: String,
}

impl From<&Finding> for Line {
    fn from(finding: &Finding) -> Self {
        let Finding { day, key, what } = finding;
        Self {
            kind: Some(what.name()),
            fault: Some(what.is_fault()),
            day: *day,
            key: key.clone(),
            words: what.to_string(),
        }
    }
}

impl From<&Mended> for Line {
    fn from(mended: &Mended) -> Self {
        let Mended { day, key, done } = mended;
        Self { kind: None, fault: None, day: *day, key: key.clone(), words: done.to_string() }
    }
}

impl Line {
    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let mark = match self.fault {
            Some(true) => "NO",
            Some(false) => "--",
            None => "ok",
        };
        let subject = self.day.map_or_else(|| self.key.clone(), |day| day.to_string());
        // Whole, however long: there are paths in it, and other programs read it.
        writeln!(out, "{}", visible(&format!("{mark}  {subject}  {}", self.words)))
    }
}

/// Where a command's lines go, and what it was given.
struct Desk<'a> {
    location: &'a str,
    format: VerifyFormat,
    console: &'a Console,
    stdout: &'a mut dyn Write,
}

pub(super) fn run(
    args: VerifyArgs,
    runtime: &Handle,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let VerifyArgs { lake, repair: is_repair, rebuild: is_rebuild, format, api, walk, privacy, scheduler } =
        args;
    let location = lake.location()?;
    let mut desk = Desk { location, format, console, stdout };
    if !is_repair && !is_rebuild {
        let found = Lake::open(location, runtime)?.verify(Timestamp::now())?;
        desk.show(&found, None)?;
        return Ok(status(&found));
    }
    // Before anything is touched.
    let wait_lock = scheduler.wait_lock();
    let fetch = is_repair.then(|| again(location, &api, &walk, &privacy, wait_lock)).transpose()?;
    let watched = scheduler.begin("verify", location)?;
    let span = watched.span();
    let _entered = span.enter();
    let mut parts = Vec::new();
    let work = || -> anyhow::Result<Part> {
        let lake = lake.existing(runtime)?;
        match fetch {
            Some(fetch) => repair(&lake, fetch, &watched, runtime, &mut desk, &mut parts),
            None => rebuild(&lake, &watched, &mut desk),
        }
    };
    let verified = Part::of(work(), console);
    parts.push(("verify", verified));
    let exit = parts.iter().map(|(_, part)| part.exit).find(|exit| *exit != Exit::Done);
    let parts: Vec<_> = parts.iter().map(|(name, part)| (*name, part)).collect();
    watched.end(exit.unwrap_or(Exit::Done), &parts, runtime)
}

/// The export that closes the holes of a repair.
fn again<'a>(
    location: &'a str,
    api: &ApiArgs,
    walk: &'a WalkArgs,
    privacy: &PrivacyArgs,
    wait_lock: Duration,
) -> anyhow::Result<Fetch<'a>> {
    let asked = walk.asked(Range::default(), false);
    let privacy = privacy.privacy()?;
    Ok(Fetch {
        location,
        client: api.client()?,
        asked,
        walk: Some(walk),
        wait_lock,
        settings: settings(location, api, walk, &privacy, asked),
        privacy,
        api_version: api.persona_version.clone(),
    })
}

fn repair(
    lake: &Lake,
    fetch: Fetch<'_>,
    watched: &Watched,
    runtime: &Handle,
    desk: &mut Desk<'_>,
    parts: &mut Vec<(&'static str, Part)>,
) -> anyhow::Result<Part> {
    let run_id = watched.run_id();
    let repaired = lake.repair(run_id, Timestamp::now(), watched.wait_lock())?;
    if repaired.found.is_sound() {
        desk.show(&repaired.found, None)?;
        return Ok(Part::ended(Exit::Done));
    }
    let told = Repair::from(&repaired);
    if desk.format == VerifyFormat::Terminal {
        desk.write(told.found.iter().chain(&told.done))?;
    }
    if !repaired.to_walk.is_empty() {
        let days = spans(&repaired.to_walk);
        desk.console.say(&format!("to be fetched again: {days}"));
    }
    // Its record is a run's of its own.
    let range = Range { since: repaired.since, until: None };
    let asked = Asked { range, ..fetch.asked };
    let fetched = Fetch { asked, ..fetch }.fetch(&format!("{run_id}-fetch"), runtime, desk.console);
    parts.push(("fetch", Part::of(fetched, desk.console)));
    let left = lake.verify(Timestamp::now()).context("the lake could not be looked at again")?;
    desk.show(&left, Some(told))?;
    Ok(Part::ended(status(&left)))
}

fn rebuild(lake: &Lake, watched: &Watched, desk: &mut Desk<'_>) -> anyhow::Result<Part> {
    let rebuilt = lake.rebuild(watched.run_id(), Timestamp::now(), watched.wait_lock())?;
    desk.show(&rebuilt.left, None)?;
    desk.console.say(&format!(
        "{} with {} are recorded anew, the old records put aside in \
         _session_risk/damaged/{}; no day counts as complete until the next fetch has walked everything",
        counted(rebuilt.days, "day"),
        counted(rebuilt.sessions, "session"),
        watched.run_id()
    ));
    Ok(Part::ended(status(&rebuilt.left)))
}

fn status(found: &Verification) -> Exit {
    if found.is_sound() { Exit::Done } else { Exit::Failed }
}

impl Desk<'_> {
    fn write<'l>(&mut self, mut lines: impl Iterator<Item = &'l Line>) -> std::io::Result<()> {
        lines.try_for_each(|line| line.write(self.stdout))?;
        self.stdout.flush()
    }

    /// Everything in one document, or what was found in a line each, and a sentence.
    fn show(&mut self, found: &Verification, repair: Option<Repair>) -> std::io::Result<()> {
        let Verification { days, sessions, bytes, findings } = found;
        let lines: Vec<Line> = findings.iter().map(Line::from).collect();
        let remedy = remedy(findings, repair.is_some());
        match self.format {
            VerifyFormat::Terminal => self.write(lines.iter())?,
            VerifyFormat::Json => {
                let document = Document {
                    version: VERSION,
                    lake: self.location,
                    sound: found.is_sound(),
                    days: *days,
                    sessions: *sessions,
                    bytes: *bytes,
                    findings: lines,
                    repair,
                };
                serde_json::to_writer_pretty(&mut self.stdout, &document)?;
                writeln!(self.stdout)?;
                self.stdout.flush()?;
            }
        }
        let looked = format!(
            "{} with {}, {}",
            counted(*days, "day"),
            counted(*sessions, "session"),
            HumanBytes(*bytes)
        );
        self.console.say(&match remedy {
            None => format!("{looked}: all is sound"),
            Some(remedy) => format!("session-risk: {looked}: not all is sound; {remedy}"),
        });
        Ok(())
    }
}

/// What can be done about findings; none if nothing needs to be.
fn remedy(findings: &[Finding], is_repaired: bool) -> Option<&'static str> {
    let mut faults = findings.iter().filter(|finding| finding.what.is_fault()).peekable();
    faults.peek()?;
    let is_lakes = |finding: &Finding| {
        finding.day.is_none() && matches!(finding.what, What::RecordUnreadable { .. } | What::RecordMissing)
    };
    let is_newer = |finding: &Finding| matches!(finding.what, What::Newer { .. });
    Some(if faults.clone().any(is_lakes) {
        "`session-risk verify --rebuild` makes the records anew"
    } else if faults.clone().all(is_newer) {
        "use the session-risk that wrote these files"
    } else if is_repaired {
        "what is left needs a person"
    } else {
        "`session-risk verify --repair` puts right what it can"
    })
}
