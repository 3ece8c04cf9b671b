//! A run and its lake as Prometheus reads them: text for the textfile collector of node-exporter.
//!
//! Pure functions of the records; where the file goes is the scheduler's business. Every series has the labels
//! `command` and `lake`, so that the files of several jobs on one machine never name the same series twice.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::exit::Exit;
use crate::analysis::threshold::{Outcome, Verdict};
use crate::lake::{Overview, RunRecord};

/// A run, as far as it got.
pub(super) struct Run<'a> {
    pub(super) command: &'a str,
    pub(super) lake: &'a str,
    pub(super) began_at: Timestamp,
    pub(super) ended_at: Timestamp,
    pub(super) status: Exit,
    /// What it counted; none where it failed before the first page.
    pub(super) record: Option<&'a RunRecord>,
    /// What came of its thresholds.
    pub(super) verdicts: &'a [&'a Verdict],
}

/// What the lake's records say after the run; nothing where they cannot be read.
pub(super) struct Held {
    pub(super) overview: Overview,
    pub(super) runs: Vec<RunRecord>,
}

/// The whole file.
pub(super) fn exposition(run: &Run<'_>, held: Option<&Held>) -> String {
    let mut out = Exposition::new(run.command, run.lake);
    out.gauge("run_start_timestamp_seconds", "When the last run began.", seconds(run.began_at));
    out.gauge("run_end_timestamp_seconds", "When the last run ended.", seconds(run.ended_at));
    out.gauge("run_exit_status", "The last run's exit status; 0 is done.", f64::from(run.status as u8));
    if let Some(record) = run.record {
        write_counts(&mut out, record);
    }
    if !run.verdicts.is_empty() {
        write_verdicts(&mut out, run.verdicts);
    }
    if let Some(held) = held {
        write_runs(&mut out, run.command, &held.runs);
        write_lake(&mut out, &held.overview);
    }
    out.text
}

fn write_counts(out: &mut Exposition, record: &RunRecord) {
    let counts = &record.counts;
    for (name, help, value) in [
        ("run_requests", "Requests that the last run sent.", record.requests),
        ("run_retries", "Requests that the last run sent again.", record.retries),
        ("run_too_many_requests", "Answers 429 to the last run.", record.too_many_requests),
        ("run_rows", "Sessions that the last run saw.", counts.rows),
        ("run_new_rows", "Sessions that the lake did not have.", counts.new),
        ("run_changed_rows", "Sessions that the lake had otherwise.", counts.changed),
        ("run_quarantined_rows", "Sessions that could not be read.", counts.quarantined),
        ("run_days_written", "Day files that the last run wrote.", counts.days_written),
    ] {
        out.gauge(name, help, value as f64);
    }
    let waited = "Time that the last run waited for its pace and after failures.";
    out.gauge("run_waited_seconds", waited, record.waited_seconds);
    out.family(
        "run_wrong_types",
        "gauge",
        "Values of another type than documented, by column.",
        counts.wrong_types.iter().map(|(column, times)| (Some(("column", column.as_str())), *times as f64)),
    );
    for (name, help, value) in [
        ("budget_limit_requests", "Requests a minute that the API allows.", record.rate_limit.map(f64::from)),
        ("budget_pace_requests", "Requests a minute that the last run took at most.", record.pace),
        ("budget_left_requests", "Requests left when the last run ended.", record.budget_left.map(f64::from)),
    ] {
        value.into_iter().for_each(|value| out.gauge(name, help, value));
    }
}

fn write_verdicts(out: &mut Exposition, verdicts: &[&Verdict]) {
    let count =
        |is_it: fn(&Outcome) -> bool| verdicts.iter().filter(|verdict| is_it(&verdict.outcome)).count();
    let outcomes = [
        ("crossed", count(|outcome| *outcome == Outcome::Crossed)),
        ("not_crossed", count(|outcome| *outcome == Outcome::NotCrossed)),
        ("not_evaluated", count(|outcome| matches!(outcome, Outcome::NotEvaluated(_)))),
    ];
    let series = outcomes.map(|(outcome, count)| (Some(("outcome", outcome)), count as f64));
    out.family("run_thresholds", "gauge", "Thresholds of the last run, by what came of them.", series);
}

/// What all runs of the same kind came to.
fn write_runs(out: &mut Exposition, command: &str, runs: &[RunRecord]) {
    // What `run` brings into the lake is recorded as a fetch.
    let part = if command == "run" { "fetch" } else { command };
    let runs = || runs.iter().filter(|run| run.command == part);
    let succeeded = runs().filter(|run| run.outcome == "done").map(|run| run.ended_at).max();
    if let Some(moment) = succeeded {
        let help = "When a run last brought in all that it was to bring in.";
        out.gauge("last_success_timestamp_seconds", help, seconds(moment));
    }
    for (name, help, value) in [
        ("requests_total", "Requests that all recorded runs sent.", runs().map(|run| run.requests).sum()),
        (
            "too_many_requests_total",
            "Answers 429 to all recorded runs.",
            runs().map(|run| run.too_many_requests).sum::<u64>(),
        ),
    ] {
        out.family(name, "counter", help, [(None, value as f64)]);
    }
}

fn write_lake(out: &mut Exposition, overview: &Overview) {
    out.gauge("lake_sessions", "Sessions in the lake.", overview.sessions as f64);
    out.gauge("lake_bytes", "Bytes of the lake's day files.", overview.bytes as f64);
    if let Some(moment) = overview.fresh_until {
        let help = "Up to when the lake holds every session.";
        out.gauge("lake_fresh_until_timestamp_seconds", help, seconds(moment));
    }
    let days = &overview.days;
    let states = [
        ("sealed", days.sealed),
        ("open", days.open),
        ("stale", days.stale),
        ("imported", days.imported),
        ("without_sessions", days.without_sessions),
        ("hole", days.holes.len() as u64),
    ];
    let help = "Days by their state; stale ones are open too.";
    out.family("lake_days", "gauge", help, states.map(|(state, days)| (Some(("state", state)), days as f64)));
}

fn seconds(moment: Timestamp) -> f64 {
    moment.as_millisecond() as f64 / 1000.0
}

/// Text in the exposition format, a family of series after another.
struct Exposition {
    text: String,
    labels: String,
}

impl Exposition {
    fn new(command: &str, lake: &str) -> Self {
        let labels = format!("{},{}", label("command", command), label("lake", lake));
        Self { text: String::new(), labels }
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help, [(None, value)]);
    }

    /// A family with a series for each value of a further label; nothing at all without a series.
    fn family<'l>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        series: impl IntoIterator<Item = (Option<(&'l str, &'l str)>, f64)>,
    ) {
        let Self { text, labels } = self;
        let mut series = series.into_iter().peekable();
        if series.peek().is_some() {
            let _ = writeln!(text, "# HELP session_risk_{name} {help}\n# TYPE session_risk_{name} {kind}");
        }
        for (further, value) in series {
            let further =
                further.map_or_else(String::new, |(name, value)| format!(",{}", label(name, value)));
            let _ = writeln!(text, "session_risk_{name}{{{labels}{further}}} {value}");
        }
    }
}

fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}
