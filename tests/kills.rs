//! The real program ended at random moments: whatever was under way, the next run goes on to the same lake.

use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use session_risk::sandbox::{Sandbox, SandboxOptions};

use crate::harness::{Home, sandbox, sandbox_with, unlimited};
use crate::truth::{held, truth};

/// Pages that a run may fetch again after it was ended: those since the checkpoint.
const LOST_PAGES: u64 = 50;

/// Sends a signal to one export after another, each once it has asked for some pages, then lets one come to its end
/// and compares.
#[allow(clippy::print_stdout, reason = "what an end costs is worth to know")]
pub(crate) fn ended_by(signal: &str, times: u64, api: &Sandbox, seed: u64, segments: u64) {
    let mut rng = Rng::with_seed(seed);
    let home = Home::new();
    let pages = truth(api).len().div_ceil(100) as u64;
    let mut signalled = 0;
    for _ in 0..times {
        let until = api.stats().total() + rng.u64(1..2 * pages / times);
        let mut run = home.fetch(api).args(&format!("--segments {segments}")).start();
        run.until(|| api.stats().total() >= until);
        // Anywhere between two requests.
        std::thread::sleep(Duration::from_micros(rng.u64(0..20_000)));
        run.signal(signal);
        let (status, stderr) = run.wait();
        match status {
            // Ended by the signal, in order or not.
            None | Some(3) => signalled += 1,
            // It was done a moment before.
            Some(0) => break,
            other => panic!("seed {seed}: it ended with {other:?}: {stderr}"),
        }
        // Whatever lies there is whole.
        home.lake().sessions();
    }
    home.fetch(api).succeeds().assert_no_panic();
    assert!(held(&home.lake()) == truth(api), "seed {seed}: the lake is not what the API lists");
    let files = home.lake().files();
    let left = files.keys().filter(|name| name.contains("staging") || name.contains("intents"));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<&String>::new(), "seed {seed}: left behind");
    assert!(signalled > times / 2, "seed {seed}: only {signalled} of {times} runs were ended");
    let spent = api.stats().total() - pages;
    assert!(
        spent <= signalled * segments * (LOST_PAGES + UNDER_WAY),
        "seed {seed}: {spent} requests too many after {signalled} ends"
    );
    println!("{signal}, {signalled} times, {segments} walks: {pages} pages, {spent} requests more");
}

/// Pages that were asked for and never came to be decoded, and a look at what is new on top.
const UNDER_WAY: u64 = 20;

fn world(sessions: usize) -> Sandbox {
    let latency = Duration::from_millis(2);
    sandbox_with(SandboxOptions { sessions, days: 100, latency, ..unlimited() })
}

#[cfg(unix)]
#[test]
fn an_export_that_is_killed_twenty_times_gives_the_same_lake() {
    ended_by("KILL", 20, &world(100_000), 1, 1);
}

#[cfg(unix)]
#[test]
fn an_export_that_is_told_to_end_ten_times_gives_the_same_lake() {
    ended_by("TERM", 10, &world(30_000), 2, 1);
}

/// A limit on the size of files stands in for a full disk: a write fails midway, whoever writes.
#[cfg(unix)]
#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let api = sandbox(6_000, 12);
    let home = Home::new();
    home.fetch(&api).args("--since 2026-11-16").succeeds();
    let before = home.lake().sessions();
    let limited = |blocks: u32| {
        // Blocks of 512 bytes; the signal that comes with it is ignored, so that the write itself fails.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let line = "fetch --lake lake --base-url";
        let shell = home.command_of(Path::new("/bin/sh"), "-c").arg(script).arg(crate::harness::PROGRAM);
        shell.args(line).arg(api.base_url()).env("PERSONA_API_KEY", api.key())
    };
    let is_half = |name: &str| name.ends_with(".parquet") && !name.starts_with("sessions/");
    for blocks in [2, 40, 100] {
        let outcome = limited(blocks).args("--full").ends_with(1);
        outcome.says(&["session-risk: ", "could not", ": File too large"]).assert_no_panic();
        let after = home.lake().sessions();
        assert!(before.keys().all(|id| after.contains_key(id)), "{blocks} blocks");
        let half: Vec<_> = home.lake().files().into_keys().filter(|name| is_half(name)).collect();
        assert!(half.is_empty(), "{blocks} blocks: {half:?}");
    }
    home.fetch(&api).args("--full").succeeds();
    assert!(held(&home.lake()) == truth(&api));
}
