//! `--list` and `--explain`: what there is to ask, and what an answer would run and read. Neither runs a query.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;

use super::compare::earlier;
use super::days::Days;
use super::exit::Exit;
use super::output::{Format, sent};
use super::report::{ReportArgs, ReportError, ReportOptions};
use super::scope::{scope, terminal};
use crate::analysis::local::LocalEngine;
use crate::analysis::{self, DayFile, Explanation, Scope};
use crate::lake::{self, Lake};
use crate::report::explanation::{Explained, FileSize, Window};
use crate::report::listing;

/// Prints the reports that there are, or those that are named; no lake is needed.
pub(super) fn list(args: &ReportArgs, stdout: &mut dyn Write) -> anyhow::Result<Exit> {
    let queries = args.queries()?;
    sent(match args.page.format {
        Format::Json => listing::write_json(&queries, stdout),
        _ => listing::write_text(&queries, terminal().unwrap_or_default().width, stdout),
    })?;
    Ok(Exit::Done)
}

/// Prints what the reports would run and read.
pub(super) fn explain(
    lake: &Lake,
    options: &ReportOptions,
    days: Days,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let (mut calendar, days_before) = (lake.calendar()?, options.days_before());
    let mut scope = scope(lake, &mut calendar, days, options, Timestamp::now())?;
    let compare = options.compare;
    let earlier =
        compare.map(|compare| earlier(compare, lake, &mut calendar, days_before, &mut scope)).transpose()?;
    let (window, earlier) = (window(lake, &scope)?, earlier.as_ref().map(|earlier| window(lake, earlier)));
    let earlier = earlier.transpose()?;
    let explanations = explanations(options, &scope)?;
    let explained = Explained { window: &window, earlier: earlier.as_ref(), explanations: &explanations };
    sent(match options.format {
        Format::Json => explained.write_json(stdout),
        _ => explained.write_text(stdout),
    })?;
    Ok(Exit::Done)
}

/// What each of the reports would run and read.
pub(super) fn explanations(options: &ReportOptions, scope: &Scope) -> Result<Vec<Explanation>, ReportError> {
    let engine = LocalEngine::new(&nowhere(scope));
    let explain = |query| analysis::explain(query, scope, options.arguments_of(query), &engine);
    Ok(options.queries.iter().map(explain).collect::<Result<_, _>>()?)
}

/// The files without their places: an engine plans without opening them, and would take a bucket's URL for one that it
/// has to know about.
fn nowhere(scope: &Scope) -> Scope {
    let mut named = scope.clone();
    for file in named.before.files.iter_mut().chain(&mut named.files) {
        file.path = PathBuf::from(file.date.to_string());
    }
    named
}

fn window<'a>(lake: &Lake, scope: &'a Scope) -> Result<Window<'a>, lake::Error> {
    let sizes = |files: &[DayFile]| files.iter().map(|file| size(lake, file)).collect::<Result<Vec<_>, _>>();
    Ok(Window { scope, files: sizes(&scope.files)?, before: sizes(&scope.before.files)? })
}

fn size(lake: &Lake, file: &DayFile) -> Result<FileSize, lake::Error> {
    Ok(FileSize { path: file.path.clone(), bytes: lake.day_size(file.date)? })
}
