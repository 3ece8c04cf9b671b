//! `fetch --dry-run`: what would be walked, and what that costs.

use tokio::runtime::Handle;

use crate::cli::api::ApiArgs;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::export::{Asked, Forecast, Range, forecast};
use crate::lake::{self, Lake};

pub(super) fn run(
    location: &str,
    api: &ApiArgs,
    asked: Asked,
    runtime: &Handle,
    console: &Console,
) -> anyhow::Result<Exit> {
    let client = api.client()?;
    let lake = match Lake::open(location, runtime) {
        Ok(lake) => Some(lake),
        // The first fetch would make it.
        Err(lake::Error::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let probe = runtime.block_on(client.probe())?;
    let forecast = lake.map(|lake| forecast(&lake, asked, probe.server_time)).transpose()?;
    console.say(&told(forecast.as_ref(), asked.range, probe.pace));
    Ok(Exit::Done)
}

fn told(forecast: Option<&Forecast>, range: Range, pace: f64) -> String {
    let pace_words = format!("at most {pace:.0} requests a minute");
    let Some(forecast) = forecast else {
        let what = match range.since {
            Some(since) => format!("everything back to {since}"),
            None => "everything".to_owned(),
        };
        return format!(
            "would walk {what}, {pace_words}; how long that takes is not known, as the API tells no total"
        );
    };
    if forecast.stretches.is_empty() {
        let nothing = if forecast.resumes {
            "would go on with the interrupted run, and then ask for nothing"
        } else {
            "would ask for nothing: these days were walked and sealed; --full walks them again"
        };
        return nothing.to_owned();
    }
    let resumes = if forecast.resumes { "would go on with the interrupted run, then " } else { "would " };
    let days = forecast.stretches.iter().map(|(first, last)| match (first, last) {
        (Some(first), Some(last)) if first == last => first.to_string(),
        (Some(first), Some(last)) => format!("{first} to {last}"),
        (Some(first), None) => format!("{first} until now"),
        (None, Some(last)) => format!("everything up to {last}"),
        (None, None) => "everything".to_owned(),
    });
    let days = days.collect::<Vec<_>>().join(", ");
    let cost = match forecast.requests {
        Some(requests) => {
            let minutes = requests as f64 / pace;
            format!("about {requests} requests, {minutes:.1} minutes at {pace_words}")
        }
        None => format!("{pace_words}; how long that takes is not known, as the API tells no total"),
    };
    format!("{resumes}walk {days}: {cost}")
}
