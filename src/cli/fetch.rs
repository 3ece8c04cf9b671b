//! `fetch`: from the API into the lake.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::HumanCount;
use jiff::civil::Date;
use tokio::runtime::Handle;

use super::api::ApiArgs;
use super::console::{Console, sentence};
use super::days::{parse_date, parse_days};
use super::duration::parse_duration;
use super::exit::{Exit, Usage, of_incomplete};
use super::progress::Progress;
use super::scheduler::{Part, SchedulerArgs};
use super::signals::stop_asked;
use crate::export::{self, ExportOptions, Limits, Range, Summary};
use crate::lake::Lake;
use crate::persona::Client;
use crate::range::DayRange;

mod dry_run;

/// The flags of `fetch`.
#[derive(Debug, Clone, Args)]
pub(super) struct FetchArgs {
    #[command(flatten)]
    pub(super) lake: LakeArgs,
    #[command(flatten)]
    pub(super) api: ApiArgs,
    #[command(flatten)]
    walk: WalkArgs,
    /// Only sessions created on this UTC day or later
    #[arg(long, value_name = "DATE", value_parser = parse_date, help_heading = "Range")]
    since: Option<Date>,
    /// Only sessions created on this UTC day or earlier
    #[arg(long, value_name = "DATE", value_parser = parse_date, help_heading = "Range")]
    until: Option<Date>,
    /// Walk all again, whatever was walked before and whatever an interrupted run left
    #[arg(long, help_heading = "Range")]
    full: bool,
    /// Tell what would be walked and what that costs, at the price of one request, and fetch nothing
    #[arg(long, help_heading = "Range")]
    dry_run: bool,
    #[command(flatten)]
    scheduler: SchedulerArgs,
}

/// How far an export goes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Walk")]
pub(super) struct WalkArgs {
    /// How far behind the newest session days that may still change are walked again
    #[arg(long, value_name = "DAYS", default_value = "7d", value_parser = parse_days)]
    look_back: u32,
    /// End in good order after so many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_requests: Option<u64>,
    /// End in good order after this time, such as 50m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    deadline: Option<Duration>,
}

impl WalkArgs {
    /// The limits, from now on; Ctrl-C and SIGTERM among them.
    fn limits(&self, runtime: &Handle) -> Limits {
        Limits {
            asked: Some(stop_asked(runtime)),
            deadline: self.deadline.and_then(|time| Instant::now().checked_add(time)),
            max_requests: self.max_requests,
        }
    }
}

/// Which lake.
#[derive(Debug, Clone, Args)]
pub(super) struct LakeArgs {
    /// The lake: a folder, or a place in a bucket such as s3://bucket/lake, az://container/lake, gs://bucket/lake
    #[arg(long, value_name = "PLACE")]
    lake: Option<String>,
}

impl LakeArgs {
    /// The lake's name; there is no default, so that nobody fills a folder by accident.
    pub(super) fn location(&self) -> Result<&str, Usage> {
        self.lake.as_deref().filter(|lake| !lake.is_empty()).ok_or_else(|| {
            Usage("no lake is named; use --lake PLACE, SESSION_RISK_LAKE or a line lake = \"PLACE\" in session-risk.toml".into())
        })
    }
}

/// What `fetch` and `run` export.
pub(super) struct Fetch<'a> {
    pub(super) location: &'a str,
    pub(super) client: Arc<Client>,
    pub(super) range: Range,
    pub(super) full: bool,
    /// How far it goes; none to go on to the end.
    pub(super) walk: Option<&'a WalkArgs>,
    /// How long to wait for another run to end.
    pub(super) wait_lock: Duration,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) api_version: String,
}

pub(super) fn run(args: FetchArgs, runtime: &Handle, console: &Console) -> anyhow::Result<Exit> {
    let FetchArgs { lake, api, walk, since, until, full, dry_run, scheduler } = args;
    if let (Some(since), Some(until)) = (since, until) {
        DayRange::new(since, until).map_err(|error| Usage(error.to_string()))?;
    }
    if dry_run {
        return dry_run::run(
            lake.location()?,
            &api,
            Range { since, until },
            full,
            walk.look_back,
            runtime,
            console,
        );
    }
    let settings = settings(lake.location()?, &api, &walk, Range { since, until }, full);
    let fetch = Fetch {
        location: lake.location()?,
        client: api.client()?,
        range: Range { since, until },
        full,
        walk: Some(&walk),
        wait_lock: scheduler.wait_lock(),
        settings,
        api_version: api.persona_version,
    };
    let watched = scheduler.begin("fetch", lake.location()?)?;
    let span = watched.span();
    let _entered = span.enter();
    let fetched = Part::of(fetch.fetch(watched.run_id(), runtime, console), console);
    watched.end(fetched.exit, &[("fetch", &fetched)])
}

/// What the run's record keeps of the settings: no key, nor where it lies.
pub(super) fn settings(
    lake: &str,
    api: &ApiArgs,
    walk: &WalkArgs,
    range: Range,
    full: bool,
) -> BTreeMap<String, String> {
    let date = |date: Option<Date>| date.map(|date| date.to_string());
    [
        ("lake", Some(lake.to_owned())),
        ("base-url", Some(api.base_url.clone())),
        ("reserve", Some(api.reserve.to_string())),
        ("max-rate", api.max_rate.map(|rate| rate.to_string())),
        ("look-back", Some(format!("{}d", walk.look_back))),
        ("max-requests", walk.max_requests.map(|most| most.to_string())),
        ("since", date(range.since)),
        ("until", date(range.until)),
        ("full", Some(full.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

impl Fetch<'_> {
    /// Exports and says what came of it.
    pub(super) fn fetch(self, run_id: &str, runtime: &Handle, console: &Console) -> anyhow::Result<Part> {
        let Self { location, client, range, full, walk, wait_lock, settings, api_version } = self;
        let lake = Lake::create(location, runtime)?;
        let options = ExportOptions {
            run_id: run_id.to_owned(),
            range,
            full,
            look_back_days: walk.map_or(0, |walk| walk.look_back),
            wait_lock,
            limits: walk.map(|walk| walk.limits(runtime)).unwrap_or_default(),
            settings,
            api_version,
        };
        let progress = Progress::start(console, Arc::clone(&client));
        let summary = export::export(runtime, &client, &lake, &options, &progress);
        progress.end();
        let summary = summary.inspect_err(|_| lake.discard_if_empty())?;
        console.say(&told(&summary, location));
        let mut part = Part { record: Some(summary.record), ..Part::ended(Exit::Done) };
        if let Some(incomplete) = summary.incomplete {
            part.exit = of_incomplete(&incomplete);
            let reason = format!("the export is incomplete: {}", sentence(&incomplete.into()));
            console.say(&format!("session-risk: {reason}"));
            part.reason = Some(reason);
        }
        Ok(part)
    }
}

fn told(summary: &Summary, location: &str) -> String {
    let record = &summary.record;
    let seconds = record.ended_at.duration_since(record.began_at).as_secs_f64();
    let mut told = format!(
        "{} sessions in {} requests and {seconds:.1} s: {} new, {} changed, {} days written to {location}",
        HumanCount(record.counts.rows),
        HumanCount(record.requests),
        HumanCount(record.counts.new),
        HumanCount(record.counts.changed),
        HumanCount(record.counts.days_written),
    );
    if record.retries > 0 {
        told.push_str(&format!(" ({} requests had to be repeated)", HumanCount(record.retries)));
    }
    if record.counts.quarantined > 0 {
        told.push_str(&format!("; {} sessions could not be read", HumanCount(record.counts.quarantined)));
    }
    told
}
