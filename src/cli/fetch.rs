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
use super::counted::counted;
use super::days::{parse_date, parse_date_range, parse_days};
use super::duration::parse_duration;
use super::exit::{Exit, Usage, of_incomplete};
use super::privacy::PrivacyArgs;
use super::progress::Progress;
use super::scheduler::{Part, SchedulerArgs};
use super::signals::stop_asked;
use crate::export::{self, Asked, ExportOptions, Limits, MOST_SEGMENTS, PIECE_PAGES, Range, Summary};
use crate::lake::Lake;
use crate::persona::Client;
use crate::range::DayRange;
use crate::session::Privacy;

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
    privacy: PrivacyArgs,
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
    /// Walk so many of the sealed days again too, those that were walked longest ago
    #[arg(long, value_name = "N", default_value = "0", value_parser = parse_refresh)]
    refresh: u32,
    /// Take what is not listed any more on these days for gone, however much it is
    #[arg(long, value_name = "DATE[..DATE]", value_parser = parse_date_range)]
    accept_vanished: Option<DayRange>,
    /// Walks side by side, 1 to 8 [default: as many as the pace has use for]
    #[arg(long, value_name = "N", value_parser = parse_segments)]
    segments: Option<usize>,
    /// End in good order after so many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_requests: Option<u64>,
    /// End in good order after this time, such as 50m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    deadline: Option<Duration>,
}

impl WalkArgs {
    /// What an export is to go over.
    pub(super) fn asked(&self, range: Range, full: bool) -> Asked {
        Asked {
            range,
            full,
            look_back_days: self.look_back,
            refresh: self.refresh,
            accept_vanished: self.accept_vanished,
        }
    }

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
    /// The lake, which must exist, to be written.
    pub(super) fn existing(&self, runtime: &Handle) -> anyhow::Result<Lake> {
        let location = self.location()?;
        Lake::open(location, runtime)?;
        Ok(Lake::create(location, runtime)?)
    }

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
    pub(super) asked: Asked,
    /// How far it goes; none to go on to the end.
    pub(super) walk: Option<&'a WalkArgs>,
    pub(super) privacy: Arc<Privacy>,
    /// How long to wait for another run to end.
    pub(super) wait_lock: Duration,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) api_version: String,
}

pub(super) fn run(args: FetchArgs, runtime: &Handle, console: &Console) -> anyhow::Result<Exit> {
    let FetchArgs { lake, api, walk, since, until, full, dry_run, privacy, scheduler } = args;
    if let (Some(since), Some(until)) = (since, until) {
        DayRange::new(since, until).map_err(|error| Usage(error.to_string()))?;
    }
    let asked = walk.asked(Range { since, until }, full);
    if dry_run {
        return dry_run::run(lake.location()?, &api, asked, runtime, console);
    }
    let privacy = privacy.privacy()?;
    let settings = settings(lake.location()?, &api, &walk, &privacy, asked);
    let fetch = Fetch {
        location: lake.location()?,
        client: api.client()?,
        asked,
        walk: Some(&walk),
        privacy,
        wait_lock: scheduler.wait_lock(),
        settings,
        api_version: api.persona_version,
    };
    let watched = scheduler.begin("fetch", lake.location()?)?;
    let span = watched.span();
    let _entered = span.enter();
    let fetched = Part::of(fetch.fetch(watched.run_id(), runtime, console), console);
    watched.end(fetched.exit, &[("fetch", &fetched)], runtime)
}

/// What the run's record keeps of the settings: no key, nor where it lies.
pub(super) fn settings(
    lake: &str,
    api: &ApiArgs,
    walk: &WalkArgs,
    privacy: &Privacy,
    asked: Asked,
) -> BTreeMap<String, String> {
    let Asked { range, full, look_back_days, refresh, accept_vanished } = asked;
    let date = |date: Option<Date>| date.map(|date| date.to_string());
    let days = accept_vanished.map(|days| format!("{}..{}", days.since(), days.until()));
    [
        ("lake", Some(lake.to_owned())),
        ("base-url", Some(api.base_url.clone())),
        ("reserve", Some(api.reserve.to_string())),
        ("max-rate", api.max_rate.map(|rate| rate.to_string())),
        ("look-back", Some(format!("{look_back_days}d"))),
        ("refresh", Some(refresh.to_string())),
        ("accept-vanished", days),
        ("segments", walk.segments.map(|segments| segments.to_string())),
        ("privacy", Some(privacy.mode().flags())),
        ("max-requests", walk.max_requests.map(|most| most.to_string())),
        ("deadline", walk.deadline.map(|time| format!("{}s", time.as_secs()))),
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
        let Self { location, client, asked, walk, privacy, wait_lock, settings, api_version } = self;
        let lake = Lake::create(location, runtime)?;
        let options = ExportOptions {
            run_id: run_id.to_owned(),
            asked,
            segments: walk.map_or(Some(1), |walk| walk.segments),
            piece_pages: PIECE_PAGES,
            privacy,
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
        "{} in {} and {seconds:.1} s: {} new, {} changed, {} written to {location}",
        counted(record.counts.rows, "session"),
        counted(record.requests, "request"),
        HumanCount(record.counts.new),
        HumanCount(record.counts.changed),
        counted(record.counts.days_written, "day"),
    );
    if record.counts.vanished > 0 {
        told.push_str(&format!(
            "; {} vanished from the API and were removed",
            HumanCount(record.counts.vanished)
        ));
    }
    if let Some((oldest, _)) = summary.late.last_key_value() {
        let rows = HumanCount(summary.late.values().sum());
        told.push_str(&format!(
            "; {rows} had changed behind the look-back, all of which --look-back {oldest}d would have caught"
        ));
    }
    if record.retries > 0 {
        told.push_str(&format!(" ({} had to be repeated)", counted(record.retries, "request")));
    }
    if record.counts.quarantined > 0 {
        told.push_str(&format!("; {} could not be read", counted(record.counts.quarantined, "session")));
    }
    told
}

fn parse_refresh(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "it is not a number of days, such as 3".to_owned())
}

fn parse_segments(text: &str) -> Result<usize, String> {
    let segments = text.parse().ok().filter(|segments| (1..=MOST_SEGMENTS).contains(segments));
    segments.ok_or_else(|| format!("it is not a number from 1 to {MOST_SEGMENTS}"))
}
