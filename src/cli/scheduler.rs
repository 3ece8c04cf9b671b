//! What a scheduler asks of a run: a name of its own, a summary that a program can read, metrics.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::runtime::Handle;

use super::console::{Console, sentence};
use super::duration::parse_duration;
use super::exit::{self, Exit, Usage};
use super::metrics::{self, Held};
use super::output::{replace, replace_by};
use crate::analysis::threshold::{Outcome, Severity, Verdict};
use crate::lake::{Lake, Overview, RunRecord};
use crate::report::verdicts::Told;

/// The version of the summary: additions keep it, anything else raises it.
const VERSION: u32 = 1;

/// The flags of commands that write the lake.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Scheduler")]
pub(super) struct SchedulerArgs {
    /// The run's name in records, logs and the summary [default: made of the time]
    #[arg(long, value_name = "ID", value_parser = parse_run_id)]
    run_id: Option<String>,
    /// Write what came of the run into this file, as JSON
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Write metrics of the run and the lake into this file, for the textfile collector of Prometheus's node-exporter;
    /// its name ends in .prom
    #[arg(long, value_name = "FILE", value_parser = parse_metrics_file)]
    metrics_file: Option<PathBuf>,
    /// Wait so long for another run that holds the lake to end, such as 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait_lock: Option<Duration>,
}

/// A run that a scheduler may watch, from its first step on.
#[derive(Debug)]
pub(super) struct Watched {
    command: &'static str,
    run_id: String,
    lake: String,
    summary: Option<PathBuf>,
    metrics_file: Option<PathBuf>,
    wait_lock: Duration,
    began_at: Timestamp,
}

/// How a part of a command ended.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    #[serde(rename = "status", serialize_with = "as_number")]
    pub(super) exit: Exit,
    /// Why it is not done, in words.
    pub(super) reason: Option<String>,
    #[serde(flatten)]
    pub(super) record: Option<RunRecord>,
    /// What came of the thresholds.
    #[serde(rename = "thresholds", serialize_with = "as_told", skip_serializing_if = "Vec::is_empty")]
    pub(super) verdicts: Vec<Verdict>,
}

#[derive(Serialize)]
struct Summary<'a> {
    version: u32,
    command: &'a str,
    run_id: &'a str,
    began_at: Timestamp,
    ended_at: Timestamp,
    #[serde(serialize_with = "as_number")]
    status: Exit,
    #[serde(flatten)]
    parts: BTreeMap<&'a str, &'a Part>,
}

impl SchedulerArgs {
    /// How long to wait for another run to end.
    pub(super) fn wait_lock(&self) -> Duration {
        self.wait_lock.unwrap_or_default()
    }

    /// Begins a run: before any slow work it is known that its files can be written, and take nothing's place but an
    /// earlier one's.
    pub(super) fn begin(self, command: &'static str, lake: &str) -> Result<Watched, Usage> {
        let Self { run_id, summary, metrics_file, wait_lock } = self;
        for (what, path) in [("the summary", &summary), ("the metrics file", &metrics_file)] {
            path.as_ref().map_or(Ok(()), |path| check_place(what, path, Path::new(lake)))?;
        }
        Ok(Watched {
            command,
            run_id: run_id.unwrap_or_else(new_run_id),
            lake: lake.to_owned(),
            summary,
            metrics_file,
            wait_lock: wait_lock.unwrap_or_default(),
            began_at: Timestamp::now(),
        })
    }
}

impl Watched {
    /// What bears the run's name on every line of the log, as long as it is entered.
    pub(super) fn span(&self) -> tracing::Span {
        tracing::info_span!("run", id = self.run_id)
    }

    /// How long to wait for another run to end.
    pub(super) fn wait_lock(&self) -> Duration {
        self.wait_lock
    }

    /// The run's name.
    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Writes the summary and the metrics, where they were asked for. `parts` go by the names of the commands.
    pub(super) fn end(
        &self,
        status: Exit,
        parts: &[(&str, &Part)],
        runtime: &Handle,
    ) -> anyhow::Result<Exit> {
        let ended_at = Timestamp::now();
        if let Some(path) = &self.metrics_file {
            let record = parts.iter().find_map(|(_, part)| part.record.as_ref());
            let verdicts: Vec<&Verdict> = parts.iter().flat_map(|(_, part)| &part.verdicts).collect();
            let text = metrics::exposition(
                &metrics::Run {
                    command: self.command,
                    lake: &self.lake,
                    began_at: self.began_at,
                    ended_at,
                    status,
                    record,
                    verdicts: &verdicts,
                },
                self.held(runtime).as_ref(),
            );
            placed("the metrics file", path, replace_by(path, |partial| write_for_all(partial, &text)))?;
        }
        if let Some(path) = &self.summary {
            let summary = Summary {
                version: VERSION,
                command: self.command,
                run_id: &self.run_id,
                began_at: self.began_at,
                ended_at,
                status,
                parts: parts.iter().copied().collect(),
            };
            let mut json = serde_json::to_vec_pretty(&summary)?;
            json.push(b'\n');
            placed("the summary", path, replace(path, &json))?;
        }
        Ok(status)
    }

    /// What the lake holds after the run. Why it cannot be read was told by the run that failed of it.
    fn held(&self, runtime: &Handle) -> Option<Held> {
        let lake = Lake::open(&self.lake, runtime).ok()?;
        let (manifest, runs) = (lake.manifest().ok()?, lake.runs().ok()?);
        Some(Held { overview: Overview::of(&manifest, &runs, Timestamp::now()), runs })
    }
}

impl Part {
    /// What a part came to; a failure is told at once.
    pub(super) fn of(ended: anyhow::Result<Self>, console: &Console) -> Self {
        ended.unwrap_or_else(|error| {
            console.fail(&error);
            Self {
                exit: exit::of(&error),
                reason: Some(sentence(&error)),
                record: None,
                verdicts: Vec::new(),
            }
        })
    }

    /// A part that ended as it should, or said itself why not.
    pub(super) fn ended(exit: Exit) -> Self {
        Self { exit, reason: None, record: None, verdicts: Vec::new() }
    }

    /// A report that was given, and what came of its thresholds.
    pub(super) fn judged(verdicts: Vec<Verdict>) -> Self {
        let fails = |verdict: &Verdict| {
            verdict.outcome == Outcome::Crossed && verdict.threshold.severity == Severity::Fail
        };
        let exit = if verdicts.iter().any(fails) { Exit::Crossed } else { Exit::Done };
        Self { verdicts, ..Self::ended(exit) }
    }

    /// The thresholds that were crossed.
    pub(super) fn crossings(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Crossed)
    }
}

fn placed(what: &str, path: &Path, result: std::io::Result<()>) -> anyhow::Result<()> {
    result.map_err(|error| anyhow::anyhow!("{what} {} cannot be written ({error})", path.display()))
}

/// Writes for the collector, which runs as somebody else: there is nothing personal in it.
fn write_for_all(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)?;
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    Ok(())
}

/// Whether a file can be put there, in place of nothing but an earlier one.
fn check_place(what: &str, path: &Path, lake: &Path) -> Result<(), Usage> {
    let place = path.display();
    if is_within(path, lake) {
        return Err(Usage(format!("{what} {place} would lie in the lake; name another place")));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let reason = if path.is_dir() {
        "it is a folder"
    } else if path.exists() && !path.is_file() {
        "it is no ordinary file"
    } else if !folder.is_dir() {
        "its folder does not exist"
    } else {
        return Ok(());
    };
    Err(Usage(format!("{what} {place} cannot be written: {reason}")))
}

/// Whether the path lies in a folder that exists, however both are written.
fn is_within(path: &Path, folder: &Path) -> bool {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent.starts_with(folder),
        _ => false,
    }
}

fn as_told<S: serde::Serializer>(verdicts: &[Verdict], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(verdicts.iter().map(Told::new))
}

fn as_number<S: serde::Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*exit as u8)
}

/// A name that sorts by time and that two runs of one second do not share.
fn new_run_id() -> String {
    let now = Timestamp::now();
    let second = now.strftime("%Y%m%dT%H%M%SZ");
    format!("{second}-{:06x}", fastrand::u32(0..1 << 24))
}

/// Run ids name files and folders; schedulers make them of dates and zones.
fn parse_run_id(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._:+@-".contains(c);
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    if first && text.len() <= 128 && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("a run id has at most 128 letters, digits and . _ : + @ - and does not begin with a sign"
            .to_owned())
    }
}

/// The collector reads no other files, and says nothing of those that it passes over.
fn parse_metrics_file(text: &str) -> Result<PathBuf, String> {
    if text.ends_with(".prom") {
        Ok(text.into())
    } else {
        Err("its name must end in .prom: node-exporter reads no other files".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_cannot_lead_out_of_its_folder() {
        for id in ["manual__2026-11-20T00:00:00+00:00", "a", "20261120T080000Z-0f3a9c"] {
            assert_eq!(parse_run_id(id).as_deref(), Ok(id));
        }
        for id in ["", ".", "..", "../x", "a/b", "a b", "-x", "a\\b", "é", &"x".repeat(129)] {
            assert!(parse_run_id(id).is_err(), "{id}");
        }
    }
}
