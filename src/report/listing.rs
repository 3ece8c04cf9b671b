//! What there is to ask: the catalogue as a list to read or as JSON.
//!
//! Must not know where the queries come from beyond the file that each names, nor any answer.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::analysis::catalogue::Query;
use crate::analysis::header::{Literal, Parameter};

use super::{command, json, text};

/// Writes the list for people: a block a report, in lines of at most that width.
///
/// # Errors
/// Whatever `out` answers.
pub fn write_text(queries: &[Query], width: usize, out: &mut dyn Write) -> io::Result<()> {
    for (nth, query) in queries.iter().enumerate() {
        if nth > 0 {
            writeln!(out)?;
        }
        for line in text::fill(&[&query.name, &text::visible(&query.header.title)], " · ", width) {
            writeln!(out, "{line}")?;
        }
        indented(&text::visible(&query.header.question), 2, width, out)?;
        for parameter in &query.header.parameters {
            indented(&text::visible(&described(parameter)), 4, width, out)?;
        }
        if query.header.without_trusted {
            indented("without the sessions of trusted networks", 4, width, out)?;
        }
        if !query.header.details.is_empty() {
            let row =
                query.header.details.iter().map(|detail| format!("{} {}=…", command::FLAG, detail.column));
            let row = row.collect::<Vec<_>>().join(" ");
            indented(&format!("query {} {row}: the sessions behind a row", query.name), 4, width, out)?;
        }
        if let Some(file) = &query.file {
            indented(&text::visible(&format!("from {}", file.display())), 4, width, out)?;
        }
    }
    Ok(())
}

/// A parameter as it is set, with its default, its range and what it does.
fn described(parameter: &Parameter) -> String {
    let Parameter { name, default, range, text } = parameter;
    let range = range.as_ref().map(|(min, max)| format!(" ({min} to {max})")).unwrap_or_default();
    format!("--param {name}={default}{range}: {text}")
}

/// A paragraph, set in. A width that leaves no room is treated as one that leaves a little.
fn indented(words: &str, by: usize, width: usize, out: &mut dyn Write) -> io::Result<()> {
    for line in text::wrap(words, width.saturating_sub(by).max(8)) {
        writeln!(out, "{:by$}{line}", "")?;
    }
    Ok(())
}

/// Writes the list for other programs.
///
/// # Errors
/// Whatever `out` answers.
pub fn write_json(queries: &[Query], out: &mut dyn Write) -> io::Result<()> {
    let reports = queries.iter().map(|query| Entry {
        name: &query.name,
        title: &query.header.title,
        question: &query.header.question,
        file: query.file.as_ref().map(|file| file.display().to_string()),
        parameters: query.header.parameters.iter().map(Setting::of).collect(),
        without_trusted: query.header.without_trusted,
        detail: query.header.details.iter().map(|detail| detail.column.as_str()).collect(),
    });
    json::write(&List { version: json::VERSION, reports: reports.collect() }, out)
}

#[derive(Serialize)]
struct List<'a> {
    version: u32,
    reports: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    title: &'a str,
    question: &'a str,
    /// Null for what is built in.
    file: Option<String>,
    parameters: Vec<Setting<'a>>,
    /// Whether it leaves the sessions of trusted networks out.
    without_trusted: bool,
    /// The columns that name a row whose sessions can be listed.
    detail: Vec<&'a str>,
}

#[derive(Serialize)]
struct Setting<'a> {
    name: &'a str,
    default: Plain<'a>,
    min: Option<Plain<'a>>,
    max: Option<Plain<'a>>,
    text: &'a str,
}

impl<'a> Setting<'a> {
    fn of(parameter: &'a Parameter) -> Self {
        let Parameter { name, default, range, text } = parameter;
        let (min, max) = range.as_ref().map(|(min, max)| (Plain(min), Plain(max))).unzip();
        Self { name, default: Plain(default), min, max, text }
    }
}

/// A literal as JSON has it.
pub(super) struct Plain<'a>(pub(super) &'a Literal);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Literal::Integer(value) => serializer.serialize_i64(*value),
            Literal::Number(value) => serializer.serialize_f64(*value),
            Literal::Text(value) => serializer.serialize_str(value),
        }
    }
}
