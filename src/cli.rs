//! The command line: one file a command, each turning its flags into the narrow options of the rooms below.
//!
//! Nothing below this room sees clap, the environment or the exit status.

mod api;
mod ask;
pub mod catalogue;
pub mod compare;
mod computing;
mod console;
mod counted;
pub mod days;
mod demo;
mod doctor;
mod duration;
pub mod engine;
mod exit;
mod explain;
mod fetch;
mod forget;
mod import;
mod metrics;
mod migrate;
mod output;
mod privacy;
mod progress;
mod prune;
mod query;
pub mod report;
mod run;
mod sandbox;
mod scheduler;
mod scope;
mod shell;
mod signals;
mod status;
pub mod thresholds;
pub mod trust;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::Settings;
use console::Console;
use exit::Exit;

/// Export Persona inquiry sessions into a Parquet lake and report on their risk
#[derive(Debug, Parser)]
#[command(name = "session-risk", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
The API key comes from PERSONA_API_KEY or --api-key-file. Every other setting is a flag, an environment variable \
SESSION_RISK_<FLAG> or a line in session-risk.toml, in this order.

Exit status: 0 done, 1 failed, 2 wrong usage or settings, 3 the export is incomplete (run again to resume), \
4 nothing to report on, 5 refused by the API, 6 another run holds the lake, 7 a person must decide, \
10 a threshold was crossed.";

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common")]
struct Common {
    /// The settings file [default: session-risk.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How messages on stderr look
    #[arg(long, global = true, value_enum, default_value_t = console::LogFormat::Text, value_name = "FORMAT")]
    log_format: console::LogFormat,
    /// Say more; up to three times
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: no key and no network needed
    ///
    /// Starts the stand-in API on this machine, exports 20,000 made-up sessions of the last 30 days and prints
    /// the reports over them.
    Demo(demo::DemoArgs),
    /// Export sessions from the API into the lake
    Fetch(fetch::FetchArgs),
    /// Bring sessions from files into the lake
    Import(import::ImportArgs),
    /// Print the reports over a range of days
    Report(scope::ReportCommand),
    /// Ask the lake one question, in SQL or by a report's name
    Query(query::QueryArgs),
    /// Fetch, then report: the nightly job
    Run(Box<run::RunArgs>),
    /// Tell what the lake holds, how fresh and how complete it is
    Status(status::StatusArgs),
    /// Erase sessions from the lake and keep them out from then on
    ///
    /// Rewrites the days that hold them, and empties staging and quarantine: an interrupted export begins anew. Only
    /// hashes of the ids stay, by which every later fetch and import leaves these sessions out.
    Forget(forget::ForgetArgs),
    /// Check every day file against its record, and repair what is broken
    Verify(verify::VerifyArgs),
    /// Drop days before a date, for good
    Prune(prune::PruneArgs),
    /// Bring older day files to today's schema
    Migrate(migrate::MigrateArgs),
    /// Check key, permission, budget, clock and lake, a line each
    Doctor(doctor::DoctorArgs),
    /// Serve made-up sessions on this machine, as Persona's API would
    Sandbox(sandbox::SandboxArgs),
    /// Write the completions for a shell
    Completions(shell::CompletionsArgs),
    /// Write the manual page
    Man,
}

impl Command {
    /// The flags of the commands that report.
    fn report_args(&mut self) -> Option<&mut report::ReportArgs> {
        match self {
            Self::Report(args) => Some(args.report_args()),
            Self::Run(args) => Some(args.report_args()),
            Self::Demo(args) => Some(args.report_args()),
            _ => None,
        }
    }

    /// The flags of the commands that print a page.
    fn page_args(&mut self) -> Option<&mut report::PageArgs> {
        match self {
            Self::Query(args) => Some(args.page_args()),
            other => other.report_args().map(|args| &mut args.page),
        }
    }
}

/// Runs the command line and gives the process's exit status.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(ParseError::Clap(error)) => {
            // Help and version are printed as errors that are none; a closed pipe is a normal end.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
        Err(ParseError::Config(error)) => {
            let _ = writeln!(io::stderr(), "session-risk: {error}");
            return Exit::Usage.into();
        }
    };
    keep_files_private();
    let console = Console::start(cli.common.log_format, cli.common.verbose);
    // A panic anywhere is a mistake in this program or a library. It is told as any other error is; where a room
    // catches one, as it does for the query engine, nothing more is said.
    std::panic::set_hook(Box::new(|panic| tracing::debug!("{panic}")));
    let executed = std::panic::catch_unwind(|| execute(cli.command, &console));
    match executed.unwrap_or_else(|panic| Err(internal_error(&*panic))) {
        Ok(exit) => exit.into(),
        Err(error) if exit::is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            console.fail(&error);
            exit::of(&error).into()
        }
    }
}

fn internal_error(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given");
    anyhow::anyhow!("this is a defect of session-risk, please report it: {words}")
}

enum ParseError {
    Clap(clap::Error),
    Config(crate::config::ConfigError),
}

fn parse(args: &[OsString]) -> Result<Cli, ParseError> {
    let named = named_settings(args);
    let settings =
        Settings::load(named.as_deref(), &[thresholds::ENTRY, trust::ENTRY]).map_err(ParseError::Config)?;
    let command = settings.lay_under(Cli::command()).map_err(ParseError::Config)?;
    let matches = command.try_get_matches_from(args).map_err(ParseError::Clap)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(ParseError::Clap)?;
    if let Some(args) = cli.command.report_args() {
        args.thresholds.settings = settings.entries(thresholds::ENTRY).map_err(ParseError::Config)?;
    }
    if let Some(args) = cli.command.page_args() {
        args.trust.settings = settings.entries(trust::ENTRY).map_err(ParseError::Config)?;
        args.trust.file = named;
    }
    Ok(cli)
}

/// `--config`, looked for before anything else is parsed, since it decides what the flags' defaults are.
fn named_settings(args: &[OsString]) -> Option<PathBuf> {
    let mut args = args.iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--") => break,
            Some("--config") => return args.next().map(PathBuf::from),
            Some(arg) => {
                if let Some(path) = arg.strip_prefix("--config=") {
                    return Some(path.into());
                }
            }
            None => {}
        }
    }
    std::env::var_os("SESSION_RISK_CONFIG").map(PathBuf::from)
}

fn execute(command: Command, console: &Console) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let exit = match command {
        Command::Demo(args) => demo::run(args, runtime.handle(), console, &mut stdout),
        Command::Fetch(args) => fetch::run(args, runtime.handle(), console),
        Command::Import(args) => import::run(args, runtime.handle(), console),
        Command::Report(args) => scope::run(args, runtime.handle(), console, &mut stdout),
        Command::Query(args) => query::run(args, runtime.handle(), console, &mut stdout),
        Command::Run(args) => run::run(*args, runtime.handle(), console, &mut stdout),
        Command::Status(args) => status::run(args, runtime.handle(), console, &mut stdout),
        Command::Forget(args) => forget::run(args, runtime.handle(), console),
        Command::Verify(args) => verify::run(args, runtime.handle(), console, &mut stdout),
        Command::Prune(args) => prune::run(args, runtime.handle(), console),
        Command::Migrate(args) => migrate::run(args, runtime.handle(), console),
        Command::Doctor(args) => doctor::run(args, runtime.handle(), &mut stdout),
        Command::Completions(args) => shell::completions(&args, Cli::command(), &mut stdout),
        Command::Man => shell::manual(Cli::command(), &mut stdout),
        Command::Sandbox(args) => {
            runtime.block_on(sandbox::run(args, &mut stdout))?;
            Ok(Exit::Done)
        }
    }?;
    stdout.flush()?;
    // Threads that still serve or ask have nothing more to say.
    runtime.shutdown_background();
    Ok(exit)
}

/// Files 0640 and folders 0750: sessions are personal data.
fn keep_files_private() {
    #[cfg(unix)]
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o027));
}
