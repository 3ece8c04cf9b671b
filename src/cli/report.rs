//! `report`: the catalogue's reports over a range of days.
//!
//! Owns the command's flags. What there is to read is handed in as a [`Scope`]; must not know the lake.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;

use super::ask::ask;
use super::catalogue::{AskError, CatalogueArgs};
use super::compare::{Compare, parse_compare};
use super::days::{Days, parse_date, parse_days};
use super::engine::Engines;
use super::output;
pub use super::output::{Format, OutputError};
use super::thresholds::{self, ThresholdArgs, ThresholdError};
use super::trust::TrustArgs;
use crate::analysis::bind::Arguments;
use crate::analysis::catalogue::Query;
use crate::analysis::threshold::{Threshold, Verdict};
use crate::analysis::trusted::{Network, NetworkError};
use crate::analysis::{AnalysisError, Answer, Scope};
use crate::range::{Backwards, DayRange};
use crate::report::Page;
use crate::report::terminal::Terminal;

/// The flags of `report`; `run` has them too.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Reports by name; all of them if none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Compare with an earlier window: `previous` (as many days, just before), so many days back such as 28d, or
    /// DATE..DATE; only complete days count
    #[arg(long, value_name = "WINDOW", value_parser = parse_compare, conflicts_with = "include_today",
          help_heading = "Range")]
    pub compare: Option<Compare>,
    /// What must not be so.
    #[command(flatten)]
    pub thresholds: ThresholdArgs,
    /// Over which days, with which parameters, in which form.
    #[command(flatten)]
    pub page: PageArgs,
}

/// The flags of everything that prints a page, whatever was asked.
#[derive(Debug, Clone, Args)]
pub struct PageArgs {
    /// What can be asked.
    #[command(flatten)]
    pub catalogue: CatalogueArgs,

    /// What is not to be seen of it.
    #[command(flatten)]
    pub trust: TrustArgs,

    /// How many days, ending with --until or else with the last complete day
    #[arg(long, value_name = "DAYS", default_value = "28d", value_parser = parse_days, conflicts_with = "since",
          help_heading = "Range")]
    pub last: u32,

    /// The first day, UTC, included
    #[arg(long, value_name = "DATE", value_parser = parse_date, help_heading = "Range")]
    pub since: Option<Date>,

    /// The last day, UTC, included [default: the last complete day]
    #[arg(long, value_name = "DATE", value_parser = parse_date, help_heading = "Range")]
    pub until: Option<Date>,

    /// End with today, though it is not over; marked as incomplete
    #[arg(long, conflicts_with = "until", help_heading = "Range")]
    pub include_today: bool,

    /// How the reports look
    #[arg(long, value_enum, default_value_t = Format::Terminal, help_heading = "Output")]
    pub format: Format,

    /// Write one file a report into this folder and print their paths; or, where it ends as files of the format do
    /// (out.csv, out.parquet), what would be printed into this file
    #[arg(long, value_name = "DIR|FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

/// What `report` does once its flags are understood.
#[derive(Debug, Clone)]
pub struct ReportOptions {
    /// The reports, in order.
    pub queries: Vec<Query>,
    /// What was set of their parameters, by report; all others keep their defaults.
    pub arguments: BTreeMap<String, Arguments>,
    /// The earlier window to compare with, if any.
    pub compare: Option<Compare>,
    /// What must not be so; each on one of the reports.
    pub thresholds: Vec<Threshold>,
    /// The networks whose sessions some of the reports leave out.
    pub trusted: Vec<Network>,
    /// What runs the queries.
    pub engine: Engines,
    /// How they look.
    pub format: Format,
    /// The folder for one file a report, or the file; none for standard output.
    pub output: Option<PathBuf>,
    /// The terminal that standard output is, if it is one: its width and whether it takes colour.
    pub terminal: Option<Terminal>,
    /// The moment that the page bears.
    pub generated_at: Timestamp,
    /// The flags that name the lake and the queries, for commands that a page tells.
    pub sources: Vec<String>,
    /// The flags that name the trusted networks, for those of reports that leave them out.
    pub trust: Vec<String>,
}

/// A report that was not given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A question that cannot be put: wrong usage.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// A range that ends before it begins: wrong usage.
    #[error(transparent)]
    Backwards(#[from] Backwards),
    /// Where the page should go.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// One of the reports.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// One of the thresholds: wrong usage.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// One of the trusted networks: wrong usage.
    #[error(transparent)]
    Trust(#[from] NetworkError),
}

impl ReportArgs {
    /// The reports that are named, or all.
    ///
    /// # Errors
    /// [`AskError`] for a name or a folder of queries that is none.
    pub fn queries(&self) -> Result<Vec<Query>, AskError> {
        Ok(self.page.catalogue.catalogue()?.select(&self.names)?)
    }

    /// Turns the flags into options and the days that were asked for.
    ///
    /// # Errors
    /// As [`PageArgs::into_options`], or [`ReportError::Threshold`] for one on no report of these.
    pub fn into_options(
        self,
        lake: &str,
        terminal: Option<Terminal>,
        generated_at: Timestamp,
    ) -> Result<(ReportOptions, Days), ReportError> {
        let catalogue = self.page.catalogue.catalogue()?;
        let queries = catalogue.select(&self.names).map_err(AskError::from)?;
        let (mut options, days) = self.page.into_options(queries, lake, terminal, generated_at)?;
        options.compare = self.compare;
        options.thresholds = self.thresholds.thresholds();
        thresholds::check_reports(&options, &catalogue)?;
        Ok((options, days))
    }
}

impl PageArgs {
    /// Turns the flags into options for these queries and the days that were asked for.
    ///
    /// # Errors
    /// [`ReportError::Ask`], [`ReportError::Backwards`] or [`ReportError::Trust`].
    pub fn into_options(
        self,
        queries: Vec<Query>,
        lake: &str,
        terminal: Option<Terminal>,
        generated_at: Timestamp,
    ) -> Result<(ReportOptions, Days), ReportError> {
        let (sources, trusting) = (self.sources(lake), self.trust.flags());
        let Self { catalogue, trust, last, since, until, include_today, format, output } = self;
        let (arguments, trusted) = (catalogue.arguments(&queries)?, trust.networks()?);
        let days = match (since, until) {
            (Some(since), Some(until)) => Days::Range(DayRange::new(since, until)?),
            (None, Some(until)) => Days::Range(DayRange::ending(until, last)),
            (Some(since), None) => Days::Since { since, include_today },
            (None, None) => Days::Last { days: last, include_today },
        };
        let (compare, thresholds, engine) = (None, Vec::new(), Engines::Local);
        let options = ReportOptions {
            queries,
            arguments,
            compare,
            thresholds,
            trusted,
            engine,
            format,
            output,
            terminal,
            generated_at,
            sources,
            trust: trusting,
        };
        Ok((options, days))
    }

    /// The flags by which another command reads the same lake and catalogue.
    fn sources(&self, lake: &str) -> Vec<String> {
        let mut flags = vec!["--lake".to_owned(), lake.to_owned()];
        if let Some(folder) = &self.catalogue.queries {
            flags.extend(["--queries".to_owned(), folder.display().to_string()]);
        }
        flags
    }
}

impl ReportOptions {
    /// What was set of one query's parameters.
    pub fn arguments_of(&self, query: &Query) -> &Arguments {
        const NONE: &Arguments = &Arguments::new();
        self.arguments.get(&query.name).unwrap_or(NONE)
    }

    /// How many days before the range the queries look back, the one that looks furthest.
    pub fn days_before(&self) -> u32 {
        self.queries.iter().map(|query| query.header.days_before()).max().unwrap_or(0)
    }

    /// Whether the page goes to whoever runs the command.
    pub fn is_read_at_once(&self) -> bool {
        self.format == Format::Terminal && self.output.is_none()
    }

    /// Checks the thresholds' columns and that the page can go where it should, for which it makes the folder: before
    /// any slow work.
    ///
    /// # Errors
    /// [`ReportError::Output`] if the page cannot go there, [`ReportError::Threshold`] for one that its report does not
    /// fit.
    pub fn prepare(&self) -> Result<(), ReportError> {
        thresholds::check_columns(self)?;
        Ok(output::prepare(self)?)
    }
}

/// Hears how far the reports have come.
pub trait Watch {
    /// One is begun: the first is number 1.
    fn begins(&self, number: usize, name: &str);
    /// None is left, and the page follows.
    fn ends(&self);
}

/// Computes the reports over the scope's files, compared with an earlier window if there is one, and writes them to
/// `out`, or to files whose paths go to `out`. Gives what came of the thresholds.
///
/// # Errors
/// [`ReportError`]. That nobody reads `out` any more is none.
pub fn render(
    options: &ReportOptions,
    scope: &Scope,
    earlier: Option<&Scope>,
    watch: &dyn Watch,
    out: &mut dyn Write,
) -> Result<Vec<Verdict>, ReportError> {
    options.prepare()?;
    let (together, alone): (Vec<&Query>, Vec<&Query>) =
        options.queries.iter().partition(|query| query.header.few_groups);
    let together = (!together.is_empty()).then_some(together);
    let turns = together.into_iter().chain(alone.into_iter().map(|query| vec![query]));
    let apart = output::is_apart(options);
    let place = |answer: &Answer| options.queries.iter().position(|query| query.name == answer.query.name);
    let page = |answers: &[Answer], verdicts: &[Verdict], out: &mut dyn Write| {
        let (sources, trust) = (&options.sources, &options.trust);
        let page =
            Page { generated_at: options.generated_at, scope, earlier, answers, verdicts, sources, trust };
        output::write(options, &page, out)
    };
    let (mut answers, mut verdicts, mut written) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut asked = 0;
    let mut answer = |queries: Vec<&Query>| -> Result<(), ReportError> {
        let names = queries.iter().map(|query| query.name.as_str()).collect::<Vec<_>>().join(", ");
        watch.begins(asked + 1, &names);
        asked += queries.len();
        let began = Instant::now();
        let found = ask(&options.engine, options, &queries, scope, earlier)?;
        let seconds = began.elapsed().as_secs_f64();
        for answer in found {
            let rows = answer.table.all_rows();
            tracing::debug!(report = %answer.query.name, together = queries.len(), rows, seconds, "computed");
            let judged = thresholds::verdicts(&options.thresholds, std::slice::from_ref(&answer));
            if apart {
                // Its rows need not wait for those of the others.
                let path: &mut Vec<u8> = written.entry(place(&answer)).or_default();
                page(std::slice::from_ref(&answer), &judged, path)?;
            } else {
                answers.push(answer);
            }
            verdicts.extend(judged);
        }
        Ok(())
    };
    let done = turns.into_iter().try_for_each(&mut answer);
    watch.ends();
    written.values().try_for_each(|path| output::sent(out.write_all(path)))?;
    done?;
    answers.sort_by_key(place);
    verdicts.sort_by_key(|verdict| options.thresholds.iter().position(|it| *it == verdict.threshold));
    if !apart {
        page(&answers, &verdicts, out)?;
    }
    Ok(verdicts)
}
