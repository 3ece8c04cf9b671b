//! Others at the lake while runs publish: readers see whole files and no session twice, rival writers are refused.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, sandbox_with, unlimited};

/// A reader in Python that goes on until its standard input is closed, and then tells how often it read.
fn reads_while(kind: &str, home: &Home, publish: impl FnOnce()) -> u64 {
    let python = std::env::var("SESSION_RISK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut reader = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reader.py"))
        .arg(kind)
        .arg(home.path("lake"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = reader.stdin.take().unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(reader.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    publish();
    // It may have ended with an error, which is told below.
    let _ = stdin.write_all(b"enough\n");
    drop(stdin);
    let mut told = String::new();
    std::io::Read::read_to_string(&mut stdout, &mut told).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{kind}: {first}{told}{}", String::from_utf8_lossy(&output.stderr));
    told.trim().parse().unwrap_or_else(|_| panic!("{kind}: {told:?}"))
}

#[test]
#[ignore = "needs python3 with duckdb and pyarrow"]
fn readers_never_see_an_error_a_session_twice_or_fewer_rows_while_runs_publish() {
    for kind in ["duckdb", "pyarrow"] {
        let home = Home::new();
        let api = sandbox_with(SandboxOptions { sessions: 20_000, days: 40, ..unlimited() });
        home.fetch(&api).args("--since 2026-11-15").succeeds();
        let reads = reads_while(kind, &home, || {
            // One grows the lake day by day, the others write every day again: each time another signal is blocked.
            for attribute in ["is-vpn", "is-tor", "threat-level"] {
                api.block(&[attribute]);
                home.fetch(&api).args("--full --accept-vanished 2015-01-01..2030-12-31").succeeds();
            }
        });
        assert!(reads >= 3, "{kind} read {reads} times only");
        assert_eq!(home.lake().sessions().len(), 20_000);
    }
}

#[test]
fn a_rival_writer_is_refused_for_as_long_as_a_run_lasts() {
    let latency = Duration::from_millis(20);
    let api = sandbox_with(SandboxOptions { sessions: 4_000, days: 8, latency, ..unlimited() });
    let other = sandbox_with(SandboxOptions { sessions: 4_000, days: 8, ..unlimited() });
    let home = Home::new();
    let mut first = home.fetch(&api).start();
    first.until(|| api.stats().total() > 1);
    let (over, refused) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let rival = home.fetch(&other).run();
                match rival.status {
                    Some(6) => _ = refused.fetch_add(1, Ordering::SeqCst),
                    // The run may just have ended.
                    Some(0) => return,
                    _ => panic!("{rival:#?}"),
                }
            }
        });
        let (status, stderr) = first.wait();
        over.store(true, Ordering::SeqCst);
        assert_eq!(status, Some(0), "{stderr}");
    });
    assert!(refused.into_inner() > 0, "the rival never came in time");
    assert_eq!(home.lake().sessions().len(), 4_000);
}
