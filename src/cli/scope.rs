//! `report`: which of the lake's days the reports read, and then the reports.
//!
//! Joins the lake's manifest to the reports, which know nothing of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::runtime::Handle;

use super::compare::earlier;
use super::computing::Computing;
use super::console::Console;
use super::days::Days;
use super::engine::EngineArgs;
use super::exit::{Exit, Nothing, Usage};
use super::explain::{explain, explanations, list};
use super::fetch::LakeArgs;
use super::report::{ReportArgs, ReportOptions, render};
use super::scheduler::Part;
use super::trust::trusted;
use crate::analysis::{Before, DayFile, Explanation, Scope};
use crate::lake::window::{Calendar, Window};
use crate::lake::{self, DayFiles, Lake};
use crate::range::{DayRange, utc_date};
use crate::report::terminal::Terminal;
use crate::report::{text, verdicts, words};
use crate::session::privacy::{Addresses, Mode};

/// The flags of `report`.
#[derive(Debug, Clone, Args)]
pub(super) struct ReportCommand {
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// List the reports with their parameters; needs no lake
    #[arg(long)]
    list: bool,
    /// Print what would be run and read, and run nothing
    #[arg(long, conflicts_with = "list")]
    explain: bool,
}

impl ReportCommand {
    /// The flags of its reports.
    pub(super) fn report_args(&mut self) -> &mut ReportArgs {
        &mut self.report
    }
}

pub(super) fn run(
    args: ReportCommand,
    runtime: &Handle,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let ReportCommand { lake, report: args, engine, list: list_only, explain: explain_only } = args;
    if list_only {
        return list(&args, stdout);
    }
    let location = lake.location()?;
    let (mut options, days) = args.into_options(location, terminal(), Timestamp::now())?;
    options.engine = engine.engine(location, runtime)?;
    if explain_only {
        return explain(&Lake::open(location, runtime)?, &options, days, stdout);
    }
    options.prepare()?;
    let lake = Lake::open(location, runtime)?;
    Ok(report(&lake, &options, days, console, stdout)?.exit)
}

/// Reports on the days that were asked for, if the lake has any of them, and says which thresholds were crossed.
pub(super) fn report(
    lake: &Lake,
    options: &ReportOptions,
    days: Days,
    console: &Console,
    stdout: &mut dyn Write,
) -> anyhow::Result<Part> {
    let mut calendar = lake.calendar()?;
    let days_before = options.days_before();
    let mut scope = scope(lake, &mut calendar, days, options, Timestamp::now())?;
    let compare = options.compare;
    let mut earlier =
        compare.map(|compare| earlier(compare, lake, &mut calendar, days_before, &mut scope)).transpose()?;
    // Where a page goes to a file or a program, a log should tell too.
    let incomplete = words::incomplete(&scope).into_iter();
    let incomplete = incomplete.chain(earlier.as_ref().and_then(words::earlier_incomplete));
    for sentence in incomplete.filter(|_| !options.is_read_at_once()) {
        console.say(&format!("session-risk: {sentence}"));
    }
    let is_copied = options.engine.lake().is_none() && !lake.is_a_folder();
    let explanations = if is_copied { explanations(options, &scope)? } else { Vec::new() };
    let readable = match options.engine.lake() {
        Some(root) => DayFiles::below(root),
        None => lake.day_files(&columns_read(&explanations, std::iter::once(&scope).chain(&earlier)))?,
    };
    let scopes = std::iter::once(&mut scope).chain(&mut earlier);
    for file in scopes.flat_map(|scope| scope.before.files.iter_mut().chain(&mut scope.files)) {
        file.path = readable.path(file.date);
    }
    let progress = Computing::start(console, options.queries.len());
    let verdicts = render(options, &scope, earlier.as_ref(), &progress, stdout)?;
    stdout.flush()?;
    let left_out = words::left_out(
        scope.trusted.left_out(),
        earlier.as_ref().and_then(|earlier| earlier.trusted.left_out()),
    );
    for sentence in left_out.iter().filter(|_| !options.is_read_at_once()) {
        console.say(&format!("session-risk: {}", text::visible(sentence)));
    }
    for verdict in verdicts.iter().filter(|verdict| verdicts::is_remarkable(verdict)) {
        console.say(&format!("session-risk: threshold {}", text::visible(&verdicts::words(verdict))));
    }
    Ok(Part::judged(verdicts))
}

/// The columns that are read of each day: of those before a range only what is read by the reports that look back so far.
fn columns_read<'a>(
    explanations: &[Explanation],
    scopes: impl Iterator<Item = &'a Scope>,
) -> BTreeMap<Date, BTreeSet<String>> {
    let mut columns: BTreeMap<Date, BTreeSet<String>> = BTreeMap::new();
    for scope in scopes {
        for Explanation { query, plan, .. } in explanations {
            let stretch = scope.range.before(query.header.days_before());
            let is_read = |file: &&DayFile| stretch.is_some_and(|stretch| stretch.contains(file.date));
            for file in scope.before.files.iter().filter(is_read).chain(&scope.files) {
                columns.entry(file.date).or_default().extend(plan.columns.iter().cloned());
            }
        }
    }
    columns
}

/// The range and files that the days asked for come to, those of the days before them that the reports look back to,
/// and what of them some of the reports are not to see.
pub(super) fn scope(
    lake: &Lake,
    calendar: &mut Calendar<'_>,
    days: Days,
    options: &ReportOptions,
    now: Timestamp,
) -> anyhow::Result<Scope> {
    let trusted = trusted(options, &calendar.lake().privacy)?;
    let today = utc_date(now);
    let last_complete = calendar.last_complete()?;
    let last = last_complete.or_else(|| match days {
        // These ask for days whether or not any is complete.
        Days::Range(range) => Some(range.until()),
        Days::Last { include_today: true, .. } | Days::Since { include_today: true, .. } => Some(today),
        _ => None,
    });
    let Some(last) = last else {
        return Err(Nothing(format!(
            "there is nothing to report on: the lake {} has no complete day yet; fetch first, or see today with --include-today",
            lake.name()
        ))
        .into());
    };
    let range = days.resolve(last, today).map_err(|error| Usage(error.to_string()))?;
    let Some(window) = calendar.window(range)? else {
        return Err(Nothing(format!(
            "there is nothing to report on: the lake {} has none of the days from {range}; {}",
            lake.name(),
            held(calendar)
        ))
        .into());
    };
    Ok(Scope {
        range,
        files: day_files(lake, window.with_file),
        before: before(lake, calendar, range, options.days_before())?,
        trusted,
        complete: window.incomplete.is_empty(),
        notes: notes(range, calendar, last_complete, today),
        missing: window.incomplete,
        newest: window.newest,
    })
}

/// What the lake holds of so many days before a range.
pub(super) fn before(
    lake: &Lake,
    calendar: &mut Calendar<'_>,
    range: DayRange,
    days: u32,
) -> Result<Before, lake::Error> {
    let Some(before) = range.before(days) else { return Ok(Before::default()) };
    let Window { with_file, incomplete, .. } = calendar.days_of(before)?;
    Ok(Before { files: day_files(lake, with_file), missing: incomplete })
}

/// The files of days that have one.
pub(super) fn day_files(lake: &Lake, dates: impl IntoIterator<Item = Date>) -> Vec<DayFile> {
    dates.into_iter().map(|date| DayFile { date, path: lake.day_file(date) }).collect()
}

/// What a reader must know besides which days are missing.
fn notes(range: DayRange, calendar: &Calendar<'_>, last_complete: Option<Date>, today: Date) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(first) = calendar.first().filter(|first| *first > range.since()) {
        notes.push(format!("The lake begins on {first}."));
    }
    if let Some(last) = last_complete {
        let age = last.until(today).map_or(0, |span| span.get_days());
        if age > 1 {
            notes.push(format!("The last complete day of the lake is {last}, {age} days ago."));
        }
    }
    notes.extend(of_privacy(&calendar.lake().privacy));
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

fn held(calendar: &Calendar<'_>) -> String {
    match (calendar.first(), calendar.last()) {
        (Some(first), Some(last)) => format!("it holds {first} to {last}"),
        _ => "it holds no day".to_owned(),
    }
}

/// The terminal that standard output is, if it is one.
pub(super) fn terminal() -> Option<Terminal> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let mut terminal = Terminal::default();
    if let Some((terminal_size::Width(columns), _)) = terminal_size::terminal_size_of(&stdout) {
        terminal.width = columns.into();
    }
    terminal.colour = std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    Some(terminal)
}
