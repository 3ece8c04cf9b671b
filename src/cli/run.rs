//! `run`: fetch, then report, whatever came of the fetch: the nightly job.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::api::ApiArgs;
use super::console::Console;
use super::exit::{self, Exit};
use super::fetch::{Fetch, LakeArgs, settings};
use super::report::ReportArgs;
use super::scope::{report, terminal};
use crate::export::Range;
use crate::lake::Lake;

/// The flags of `run`.
#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(
    args: RunArgs,
    runtime: &Handle,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let RunArgs { lake, api, report: report_args } = args;
    let location = lake.location()?;
    let (options, days) = report_args.into_options(terminal(), Timestamp::now())?;
    options.prepare()?;
    let fetch = Fetch {
        location,
        client: api.client()?,
        range: Range::default(),
        full: false,
        settings: settings(location, &api, Range::default(), false),
        api_version: api.persona_version.clone(),
    };
    let fetched = fetch.fetch(runtime, console).unwrap_or_else(|error| {
        console.fail(&error);
        exit::of(&error)
    });
    let reported = Lake::open(location, runtime)
        .map_err(Into::into)
        .and_then(|lake| report(&lake, &options, days, console, stdout))
        .or_else(|error| {
            if exit::is_broken_pipe(&error) {
                return Ok(Exit::Done);
            }
            console.fail(&error);
            Ok::<_, anyhow::Error>(exit::of(&error))
        })?;
    stdout.flush()?;
    console.say(&format!("session-risk: fetch ended with {}, report with {}", fetched as u8, reported as u8));
    Ok(worse(fetched, reported))
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
    }
}
