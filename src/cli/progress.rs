//! How far an export has come: a line that moves on a terminal, a log line now and then elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};

use super::console::Console;
use super::counted::counted;
use crate::export::{Standing, Watch};
use crate::persona::{Allowance, Client};
use crate::range::utc_date;

/// Where there is no terminal, so often.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Watches an export for a person.
pub(super) struct Progress {
    client: Arc<Client>,
    began: Instant,
    bar: Option<ProgressBar>,
    logged: Mutex<Instant>,
}

impl Progress {
    /// Starts the line, if there is a terminal for it.
    pub(super) fn start(console: &Console, client: Arc<Client>) -> Self {
        let bar = console.shows_progress().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.set_message("asking for the first page");
            bar.enable_steady_tick(Duration::from_millis(120));
            Console::keep_below(Some(&bar));
            bar
        });
        Self { client, began: Instant::now(), bar, logged: Mutex::new(Instant::now()) }
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            Console::keep_below(None);
            bar.finish_and_clear();
        }
    }

    fn words(&self, standing: Standing) -> String {
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let rate = standing.rows as f64 / seconds;
        let Allowance { limit, left, pace } = self.client.allowance();
        let mut words = Vec::new();
        if let Some((_, oldest)) = standing.reached {
            words.push(format!("back to {}", utc_date(oldest)));
        }
        words.push(counted(standing.rows, "session"));
        words.push(format!("{}/s", HumanCount(rate as u64)));
        if let Some(to_go) = time_to_go(standing, rate) {
            words.push(format!("{:#} to go", HumanDuration(to_go)));
        }
        // Last, as what does not fit the terminal is cut.
        words.push(match (left, limit) {
            (Some(left), Some(limit)) => {
                format!("budget {} of {} left", HumanCount(left.into()), HumanCount(limit.into()))
            }
            _ => format!("at most {pace:.0} a minute"),
        });
        words.join(" · ")
    }
}

/// Only a guess, and only where the lake already knows about how many sessions there are.
fn time_to_go(standing: Standing, rate: f64) -> Option<Duration> {
    let to_go = standing.rows_expected?.checked_sub(standing.rows)?;
    Duration::try_from_secs_f64(to_go as f64 / rate.max(1.0)).ok()
}

impl Watch for Progress {
    fn standing(&self, standing: Standing) {
        if let Some(bar) = &self.bar {
            bar.set_message(self.words(standing));
            return;
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.elapsed() >= LOG_EVERY {
            *logged = Instant::now();
            tracing::info!("{}", self.words(standing));
        }
    }
}
