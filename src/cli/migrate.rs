//! `migrate`: day files of an older schema brought to today's.

use clap::Args;
use indicatif::HumanCount;
use tokio::runtime::Handle;

use super::console::Console;
use super::counted::counted;
use super::exit::Exit;
use super::fetch::LakeArgs;
use super::scheduler::{Part, SchedulerArgs};
use crate::lake::{Lake, Migrated};

/// The flags of `migrate`.
#[derive(Debug, Clone, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    lake: LakeArgs,
    /// Tell which files would be written anew, and write none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    scheduler: SchedulerArgs,
}

pub(super) fn run(args: MigrateArgs, runtime: &Handle, console: &Console) -> anyhow::Result<Exit> {
    let MigrateArgs { lake, dry_run, scheduler } = args;
    let location = lake.location()?;
    if dry_run {
        let migrated = Lake::open(location, runtime)?.outdated()?;
        console.say(&told(&migrated, "would be brought to today's schema"));
        return Ok(Exit::Done);
    }
    let watched = scheduler.begin("migrate", location)?;
    let span = watched.span();
    let _entered = span.enter();
    let migrate = || -> anyhow::Result<Part> {
        let migrated = lake.existing(runtime)?.migrate(watched.run_id(), watched.wait_lock())?;
        console.say(&told(&migrated, "brought to today's schema"));
        Ok(Part::ended(Exit::Done))
    };
    let migrated = Part::of(migrate(), console);
    watched.end(migrated.exit, &[("migrate", &migrated)], runtime)
}

fn told(migrated: &Migrated, what: &str) -> String {
    let Migrated { days, sessions, current } = migrated;
    format!(
        "{} with {} {what}, {} were of it already",
        counted(days.len() as u64, "day"),
        counted(*sessions, "session"),
        HumanCount(*current)
    )
}
