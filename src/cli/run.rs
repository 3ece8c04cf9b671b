//! `run`: fetch, then report, whatever came of the fetch: the nightly job.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::api::ApiArgs;
use super::console::Console;
use super::engine::EngineArgs;
use super::exit::{self, Exit};
use super::fetch::{Fetch, LakeArgs, WalkArgs, settings};
use super::privacy::PrivacyArgs;
use super::report::ReportArgs;
use super::scheduler::{Part, SchedulerArgs};
use super::scope::{report, terminal};
use super::trust::trusted;
use crate::export::Range;
use crate::lake::Lake;
use crate::report::{text, verdicts};

/// The flags of `run`.
#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    walk: WalkArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    privacy: PrivacyArgs,
    #[command(flatten)]
    scheduler: SchedulerArgs,
}

impl RunArgs {
    /// The flags of its reports.
    pub(super) fn report_args(&mut self) -> &mut ReportArgs {
        &mut self.report
    }
}

pub(super) fn run(
    args: RunArgs,
    runtime: &Handle,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let RunArgs { lake, api, walk, report: report_args, engine, privacy, scheduler } = args;
    let location = lake.location()?;
    let (mut options, days) = report_args.into_options(location, terminal(), Timestamp::now())?;
    options.engine = engine.engine(location, runtime)?;
    options.prepare()?;
    let asked = walk.asked(Range::default(), false);
    let privacy = privacy.privacy()?;
    // The lake keeps to this mode: what cannot be told in it is refused before anything is fetched.
    trusted(&options, privacy.mode())?;
    let settings = settings(location, &api, &walk, &privacy, asked);
    let fetch = Fetch {
        location,
        client: api.client()?,
        asked,
        walk: Some(&walk),
        privacy,
        wait_lock: scheduler.wait_lock(),
        settings,
        api_version: api.persona_version.clone(),
    };
    let watched = scheduler.begin("run", location)?;
    let span = watched.span();
    let _entered = span.enter();
    let fetched = Part::of(fetch.fetch(watched.run_id(), runtime, console), console);
    let reported = Lake::open(location, runtime)
        .map_err(Into::into)
        .and_then(|lake| report(&lake, &options, days, console, stdout));
    let reported = match reported {
        Err(error) if exit::is_broken_pipe(&error) => Part::ended(Exit::Done),
        reported => Part::of(reported, console),
    };
    stdout.flush()?;
    let statuses = (fetched.exit, reported.exit);
    let crossed =
        reported.crossings().map(|verdict| format!("; {}", text::visible(&verdicts::words(verdict))));
    console.say(&format!(
        "session-risk: fetch ended with {}, report with {}{}",
        statuses.0 as u8,
        statuses.1 as u8,
        crossed.collect::<String>()
    ));
    watched.end(worse(statuses.0, statuses.1), &[("fetch", &fetched), ("report", &reported)], runtime)
}

/// The fetch's failure counts first, as the report cannot be better than what it reads.
fn worse(fetched: Exit, reported: Exit) -> Exit {
    if fetched == Exit::Done { reported } else { fetched }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fetch_decides_unless_it_went_well() {
        assert_eq!(worse(Exit::Done, Exit::Done), Exit::Done);
        assert_eq!(worse(Exit::Done, Exit::Nothing), Exit::Nothing);
        assert_eq!(worse(Exit::Incomplete, Exit::Nothing), Exit::Incomplete);
        assert_eq!(worse(Exit::Refused, Exit::Done), Exit::Refused);
        assert_eq!(worse(Exit::Done, Exit::Crossed), Exit::Crossed);
        for failed in [Exit::Failed, Exit::Incomplete, Exit::Refused, Exit::Held, Exit::Undecided] {
            assert_eq!(worse(failed, Exit::Crossed), failed);
        }
    }
}
