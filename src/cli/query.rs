//! `query`: one question of the lake, typed as SQL or asked for by name.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::console::Console;
use super::exit::Exit;
use super::explain::explain;
use super::fetch::LakeArgs;
use super::report::PageArgs;
use super::scope::{report, terminal};
use crate::lake::Lake;

/// The flags of `query`.
#[derive(Debug, Clone, Args)]
pub(super) struct QueryArgs {
    /// One SELECT over the table sessions, in which :since and :until are the range's days; or a report's name
    #[arg(value_name = "SQL|NAME")]
    asked: String,
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    page: PageArgs,
    /// Send the rows of the SQL through a step, as a report's header does with -- then:
    #[arg(long, value_name = "STEP", help_heading = "Queries")]
    then: Option<String>,
    /// Print what would be run and read, and run nothing
    #[arg(long)]
    explain: bool,
}

pub(super) fn run(
    args: QueryArgs,
    runtime: &Handle,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let QueryArgs { asked, lake, page, then, explain: explain_only } = args;
    let query = page.catalogue.query(&asked, then.as_deref())?;
    let (options, days) = page.into_options(vec![query], terminal(), Timestamp::now())?;
    let lake = Lake::open(lake.location()?, runtime)?;
    if explain_only {
        return explain(&lake, &options, days, stdout);
    }
    Ok(report(&lake, &options, days, console, stdout)?.exit)
}
