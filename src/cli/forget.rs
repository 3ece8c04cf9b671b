//! `forget`: sessions erased from the lake on request.

use std::collections::BTreeSet;
use std::io::Read;

use clap::Args;
use tokio::runtime::Handle;

use super::console::Console;
use super::counted::counted;
use super::exit::{Exit, Usage};
use super::fetch::LakeArgs;
use super::scheduler::{Part, SchedulerArgs, Watched};
use crate::lake::{Found, Lake, Unwanted};

/// How Persona's ids begin: a device's given as an inquiry's would erase nothing.
const PREFIXES: [(&str, &str); 4] =
    [("iqse_", "--session"), ("inq_", "--inquiry"), ("dev_", "--device"), ("net_", "none of the flags")];

/// The flags of `forget`.
#[derive(Debug, Clone, Args)]
pub(super) struct ForgetArgs {
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    whose: WhoseArgs,
    /// Tell how many sessions on how many days would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    scheduler: SchedulerArgs,
}

/// Whose sessions.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
#[command(next_help_heading = "Whose")]
struct WhoseArgs {
    /// All sessions of these inquiries, also those that come later; - for ids on standard input, one a line
    #[arg(long, value_name = "ID", num_args = 1..)]
    inquiry: Vec<String>,
    /// The sessions that these devices have in the lake; later ones of a device come in as any other
    #[arg(long, value_name = "ID", num_args = 1..)]
    device: Vec<String>,
    /// These sessions
    #[arg(long, value_name = "ID", num_args = 1..)]
    session: Vec<String>,
}

pub(super) fn run(args: ForgetArgs, runtime: &Handle, console: &Console) -> anyhow::Result<Exit> {
    let ForgetArgs { lake, whose, dry_run, scheduler } = args;
    let location = lake.location()?;
    let unwanted = whose.unwanted()?;
    if dry_run {
        let found = Lake::open(location, runtime)?.find(&unwanted)?;
        console.say(&format!("would erase {} from {location}", amount(&found)));
        return Ok(Exit::Done);
    }
    let watched = scheduler.begin("forget", location)?;
    let span = watched.span();
    let _entered = span.enter();
    let forgotten = Part::of(forget(&watched, location, &unwanted, runtime, console), console);
    watched.end(forgotten.exit, &[("forget", &forgotten)], runtime)
}

fn forget(
    watched: &Watched,
    location: &str,
    unwanted: &Unwanted,
    runtime: &Handle,
    console: &Console,
) -> anyhow::Result<Part> {
    let (found, record) =
        Lake::open(location, runtime)?.forget(watched.run_id(), unwanted, watched.wait_lock())?;
    console.say(&told(&found, location, unwanted));
    Ok(Part { record: Some(record), ..Part::ended(Exit::Done) })
}

fn told(found: &Found, location: &str, unwanted: &Unwanted) -> String {
    let is_named = !unwanted.sessions.is_empty() || !unwanted.inquiries.is_empty();
    let mut told = match (found.sessions(), is_named) {
        (0, true) => format!("{location} holds none of these sessions; they stay out from now on"),
        (0, false) => format!("{location} holds no session of these devices"),
        _ => format!("{} were erased from {location} and stay out from now on", amount(found)),
    };
    if !unwanted.devices.is_empty() {
        told.push_str("; what a device does later comes in as any other session");
    }
    if location.contains("://") {
        told.push_str(
            "; older versions of the files that the bucket keeps, and backups, are yours to delete",
        );
    }
    told
}

fn amount(found: &Found) -> String {
    format!("{} on {}", counted(found.sessions() as u64, "session"), counted(found.days() as u64, "day"))
}

impl WhoseArgs {
    /// The ids, those from standard input among them.
    fn unwanted(self) -> Result<Unwanted, Usage> {
        let Self { inquiry, device, session } = self;
        let from_input = [&inquiry, &device, &session].into_iter().flatten().filter(|id| *id == "-");
        if from_input.count() > 1 {
            return Err(Usage("standard input can be read once only: name - once".to_owned()));
        }
        Ok(Unwanted {
            inquiries: ids(inquiry, "--inquiry")?,
            devices: ids(device, "--device")?,
            sessions: ids(session, "--session")?,
        })
    }
}

fn ids(named: Vec<String>, flag: &str) -> Result<BTreeSet<String>, Usage> {
    let mut ids = BTreeSet::new();
    for id in named {
        if id == "-" {
            let input = from_standard_input()?;
            ids.extend(input.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
            if ids.is_empty() {
                return Err(Usage(format!("no id for {flag} came on standard input")));
            }
        } else {
            ids.insert(id);
        }
    }
    for id in &ids {
        if id.is_empty() || id.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(Usage(format!("an id for {flag} is empty or has a blank in it")));
        }
        if let Some((prefix, right)) =
            PREFIXES.iter().find(|(prefix, right)| id.starts_with(prefix) && *right != flag)
        {
            return Err(Usage(format!("an id for {flag} begins with {prefix}: such ids are for {right}")));
        }
    }
    Ok(ids)
}

fn from_standard_input() -> Result<String, Usage> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Usage(format!("the ids on standard input cannot be read ({error})")))?;
    Ok(text)
}
