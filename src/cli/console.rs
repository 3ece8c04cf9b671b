//! What is said on stderr: log lines for people or for machines, above the line that moves, and the sentence at the end.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use clap::ValueEnum;
use indicatif::ProgressBar;
use tracing_subscriber::EnvFilter;

/// How messages look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Sentences.
    Text,
    /// A JSON object a line.
    Json,
}

/// The line that moves on the terminal, if there is one.
static LINE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Stderr, above the line that moves: what is written into that line would stay there with the rest of it.
struct AboveLine;

impl Write for AboveLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &*LINE.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(line) => line.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Stderr.
#[derive(Debug)]
pub(super) struct Console {
    format: LogFormat,
}

impl Console {
    /// Starts logging. `verbose`: 0 what matters, 1 each day, 2 each request, 3 the libraries too.
    pub(super) fn start(format: LogFormat, verbose: u8) -> Self {
        let filter = EnvFilter::new(match verbose {
            0 => "warn,session_risk=info",
            1 => "warn,session_risk=debug",
            2 => "info,session_risk=trace",
            _ => "trace",
        });
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| AboveLine);
        // A second start, as in a test, keeps the first one's logging.
        let _ = match format {
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
            LogFormat::Text => {
                let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                builder.with_ansi(colour).with_target(verbose > 1).try_init()
            }
        };
        Self { format }
    }

    /// Whether a progress bar can be shown.
    pub(super) fn shows_progress(&self) -> bool {
        self.format == LogFormat::Text && io::stderr().is_terminal()
    }

    /// From now on log lines go above this line; with none, to where the cursor is.
    pub(super) fn keep_below(line: Option<&ProgressBar>) {
        *LINE.lock().unwrap_or_else(PoisonError::into_inner) = line.cloned();
    }

    /// Says a sentence.
    pub(super) fn say(&self, sentence: &str) {
        match self.format {
            LogFormat::Json => tracing::info!("{sentence}"),
            // Nobody there to read it is no reason to fail.
            LogFormat::Text => _ = writeln!(io::stderr(), "{sentence}"),
        }
    }

    /// Says why a command failed.
    pub(super) fn fail(&self, error: &anyhow::Error) {
        let sentence = sentence(error);
        match self.format {
            LogFormat::Json => tracing::error!("{sentence}"),
            LogFormat::Text => _ = writeln!(io::stderr(), "session-risk: {sentence}"),
        }
    }
}

/// An error and its causes in one line; a cause that was already said is not said again.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = String::new();
    for cause in error.chain() {
        let words = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if sentence.is_empty() {
            sentence = words;
        } else if !sentence.contains(&words) {
            sentence = format!("{sentence}: {words}");
        }
    }
    sentence
}
