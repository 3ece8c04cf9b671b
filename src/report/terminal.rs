//! Reports for a terminal: a stamp, then each report as a table that fits the width, with bars where there is room.
//!
//! Owns line widths, colours and what is left out when it is narrow (and says so). Whether there is a terminal,
//! how wide it is and whether colour is wanted is the caller's to find out. Must not know the query engine.

use std::io::{self, Write};

use crate::analysis::Answer;
use crate::analysis::header::{ChartKind, MIN_SESSIONS};

use super::layout::{Layout, Role};
use super::{Page, Renderer, text};

mod grid;

/// The narrowest width that is laid out; anything less is treated as this.
pub const NARROWEST: usize = 20;
/// The width where nothing is known of it: a file, a pipe.
pub const USUAL: usize = 80;
/// Longer lines of words are hard to read.
const WIDEST_PROSE: usize = 100;

/// Plain text with box characters, coloured if wanted.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether escape sequences for colour are written.
    pub colour: bool,
    /// How many rows of a report are shown at most.
    pub rows: usize,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { width: USUAL, colour: false, rows: 20 }
    }
}

/// A way to set text off.
#[derive(Debug, Clone, Copy)]
enum Ink {
    Bold,
    Dim,
    Bar,
    Warning,
}

impl Renderer for Terminal {
    fn extension(&self) -> &'static str {
        "txt"
    }

    fn render(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        let wide = Self { width: self.width.max(NARROWEST), ..*self };
        wide.stamp(page, out)?;
        for answer in page.answers {
            writeln!(out)?;
            // A series is not cut: its newest rows come last.
            let series =
                answer.query.header.chart.as_ref().is_some_and(|chart| chart.kind == ChartKind::Line);
            let rows = if series { usize::MAX } else { self.rows };
            Self { rows, ..wide }.answer(answer, out)?;
        }
        Ok(())
    }
}

impl Terminal {
    fn stamp(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        let scope = page.scope;
        let days = scope.range.len();
        let length = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
        let newest = scope.newest.map_or_else(
            || "no session yet".to_owned(),
            |moment| format!("newest session {}", moment.strftime("%Y-%m-%d %H:%M")),
        );
        let range = format!("{} to {}", scope.range.since(), scope.range.until());
        self.parts(out, None, &["Session risk", &range, &length, &newest, "all times UTC"])?;
        if !scope.missing.is_empty() {
            let missing = format!(
                "Incomplete: {} of {length} missing: {}.",
                scope.missing.len(),
                text::spans(&scope.missing)
            );
            self.prose(out, Some(Ink::Warning), "", &missing)?;
        } else if !scope.complete {
            self.prose(out, Some(Ink::Warning), "", "Incomplete: not every day of the range is whole yet.")?;
        }
        for note in &scope.notes {
            self.prose(out, Some(Ink::Warning), "", &text::visible(note))?;
        }
        Ok(())
    }

    fn answer(&self, answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
        let header = &answer.query.header;
        let title = text::visible(&header.title);
        let gap = self.rule().saturating_sub(text::width(&title) + text::width(&answer.query.name));
        if gap >= 2 {
            let name = self.ink(Ink::Dim, &answer.query.name);
            writeln!(out, "{}{}{name}", self.ink(Ink::Bold, &title), " ".repeat(gap))?;
        } else {
            self.prose(out, Some(Ink::Bold), "", &title)?;
        }
        writeln!(out, "{}", self.ink(Ink::Dim, &"─".repeat(self.rule())))?;
        self.prose(out, None, "", &text::visible(&header.question))?;
        writeln!(out)?;
        let layout = Layout::new(answer);
        for (label, figure) in &layout.facts {
            let fact = format!("{}: {}", text::visible(label), text::visible(figure));
            self.prose(out, None, "", &fact)?;
        }
        if !layout.facts.is_empty() {
            writeln!(out)?;
        }
        let left_out = if layout.rows.is_empty() {
            writeln!(out, "No rows.")?;
            Vec::new()
        } else {
            let left_out = self.table(&layout, out)?;
            writeln!(out)?;
            left_out
        };
        self.footer(answer, &layout, &left_out, out)
    }

    /// What a reader needs to read the table rightly.
    fn footer(
        &self,
        answer: &Answer,
        layout: &Layout,
        left_out: &[String],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let header = &answer.query.header;
        if layout.rows.is_empty() {
            return Ok(());
        }
        let all = layout.rows.len();
        if all > self.rows {
            let cut =
                format!("{} of {} rows; --format json has them all.", self.rows, text::count(all as i64));
            self.prose(out, Some(Ink::Warning), "", &cut)?;
        }
        if layout.rows.iter().take(self.rows).any(|row| row.small)
            && let (Some(least), Some(parameter)) = (answer.min_sessions(), header.parameter(MIN_SESSIONS))
        {
            let text = text::visible(&parameter.text);
            let small = format!("* {MIN_SESSIONS} = {}: {text}.", text::count(least));
            self.prose(out, Some(Ink::Dim), "  ", &small)?;
        }
        if !left_out.is_empty() {
            let names = left_out.join(", ");
            self.prose(out, Some(Ink::Dim), "", &format!("Not shown at this width: {names}."))?;
        }
        if !header.rates.is_empty() {
            let of_known = layout.columns.iter().any(|column| column.role == Role::Unknown);
            let definition = if of_known {
                "Shares are of the sessions where the signal is known; [low–high] is the 95\u{a0}% Wilson interval."
            } else {
                "[low–high] is the share's 95\u{a0}% Wilson interval."
            };
            self.prose(out, Some(Ink::Dim), "", definition)?;
        }
        for note in &header.notes {
            self.prose(out, Some(Ink::Dim), "", &text::visible(note))?;
        }
        Ok(())
    }

    fn rule(&self) -> usize {
        self.width.min(WIDEST_PROSE)
    }

    /// A paragraph, wrapped; lines after the first are set in by `indent`.
    fn prose(&self, out: &mut dyn Write, ink: Option<Ink>, indent: &str, words: &str) -> io::Result<()> {
        for (at, line) in text::wrap(words, self.rule() - text::width(indent)).iter().enumerate() {
            let line = if at == 0 { line.clone() } else { format!("{indent}{line}") };
            writeln!(out, "{}", ink.map_or(line.clone(), |ink| self.ink(ink, &line)))?;
        }
        Ok(())
    }

    /// Parts that stay whole, with dots between them; the first is bold.
    fn parts(&self, out: &mut dyn Write, ink: Option<Ink>, parts: &[&str]) -> io::Result<()> {
        for (at, line) in text::fill(parts, " · ", self.rule()).iter().enumerate() {
            match parts.first().and_then(|first| line.strip_prefix(first)).filter(|_| at == 0) {
                Some(rest) => writeln!(out, "{}{rest}", self.ink(Ink::Bold, parts[0]))?,
                None => writeln!(out, "{}", ink.map_or(line.clone(), |ink| self.ink(ink, line)))?,
            }
        }
        Ok(())
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Bar => "36",
            Ink::Warning => "33",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}
