//! `doctor`: what a run needs, each looked at once and told in a line.

use std::io::Write;

use clap::Args;
use jiff::SignedDuration;
use tokio::runtime::Handle;

use super::api::ApiArgs;
use super::console::sentence;
use super::counted::counted;
use super::exit::{self, Exit};
use super::fetch::LakeArgs;
use crate::lake::{self, Lake};
use crate::persona::Probe;

/// A clock that is further off than this makes days end at the wrong time.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// The flags of `doctor`.
#[derive(Debug, Clone, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    api: ApiArgs,
}

/// One line, and the status that the command ends with if it is the first that is not well.
struct Finding {
    name: &'static str,
    exit: Exit,
    words: String,
}

pub(super) fn run(args: DoctorArgs, runtime: &Handle, stdout: &mut dyn Write) -> anyhow::Result<Exit> {
    let DoctorArgs { lake, api } = args;
    let mut findings = Vec::new();
    let mut environment = None;
    match api.client() {
        Err(error) => findings.push(ill("key", &error)),
        Ok(client) => {
            findings.push(well("key", format!("read from {}", api.key_place())));
            match runtime.block_on(client.probe()) {
                Err(error) => findings.push(ill("permission", &error.into())),
                Ok(probe) => {
                    findings.extend([permission(&probe), budget(&probe), clock(&probe)]);
                    environment = probe.environment;
                }
            }
        }
    }
    findings.push(match lake.location() {
        Err(error) => ill("lake", &error.into()),
        Ok(location) => look_at(location, environment.as_deref(), runtime),
    });
    for Finding { name, exit, words } in &findings {
        let mark = if *exit == Exit::Done { "ok" } else { "NO" };
        writeln!(stdout, "{mark}  {name:<11} {words}")?;
    }
    Ok(findings.iter().map(|finding| finding.exit).find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done))
}

fn well(name: &'static str, words: String) -> Finding {
    Finding { name, exit: Exit::Done, words }
}

fn ill(name: &'static str, error: &anyhow::Error) -> Finding {
    Finding { name, exit: exit::of(error), words: sentence(error) }
}

fn permission(probe: &Probe) -> Finding {
    let environment = probe.environment.as_deref().unwrap_or("an environment that does not say its name");
    well("permission", format!("may read the inquiry sessions of {environment}"))
}

fn budget(probe: &Probe) -> Finding {
    let pace = format!("an export takes at most {:.0} a minute", probe.pace);
    well(
        "budget",
        match (probe.limit, probe.remaining) {
            (Some(limit), Some(left)) => {
                format!("{limit} requests a minute, {left} left in this one; {pace}")
            }
            _ => format!("the API does not tell its limit; {pace}"),
        },
    )
}

fn clock(probe: &Probe) -> Finding {
    let ahead = probe.local_time.duration_since(probe.server_time);
    let seconds = ahead.as_secs_f64();
    let off =
        format!("{:.0} s {} the API's", seconds.abs(), if seconds < 0.0 { "behind" } else { "ahead of" });
    if ahead.abs() <= CLOCK_TOLERANCE {
        // The header is cut to the second, and the answer took its time.
        well("clock", if seconds.abs() < 2.0 { "the same as the API's".to_owned() } else { off })
    } else {
        Finding { name: "clock", exit: Exit::Failed, words: format!("{off}; set this machine's clock") }
    }
}

/// Whether the lake can be used, without making one.
fn look_at(location: &str, environment: Option<&str>, runtime: &Handle) -> Finding {
    let looked = || -> Result<Finding, lake::Error> {
        let lake = match Lake::open(location, runtime) {
            Err(lake::Error::Missing { .. }) => {
                return Ok(well("lake", format!("{location} does not exist yet; the first fetch makes it")));
            }
            opened => opened?,
        };
        lake.check_writable()?;
        let manifest = lake.manifest()?;
        if let (Some(lake), Some(key)) = (&manifest.lake.environment_id, environment)
            && lake != key
        {
            return Err(lake::Error::OtherEnvironment { lake: lake.clone(), key: key.to_owned() });
        }
        Ok(well(
            "lake",
            format!("{location} can be written and holds {}", counted(manifest.days.len() as u64, "day")),
        ))
    };
    looked().unwrap_or_else(|error| ill("lake", &error.into()))
}

impl ApiArgs {
    /// Where the key comes from, in words.
    fn key_place(&self) -> String {
        self.api_key_file
            .as_ref()
            .map_or_else(|| "PERSONA_API_KEY".to_owned(), |file| file.display().to_string())
    }
}
