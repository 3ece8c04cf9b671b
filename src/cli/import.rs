//! `import`: from files into the lake.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::console::Console;
use super::counted::counted;
use super::exit::{Exit, Usage};
use super::fetch::LakeArgs;
use super::privacy::PrivacyArgs;
use super::scheduler::{Part, SchedulerArgs};
use crate::import::{self, ImportOptions, Input, Source, Summary, Watch};
use crate::lake::Lake;

/// The flags of `import`.
#[derive(Debug, Clone, Args)]
pub(super) struct ImportArgs {
    /// Pages of the API, sessions as JSON lines, gzip of either; - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    lake: LakeArgs,
    /// When the sessions were fetched, which decides between two versions of one [default: each file's last change]
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    fetched_at: Option<Timestamp>,
    #[command(flatten)]
    privacy: PrivacyArgs,
    #[command(flatten)]
    scheduler: SchedulerArgs,
}

pub(super) fn run(args: ImportArgs, runtime: &Handle, console: &Console) -> anyhow::Result<Exit> {
    let ImportArgs { files, lake, fetched_at, privacy, scheduler } = args;
    let location = lake.location()?;
    if fetched_at.is_some_and(|moment| moment > Timestamp::now()) {
        return Err(Usage("--fetched-at lies in the future".to_owned()).into());
    }
    if files.iter().filter(|file| is_standard(file)).count() > 1 {
        return Err(Usage("standard input can be read once only: name - once".to_owned()).into());
    }
    let privacy = privacy.privacy()?;
    let settings = BTreeMap::from([
        ("lake".to_owned(), location.to_owned()),
        ("privacy".to_owned(), privacy.mode().flags()),
    ]);
    let wait_lock = scheduler.wait_lock();
    let watched = scheduler.begin("import", location)?;
    let span = watched.span();
    let _entered = span.enter();
    let options = ImportOptions {
        run_id: watched.run_id().to_owned(),
        inputs: files.into_iter().map(|file| input(file, fetched_at)).collect(),
        privacy,
        wait_lock,
        threads: std::thread::available_parallelism().map_or(1, Into::into),
        settings,
    };
    let imported = Part::of(import(&options, location, runtime, console), console);
    watched.end(imported.exit, &[("import", &imported)], runtime)
}

fn import(
    options: &ImportOptions,
    location: &str,
    runtime: &Handle,
    console: &Console,
) -> anyhow::Result<Part> {
    let lake = Lake::create(location, runtime)?;
    let progress = Progress::start(console, &options.inputs);
    let summary = import::import(&lake, options, &progress);
    progress.end();
    let summary = summary.inspect_err(|_| lake.discard_if_empty())?;
    console.say(&told(&summary, options.inputs.len(), location));
    let mut part = Part::ended(Exit::Done);
    if summary.is_incomplete {
        let counts = &summary.record.counts;
        let reason = format!(
            "the import is incomplete: {} of {} could not be read and lie in _session_risk/quarantine; see there for the reasons",
            HumanCount(counts.quarantined),
            counted(counts.resources(), "session")
        );
        console.say(&format!("session-risk: {reason}"));
        part = Part { reason: Some(reason), ..Part::ended(Exit::Incomplete) };
    }
    Ok(Part { record: Some(summary.record), ..part })
}

fn is_standard(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// A file that cannot be looked at has no age; reading it says why.
fn input(file: PathBuf, fetched_at: Option<Timestamp>) -> Input {
    let source = if is_standard(&file) { Source::Standard } else { Source::File(file) };
    let changed = || match &source {
        Source::File(path) => Timestamp::try_from(path.metadata().ok()?.modified().ok()?).ok(),
        Source::Standard => None,
    };
    let fetched = fetched_at.or_else(changed);
    Input { source, fetched }
}

fn told(summary: &Summary, files: usize, location: &str) -> String {
    let record = &summary.record;
    let counts = &record.counts;
    let seconds = record.ended_at.duration_since(record.began_at).as_secs_f64();
    let mut told = format!(
        "{} from {} in {seconds:.1} s: {} new, {} changed, {} written to {location}",
        counted(counts.rows, "session"),
        counted(files as u64, "file"),
        HumanCount(counts.new),
        HumanCount(counts.changed),
        counted(counts.days_written, "day"),
    );
    if counts.quarantined > 0 {
        told.push_str(&format!("; {} could not be read", counted(counts.quarantined, "session")));
    }
    told
}

/// `2026-11-20T08:00:00Z`.
fn parse_moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "a moment has a zone, such as 2026-11-20T08:00:00Z".to_owned())
}

/// Shows a person how far an import has come.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn start(console: &Console, inputs: &[Input]) -> Self {
        let size = |input: &Input| match &input.source {
            Source::File(path) => path.metadata().ok().map(|found| found.len()),
            Source::Standard => None,
        };
        let bar = console.shows_progress().then(|| match inputs.iter().map(size).sum::<Option<u64>>() {
            Some(bytes) => {
                let style =
                    ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes} · {msg} · {eta} to go");
                ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            }
            None => ProgressBar::new_spinner(),
        });
        Self(bar)
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Progress {
    fn standing(&self, bytes: u64, rows: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
            bar.set_message(counted(rows, "session"));
        }
    }
}
