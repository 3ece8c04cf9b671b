//! `demo`: the whole way with made-up sessions, on this machine alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::console::Console;
use super::exit::{Exit, Usage};
use super::fetch::Fetch;
use super::report::ReportArgs;
use super::scope::{report, terminal};
use crate::export::Asked;
use crate::lake::{Error as LakeError, Lake};
use crate::persona::pacing::Budget;
use crate::persona::retry::Policy;
use crate::persona::{ApiKey, BaseUrl, Client, ClientOptions, DEFAULT_VERSION};
use crate::sandbox::{Sandbox, SandboxOptions};

/// Requests a minute that the stand-in allows: enough not to hold the demo up.
const DEMO_LIMIT: u32 = 100_000;

/// The flags of `demo`.
#[derive(Debug, Clone, Args)]
pub(super) struct DemoArgs {
    /// The folder for the made-up lake; an earlier demo in it is replaced
    #[arg(long, value_name = "DIR", default_value = "demo-lake")]
    lake: String,
    #[command(flatten)]
    report: ReportArgs,
}

impl DemoArgs {
    /// The flags of its reports.
    pub(super) fn report_args(&mut self) -> &mut ReportArgs {
        &mut self.report
    }
}

pub(super) fn run(
    args: DemoArgs,
    runtime: &Handle,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let DemoArgs { lake: location, report: report_args } = args;
    let (options, days) = report_args.into_options(&location, terminal(), Timestamp::now())?;
    options.prepare()?;
    if location.contains("://") {
        return Err(Usage("the demo fills a folder; name one with --lake".to_owned()).into());
    }
    let sandbox = runtime.block_on(Sandbox::start(SandboxOptions {
        sessions: 20_000,
        days: 30,
        end: Timestamp::now(),
        limit: Some(DEMO_LIMIT),
        ..SandboxOptions::default()
    }))?;
    make_room(&location, sandbox.environment(), runtime)?;
    let client = Client::new(ClientOptions {
        base_url: BaseUrl::parse(sandbox.base_url())?,
        key: ApiKey::new(sandbox.key())?,
        version: DEFAULT_VERSION.to_owned(),
        budget: Budget::default(),
        policy: Policy::default(),
    })?;
    let fetched = Fetch {
        location: &location,
        client: Arc::new(client),
        asked: Asked { full: true, ..Asked::default() },
        walk: None,
        privacy: Arc::default(),
        wait_lock: Duration::ZERO,
        settings: BTreeMap::from([("demo".to_owned(), "true".to_owned())]),
        api_version: DEFAULT_VERSION.to_owned(),
    }
    .fetch("demo", runtime, console)?;
    runtime.block_on(sandbox.stop());
    let lake = Lake::open(&location, runtime)?;
    let reported = report(&lake, &options, days, console, stdout)?.exit;
    stdout.flush()?;
    console.say(&next_steps(&location));
    Ok(if fetched.exit == Exit::Done { reported } else { fetched.exit })
}

/// Removes an earlier demo's lake, whose made-up sessions had other times; nobody else's.
fn make_room(location: &str, environment: &str, runtime: &Handle) -> anyhow::Result<()> {
    let lake = match Lake::open(location, runtime) {
        Ok(lake) => lake,
        Err(LakeError::Missing { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let manifest = lake.manifest()?;
    let is_demo = manifest.lake.environment_id.as_deref() == Some(environment);
    let is_empty = Path::new(location).read_dir()?.next().is_none();
    if !is_demo && !is_empty {
        return Err(Usage(format!(
            "{location} holds something other than an earlier demo; name another folder with --lake"
        ))
        .into());
    }
    for folder in ["sessions", "_session_risk"] {
        match std::fs::remove_dir_all(Path::new(location).join(folder)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn next_steps(location: &str) -> String {
    format!(
        "\nThe sessions are Parquet, one file a day: {location}/sessions/created_date=*/sessions.parquet\n\
         Next: session-risk report --lake {location} --format json\n\
         With your own key: PERSONA_API_KEY=… session-risk run --lake sessions-lake"
    )
}
