//! `prune`: days before a date dropped for good.

use clap::Args;
use indicatif::HumanBytes;
use jiff::civil::Date;
use tokio::runtime::Handle;

use super::console::Console;
use super::counted::counted;
use super::days::parse_date;
use super::exit::Exit;
use super::fetch::LakeArgs;
use super::scheduler::{Part, SchedulerArgs};
use crate::lake::{Lake, Pruned};
use crate::report::text::spans;

/// The flags of `prune`.
#[derive(Debug, Clone, Args)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    lake: LakeArgs,
    /// Drop all days before this UTC day
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    before: Date,
    /// Tell what would be dropped, and drop nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    scheduler: SchedulerArgs,
}

pub(super) fn run(args: PruneArgs, runtime: &Handle, console: &Console) -> anyhow::Result<Exit> {
    let PruneArgs { lake, before, dry_run, scheduler } = args;
    let location = lake.location()?;
    if dry_run {
        let pruned = Lake::open(location, runtime)?.prunable(before)?;
        console.say(&told(&pruned, "would be dropped from", location));
        return Ok(Exit::Done);
    }
    let watched = scheduler.begin("prune", location)?;
    let span = watched.span();
    let _entered = span.enter();
    let prune = || -> anyhow::Result<Part> {
        let pruned = lake.existing(runtime)?.prune(watched.run_id(), before, watched.wait_lock())?;
        console.say(&told(&pruned, "dropped from", location));
        Ok(Part::ended(Exit::Done))
    };
    let pruned = Part::of(prune(), console);
    watched.end(pruned.exit, &[("prune", &pruned)], runtime)
}

fn told(pruned: &Pruned, what: &str, location: &str) -> String {
    let Pruned { days, sessions, bytes } = pruned;
    let days: Vec<Date> = days.iter().copied().collect();
    let which = if days.is_empty() { String::new() } else { format!(" ({})", spans(&days)) };
    format!(
        "{}{which} with {}, {}, {what} {location}",
        counted(days.len() as u64, "day"),
        counted(*sessions, "session"),
        HumanBytes(*bytes)
    )
}
