//! `report`: which of the lake's days the reports read, and then the reports.
//!
//! Joins the lake's manifest to the reports, which know nothing of each other.

use std::io::{IsTerminal, Write};

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::runtime::Handle;

use super::console::Console;
use super::days::Days;
use super::exit::{Exit, Nothing, Usage};
use super::explain::{explain, list};
use super::fetch::LakeArgs;
use super::report::{ReportArgs, ReportOptions, render};
use crate::analysis::{Before, DayFile, Scope};
use crate::lake::{Lake, Manifest};
use crate::range::{DayRange, utc_date};
use crate::report::terminal::Terminal;
use crate::report::words;
use crate::session::privacy::{Addresses, Mode};

/// The flags of `report`.
#[derive(Debug, Clone, Args)]
pub(super) struct ReportCommand {
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    report: ReportArgs,
    /// List the reports with their parameters; needs no lake
    #[arg(long)]
    list: bool,
    /// Print what would be run and read, and run nothing
    #[arg(long, conflicts_with = "list")]
    explain: bool,
}

pub(super) fn run(
    args: ReportCommand,
    runtime: &Handle,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let ReportCommand { lake, report: args, list: list_only, explain: explain_only } = args;
    if list_only {
        return list(&args, stdout);
    }
    let (options, days) = args.into_options(terminal(), Timestamp::now())?;
    if explain_only {
        return explain(&Lake::open(lake.location()?, runtime)?, &options, days, stdout);
    }
    options.prepare()?;
    let lake = Lake::open(lake.location()?, runtime)?;
    report(&lake, &options, days, console, stdout)
}

/// Reports on the days that were asked for, if the lake has any of them.
pub(super) fn report(
    lake: &Lake,
    options: &ReportOptions,
    days: Days,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let manifest = lake.manifest()?;
    let mut scope = scope(lake, &manifest, days, options.days_before(), Timestamp::now())?;
    // Where a page goes to a file or a program, a log should tell too.
    if let Some(incomplete) = words::incomplete(&scope).filter(|_| !options.is_read_at_once()) {
        console.say(&format!("session-risk: {incomplete}"));
    }
    let files = || scope.before.files.iter().chain(&scope.files);
    let dates: Vec<Date> = files().map(|file| file.date).collect();
    let readable = lake.day_files(&dates)?;
    for file in scope.before.files.iter_mut().chain(&mut scope.files) {
        file.path = readable.path(file.date);
    }
    render(options, &scope, stdout)?;
    Ok(Exit::Done)
}

/// The range and files that the days asked for come to, and those of so many days before them.
pub(super) fn scope(
    lake: &Lake,
    manifest: &Manifest,
    days: Days,
    days_before: u32,
    now: Timestamp,
) -> anyhow::Result<Scope> {
    let today = utc_date(now);
    let last_complete = manifest.last_complete().or_else(|| match days {
        // These ask for days whether or not any is complete.
        Days::Range(range) => Some(range.until()),
        Days::Last { include_today: true, .. } | Days::Since { include_today: true, .. } => Some(today),
        _ => None,
    });
    let Some(last_complete) = last_complete else {
        return Err(Nothing(format!(
            "there is nothing to report on: the lake {} has no complete day yet; fetch first, or see today with --include-today",
            lake.name()
        ))
        .into());
    };
    let range = days.resolve(last_complete, today).map_err(|error| Usage(error.to_string()))?;
    let Some(window) = manifest.window(range) else {
        return Err(Nothing(format!(
            "there is nothing to report on: the lake {} has none of the days from {range}; {}",
            lake.name(),
            held(manifest)
        ))
        .into());
    };
    let files = |dates: &[Date]| -> Vec<DayFile> {
        dates.iter().map(|date| DayFile { date: *date, path: lake.day_file(*date) }).collect()
    };
    let before = range.before(days_before).map(|before| manifest.days_of(before));
    let before = before.map(|window| Before { files: files(&window.with_file), missing: window.incomplete });
    Ok(Scope {
        range,
        files: files(&window.with_file),
        before: before.unwrap_or_default(),
        complete: window.incomplete.is_empty(),
        notes: notes(range, manifest, today),
        missing: window.incomplete,
        newest: window.newest,
    })
}

/// What a reader must know besides which days are missing.
fn notes(range: DayRange, manifest: &Manifest, today: Date) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(first) = manifest.days.keys().next().filter(|first| **first > range.since()) {
        notes.push(format!("The lake begins on {first}."));
    }
    if let Some(last) = manifest.last_complete() {
        let age = last.until(today).map_or(0, |span| span.get_days());
        if age > 1 {
            notes.push(format!("The last complete day of the lake is {last}, {age} days ago."));
        }
    }
    notes.extend(of_privacy(&manifest.lake.privacy));
    notes
}

/// What cannot be seen in the figures because the lake does not keep it.
fn of_privacy(mode: &Mode) -> Vec<String> {
    let addresses = match mode.addresses {
        Addresses::Keep => None,
        Addresses::Truncate => Some(
            "The lake keeps networks in place of addresses, /24 or in IPv6 /48: whatever is counted by address here is counted per network.",
        ),
        Addresses::Hash(_) => Some("The lake keeps keyed hashes in place of addresses."),
    };
    let dropped = mode.dropped.iter().copied().collect::<Vec<_>>().join(", ");
    let dropped = (!dropped.is_empty()).then(|| format!("The lake does not keep: {dropped}."));
    addresses.map(str::to_owned).into_iter().chain(dropped).collect()
}

fn held(manifest: &Manifest) -> String {
    match (manifest.days.keys().next(), manifest.days.keys().next_back()) {
        (Some(first), Some(last)) => format!("it holds {first} to {last}"),
        _ => "it holds no day".to_owned(),
    }
}

/// The terminal that standard output is, if it is one.
pub(super) fn terminal() -> Terminal {
    let stdout = std::io::stdout();
    let is_terminal = stdout.is_terminal();
    let mut terminal = Terminal::default();
    if let Some((terminal_size::Width(columns), _)) =
        terminal_size::terminal_size_of(&stdout).filter(|_| is_terminal)
    {
        terminal.width = columns.into();
    }
    terminal.colour = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    terminal
}
