//! `status`: what the lake holds, how fresh and how complete it is.

use std::io::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{HumanBytes, HumanDuration};
use jiff::Timestamp;
use serde::Serialize;
use tokio::runtime::Handle;

use super::console::Console;
use super::counted::counted;
use super::duration::parse_duration;
use super::exit::Exit;
use super::fetch::LakeArgs;
use crate::lake::{Lake, Overview, RunRecord, SignalsRecord};
use crate::report::text::{columns, count, percent, spans, visible};

/// The version of the JSON: additions keep it, anything else raises it.
const VERSION: u32 = 1;
/// Runs that are shown, the newest last.
const RUNS: usize = 5;

/// The flags of `status`.
#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    lake: LakeArgs,
    /// Fail if the lake has not been complete within this time, such as 26h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_age: Option<Duration>,
    /// How the status looks
    #[arg(long, value_enum, default_value_t = StatusFormat::Terminal, value_name = "FORMAT")]
    format: StatusFormat,
}

/// The formats of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatusFormat {
    /// Lines and tables to read
    Terminal,
    /// One document for other programs
    Json,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    lake: &'a str,
    #[serde(flatten)]
    overview: &'a Overview,
    runs: &'a [RunRecord],
    signals: &'a SignalsRecord,
}

pub(super) fn run(
    args: StatusArgs,
    runtime: &Handle,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let StatusArgs { lake, max_age, format } = args;
    let location = lake.location()?;
    let lake = Lake::open(location, runtime)?;
    let runs = lake.runs()?;
    let overview = Overview::of(&lake.manifest()?, &runs, Timestamp::now());
    let runs = &runs[runs.len().saturating_sub(RUNS)..];
    match format {
        StatusFormat::Json => {
            let (version, signals) = (VERSION, &lake.signals()?);
            let document = Document { version, lake: location, overview: &overview, runs, signals };
            serde_json::to_writer_pretty(&mut *stdout, &document).map_err(std::io::Error::from)?;
            writeln!(stdout)?;
        }
        StatusFormat::Terminal => {
            write_facts(location, &overview, stdout)?;
            write_runs(runs, stdout)?;
            write_coverage(&overview, stdout)?;
        }
    }
    stdout.flush()?;
    let Some(max_age) = max_age else { return Ok(Exit::Done) };
    let age = overview.age();
    if age.is_some_and(|age| age <= max_age.try_into().unwrap_or(jiff::SignedDuration::MAX)) {
        return Ok(Exit::Done);
    }
    let age = age.map_or("the lake was never complete".to_owned(), |age| {
        format!("the lake was complete {} ago", HumanDuration(age.unsigned_abs()))
    });
    console
        .say(&format!("session-risk: {age}, which is longer than {}; fetch again", HumanDuration(max_age)));
    Ok(Exit::Failed)
}

fn write_facts(location: &str, overview: &Overview, out: &mut dyn Write) -> std::io::Result<()> {
    let Overview { days, requests, .. } = overview;
    let environment = overview.environment_id.as_deref().unwrap_or("not known yet");
    let span = match (days.first, days.last) {
        (Some(first), Some(last)) => format!(", {first} to {last}"),
        _ => String::new(),
    };
    let fresh = match (overview.fresh_until, overview.age()) {
        (Some(until), Some(age)) => format!(
            "{} {} UTC, {} ago",
            if overview.walked { "complete up to" } else { "never fetched; from files of" },
            until.strftime("%Y-%m-%d %H:%M"),
            HumanDuration(age.unsigned_abs())
        ),
        _ => "never complete yet".to_owned(),
    };
    let newest = overview
        .newest_session
        .map_or_else(|| "none".to_owned(), |moment| format!("{} UTC", moment.strftime("%Y-%m-%d %H:%M:%S")));
    let holes = match days.holes.as_slice() {
        [] => "none".to_owned(),
        holes => format!("{}: {}", counted(holes.len() as u64, "day"), spans(holes)),
    };
    let left = requests
        .left
        .map_or_else(String::new, |left| format!("; {left} left in the window after the last run"));
    let facts = [
        ("lake", visible(location).into_owned()),
        ("environment", visible(environment).into_owned()),
        (
            "sessions",
            format!(
                "{} in {}{span}, {}",
                number(overview.sessions),
                counted(days.with_sessions, "day"),
                HumanBytes(overview.bytes)
            ),
        ),
        ("fresh", fresh),
        ("newest", newest),
        (
            "days",
            format!(
                "{} sealed, {} open ({} of them stale: older than the last {} days), {} imported, {} without a session",
                number(days.sealed),
                number(days.open),
                number(days.stale),
                overview.look_back_days,
                number(days.imported),
                number(days.without_sessions)
            ),
        ),
        ("holes", holes),
        (
            "requests",
            format!(
                "{} in the last 24 hours, {} in the last 7 days{left}",
                number(requests.last_day),
                number(requests.last_week)
            ),
        ),
    ];
    let privacy = overview.privacy.as_ref().map(|mode| ("privacy", mode.flags()));
    for (name, fact) in facts.into_iter().chain(privacy) {
        writeln!(out, "{name:<12} {fact}")?;
    }
    Ok(())
}

fn write_runs(runs: &[RunRecord], out: &mut dyn Write) -> std::io::Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    let heads = ["run", "command", "ended, UTC", "requests", "sessions", "new", "changed"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for run in runs {
        rows.push(vec![
            visible(&run.run_id).into_owned(),
            run.command.clone(),
            run.ended_at.strftime("%Y-%m-%d %H:%M").to_string(),
            number(run.requests),
            number(run.counts.rows),
            number(run.counts.new),
            number(run.counts.changed),
        ]);
    }
    write_table(&rows, 3, out)?;
    for run in runs.iter().filter(|run| run.outcome != "done") {
        writeln!(out, "{}: {}", visible(&run.run_id), visible(&run.outcome))?;
    }
    Ok(())
}

fn write_coverage(overview: &Overview, out: &mut dyn Write) -> std::io::Result<()> {
    if overview.coverage.is_empty() {
        return Ok(());
    }
    let heads = ["attribute", "known", "null", "of it absent", "known of all"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (column, coverage) in &overview.coverage {
        let all = coverage.known + coverage.null;
        let share = if all == 0 { "–".to_owned() } else { percent(coverage.known as f64 / all as f64) };
        rows.push(vec![
            column.clone(),
            number(coverage.known),
            number(coverage.null),
            number(coverage.absent),
            share,
        ]);
    }
    write_table(&rows, 1, out)
}

fn write_table(rows: &[Vec<String>], figures_from: usize, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out)?;
    columns(rows, figures_from).iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn number(number: u64) -> String {
    count(i64::try_from(number).unwrap_or(i64::MAX))
}
