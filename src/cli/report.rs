//! `report`: the catalogue's reports over a range of days, on standard output or as one file each.
//!
//! Owns the command's flags and where pages go. What there is to read is handed in as a [`Scope`]; must not know
//! the lake.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;

use super::ask::ask;
use super::catalogue::{AskError, CatalogueArgs};
use super::compare::{Compare, parse_compare};
use super::days::{Days, parse_date, parse_days};
use super::thresholds::{self, ThresholdArgs, ThresholdError};
use super::trust::TrustArgs;
use crate::analysis::bind::Arguments;
use crate::analysis::catalogue::Query;
use crate::analysis::threshold::{Threshold, Verdict};
use crate::analysis::trusted::{Network, NetworkError};
use crate::analysis::{AnalysisError, Scope};
use crate::range::{Backwards, DayRange};
use crate::report::csv::Csv;
use crate::report::html::Html;
use crate::report::json::Json;
use crate::report::mail::Mail;
use crate::report::markdown::Markdown;
use crate::report::terminal::Terminal;
use crate::report::{Page, Renderer};

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

    /// Write one file a report into this folder and print their paths
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

/// The formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables to read
    Terminal,
    /// One document for other programs, never cut
    Json,
    /// A report's rows for a spreadsheet, never cut; several reports need --output
    Csv,
    /// GitHub's tables, for a pull request
    Markdown,
    /// One page for a browser, with charts; needs no network and no script
    Html,
    /// A digest for mail programs, under 100 kB: one HTML document without charts, a few rows of each report
    Mail,
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
    /// How they look.
    pub format: Format,
    /// The folder for one file a report; none for standard output.
    pub output: Option<PathBuf>,
    /// The terminal that standard output is, if it is one: its width and whether it takes colour.
    pub terminal: Terminal,
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
    /// Several reports for standard output in a format that holds one: wrong usage.
    #[error(
        "a file of --format {format} holds one report and there are {reports}: name one of them, or a folder with --output"
    )]
    OneAtATime {
        /// The format.
        format: &'static str,
        /// How many reports were asked for.
        reports: usize,
    },
    /// The folder for the reports.
    #[error("{} cannot be made the folder for the reports{hint}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is in its place, in words, or nothing.
        hint: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// One of the files.
    #[error("{} cannot be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Standard output.
    #[error("standard output cannot be written")]
    Output(#[source] io::Error),
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
        terminal: Terminal,
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
        terminal: Terminal,
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
        let (compare, thresholds) = (None, Vec::new());
        let options = ReportOptions {
            queries,
            arguments,
            compare,
            thresholds,
            trusted,
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

    /// Checks the thresholds' columns and makes the folder for the reports, if there is to be one: before any slow work.
    ///
    /// # Errors
    /// [`ReportError::Folder`] if a file is in its place or it cannot be made, [`ReportError::OneAtATime`] if
    /// standard output cannot hold them all, [`ReportError::Threshold`] for one that its report does not fit.
    pub fn prepare(&self) -> Result<(), ReportError> {
        thresholds::check_columns(self)?;
        let Some(path) = &self.output else {
            let renderer = renderer(self.format, self.terminal);
            let reports = self.queries.len();
            return if reports == 1 || renderer.holds_several() {
                Ok(())
            } else {
                Err(ReportError::OneAtATime { format: renderer.extension(), reports })
            };
        };
        fs::create_dir_all(path).map_err(|source| {
            let hint = if path.is_file() { ": it is a file" } else { "" };
            ReportError::Folder { path: path.clone(), hint, source }
        })
    }
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
    out: &mut dyn Write,
) -> Result<Vec<Verdict>, ReportError> {
    options.prepare()?;
    let ask = |query| ask(options, query, scope, earlier);
    let answers = options.queries.iter().map(ask).collect::<Result<Vec<_>, _>>()?;
    let verdicts = thresholds::verdicts(&options.thresholds, &answers);
    let page = Page {
        generated_at: options.generated_at,
        scope,
        earlier,
        answers: &answers,
        verdicts: &verdicts,
        sources: &options.sources,
        trust: &options.trust,
    };
    let Some(folder) = &options.output else {
        sent(renderer(options.format, options.terminal).render(&page, out))?;
        return Ok(verdicts);
    };
    // A file's reader has another screen than whoever runs the command.
    let renderer = renderer(options.format, Terminal::default());
    for answer in &answers {
        let is_on = |verdict: &&Verdict| verdict.threshold.condition.report == answer.query.name;
        let verdicts: Vec<Verdict> = verdicts.iter().filter(is_on).cloned().collect();
        let one = Page { answers: std::slice::from_ref(answer), verdicts: &verdicts, ..page };
        let path = folder.join(format!("{}.{}", answer.query.name, renderer.extension()));
        let written = replace_by(&path, |partial| {
            let mut file = BufWriter::new(File::create(partial)?);
            renderer.render(&one, &mut file)?;
            file.flush()
        });
        written.map_err(|source| ReportError::File { path: path.clone(), source })?;
        sent(writeln!(out, "{}", path.display()))?;
    }
    Ok(verdicts)
}

fn renderer(format: Format, terminal: Terminal) -> Box<dyn Renderer> {
    match format {
        Format::Terminal => Box::new(terminal),
        Format::Json => Box::new(Json),
        Format::Csv => Box::new(Csv),
        Format::Markdown => Box::new(Markdown::default()),
        Format::Html => Box::new(Html::default()),
        Format::Mail => Box::new(Mail::default()),
    }
}

/// A reader that went away (`| head`) has what it wanted.
pub(super) fn sent(written: io::Result<()>) -> Result<(), ReportError> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(ReportError::Output),
    }
}

/// Puts a whole file in place, so that nobody reads half of one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(path, |partial| fs::write(partial, bytes))
}

/// Puts a file in place once it is written to its end.
pub(super) fn replace_by(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    let partial = path.with_file_name(name);
    let placed = write(&partial).and_then(|()| fs::rename(&partial, path));
    placed.inspect_err(|_| drop(fs::remove_file(&partial)))
}
