//! The flags that say how the API is asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::duration::parse_duration;
use super::exit::Usage;
use crate::persona::pacing::Budget;
use crate::persona::retry::Policy;
use crate::persona::{ApiKey, BaseUrl, Client, ClientOptions, DEFAULT_BASE_URL, DEFAULT_VERSION};

/// How the API is asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "API")]
pub(super) struct ApiArgs {
    /// A file that holds the API key; otherwise it comes from PERSONA_API_KEY
    #[arg(long, value_name = "FILE")]
    pub(super) api_key_file: Option<PathBuf>,
    /// The API's address, path included
    #[arg(long, value_name = "URL", default_value = DEFAULT_BASE_URL)]
    pub(super) base_url: String,
    /// The API version to ask for
    #[arg(long, value_name = "VERSION", default_value = DEFAULT_VERSION, value_parser = parse_version)]
    pub(super) persona_version: String,
    /// The share of the API's limit that is left to others, in percent
    #[arg(long, value_name = "PERCENT", default_value = "30%", value_parser = parse_reserve)]
    pub(super) reserve: f64,
    /// Requests a minute at most, whatever the limit allows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_rate: Option<u32>,
    /// Give up on a page that has failed for so long
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_duration)]
    pub(super) give_up_after: Duration,
    /// The length of the limit's window: for a stand-in API whose clock runs faster
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration, hide = true)]
    pub(super) rate_window: Duration,
}

impl ApiArgs {
    /// A client, set up but not yet used.
    pub(super) fn client(&self) -> anyhow::Result<Arc<Client>> {
        let Self { api_key_file, base_url, persona_version, reserve, max_rate, give_up_after, rate_window } =
            self;
        let options = ClientOptions {
            base_url: BaseUrl::parse(base_url)?,
            key: key(api_key_file.as_ref())?,
            version: persona_version.clone(),
            budget: Budget { reserve: *reserve, max_rate: *max_rate, window: *rate_window },
            policy: Policy { give_up_after: *give_up_after, ..Policy::default() },
        };
        Ok(Arc::new(Client::new(options)?))
    }
}

fn key(file: Option<&PathBuf>) -> anyhow::Result<ApiKey> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Usage(format!("the key file {} cannot be read ({error})", path.display())))?,
        None => std::env::var("PERSONA_API_KEY").map_err(|_missing| {
            Usage(
                "there is no API key; set PERSONA_API_KEY or name a file that holds it with --api-key-file"
                    .into(),
            )
        })?,
    };
    ApiKey::new(&text).context("the API key cannot be used")
}

fn parse_version(text: &str) -> Result<String, String> {
    let date: Result<jiff::civil::Date, _> = text.parse();
    date.map(|date| date.to_string()).map_err(|_| "an API version is a date, such as 2025-12-08".to_owned())
}

/// `30%`, `30` or `0.3`.
fn parse_reserve(text: &str) -> Result<f64, String> {
    let number: f64 = text.trim_end_matches('%').trim().parse().map_err(|_| "not a percentage".to_owned())?;
    let share = if text.ends_with('%') || number >= 1.0 { number / 100.0 } else { number };
    if (0.0..=0.95).contains(&share) { Ok(share) } else { Err("it must lie between 0% and 95%".to_owned()) }
}
