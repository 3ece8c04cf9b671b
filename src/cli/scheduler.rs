//! What a scheduler asks of a run: a name of its own, and a summary that a program can read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::console::{Console, sentence};
use super::duration::parse_duration;
use super::exit::{self, Exit, Usage};
use super::report::replace;
use crate::lake::RunRecord;

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
    /// Wait so long for another run that holds the lake to end, such as 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait_lock: Option<Duration>,
}

/// A run that a scheduler may watch, from its first step on.
#[derive(Debug)]
pub(super) struct Watched {
    command: &'static str,
    run_id: String,
    summary: Option<PathBuf>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    fetch: Option<&'a Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<&'a Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a Part>,
}

impl SchedulerArgs {
    /// How long to wait for another run to end.
    pub(super) fn wait_lock(&self) -> Duration {
        self.wait_lock.unwrap_or_default()
    }

    /// Begins a run: before any slow work it is known that the summary can be written, and takes nothing's place but an
    /// earlier one's.
    pub(super) fn begin(self, command: &'static str, lake: &str) -> Result<Watched, Usage> {
        let Self { run_id, summary, wait_lock: _ } = self;
        if let Some(path) = &summary {
            if path.exists() && !path.is_file() && !path.is_dir() {
                return Err(Usage(format!(
                    "the summary {} cannot be written: it is no ordinary file",
                    path.display()
                )));
            }
            if is_within(path, Path::new(lake)) {
                return Err(Usage(format!(
                    "the summary {} would lie in the lake; name another place",
                    path.display()
                )));
            }
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if path.is_dir() || !folder.is_dir() {
                let what = if path.is_dir() { "it is a folder" } else { "its folder does not exist" };
                return Err(Usage(format!("the summary {} cannot be written: {what}", path.display())));
            }
        }
        Ok(Watched {
            command,
            run_id: run_id.unwrap_or_else(new_run_id),
            summary,
            began_at: Timestamp::now(),
        })
    }
}

impl Watched {
    /// What bears the run's name on every line of the log, as long as it is entered.
    pub(super) fn span(&self) -> tracing::Span {
        tracing::info_span!("run", id = self.run_id)
    }

    /// The run's name.
    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Writes the summary, if one was asked for. `parts` go by the names of the commands.
    pub(super) fn end(&self, status: Exit, parts: &[(&str, &Part)]) -> anyhow::Result<Exit> {
        let Some(path) = &self.summary else { return Ok(status) };
        let part = |name: &str| parts.iter().find(|(found, _)| *found == name).map(|(_, part)| *part);
        let summary = Summary {
            version: VERSION,
            command: self.command,
            run_id: &self.run_id,
            began_at: self.began_at,
            ended_at: Timestamp::now(),
            status,
            fetch: part("fetch"),
            import: part("import"),
            report: part("report"),
        };
        let mut json = serde_json::to_vec_pretty(&summary)?;
        json.push(b'\n');
        replace(path, &json)
            .map_err(|error| anyhow::anyhow!("the summary {} cannot be written ({error})", path.display()))?;
        Ok(status)
    }
}

impl Part {
    /// What a part came to; a failure is told at once.
    pub(super) fn of(ended: anyhow::Result<Self>, console: &Console) -> Self {
        ended.unwrap_or_else(|error| {
            console.fail(&error);
            Self { exit: exit::of(&error), reason: Some(sentence(&error)), record: None }
        })
    }

    /// A part that ended as it should, or said itself why not.
    pub(super) fn ended(exit: Exit) -> Self {
        Self { exit, reason: None, record: None }
    }
}

/// Whether the path lies in a folder that exists, however both are written.
fn is_within(path: &Path, folder: &Path) -> bool {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent.starts_with(folder),
        _ => false,
    }
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
