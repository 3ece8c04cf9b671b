//! Which report is being computed: a line on a terminal, if it takes a while, and nothing elsewhere.
//!
//! The line is gone before the page comes. Must not know what a report asks.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::console::Console;
use super::report::Watch;

/// What is over sooner needs no line.
const SOON: Duration = Duration::from_secs(1);

/// Watches reports for a person.
pub(super) struct Computing {
    reports: usize,
    line: Option<Line>,
}

/// A line that is hidden until it is due.
struct Line {
    bar: ProgressBar,
    /// What shows it, and the word to it that there is nothing to show any more.
    due: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Computing {
    /// Waits for the line to be due, if there is a terminal for it.
    pub(super) fn start(console: &Console, reports: usize) -> Self {
        Self { reports, line: console.shows_progress().then(|| Line::start(SOON)) }
    }
}

impl Watch for Computing {
    fn begins(&self, number: usize, name: &str) {
        if let Some(line) = &self.line {
            line.bar.set_message(words(number, self.reports, name));
        }
    }

    fn ends(&self) {
        if let Some(line) = &self.line {
            line.end();
        }
    }
}

impl Line {
    fn start(due: Duration) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        Console::keep_below(Some(&bar));
        let (over, waiting) = mpsc::channel::<()>();
        let shown = bar.clone();
        let shows = thread::Builder::new().name("progress".into()).spawn(move || {
            if waiting.recv_timeout(due) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(120));
            }
        });
        // Without a thread to spare there is no line.
        Self { bar, due: Mutex::new(shows.ok().map(|thread| (over, thread))) }
    }

    /// Takes the line away, if it came.
    fn end(&self) {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((over, thread)) = due {
            drop(over);
            // It does not panic; if it did, there would be no line to take away.
            let _ = thread.join();
        }
        Console::keep_below(None);
        self.bar.finish_and_clear();
    }
}

/// However the reports end.
impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

/// `3 of 22 · threat_by_country`; of one report its name.
fn words(number: usize, of: usize, name: &str) -> String {
    if of == 1 { name.to_owned() } else { format!("{number} of {of} · {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_report_and_how_many_there_are() {
        assert_eq!(words(3, 22, "threat_by_country"), "3 of 22 · threat_by_country");
        assert_eq!(words(1, 1, "query"), "query");
    }

    #[test]
    fn a_line_that_was_never_due_ends_at_once_and_may_end_twice() {
        let line = Line::start(Duration::from_secs(3600));
        line.bar.set_message("a");
        line.end();
        line.end();
        assert!(line.bar.is_finished() && line.bar.is_hidden());
    }
}
