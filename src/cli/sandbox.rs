//! `session-risk sandbox`: the stand-in API for trying things out.
//!
//! Owns the flags; what they mean is the sandbox's business.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::duration::parse_duration;
use crate::sandbox::{Clock, Fault, Labelled, Sandbox, SandboxOptions};

/// Serve made-up sessions on loopback, as Persona's API would
///
/// Prints the base URL on the first line and the API key on the second, then serves until it is interrupted.
/// The same flags give the same data.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SandboxArgs {
    /// Where all made-up data comes from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How many sessions there are
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    sessions: usize,
    /// Over how many days they were created
    #[arg(long, default_value_t = 30, value_name = "N")]
    days: u32,
    /// The newest moment: an RFC 3339 moment or a date, whose end is meant [default: now]
    #[arg(long, value_parser = parse_end, value_name = "MOMENT")]
    end: Option<Timestamp>,
    /// The moment that it is, an RFC 3339 moment or a date, whose end is meant: what was created later is not listed
    /// yet [default: the end]
    #[arg(long, value_parser = parse_end, value_name = "MOMENT")]
    now: Option<Timestamp>,
    /// Requests a window, or `off`
    #[arg(long, default_value = "300", value_parser = parse_limit, value_name = "N|off")]
    limit: Limit,
    /// The length of the limit's window
    #[arg(long, default_value = "60s", value_parser = parse_duration, value_name = "DURATION")]
    window: Duration,
    /// How long each reply waits
    #[arg(long, default_value = "0ms", value_parser = parse_duration, value_name = "DURATION")]
    latency: Duration,
    /// Never compress, even if the client asks for it
    #[arg(long)]
    no_gzip: bool,
    /// What goes wrong and how often, from 0 to 1; repeatable. Of requests: 500, 502, 503, 429, 429-bare, reset,
    /// truncation, garbage, short-page, empty-page, slow. Of sessions: deleted (in time), payload-filter,
    /// unknown-attributes, unknown-values, wrong-types. Of attributes: blocklist
    #[arg(long = "fault", value_name = "NAME=RATE")]
    faults: Vec<Fault>,
    /// Plant bursts, impossible travel, a surge of VPNs, a country that vanishes and a new one, webs of shared devices
    /// and addresses, switched devices and false places, on top of the sessions; what is to be found, the rings that
    /// are always there too, is written into this file as JSON
    #[arg(long, value_name = "FILE")]
    plant: Option<PathBuf>,
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Requests a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Requests(u32),
    Off,
}

/// A flag that cannot be understood.
#[derive(Debug, thiserror::Error)]
enum FlagError {
    #[error("`{text}` is neither a moment such as 2026-11-20T12:00:00Z nor a date such as 2026-11-20")]
    End { text: String },
    #[error("`{text}` is neither a number of requests, at least 1, nor `off`")]
    Limit { text: String },
}

fn parse_end(text: &str) -> Result<Timestamp, FlagError> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let last_millisecond = |date: Date| {
        let midnight = date.tomorrow().ok()?.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp();
        Timestamp::from_millisecond(midnight.as_millisecond() - 1).ok()
    };
    text.parse().ok().and_then(last_millisecond).ok_or_else(|| FlagError::End { text: text.to_owned() })
}

fn parse_limit(text: &str) -> Result<Limit, FlagError> {
    match (text, text.parse()) {
        ("off", _) => Ok(Limit::Off),
        (_, Ok(requests)) if requests > 0 => Ok(Limit::Requests(requests)),
        _ => Err(FlagError::Limit { text: text.to_owned() }),
    }
}

impl SandboxArgs {
    fn options(self) -> SandboxOptions {
        let Self { seed, sessions, days, end, now, limit, window, latency, no_gzip, faults, plant, port } =
            self;
        SandboxOptions {
            seed,
            sessions,
            days,
            end: end.unwrap_or_else(Timestamp::now),
            limit: match limit {
                Limit::Requests(requests) => Some(requests),
                Limit::Off => None,
            },
            window,
            latency,
            gzip: !no_gzip,
            faults,
            port,
            planted: plant.is_some(),
            clock: now.map(|now| Arc::new(Clock::running_from(now))),
            ..SandboxOptions::default()
        }
    }
}

/// Serves until the process is interrupted or told to end.
///
/// # Errors
/// If the sandbox cannot start, or its address cannot be printed.
pub(super) async fn run(args: SandboxArgs, stdout: &mut dyn Write) -> anyhow::Result<()> {
    // Before the address is known to anyone: whoever reads it may send the signal at once.
    let interrupted = interruption().context("cannot listen for signals")?;
    let truth = args.plant.clone();
    let sandbox = Sandbox::start(args.options()).await.context("cannot start the sandbox")?;
    if let Some(path) = truth {
        write_truth(&path, &sandbox.labelled())
            .with_context(|| format!("cannot write what was planted into {}", path.display()))?;
    }
    writeln!(stdout, "{}\n{}", sandbox.base_url(), sandbox.key())
        .and_then(|()| stdout.flush())
        .context("cannot print the sandbox's address")?;
    interrupted.await;
    sandbox.stop().await;
    Ok(())
}

fn write_truth(path: &Path, labelled: &[Labelled]) -> anyhow::Result<()> {
    let mut json = serde_json::to_vec_pretty(labelled)?;
    json.push(b'\n');
    Ok(std::fs::write(path, json)?)
}

/// Ends at Ctrl-C or SIGTERM. It listens from now on, not from the first poll on.
#[cfg(unix)]
fn interruption() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn interruption() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a handler there is nothing to wait for but the end of the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use crate::sandbox::FaultKind;

    #[test]
    fn a_date_as_end_means_its_last_millisecond() {
        assert_eq!(parse_end("2026-11-20").unwrap().to_string(), "2026-11-20T23:59:59.999Z");
        assert_eq!(parse_end("2026-11-20T12:00:00+01:00").unwrap().to_string(), "2026-11-20T11:00:00Z");
        assert!(parse_end("yesterday").unwrap_err().to_string().contains("2026-11-20"));
    }

    #[test]
    fn the_help_names_every_fault() {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            _args: SandboxArgs,
        }
        let help = <Alone as clap::CommandFactory>::command().render_long_help().to_string();
        for kind in FaultKind::all() {
            assert!(help.contains(kind.name()), "{kind}");
        }
    }

    #[test]
    fn a_limit_is_a_number_or_off() {
        assert_eq!(parse_limit("300").unwrap(), Limit::Requests(300));
        assert_eq!(parse_limit("off").unwrap(), Limit::Off);
        for wrong in ["0", "-1", "none", ""] {
            assert!(parse_limit(wrong).is_err(), "{wrong}");
        }
    }
}
