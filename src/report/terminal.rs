//! Reports for a terminal: a stamp, then each report as a table that fits the width, with bars where there is room.
//!
//! Owns line widths, colours and what is left out when it is narrow (and says so). Whether there is a terminal,
//! how wide it is and whether colour is wanted is the caller's to find out. Must not know the query engine.

use std::io::{self, Write};

use crate::analysis::Answer;

use super::layout::Layout;
use super::{MOST_ROWS, Page, Renderer, changes, command, text, verdicts, words};

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
        Self { width: USUAL, colour: false, rows: MOST_ROWS }
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
        wide.verdicts(page, out)?;
        wide.changes(page, out)?;
        for answer in page.answers {
            writeln!(out)?;
            wide.answer(page, answer, out)?;
        }
        Ok(())
    }
}

impl Terminal {
    fn stamp(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        let stamp = words::stamp(page);
        let compared = stamp.compared.as_deref();
        let parts = [words::HEADING, &stamp.range, &stamp.length].into_iter().chain(compared);
        let parts: Vec<&str> = parts.chain([stamp.newest.as_str(), words::ZONE]).collect();
        self.parts(out, None, &parts)?;
        for warning in &stamp.warnings {
            self.prose(out, Some(Ink::Warning), "", &text::visible(warning))?;
        }
        Ok(())
    }

    fn verdicts(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        if page.verdicts.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", self.ink(Ink::Bold, verdicts::HEADING))?;
        for verdict in page.verdicts {
            let ink = verdicts::is_remarkable(verdict).then_some(Ink::Warning);
            self.prose(out, ink, "  ", &text::visible(&verdicts::words(verdict)))?;
        }
        Ok(())
    }

    fn changes(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        let Some(changes) = changes::changes(page) else { return Ok(()) };
        writeln!(out, "\n{}", self.ink(Ink::Bold, changes::HEADING))?;
        for sentence in &changes {
            self.prose(out, None, "  ", &text::visible(sentence))?;
        }
        Ok(())
    }

    fn answer(&self, page: &Page<'_>, answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
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
        let layout = Layout::new(answer, self.rows);
        for (label, figure) in &layout.facts {
            let fact = format!("{}: {}", text::visible(label), text::visible(&figure.text));
            self.prose(out, None, "", &fact)?;
        }
        if !layout.facts.is_empty() {
            writeln!(out)?;
        }
        for sentence in &answer.said {
            self.prose(out, None, "  ", &text::visible(sentence))?;
        }
        if !answer.said.is_empty() {
            writeln!(out)?;
        }
        let left_out = if layout.rows.is_empty() {
            writeln!(out, "{}", words::NO_ROWS)?;
            Vec::new()
        } else {
            let left_out = self.table(&layout, out)?;
            writeln!(out)?;
            left_out
        };
        self.footer(answer, &layout, &left_out, out)?;
        self.command(page, answer, out)
    }

    /// What a reader needs to read the table rightly.
    fn footer(
        &self,
        answer: &Answer,
        layout: &Layout,
        left_out: &[String],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if let Some(incomplete) = words::incomplete_before(answer) {
            self.prose(out, Some(Ink::Warning), "", &incomplete)?;
        }
        for sentence in words::trusted(answer) {
            self.prose(out, Some(Ink::Warning), "", &text::visible(&sentence))?;
        }
        if layout.rows.is_empty() {
            return Ok(());
        }
        if let Some(cut) = words::cut(layout.rows.len(), layout.all) {
            self.prose(out, Some(Ink::Warning), "", &cut)?;
        }
        if let Some(small) = words::small(answer, layout) {
            self.prose(out, Some(Ink::Dim), "  ", &format!("* {}", text::visible(&small)))?;
        }
        if !left_out.is_empty() {
            let names = left_out.join(", ");
            self.prose(out, Some(Ink::Dim), "", &format!("Not shown at this width: {names}."))?;
        }
        if let Some(shares) = words::shares(answer, layout) {
            self.prose(out, Some(Ink::Dim), "", shares)?;
        }
        for sentence in words::comparison(answer) {
            self.prose(out, Some(Ink::Dim), "", &sentence)?;
        }
        for note in &answer.query.header.notes {
            self.prose(out, Some(Ink::Dim), "", &text::visible(note))?;
        }
        Ok(())
    }

    /// How the sessions behind a row are listed.
    fn command(&self, page: &Page<'_>, answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
        let Some(words) = command::of_row(page, answer, 0) else { return Ok(()) };
        let Some(lines) = command::lines(&words, self.width) else {
            return self.prose(out, Some(Ink::Dim), "", words::LONG_COMMAND);
        };
        self.prose(out, Some(Ink::Dim), "", words::FIRST_ROW)?;
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))
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
