//! `query`: one question of the lake, typed as SQL or asked for by name.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::catalogue::AskError;
use super::console::Console;
use super::engine::EngineArgs;
use super::exit::Exit;
use super::explain::explain;
use super::fetch::LakeArgs;
use super::report::PageArgs;
use super::scope::{report, terminal};
use crate::analysis::detail;
use crate::analysis::local::LocalEngine;
use crate::lake::Lake;

/// The flags of `query`.
#[derive(Debug, Clone, Args)]
pub(super) struct QueryArgs {
    /// One SELECT over the table sessions, in which :since and :until are the range's days; or a report's name
    #[arg(value_name = "SQL|NAME")]
    asked: String,
    /// List the sessions behind a row of the report: by the columns that name the row, repeatable, and their values
    /// in it; a column alone where its value is not known
    #[arg(long, value_name = "COLUMN[=VALUE]", value_parser = parse_detail)]
    detail: Vec<(String, Option<String>)>,
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Send the rows of the SQL through a step, as a report's header does with -- then:
    #[arg(long, value_name = "STEP", help_heading = "Queries")]
    then: Option<String>,
    /// Print what would be run and read, and run nothing
    #[arg(long)]
    explain: bool,
}

impl QueryArgs {
    /// The flags of its page.
    pub(super) fn page_args(&mut self) -> &mut PageArgs {
        &mut self.page
    }
}

pub(super) fn run(
    args: QueryArgs,
    runtime: &Handle,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let QueryArgs { asked, detail, lake, page, engine, then, explain: explain_only } = args;
    let location = lake.location()?;
    let mut query = page.catalogue.query(&asked, then.as_deref())?;
    if !detail.is_empty() {
        // An engine without files: it is only asked what the columns hold.
        query = detail::query(&query, &detail, &LocalEngine::without_files()).map_err(AskError::from)?;
    }
    let (mut options, days) = page.into_options(vec![query], location, terminal(), Timestamp::now())?;
    options.engine = engine.engine(location, runtime)?;
    if !explain_only {
        options.prepare()?;
    }
    let lake = Lake::open(location, runtime)?;
    if explain_only {
        return explain(&lake, &options, days, stdout);
    }
    Ok(report(&lake, &options, days, console, stdout)?.exit)
}

/// No row.
#[derive(Debug, thiserror::Error)]
#[error("it is not of the form COLUMN=VALUE, such as country_code=US, nor a column alone")]
struct NoRow;

/// The value stays as it is, blanks at its ends included.
fn parse_detail(text: &str) -> Result<(String, Option<String>), NoRow> {
    let (column, value) = match text.split_once('=') {
        Some((column, value)) => (column, Some(value.to_owned())),
        None => (text, None),
    };
    if column.is_empty() { Err(NoRow) } else { Ok((column.to_owned(), value)) }
}
