//! Reports as Markdown for a pull request, an issue or a wiki: GitHub's tables.
//!
//! Owns what of a session's text would be markup there, a link, a mention or a second cell. Must not know the query
//! engine.

use std::io::{self, Write};

use crate::analysis::Answer;

use super::layout::{Cell, Layout, Role};
use super::{MOST_ROWS, Page, Renderer, changes, command, text, verdicts, words};

/// The longest text of a cell; a table of longer ones cannot be read.
const LONGEST: usize = 100;

/// GitHub's Markdown.
#[derive(Debug, Clone, Copy)]
pub struct Markdown {
    /// How many rows of a report are shown at most.
    pub rows: usize,
}

impl Default for Markdown {
    fn default() -> Self {
        Self { rows: MOST_ROWS }
    }
}

impl Renderer for Markdown {
    fn extension(&self) -> &'static str {
        "md"
    }

    fn render(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        let stamp = words::stamp(page);
        writeln!(out, "# {}\n", words::HEADING)?;
        let parts = [stamp.range.as_str(), &stamp.length].into_iter().chain(stamp.compared.as_deref());
        let parts = parts.chain([stamp.newest.as_str(), words::ZONE]).map(harmless);
        writeln!(out, "{}", parts.collect::<Vec<_>>().join(" · "))?;
        for warning in &stamp.warnings {
            writeln!(out, "\n> {}", harmless(warning))?;
        }
        if !page.verdicts.is_empty() {
            writeln!(out, "\n## {}\n", verdicts::HEADING)?;
        }
        for verdict in page.verdicts {
            let mark = if verdicts::is_remarkable(verdict) { "**" } else { "" };
            writeln!(out, "- {mark}{}{mark}", harmless(&verdicts::words(verdict)))?;
        }
        if let Some(changes) = changes::changes(page) {
            writeln!(out, "\n## {}\n", changes::HEADING)?;
            for sentence in &changes {
                writeln!(out, "- {}", harmless(sentence))?;
            }
        }
        for answer in page.answers {
            self.answer(page, answer, out)?;
        }
        Ok(())
    }
}

impl Markdown {
    fn answer(&self, page: &Page<'_>, answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
        let header = &answer.query.header;
        let layout = Layout::new(answer, self.rows);
        writeln!(out, "\n## {}\n\n{}", harmless(&header.title), harmless(&header.question))?;
        for (label, figure) in &layout.facts {
            writeln!(out, "\n{}: {}", harmless(label), harmless(&figure.text))?;
        }
        if let Some(incomplete) = words::incomplete_before(answer) {
            writeln!(out, "\n> {}", harmless(&incomplete))?;
        }
        for sentence in words::trusted(answer).iter().chain(&answer.said) {
            writeln!(out, "\n{}", harmless(sentence))?;
        }
        if layout.rows.is_empty() {
            return writeln!(out, "\n{}", words::NO_ROWS);
        }
        writeln!(out)?;
        table(&layout, out)?;
        if let Some(cut) = words::cut(layout.rows.len(), layout.all) {
            writeln!(out, "\n{cut}")?;
        }
        let small = words::small(answer, &layout).map(|small| format!("* {small}"));
        let shares = words::shares(answer, &layout).map(str::to_owned);
        let notes = small.into_iter().chain(shares).chain(words::comparison(answer));
        let notes: Vec<String> = notes.chain(header.notes.iter().cloned()).collect();
        if !notes.is_empty() {
            writeln!(out)?;
        }
        for note in &notes {
            writeln!(out, "- {}", harmless(note))?;
        }
        if let Some(command) = command::of_row(page, answer, 0) {
            // No line of it begins with the marks that would end the block.
            writeln!(out, "\n{}\n\n```sh\n{}\n```", words::FIRST_ROW, command.join(" "))?;
        }
        Ok(())
    }
}

fn table(layout: &Layout, out: &mut dyn Write) -> io::Result<()> {
    let heads = layout.columns.iter().map(|column| harmless(&column.label));
    writeln!(out, "{}", line(heads))?;
    let rules = layout.columns.iter().map(|column| if column.figures { "--:" } else { ":--" }.to_owned());
    writeln!(out, "{}", line(rules))?;
    let first_key = layout.columns.iter().position(|column| column.role == Role::Key);
    for row in &layout.rows {
        let cells = row.cells.iter().zip(&layout.columns).enumerate().map(|(at, (cell, column))| {
            match column.role {
                Role::Key if row.small && first_key == Some(at) => format!("{} \\*", shown(cell)),
                Role::Key | Role::Words => shown(cell),
                // Made of digits and signs here, of nothing that a session says.
                _ => cell.text.clone(),
            }
        });
        writeln!(out, "{}", line(cells))?;
    }
    Ok(())
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

fn shown(cell: &Cell) -> String {
    harmless(&text::cut(&text::visible(&cell.text), LONGEST))
}

/// The text as Markdown that shows it and does nothing else.
///
/// A backslash takes the meaning from every character that begins markup. It does not keep GitHub from looking for
/// mentions, references and addresses in what is left: a space of no width behind `@` and `#` does.
fn harmless(value: &str) -> String {
    let mut safe = String::with_capacity(value.len());
    let mut before = ' ';
    let visible = text::visible(value);
    let mut chars = visible.chars().peekable();
    while let Some(c) = chars.next() {
        let first = safe.is_empty();
        match c {
            '@' | '#' => safe.extend(['\\', c].into_iter().chain("&#8203;".chars())),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' => {
                safe.extend(['\\', c]);
            }
            // `http://` and `www.` begin links.
            ':' if chars.peek() == Some(&'/') => safe.push_str("\\:"),
            '.' if before.eq_ignore_ascii_case(&'w') => safe.push_str("\\."),
            // These begin a list, a rule or a heading where they stand first.
            '-' | '+' | '=' if first => safe.extend(['\\', c]),
            c => safe.push(c),
        }
        before = c;
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_markup_is_shown_and_plain_words_stay_as_they_are() {
        for (value, safe) in [
            ("a | b", "a \\| b"),
            ("a\\|b", "a\\\\\\|b"),
            ("`x`", "\\`x\\`"),
            ("<script>", "\\<script\\>"),
            ("&lt;", "\\&lt;"),
            ("[a](b)", "\\[a\\](b)"),
            ("![a](b)", "!\\[a\\](b)"),
            ("http://a.b", "http\\://a.b"),
            ("www.a.b", "www\\.a.b"),
            ("@octocat", "\\@&#8203;octocat"),
            ("a@b.c", "a\\@&#8203;b.c"),
            ("#12", "\\#&#8203;12"),
            ("at 23:58", "at 23:58"),
            ("- a - b", "\\- a - b"),
            ("a\nb", "a\\\\u{a}b"),
            ("Côte d'Ivoire, 14.1 (x)", "Côte d'Ivoire, 14.1 (x)"),
        ] {
            assert_eq!(harmless(value), safe);
        }
    }
}
